import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import { report, rig, seriesOf, type Rig } from '../unit/observe/scrape.ts';
import { createFakeClock } from './fake-clock.ts';

/** What goes on during one minute, in the replicas of an operator. */
export interface Minute {
  readonly objects: readonly MaintenanceNotification[];
  /** Which replicas there are, by the names of their pods. A name that comes for the first time is a new process. */
  readonly pods: readonly string[];
  readonly leaders: readonly string[];
  /** Whether a process that starts now takes part in an election. */
  readonly elects: boolean;
  /** Whether objects are looked at, with success, every 10 minutes. */
  readonly looks: boolean;
  /** Whether the objects are listed every 10 minutes. */
  readonly lists: boolean;
  /** How many changes that the watch should have told a list brings to light. */
  readonly missed: number;
  /** What else happens to the leader. `minute` counts from the beginning. */
  readonly more: (metrics: Metrics, minute: number) => void;
  /** Values of metrics that would be this process' own, by name. */
  readonly values: Readonly<Record<string, number>>;
}

/** A series as promtool's tests take it. */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

interface Replica extends Rig {
  readonly pod: string;
  readonly listed: (missed: number) => void;
}

const minutesBetweenLooks = 10;

/**
 * Runs the real metrics of an operator's replicas through some minutes, and keeps what Prometheus would: one scrape a minute, with the labels
 * that a PodMonitor adds and `honorLabels`, and a mark of staleness where a series ends.
 * @param start in milliseconds since 1970
 */
export const scrapeMinutes = async (
  minutes: readonly Minute[],
  start: number,
  isWanted: (name: string) => boolean,
): Promise<readonly InputSeries[]> => {
  const clock = createFakeClock(start);
  const replicas = new Map<string, Replica>();
  const kept = new Map<string, (number | undefined)[]>();
  let now: Minute | undefined;

  const startReplica = (pod: string): Replica => {
    const objects = {
      list: () => now?.objects ?? [],
      get: (key: string) => now?.objects.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    };
    const election = now?.elects ? { leaseName: 'aks-notifier', isLeading: () => now?.leaders.includes(pod) ?? false } : undefined;
    const made = rig({ election, objects, clock });
    const watch = made.metrics.newWatch();
    return {
      ...made,
      pod,
      listed: (missed) => watch({ kind: 'listed', cause: 'interval', objects: 2, pages: 1, milliseconds: 20, changes: missed, missed }),
    };
  };

  for (const [index, minute] of minutes.entries()) {
    now = minute;
    for (const pod of replicas.keys()) if (!minute.pods.includes(pod)) replicas.delete(pod);
    for (const pod of minute.pods) {
      const isNew = !replicas.has(pod);
      const replica = replicas.get(pod) ?? startReplica(pod);
      replicas.set(pod, replica);
      const isDue = isNew || index % minutesBetweenLooks === 0;
      if (minute.lists && isDue) replica.listed(minute.missed);
      if (!minute.leaders.includes(pod)) continue;
      if (minute.looks && isDue) look(replica.metrics, minute.objects);
      minute.more(replica.metrics, index);
    }
    for (const { pod, text } of replicas.values()) {
      for (const { name, labels, value } of seriesOf(only(isWanted, await text()))) {
        const series = asScraped(pod, { name, labels });
        const values = kept.get(series) ?? [];
        values[index] = minute.values[name] ?? value;
        kept.set(series, values);
      }
    }
    clock.advanceSync(60_000);
  }
  return Array.from(kept, ([series, values]) => ({ series, values: notation(values, minutes.length) }));
};

/** A look at each object that is not being deleted. */
const look = (metrics: Metrics, objects: readonly MaintenanceNotification[]): void => {
  for (const { metadata } of objects) {
    metrics.added();
    metrics.calledAzure({ operation: 'scheduledQueryRules.get', code: 'ok', seconds: 0.2 });
    metrics.ran(report({ kind: 'after', milliseconds: 600_000 }, { nextMilliseconds: 600_000 }));
    metrics.succeeded(`${metadata.namespace}/${metadata.name}`);
  }
};

/** The lines of these metrics: the others need not be read. */
const only = (isWanted: (name: string) => boolean, text: string): string =>
  text
    .split('\n')
    .filter((line) => isWanted(line.slice(0, line.search(/[{ ]/))))
    .join('\n');

/** A series with the labels that Prometheus gives it, but for those that it has itself. */
const asScraped = (pod: string, { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> }): string =>
  `${name}{${Object.entries({ ...targetLabels(pod), ...labels })
    .map(([label, of]) => `${label}="${of}"`)
    .join(',')}}`;

/** The series of one scrape as if it were the same for some minutes. */
export const steadySeries = (pod: string, text: string, minutes: number): readonly InputSeries[] =>
  seriesOf(text).map(({ value, ...series }) => ({ series: asScraped(pod, series), values: `${value}x${minutes}` }));

const targetLabels = (pod: string): Readonly<Record<string, string>> => ({
  namespace: 'aks-notifier-system',
  pod,
  instance: `${pod}:8080`,
  job: 'aks-notifier',
});

/** One value a minute, as promtool writes them: `_` is none, and where a series ends Prometheus makes a mark. */
const notation = (values: readonly (number | undefined)[], length: number): string =>
  Array.from({ length }, (_, index) => values[index] ?? (values[index - 1] === undefined ? '_' : 'stale')).join(' ');
