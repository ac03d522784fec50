/**
 * What a person expects of a notice: rows of Azure's event table, and for each whether it should be announced, from which age to which, and in
 * which words. Every oddity that is known of the table is here. `test/emulator/truth-table.test.ts` runs our query over it,
 * `node simulation/truth.ts` the one that Microsoft published.
 */
import type { dimensionNames, EventStatus, UpgradeType } from '../src/core/query.ts';

const subscription = '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444';
const group = `${subscription}/resourceGroups/shop`;
const cluster = `${group}/providers/Microsoft.ContainerService/managedClusters/prod`;

/** When the notices of the table were written. */
export const written = new Date('2026-06-01T12:00:00Z');
const minute = 60_000;
const day = 1440;

/** The time some minutes after the notice was written, as Azure writes it: with seven digits behind the second, or as many as asked for. */
const at = (minutes: number, digits = 7): string =>
  new Date(written.getTime() + minutes * minute).toISOString().replace(/\.\d+Z$/, `.${'0'.repeat(digits)}Z`);
const yearOne = '0001-01-01T00:00:00.0000000Z';

/** What a person wants to hear of; everything but the end of support, if not said otherwise. */
export interface Wanted {
  readonly upgradeTypes?: readonly UpgradeType[];
  readonly statuses?: readonly EventStatus[];
  readonly endOfSupport?: boolean;
}

type Words = Readonly<Partial<Record<(typeof dimensionNames)[number], string>>>;

/** One line of the table. */
export interface TruthRow {
  readonly what: string;
  readonly wanted: Wanted;
  /** As Resource Graph holds it; `properties` as a text has just these spaces. */
  readonly row: { readonly id: string; readonly name: string; readonly type: string; readonly properties: unknown };
  /** Undefined: never. Else how many minutes after the notice was written its settling time begins to count: once, at 0, for any row that is dated. */
  readonly announced: { readonly sinceMinutes: readonly number[]; readonly words: Words } | undefined;
}

const recordId = '0b1f3a52-7a1e-4a53-9a59-1d0c7a5f4f10';

/** A row that nothing is odd about: a cluster upgrade that is to start in a week. */
const ordinary = {
  description: 'ScheduledEvents',
  eventId: 'bbe82027-0444-4f73-897a-0bbfe3af66f1',
  eventSource: 'AutoUpgrader',
  eventStatus: 'Scheduled',
  eventDetails: 'Start to upgrade: K8sVersionUpgrade',
  scheduledTime: at(0),
  startTime: at(7 * day),
  lastUpdateTime: at(0),
  resources: [cluster],
  resourceType: 'ManagedCluster',
};

const ordinaryWords: Words = {
  upgradeType: 'K8sVersionUpgrade',
  status: 'Scheduled',
  plannedStart: '2026-06-08T12:00Z',
  reason: 'Start to upgrade: K8sVersionUpgrade',
  recordId,
};

interface Change {
  readonly wanted?: Wanted;
  readonly id?: string;
  readonly type?: string;
  /** Fields in place of the ordinary ones; one that is undefined is absent. */
  readonly properties?: Readonly<Record<string, unknown>>;
  /** The properties as a text, made of the object. */
  readonly written?: (properties: object) => string;
  readonly words?: Words;
  readonly sinceMinutes?: readonly number[];
}

const rowOf = ({ id, type, properties, written: write }: Change): TruthRow['row'] => {
  const bag = JSON.parse(JSON.stringify({ ...ordinary, ...properties })) as object;
  return {
    id: id ?? `${cluster}/scheduledEvents/${recordId}`,
    name: recordId,
    type: type ?? 'microsoft.containerservice/managedclusters/scheduledevents',
    properties: write ? write(bag) : bag,
  };
};

const heard = (what: string, change: Change = {}): TruthRow => ({
  what,
  wanted: change.wanted ?? {},
  row: rowOf(change),
  announced: { sinceMinutes: change.sinceMinutes ?? [0], words: { ...ordinaryWords, ...change.words } },
});

const unheard = (what: string, change: Change): TruthRow => ({
  what,
  wanted: change.wanted ?? {},
  row: rowOf(change),
  announced: undefined,
});

/** The same fields in the order of the given names, which may leave some for the end. */
const ordered = (bag: object, last: string): object => {
  const entries = Object.entries(bag);
  return Object.fromEntries([...entries.filter(([key]) => key !== last), ...entries.filter(([key]) => key === last)]);
};

/** Each step of a maintenance, each kind, and each way in which a row has been seen to say it. */
const formsOfAll = (): readonly TruthRow[] => {
  const steps = ['Scheduled', 'Started', 'Completed', 'Canceled', 'Cancelled', 'Failed'] as const;
  const kinds = [
    { kind: 'K8sVersionUpgrade', number: 1 },
    { kind: 'NodeOSUpgrade', number: 2 },
  ] as const;
  const forms = [
    { form: 'a word in the text', details: (kind: string, _number: number): unknown => `Upgrade of kind ${kind}` },
    { form: 'a word in an object', details: (kind: string, _number: number): unknown => ({ upgrade: kind }) },
    { form: 'a number in an object', details: (_kind: string, number: number): unknown => ({ type: number }) },
    { form: 'a number in JSON as text', details: (_kind: string, number: number): unknown => `{"type":${number}}` },
  ] as const;
  return steps.flatMap((eventStatus) =>
    kinds.flatMap(({ kind, number }) =>
      forms.map(({ form, details }) => {
        const eventDetails = details(kind, number);
        const reason = typeof eventDetails === 'string' ? eventDetails : JSON.stringify(eventDetails);
        return heard(`${eventStatus}, ${kind} as ${form}`, {
          properties: { eventStatus, eventDetails },
          words: { upgradeType: kind, status: eventStatus === 'Cancelled' ? 'Canceled' : eventStatus, reason },
        });
      }),
    ),
  );
};

const otherCluster = (name: string): string => `${group}/providers/Microsoft.ContainerService/managedClusters/${name}`;
const eventOf = (clusterId: string): string => `${clusterId}/scheduledEvents/${recordId}`;

const whose: readonly TruthRow[] = [
  heard('an ordinary notice'),
  unheard('a cluster whose name begins alike', { id: eventOf(otherCluster('prod-2')) }),
  unheard('a cluster whose name ends alike', { id: eventOf(otherCluster('pre-prod')) }),
  unheard('a namesake in another resource group', { id: eventOf(cluster.replace('/shop/', '/shop-2/')) }),
  unheard('a namesake in another subscription', { id: eventOf(cluster.replace('aaaaaaaa', 'bbbbbbbb')) }),
  unheard('a neighbour whose row names our cluster among its resources', {
    id: eventOf(otherCluster('prod-2')),
    properties: { resources: [cluster] },
  }),
  heard('an id in capital letters', { id: eventOf(cluster).toUpperCase() }),
  heard('an id in small letters', { id: eventOf(cluster).toLowerCase() }),
  heard('resourcegroups in small letters, as samples have it', { id: eventOf(cluster).replace('resourceGroups', 'resourcegroups') }),
  heard('an id without the segment scheduledEvents', { id: `${cluster}/${recordId}` }),
  heard('the type as Event Grid writes it', { type: 'Microsoft.ContainerService/managedClusters/scheduledEvents' }),
  unheard('a row of another type', { type: 'microsoft.containerservice/managedclusters/upgradehistory' }),
  heard('an agent pool of the cluster', { properties: { resourceType: 'AgentPool', resources: [`${cluster}/agentPools/nodes`] } }),
  heard('the source as Event Grid’s sample misspells it', { properties: { eventSource: 'AutoUprader' } }),
];

const inWhichForm: readonly TruthRow[] = [
  heard('lastUpdateTime as the last key', { written: (bag) => JSON.stringify(ordered(bag, 'lastUpdateTime')) }),
  heard('eventStatus as the last key', { written: (bag) => JSON.stringify(ordered(bag, 'eventStatus')) }),
  heard('eventDetails as the last key', { written: (bag) => JSON.stringify(ordered(bag, 'eventDetails')) }),
  heard('the keys backwards', { written: (bag) => JSON.stringify(Object.fromEntries(Object.entries(bag).toReversed())) }),
  heard('a space after each colon', { written: (bag) => JSON.stringify(bag).replaceAll('":', '": ') }),
  heard('one key a line', { written: (bag) => JSON.stringify(bag, undefined, 2) }),
  heard('the name of another key in a text before it', {
    properties: { eventDetails: 'eventStatus follows lastUpdateTime: K8sVersionUpgrade' },
    written: (bag) => JSON.stringify(Object.fromEntries(Object.entries(bag).toSorted(([one], [other]) => one.localeCompare(other)))),
    words: { reason: 'eventStatus follows lastUpdateTime: K8sVersionUpgrade' },
  }),
  heard('quotes, line ends and other letters in the details', {
    properties: { eventDetails: 'K8sVersionUpgrade: "Größe" | limit\nreached \\ 東京' },
    words: { reason: 'K8sVersionUpgrade: "Größe" | limit\nreached \\ 東京' },
  }),
  heard('details that are longer than a mail wants', {
    properties: { eventDetails: `K8sVersionUpgrade ${'x'.repeat(2000)}` },
    words: { reason: `K8sVersionUpgrade ${'x'.repeat(482)}` },
  }),
];

const whichKind: readonly TruthRow[] = [
  heard('the kind in the description', {
    properties: { description: 'NodeOSUpgrade', eventDetails: 'New image' },
    words: { upgradeType: 'NodeOSUpgrade', reason: 'NodeOSUpgrade: New image' },
  }),
  heard('the kind in a key that nobody documents', {
    properties: { eventDetails: 'New image', upgradeKind: 'NodeOSUpgrade' },
    words: { upgradeType: 'NodeOSUpgrade', reason: 'New image' },
  }),
  heard('a number beside the details', {
    properties: { type: 2, eventStatus: 'Completed', eventDetails: 'Done' },
    words: { upgradeType: 'NodeOSUpgrade', status: 'Completed', reason: 'Done' },
  }),
  heard('a number deep in the details', {
    properties: { eventDetails: { steps: [{ upgrade: { type: 2 } }] } },
    words: { upgradeType: 'NodeOSUpgrade', reason: '{"steps":[{"upgrade":{"type":2}}]}' },
  }),
  heard('a number in JSON behind some words', {
    properties: { eventDetails: 'Done {"type":2}' },
    words: { upgradeType: 'NodeOSUpgrade', reason: 'Done {"type":2}' },
  }),
  heard('a number that only begins like a kind', {
    properties: { eventDetails: { type: 12 } },
    words: { upgradeType: 'Unknown', reason: '{"type":12}' },
  }),
  heard('both kinds, the wanted one is what counts', {
    wanted: { upgradeTypes: ['NodeOSUpgrade'] },
    properties: { eventDetails: 'NodeOSUpgrade after K8sVersionUpgrade' },
    words: { upgradeType: 'NodeOSUpgrade', reason: 'NodeOSUpgrade after K8sVersionUpgrade' },
  }),
  heard('a number as text', {
    properties: { eventStatus: 'Failed', eventDetails: { type: '1', message: 'PodDisruptionBudget' } },
    words: { status: 'Failed', reason: '{"type":"1","message":"PodDisruptionBudget"}' },
  }),
  heard('maintenance that is neither kind, as a weekly release', {
    properties: { eventDetails: 'Start to upgrade security vhd' },
    words: { upgradeType: 'Unknown', reason: 'Start to upgrade security vhd' },
  }),
  heard('neither kind, when one kind is wanted: rather told than lost', {
    wanted: { upgradeTypes: ['NodeOSUpgrade'] },
    properties: { eventDetails: 'Start to upgrade security vhd' },
    words: { upgradeType: 'Unknown', reason: 'Start to upgrade security vhd' },
  }),
  heard('a word that only begins like a kind', {
    properties: { eventDetails: 'NodeOSUpgrades' },
    words: { upgradeType: 'Unknown', reason: 'NodeOSUpgrades' },
  }),
  heard('the wanted kind', { wanted: { upgradeTypes: ['K8sVersionUpgrade'] } }),
  unheard('the kind that is not wanted, by word', { wanted: { upgradeTypes: ['NodeOSUpgrade'] } }),
  unheard('the kind that is not wanted, by number', {
    wanted: { upgradeTypes: ['NodeOSUpgrade'] },
    properties: { eventStatus: 'Completed', eventDetails: { type: 1 } },
  }),
  heard('a wanted node upgrade whose resources hold the other word', {
    wanted: { upgradeTypes: ['NodeOSUpgrade'] },
    properties: { eventDetails: 'NodeOSUpgrade', resources: [`${group}/providers/x/K8sVersionUpgrade`] },
    words: { upgradeType: 'NodeOSUpgrade', reason: 'NodeOSUpgrade' },
  }),
];

const whichStatus: readonly TruthRow[] = [
  heard('a status that is new to us', { properties: { eventStatus: 'Paused' }, words: { status: 'Paused' } }),
  heard('a status that is new to us, when one status is wanted', {
    wanted: { statuses: ['Failed'] },
    properties: { eventStatus: 'Paused' },
    words: { status: 'Paused' },
  }),
  heard('no status', { properties: { eventStatus: undefined }, words: { status: 'Unknown' } }),
  heard('an empty status', { properties: { eventStatus: '' }, words: { status: 'Unknown' } }),
  heard('a wanted status in other letters', {
    wanted: { statuses: ['Completed'] },
    properties: { eventStatus: 'completed' },
    words: { status: 'completed' },
  }),
  unheard('an unwanted status in other letters', { wanted: { statuses: ['Completed'] }, properties: { eventStatus: 'STARTED' } }),
  heard('Cancelled, where Canceled is wanted', {
    wanted: { statuses: ['Canceled'] },
    properties: { eventStatus: 'Cancelled' },
    words: { status: 'Canceled' },
  }),
  unheard('Cancelled, where Canceled is not wanted', { wanted: { statuses: ['Started'] }, properties: { eventStatus: 'Cancelled' } }),
  unheard('Canceled, where it is not wanted', { wanted: { statuses: ['Started'] }, properties: { eventStatus: 'Canceled' } }),
  unheard('Scheduled, where only the end is wanted', { wanted: { statuses: ['Completed', 'Failed'] } }),
];

const when: readonly TruthRow[] = [
  heard('nine digits behind the second', { properties: { lastUpdateTime: at(0, 9).replace('0Z', '9Z') } }),
  heard('no digits behind the second', { properties: { lastUpdateTime: '2026-06-01T12:00:00Z' } }),
  heard('a stamp two minutes ahead of the clock', { properties: { lastUpdateTime: at(2) }, sinceMinutes: [2] }),
  heard('a time with something behind it', { properties: { lastUpdateTime: `${at(0)} (UTC)` } }),
  // When it was written, and once more when the work begins: nobody can tell which of the two is which.
  heard('year 1 as the last update', { properties: { lastUpdateTime: yearOne }, sinceMinutes: [0, 7 * day] }),
  heard('no last update', { properties: { lastUpdateTime: undefined }, sinceMinutes: [0, 7 * day] }),
  heard('nonsense as the last update', { properties: { lastUpdateTime: 'soon' }, sinceMinutes: [0, 7 * day] }),
  heard('no last update, scheduledTime as the planned start, a week ahead: half a day before, and when it begins', {
    properties: { lastUpdateTime: yearOne, scheduledTime: at(7 * day), startTime: yearOne },
    sinceMinutes: [7 * day - day / 2, 7 * day],
  }),
  heard('canceled, without last update, before it began', {
    properties: { eventStatus: 'Canceled', lastUpdateTime: undefined, scheduledTime: at(0), startTime: at(day) },
    words: { status: 'Canceled', plannedStart: '2026-06-02T12:00Z' },
    sinceMinutes: [0, day],
  }),
  // Nothing in the row says when it was written; what may be seen of it is hours old.
  unheard('completed, without last update, two hours after the start', {
    properties: { eventStatus: 'Completed', lastUpdateTime: undefined, scheduledTime: at(-7 * day), startTime: at(-120) },
  }),
  heard('Event Grid’s sample: started, with scheduledTime alone', {
    properties: { eventStatus: 'Started', lastUpdateTime: yearOne, startTime: yearOne },
    words: { status: 'Started', plannedStart: '2026-06-01T12:00Z' },
  }),
  heard('started, without last update: by when it started, not by when it was planned', {
    properties: { eventStatus: 'Started', lastUpdateTime: undefined, scheduledTime: at(-7 * day), startTime: at(0) },
    words: { status: 'Started', plannedStart: '2026-06-01T12:00Z' },
  }),
  heard('started, without last update, by startTime alone', {
    properties: { eventStatus: 'Started', lastUpdateTime: undefined, scheduledTime: undefined, startTime: at(0) },
    words: { status: 'Started', plannedStart: '2026-06-01T12:00Z' },
  }),
  heard('scheduledTime as the planned start, for want of another', {
    properties: { scheduledTime: at(day), startTime: yearOne },
    words: { plannedStart: '2026-06-02T12:00Z' },
  }),
  heard('no planned start', { properties: { scheduledTime: yearOne, startTime: yearOne }, words: { plannedStart: 'not given' } }),
  unheard('no time at all', { properties: { lastUpdateTime: undefined, scheduledTime: yearOne, startTime: undefined } }),
  unheard('no properties', { written: () => '{}' }),
];

const why: readonly TruthRow[] = [
  heard('no details', { properties: { eventDetails: undefined, type: 1 }, words: { reason: 'not given' } }),
  heard('empty details', { properties: { eventDetails: '', type: 1 }, words: { reason: 'not given' } }),
  heard('details that are null', { properties: { eventDetails: null, type: 1 }, words: { reason: 'not given' } }),
  heard('a description that says something', {
    properties: { description: 'Upgrade to 1.36.3' },
    words: { reason: 'Upgrade to 1.36.3: Start to upgrade: K8sVersionUpgrade' },
  }),
  heard('a description and no details', {
    properties: { description: 'K8sVersionUpgrade to 1.36.3', eventDetails: undefined },
    words: { reason: 'K8sVersionUpgrade to 1.36.3' },
  }),
  heard('why it failed, as an object', {
    properties: { eventStatus: 'Failed', eventDetails: { operation: 'K8sVersionUpgrade', error: { code: 'UpgradeFailed' } } },
    words: { status: 'Failed', reason: '{"operation":"K8sVersionUpgrade","error":{"code":"UpgradeFailed"}}' },
  }),
];

const eolDetails = {
  kubernetesVersion: '1.33',
  eolDate: at(5 * day, 0).replace('.Z', 'Z'),
  supportType: 'Community',
  daysUntilEOL: 5,
  region: 'westeurope',
};
const eol = (change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  description: 'KubernetesVersionEOLOneWeek',
  eventSource: 'EOLNotification',
  eventDetails: eolDetails,
  scheduledTime: eolDetails.eolDate,
  startTime: undefined,
  ...change,
});
const eolWords: Words = {
  upgradeType: 'EndOfSupport',
  plannedStart: '2026-06-06T12:00Z',
  reason: `KubernetesVersionEOLOneWeek: ${JSON.stringify(eolDetails)}`,
};

const endOfSupport: readonly TruthRow[] = [
  unheard('the end of support in a week, not asked for', { properties: eol() }),
  unheard('the end of support in two weeks, not asked for', { properties: eol({ description: 'KubernetesVersionEOLTwoWeeks' }) }),
  unheard('out of support, not asked for', { properties: eol({ description: 'KubernetesVersionOutOfSupport' }) }),
  unheard('the end of support under another source, not asked for', { properties: eol({ eventSource: 'EOLNotifier' }) }),
  unheard('the end of support as JSON in a text, not asked for', {
    properties: eol({ eventSource: undefined, eventDetails: JSON.stringify(eolDetails) }),
  }),
  heard('the end of support, asked for', { wanted: { endOfSupport: true }, properties: eol(), words: eolWords }),
  heard('the end of support, asked for beside failed node upgrades', {
    wanted: { endOfSupport: true, statuses: ['Failed'], upgradeTypes: ['NodeOSUpgrade'] },
    properties: eol(),
    words: eolWords,
  }),
  heard('the end of support without last update: within two days of being written', {
    wanted: { endOfSupport: true },
    properties: eol({ lastUpdateTime: undefined }),
    words: eolWords,
    sinceMinutes: [day],
  }),
  unheard('ordinary maintenance of a kind that is not wanted, where the end of support is', {
    wanted: { endOfSupport: true, upgradeTypes: ['NodeOSUpgrade'] },
  }),
];

/** The table. */
export const truthRows: readonly TruthRow[] = [
  ...whose,
  ...formsOfAll(),
  ...inWhichForm,
  ...whichKind,
  ...whichStatus,
  ...when,
  ...why,
  ...endOfSupport,
];

/** The cluster that the table is about. */
export const truthCluster = {
  subscriptionId: 'aaaaaaaa-4444-4444-8444-444444444444',
  resourceGroup: 'shop',
  type: 'Microsoft.ContainerService/managedClusters',
  name: 'prod',
};
