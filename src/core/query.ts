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

/** Azure writes year 1 for "no time"; whatever lies before this is none. */
const earliest = 'datetime(2000-01-01)';
/** What stands for "no time" here: it lies in no window, and what is subtracted from it is still a time. */
const never = 'datetime(1970-01-01)';

/** A time among the properties. Kusto's page on datetime promises no more than seven digits behind the second, so what it can't read is tried without. */
const readTime = (property: string): string => {
  const text = `tostring(properties.${property})`;
  return `coalesce(todatetime(${text}), todatetime(strcat(substring(${text}, 0, 19), "Z")))`;
};

/** A KQL string literal that no content can leave: neither by a quote nor by the end of a line. */
const literal = (text: string): string =>
  `"${text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

const list = (words: readonly string[]): string => `(${words.map(literal).join(', ')})`;

const numberOf = (type: UpgradeType): number => upgradeTypes.indexOf(type) + 1;

/** Whether the number stands somewhere in JSON, as the page's query looked for it. */
const hasNumber = (type: UpgradeType): string => {
  const number = literal(`"type":${numberOf(type)}`);
  return `told has ${number} or everything has ${number}`;
};

/** Rows that say when a version's support ends. They stand in the same table and call themselves Scheduled, but nothing is maintained. */
const endOfSupportLines = (wanted: boolean): readonly string[] =>
  wanted
    ? [
        '| extend upgradeType = iff(isEndOfSupport, "EndOfSupport", upgradeType)',
        // Without a time of its own such a row carries only the day support ends, and how many days before that it was written.
        `| extend written = todatetime(tostring(details.eolDate)) - toint(tostring(details.daysUntilEOL)) * 1d + 1d`,
        `| extend updated = iff(isEndOfSupport and updated < ${earliest} and isnotnull(written), written, updated)`,
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
 * A row without a time of its last change is announced at each of the times it has, `scheduledTime` and `startTime`, since documents disagree which of them
 * is when it was written and which when the work begins: rather twice than not at all. One that is Scheduled and has nothing but `scheduledTime` is
 * announced twelve hours before that too, or it might come only after the work has begun. A row without any time is never announced, for it would be announced for ever.
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
  const within = (time: string): string => `(${time} >= ago(${options.lookBackMinutes}m) and ${time} <= ago(${options.settlingMinutes}m))`;
  const wantedFirst = upgradeTypes.toSorted(
    (one, other) => Number(options.upgradeTypes.includes(other)) - Number(options.upgradeTypes.includes(one)),
  );
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
    // The words are looked for where they belong first, for a cluster or resource group may be called so; the wanted ones first, for a row may name both.
    // Older rows have a number instead.
    '| extend told = strcat(tostring(details), " ", description), typeNumber = coalesce(tostring(details.type), tostring(properties.type))',
    `| extend upgradeType = case(${[
      ...wantedFirst.map((each) => `told has "${each}", "${each}"`),
      ...wantedFirst.map((each) => `typeNumber == "${numberOf(each)}" or ${hasNumber(each)}, "${each}"`),
      ...wantedFirst.map((each) => `everything has "${each}", "${each}"`),
    ].join(', ')}, ${unknown})`,
    `| extend updated = ${readTime('lastUpdateTime')}, started = ${readTime('startTime')}, scheduled = ${readTime('scheduledTime')}`,
    `| extend ${['updated', 'started', 'scheduled'].map((time) => `${time} = iff(${time} > ${earliest}, ${time}, ${never})`).join(', ')}`,
    ...endOfSupportLines(endOfSupport),
    ...without('upgradeType', unwantedTypes, endOfSupport),
    ...without('status', unwantedStatuses, endOfSupport),
    `| where ${within('updated')} or (updated < ${earliest} and (${within('scheduled')} or ${within('started')} or (status =~ "Scheduled" and started < ${earliest} and ${within('scheduled - 12h')})))`,
    `| extend eventTime = case(updated > ${earliest}, updated, scheduled > ${earliest}, scheduled, started)`,
    `| extend planned = iff(started > ${earliest}, started, scheduled)`,
    `| extend plannedStart = iff(planned < ${earliest}, ${notGiven}, strcat(substring(tostring(planned), 0, 16), "Z"))`,
    // Maintenance rows carry a word that says nothing as their description.
    '| extend description = iff(description =~ "ScheduledEvents", "", description)',
    '| extend reason = strcat(description, iff(isempty(description) or isempty(detailsText), "", ": "), detailsText)',
    `| extend reason = iff(isempty(reason), ${notGiven}, substring(reason, 0, 500)), recordId = iff(isempty(name), id, name)`,
    `| project eventTime, ${dimensionNames.join(', ')}`,
  ].join('\n');
};
