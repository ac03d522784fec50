import type { MaintenanceNotificationSpec, MaintenanceNotificationStatus } from '../api/maintenance-notification.ts';
import { allReceivers, type ActionGroup } from './action-group.ts';
import type { Announcement } from './announcements.ts';
import type { Difference } from './difference.ts';
import { nameOf } from './receivers.ts';
import { shellWord } from './shell-word.ts';

/** A mail or SMS receiver to which Azure sends nothing, as it says itself. */
export type NotEnabled = NonNullable<MaintenanceNotificationStatus['receivers']>[number];

const named = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Whether the address of a receiver is among what is changed: what Azure has said was of another. */
const isReaddressed = ({ kind, name }: NotEnabled, differences: readonly Difference[]): boolean =>
  differences.some(({ field }) =>
    named(field.replace(/\.(emailAddress|address|countryCode|phoneNumber)$/, ''), `receivers.${kind}[${name}]`),
  );

/**
 * Who of the wanted gets nothing, as far as Azure has shown it, under the names of the spec. Whatever isn't `Enabled` counts, `NotSpecified`
 * too: "Receivers that are not Enabled will not receive any communications" (Microsoft's specification of action groups; which of the two an
 * unconfirmed address has is not documented). An address that this run has `differences` to is another. What a PUT answers is not looked at, so that a state that lasts seconds tells nobody.
 */
export const notEnabledOf = (
  desired: ActionGroup,
  observed: ActionGroup | undefined,
  differences: readonly Difference[],
): readonly NotEnabled[] => {
  const keyOf = ({ kind, name }: { readonly kind: string; readonly name: string }): string => `${kind} ${name.toLowerCase()}`;
  const seen = new Map(observed?.notEnabled.map((each) => [keyOf(each), each]));
  return desired.receivers.flatMap((receiver) => {
    const found = seen.get(keyOf(receiver));
    return found && !isReaddressed(found, differences) ? [{ ...found, name: receiver.name }] : [];
  });
};

/** Longer lists are cut: the status has all. */
const mostNamed = 5;

/** The first few, each as `described`, and how many more there are. */
const listOf = (notEnabled: readonly NotEnabled[], described: (each: NotEnabled) => string): string => {
  const more = notEnabled.length > mostNamed ? ` and ${notEnabled.length - mostNamed} more` : '';
  return `${notEnabled.slice(0, mostNamed).map(described).join(', ')}${more}`;
};

/** For the condition: who gets nothing, and what to do. The same words as long as nothing changes; none when everybody gets something. */
export const notEnabledSentence = (notEnabled: readonly NotEnabled[], actionGroupId: string): string => {
  if (notEnabled.length === 0) return '';
  const disabled = notEnabled.find(({ status }) => named(status, 'Disabled'));
  return [
    `Azure sends nothing to ${listOf(notEnabled, ({ name, kind, status }) => `${name} (${kind}, ${status})`)}.`,
    ...(notEnabled.some(({ kind }) => kind === 'email') ? ['A new address has to enter the passcode that Azure mailed to it.'] : []),
    ...(disabled
      ? [
          `Who had been switched off is enabled with az monitor action-group enable-receiver --ids ${shellWord(actionGroupId)} --receiver-name ${shellWord(disabled.name)}.`,
        ]
      : []),
  ].join(' ');
};

/** What people are told: once who gets nothing, and once that it was put right. */
export const receiverNews = (
  spec: MaintenanceNotificationSpec,
  before: readonly NotEnabled[] = [],
  after: readonly NotEnabled[] = [],
  differences: readonly Difference[] = [],
): readonly Announcement[] => {
  const isIn = (list: readonly NotEnabled[], { name }: NotEnabled): boolean => list.some((each) => named(each.name, name));
  const fresh = after.filter((each) => !isIn(before, each));
  const gone = before.filter((each) => !isIn(after, each) && !isReaddressed(each, differences));
  const enabled = gone.filter(({ name }) => allReceivers(spec).some((each) => named(nameOf(each), name)));
  const news: Announcement[] = [];
  const nameOnly = ({ name }: NotEnabled): string => name;
  if (fresh.length > 0)
    news.push({
      type: 'Warning',
      reason: 'ReceiverNotEnabled',
      message: `Azure sends nothing to ${listOf(fresh, nameOnly)}: the condition ActionGroupReady says what to do.`,
    });
  if (enabled.length > 0)
    news.push({ type: 'Normal', reason: 'ReceiverEnabled', message: `Azure sends to ${listOf(enabled, nameOnly)} now.` });
  return news;
};
