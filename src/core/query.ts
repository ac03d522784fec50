import type { ResourceId } from './resource-id.ts';

export const upgradeTypes = ['K8sVersionUpgrade', 'NodeOSUpgrade'] as const;
export type UpgradeType = (typeof upgradeTypes)[number];

export const eventStatuses = ['Scheduled', 'Started', 'Completed', 'Canceled', 'Failed'] as const;
export type EventStatus = (typeof eventStatuses)[number];

/**
 * The columns that the alert is split by, so that the message itself says what, when and why. Azure allows six, and text or numbers only.
 * `recordId` is the row's own id: two notices of one maintenance are two alerts.
 */
export const dimensionNames = ['upgradeType', 'status', 'plannedStart', 'reason', 'recordId'] as const;

/** What stands in a column when Azure says nothing: an empty dimension would look like a mistake of the mail. */
const unknown = '"Unknown"';
const notGiven = '"not given"';

/** A KQL string literal that no content can leave: neither by a quote nor by the end of a line. */
const literal = (text: string): string =>
  `"${text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

const list = (words: readonly string[]): string => `(${words.map(literal).join(', ')})`;

/** Rows that say when a version's support ends. They stand in the same table and call themselves Scheduled, but nothing is maintained. */
const endOfSupportLines = (wanted: boolean): readonly string[] =>
  wanted
    ? [
        '| extend upgradeType = iff(isEndOfSupport, "EndOfSupport", upgradeType)',
        // Without a time of its own such a row carries only the day support ends, and how many days before that it was written.
        '| extend updated = iff(isEndOfSupport and isnull(updated), todatetime(tostring(details.eolDate)) - toint(tostring(details.daysUntilEOL)) * 1d + 1d, updated)',
      ]
    : ['| where not(isEndOfSupport)'];

/** A filter that leaves out what is known and not wanted; end-of-support rows have no say in it. */
const without = (column: string, unwanted: readonly string[], endOfSupport: boolean): readonly string[] =>
  unwanted.length === 0 ? [] : [`| where ${column} !in~ ${list(unwanted)}${endOfSupport ? ' or isEndOfSupport' : ''}`];

/**
 * The query of the alert rule: one row per notice of maintenance of exactly this cluster that is older than `settlingMinutes` and younger than
 * `lookBackMinutes` (ADR 18). It works by leaving out what is known and not wanted, so a status or kind that Azure invents tomorrow is
 * announced rather than lost.
 *
 * Year 1 means "no time" in this table. A row without a time of its last change goes by the times it has: a Scheduled one by `scheduledTime`, which is
 * when the notice was written or when the work begins (documents disagree); any other by the later of `scheduledTime` and `startTime`. A row
 * without any time is never announced, for it would be announced for ever.
 *
 * Source: Azure's "AKS Communication Manager" page, with its known defects mended (docs/notice.md): the id is closed by a slash (`prod` must not
 * hear `prod-2`), and properties are read as JSON and not by position in a text.
 */
export const maintenanceQuery = (options: {
  readonly cluster: ResourceId;
  readonly upgradeTypes: readonly UpgradeType[];
  readonly statuses: readonly EventStatus[];
  readonly endOfSupport: boolean;
  readonly lookBackMinutes: number;
  readonly settlingMinutes: number;
}): string => {
  const { subscriptionId, resourceGroup, type, name } = options.cluster;
  const { endOfSupport } = options;
  const rowsOf = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}/`;
  const unwantedTypes = upgradeTypes.filter((each) => !options.upgradeTypes.includes(each));
  const unwantedStatuses = eventStatuses.filter((each) => !options.statuses.includes(each));
  return [
    'arg("").containerserviceeventresources',
    '| where type =~ "microsoft.containerservice/managedclusters/scheduledevents"',
    `| where id contains ${literal(rowsOf)}`,
    '| extend everything = tostring(properties), status = tostring(properties.eventStatus), description = tostring(properties.description)',
    '| extend detailsText = tostring(properties.eventDetails), details = parse_json(tostring(properties.eventDetails))',
    '| extend isEndOfSupport = tostring(properties.eventSource) =~ "EOLNotification" or isnotempty(tostring(details.eolDate))',
    // Both spellings occur in Azure's own documents.
    `| extend status = case(isempty(status), ${unknown}, status =~ "Cancelled", "Canceled", status)`,
    // The words are looked for where they belong first, for a cluster or resource group may be called so. Older rows have a number instead.
    '| extend typeNumber = coalesce(tostring(details.type), tostring(properties.type)), told = strcat(detailsText, " ", description)',
    `| extend upgradeType = case(${[
      ...upgradeTypes.map((each) => `told has "${each}", "${each}"`),
      ...upgradeTypes.map((each, index) => `typeNumber == "${index + 1}", "${each}"`),
      ...upgradeTypes.map((each) => `everything has "${each}", "${each}"`),
    ].join(', ')}, ${unknown})`,
    '| extend updated = todatetime(tostring(properties.lastUpdateTime)), started = todatetime(tostring(properties.startTime)), scheduled = todatetime(tostring(properties.scheduledTime))',
    `| extend ${['updated', 'started', 'scheduled'].map((time) => `${time} = iff(${time} > datetime(2000-01-01), ${time}, datetime(null))`).join(', ')}`,
    ...endOfSupportLines(endOfSupport),
    ...without('upgradeType', unwantedTypes, endOfSupport),
    ...without('status', unwantedStatuses, endOfSupport),
    '| extend eventTime = case(isnotnull(updated), updated, status =~ "Scheduled", coalesce(scheduled, started), started > scheduled, started, coalesce(scheduled, started))',
    `| where eventTime >= ago(${options.lookBackMinutes}m) and eventTime <= ago(${options.settlingMinutes}m)`,
    '| extend planned = coalesce(started, scheduled)',
    `| extend plannedStart = iff(isnull(planned), ${notGiven}, strcat(substring(tostring(planned), 0, 16), "Z"))`,
    // Maintenance rows carry a word that says nothing as their description.
    '| extend description = iff(description =~ "ScheduledEvents", "", description)',
    '| extend reason = strcat(description, iff(isempty(description) or isempty(detailsText), "", ": "), detailsText)',
    `| extend reason = iff(isempty(reason), ${notGiven}, substring(reason, 0, 500)), recordId = iff(isempty(name), id, name)`,
    `| project eventTime, ${dimensionNames.join(', ')}`,
  ].join('\n');
};
