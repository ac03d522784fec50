import { describe, expect, it } from 'vitest';
import { isNewValue, secretReferences, withSecrets } from '../../../src/core/receiver-secrets.ts';
import { minimalSpec, specWith } from '../../support/notification.ts';

const from = (name: string, key: string) => ({ secretKeyRef: { name, key } });
const group = '/subscriptions/x/resourceGroups/y/providers';

/** One receiver of each kind that takes a value from a Secret, among others. */
const spec = specWith({
  receivers: {
    shortName: 'short',
    email: [{ address: 'a@contoso.com' }],
    webhook: [
      { name: 'plain', serviceUri: 'https://plain.example.com' },
      { name: 'teams', serviceUriFrom: from('hooks', 'teams'), useCommonAlertSchema: false },
    ],
    logicApp: [{ name: 'flow', resourceId: `${group}/Microsoft.Logic/workflows/z`, callbackUrlFrom: from('hooks', 'flow') }],
    azureFunction: [
      {
        name: 'function',
        functionAppResourceId: `${group}/Microsoft.Web/sites/z`,
        functionName: 'f',
        httpTriggerUrlFrom: from('other', 'function'),
      },
    ],
    automationRunbook: [
      {
        name: 'book',
        automationAccountId: `${group}/Microsoft.Automation/automationAccounts/z`,
        runbookName: 'r',
        webhookResourceId: `${group}/Microsoft.Automation/automationAccounts/z/webhooks/w`,
        isGlobalRunbook: false,
        serviceUriFrom: from('other', 'book'),
      },
    ],
  },
});

describe('the values that stand in Secrets', () => {
  it('are found in receivers of every kind', () => {
    expect(secretReferences(spec)).toEqual([
      { field: 'spec.receivers.webhook[teams].serviceUriFrom', name: 'hooks', key: 'teams' },
      { field: 'spec.receivers.logicApp[flow].callbackUrlFrom', name: 'hooks', key: 'flow' },
      { field: 'spec.receivers.azureFunction[function].httpTriggerUrlFrom', name: 'other', key: 'function' },
      { field: 'spec.receivers.automationRunbook[book].serviceUriFrom', name: 'other', key: 'book' },
    ]);
    expect(secretReferences(minimalSpec)).toEqual([]);
    const { receivers: _, ...nobody } = minimalSpec;
    expect(secretReferences(nobody)).toEqual([]);
  });

  it('take the place of what points at them, and all else stays', () => {
    const filled = withSecrets(spec, ({ name, key }) => `https://${name}.example.com/${key}`);
    expect(filled).toEqual({
      ...spec,
      receivers: {
        ...spec.receivers,
        webhook: [
          { name: 'plain', serviceUri: 'https://plain.example.com' },
          { name: 'teams', serviceUri: 'https://hooks.example.com/teams', useCommonAlertSchema: false },
        ],
        logicApp: [expect.objectContaining({ name: 'flow', callbackUrl: 'https://hooks.example.com/flow' })],
        azureFunction: [expect.objectContaining({ functionName: 'f', httpTriggerUrl: 'https://other.example.com/function' })],
        automationRunbook: [expect.objectContaining({ runbookName: 'r', serviceUri: 'https://other.example.com/book' })],
      },
    });
    expect(JSON.stringify(filled)).not.toContain('secretKeyRef');
  });
});

describe('a difference of an action group', () => {
  it.each<[string, readonly string[], boolean]>([
    ['the address of a receiver that takes it from a Secret', ['receivers.webhook[teams].serviceUri'], true],
    [
      'several of them',
      ['receivers.webhook[teams].serviceUri', 'receivers.logicApp[flow].callbackUrl', 'receivers.azureFunction[function].httpTriggerUrl'],
      true,
    ],
    ['an address that stands in the spec', ['receivers.webhook[plain].serviceUri'], false],
    ['one of each', ['receivers.webhook[plain].serviceUri', 'receivers.webhook[teams].serviceUri'], false],
    ['a receiver that is missing', ['receivers.webhook[teams]'], false],
    ['another field of it', ['receivers.azureFunction[function].functionName'], false],
    ['something else', ['enabled', 'receivers.webhook[teams].serviceUri'], false],
    ['none', [], false],
  ])('in %s', (_, fields, isNew) => {
    const differences = fields.map((field) => ({ field, is: 'https://old.example.com', should: 'https://new.example.com' }));
    expect(isNewValue(spec, differences)).toBe(isNew);
  });

  it('has the name of its receiver in small letters', () => {
    const capitals = specWith({ receivers: { webhook: [{ name: 'Teams [a.b]', serviceUriFrom: from('hooks', 'teams') }] } });
    expect(isNewValue(capitals, [{ field: 'receivers.webhook[teams [a.b]].serviceUri', is: '1', should: '2' }])).toBe(true);
    expect(isNewValue(minimalSpec, [{ field: 'receivers.webhook[teams].serviceUri', is: '1', should: '2' }])).toBe(false);
  });
});
