import { describe, expect, it } from 'vitest';
import { desiredActionGroup, type ActionGroup } from '../../../src/core/action-group.ts';
import { notEnabledOf, notEnabledSentence, receiverNews, type NotEnabled } from '../../../src/core/receiver-status.ts';
import { specWith, subscriptionId } from '../../support/notification.ts';
import { oneOfEach } from '../../support/receivers.ts';

const spec = specWith({ receivers: oneOfEach });
const owner = { installationId: 'test', namespace: 'platform', name: 'prod' };
const group = desiredActionGroup(spec, owner, { subscriptionId, resourceGroup: 'shop' }, 'prod') as ActionGroup;
const mail: NotEnabled = { name: 'people', kind: 'email', status: 'NotSpecified' };
const sms: NotEnabled = { name: 'Duty', kind: 'sms', status: 'Disabled' };
const many = Array.from({ length: 7 }, (_, index): NotEnabled => ({ name: `n${index}`, kind: 'email', status: 'Disabled' }));

describe('who gets nothing', () => {
  it.each<[string, readonly NotEnabled[] | undefined, readonly NotEnabled[]]>([
    ['nobody, as far as is known, of a group that isn’t there yet', undefined, []],
    ['nobody of a group where all are enabled', [], []],
    ['who isn’t enabled, in the order of the spec', [sms, mail], [mail, sms]],
    ['by the name of the spec', [{ ...sms, name: 'DUTY' }], [sms]],
    ['not a receiver of another kind', [{ ...sms, kind: 'email' }], []],
    ['not one that the spec doesn’t name', [{ ...sms, name: 'other' }], []],
  ])('is %s', (_, seen, expected) => {
    expect(notEnabledOf(group, seen && { ...group, notEnabled: seen }, [])).toEqual(expected);
  });

  it.each<[string, readonly NotEnabled[], string]>([
    ['nobody', [], ''],
    [
      'an address',
      [mail],
      'Azure sends nothing to people (email, NotSpecified). A new address has to enter the passcode that Azure mailed to it.',
    ],
    [
      'a phone',
      [sms],
      'Azure sends nothing to Duty (sms, Disabled). Who had been switched off is enabled with az monitor action-group enable-receiver --ids /group --receiver-name Duty.',
    ],
    [
      'a phone, in small letters',
      [{ ...sms, status: 'disabled' }],
      'Azure sends nothing to Duty (sms, disabled). Who had been switched off is enabled with az monitor action-group enable-receiver --ids /group --receiver-name Duty.',
    ],
    [
      'many',
      many,
      'Azure sends nothing to n0 (email, Disabled), n1 (email, Disabled), n2 (email, Disabled), n3 (email, Disabled), n4 (email, Disabled) and 2 more. A new address has to enter the passcode that Azure mailed to it. Who had been switched off is enabled with az monitor action-group enable-receiver --ids /group --receiver-name n0.',
    ],
  ])('is said in a condition: %s', (_, notEnabled, words) => {
    expect(notEnabledSentence(notEnabled, '/group')).toBe(words);
  });

  it('is a word of the shell in its command', () => {
    expect(notEnabledSentence([{ ...sms, name: "it's $(me)" }], '/group')).toContain(`--receiver-name 'it'\\''s $(me)'.`);
  });

  const warning = (who: string) =>
    `Warning ReceiverNotEnabled: Azure sends nothing to ${who}: the condition ActionGroupReady says what to do.`;
  it.each<[string, readonly NotEnabled[] | undefined, readonly NotEnabled[] | undefined, readonly string[]]>([
    ['nobody', undefined, undefined, []],
    ['the first', undefined, [mail], [warning('people')]],
    ['one more', [mail], [mail, sms], [warning('Duty')]],
    ['the same', [mail], [mail], []],
    ['the same with another word', [mail], [{ ...mail, status: 'Disabled' }], []],
    ['the same, whose name the spec spells in another case now', [{ ...sms, name: 'DUTY' }], [sms], []],
    [
      'one whose name was spelled in another case, and that gets something',
      [{ ...sms, name: 'DUTY' }],
      [],
      ['Normal ReceiverEnabled: Azure sends to DUTY now.'],
    ],
    ['one in the place of another', [mail], [sms], [warning('Duty'), 'Normal ReceiverEnabled: Azure sends to people now.']],
    ['the last that gets something', [mail], undefined, ['Normal ReceiverEnabled: Azure sends to people now.']],
    ['one that the spec doesn’t name any more', [{ ...sms, name: 'other' }], undefined, []],
    ['many', undefined, many, [warning('n0, n1, n2, n3, n4 and 2 more')]],
  ])('is told once: %s', (_, before, after, events) => {
    expect(receiverNews(spec, before, after).map(({ type, reason, message }) => `${type} ${reason}: ${message}`)).toEqual(events);
  });
});
