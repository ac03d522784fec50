import type { ResourceId } from './resource-id.ts';

export const upgradeTypes = ['K8sVersionUpgrade', 'NodeOSUpgrade'] as const;
export type UpgradeType = (typeof upgradeTypes)[number];

export const eventStatuses = ['Scheduled', 'Started', 'Completed', 'Canceled', 'Failed'] as const;
export type EventStatus = (typeof eventStatuses)[number];

/** The columns that the alert is split by, so that the message itself says what, when and why. Azure allows six. */
export const dimensionNames = ['upgradeType', 'status', 'plannedStart', 'details', 'eventId'] as const;

/** What a row of an unwanted kind says of itself. Both spellings of Cancel(l)ed occur in Azure's own documents. */
const spellings = (status: EventStatus): readonly string[] => (status === 'Canceled' ? ['Canceled', 'Cancelled'] : [status]);

/** A KQL string literal that no content can leave: neither by a quote nor by the end of a line. */
const literal = (text: string): string =>
  `"${text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

const list = (words: readonly string[]): string => `(${words.map(literal).join(', ')})`;

/**
 * The query of the alert rule: one row per maintenance event of exactly this cluster that changed within the last
 * `lookBackMinutes`. It works by leaving out what is known and not wanted, so a status or kind that Azure invents
 * tomorrow is announced rather than lost. Times of year 1 mean "no value" in this table; a row without a time of its last change is
 * announced when its planned time has come, once, rather than at every look until then.
 *
 * Source: Azure's "AKS Communication Manager" page, with its known defects mended: the id is closed by a slash (`prod`
 * must not hear `prod-2`), and properties are read as JSON and not by position in a text.
 */
export const maintenanceQuery = (options: {
  readonly cluster: ResourceId;
  readonly upgradeTypes: readonly UpgradeType[];
  readonly statuses: readonly EventStatus[];
  readonly lookBackMinutes: number;
}): string => {
  const { subscriptionId, resourceGroup, type, name } = options.cluster;
  const rowsOf = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}/`;
  const unwantedTypes = upgradeTypes.filter((each) => !options.upgradeTypes.includes(each));
  const unwantedStatuses = eventStatuses.filter((each) => !options.statuses.includes(each)).flatMap(spellings);
  return [
    'arg("").containerserviceeventresources',
    '| where type =~ "microsoft.containerservice/managedclusters/scheduledevents"',
    `| where id contains ${literal(rowsOf)}`,
    '| extend eventSource = tostring(properties.eventSource), status = tostring(properties.eventStatus), eventId = tostring(properties.eventId)',
    '| extend details = tostring(properties.eventDetails), everything = tostring(properties)',
    '| where eventSource !~ "EOLNotification"',
    '| extend upgradeType = case(everything has "K8sVersionUpgrade", "K8sVersionUpgrade", everything has "NodeOSUpgrade", "NodeOSUpgrade", "")',
    ...(unwantedTypes.length > 0 ? [`| where upgradeType !in~ ${list(unwantedTypes)}`] : []),
    ...(unwantedStatuses.length > 0 ? [`| where status !in~ ${list(unwantedStatuses)}`] : []),
    '| extend updated = todatetime(tostring(properties.lastUpdateTime)), started = todatetime(tostring(properties.startTime)), scheduled = todatetime(tostring(properties.scheduledTime))',
    '| extend plannedTime = case(started > datetime(2000-01-01), started, scheduled)',
    '| extend eventTime = case(updated > datetime(2000-01-01), updated, scheduled > datetime(2000-01-01), scheduled, started)',
    `| where eventTime >= ago(${options.lookBackMinutes}m) and eventTime <= now()`,
    '| extend plannedStart = tostring(plannedTime)',
    '| project eventTime, upgradeType, status, plannedStart, details, eventId',
  ].join('\n');
};
