import type { GroupBody, Receiver } from './action-groups.ts';
import { ArmError } from './errors.ts';

/** The receiver lists in the order in which the service answers them. All but the last are always there, empty or not. */
export const receiverLists = [
  'emailReceivers',
  'smsReceivers',
  'webhookReceivers',
  'eventHubReceivers',
  'itsmReceivers',
  'azureAppPushReceivers',
  'automationRunbookReceivers',
  'voiceReceivers',
  'logicAppReceivers',
  'azureFunctionReceivers',
  'armRoleReceivers',
] as const;

/** Where an action group may live: everywhere, or in one of these regions. Compared without case and spaces. */
const locations = new Set(
  [
    'Global',
    'East US',
    'East US 2',
    'West US',
    'West US 2',
    'South Central US',
    'North Central US',
    'Sweden Central',
    'Germany West Central',
    'India Central',
    'India South',
  ].map((location) => location.toLowerCase().replaceAll(' ', '')),
);

/** Receivers per list: mail addresses are many, everything else ten. */
const mostReceivers = (list: string): number => (list === 'emailReceivers' ? 1000 : 10);

/** Every receiver of a group, of whichever list. */
export const allReceivers = ({ properties }: Pick<GroupBody, 'properties'>): Receiver[] =>
  [...receiverLists, 'incidentReceivers' as const].flatMap((list) => properties[list] ?? []);

/** Receiver names must differ over all lists of a group, and case makes no difference. */
const repeatedName = (group: GroupBody): string | undefined => {
  const seen = new Set<string>();
  for (const { name } of allReceivers(group)) {
    if (typeof name !== 'string') continue;
    if (seen.has(name.toLowerCase())) return name;
    seen.add(name.toLowerCase());
  }
  return undefined;
};

const sentences = (group: GroupBody, groupName: string): string | undefined => {
  const { groupShortName, emailReceivers } = group.properties;
  if (/[:<>+/&%\\?\p{Cc}]|[ .]$/u.test(groupName) || groupName.length > 260) return `The action group name '${groupName}' is not valid.`;
  if (groupShortName.length > 12) return `The group short name '${groupShortName}' is longer than 12 characters.`;
  if (!locations.has(group.location.toLowerCase().replaceAll(' ', '')))
    return `The location '${group.location}' is not available for action groups.`;
  const name = repeatedName(group);
  if (name !== undefined)
    return `The receiver name '${name}' is used more than once. Receiver names must be unique within an action group.`;
  const full = receiverLists.find((list) => (group.properties[list] ?? []).length > mostReceivers(list));
  if (full !== undefined) return `The list '${full}' has more than ${mostReceivers(full)} receivers.`;
  const address = (emailReceivers ?? [])
    .map(({ emailAddress }) => String(emailAddress))
    .find((each) => each.length > 64 || !/^[^@\s]+@[^@\s]+$/u.test(each));
  return address === undefined ? undefined : `The email address '${address}' is not valid.`;
};

/** The service fails over a ticket without these: github.com/Azure/azure-rest-api-specs/issues/20488. It reads single quotes as well. */
const describesTicket = (configuration: string): boolean =>
  ['PayloadRevision', 'WorkItemType'].every((field) => new RegExp(`["']${field}["']\\s*:`, 'u').test(configuration));

/**
 * The first thing that the action group service would refuse about a group, if any. The limits are documented; code and sentences are
 * ours, since no report shows them.
 */
export const receiverFault = (group: GroupBody, groupName: string, flat: boolean): ArmError | undefined => {
  if ((group.properties.itsmReceivers ?? []).some(({ ticketConfiguration }) => !describesTicket(String(ticketConfiguration)))) {
    return new ArmError(500, { code: 'InternalServerError', message: 'Encountered internal server error.' }, { flat });
  }
  const message = sentences(group, groupName);
  return message === undefined ? undefined : new ArmError(400, { code: 'BadRequest', message }, { flat });
};
