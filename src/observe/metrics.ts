import { Counter, Histogram, Registry } from 'prom-client';
import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { lanes, type Lane } from '../azure/pace-policy.ts';
import type { AzureCall } from '../azure/session.ts';
import type { Action } from '../core/announcements.ts';
import type { EventDrop } from '../kube/event-recorder.ts';
import { isGone } from '../kube/failure.ts';
import type { Occurrence } from '../kube/list-watch.ts';
import { keyOf } from '../kube/object.ts';
import type { Store } from '../kube/store.ts';
import type { RequestReport } from '../kube/transport.ts';
import type { Clock } from '../runtime/clock.ts';
import { registerGauge } from './computed-gauge.ts';
import { createControllerMetrics, type ControllerMetrics, type ControllerMetricsOptions } from './controller-metrics.ts';
import { objectSeries } from './object-series.ts';
import { registerProcessMetrics } from './process-metrics.ts';

export interface MetricsOptions extends ControllerMetricsOptions {
  readonly version: string;
  /** The API server, `host:port`: the label `host` of `rest_client_…`. */
  readonly host: string;
  /** Undefined: no election; then this process leads. */
  readonly election: { readonly leaseName: string; readonly isLeading: () => boolean } | undefined;
  readonly objects: Pick<Store<MaintenanceNotification>, 'get' | 'list'>;
  /** `--interval`. */
  readonly intervalMilliseconds: number;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * The program's metrics; docs/metrics.md lists them. Names and labels are those of controller-runtime and client-go where these have one, so
 * that existing dashboards work.
 */
export interface Metrics extends ControllerMetrics {
  /** A run found or brought everything in place. */
  readonly succeeded: (key: string) => void;
  /** An object is gone. */
  readonly removed: (key: string) => void;
  readonly calledAzure: (call: AzureCall) => void;
  readonly pacedAzure: (lane: Lane) => void;
  readonly requested: (report: RequestReport) => void;
  /** An observer for one list-watch more. With several the last list is that of the one whose last list is oldest. */
  readonly newWatch: () => (occurrence: Occurrence) => void;
  readonly droppedEvent: (why: EventDrop) => void;
  readonly correctedDrift: (resource: Action['part'], field: string) => void;
  /** What Prometheus scrapes, in chunks, and its content type. */
  readonly scrape: () => Promise<{ readonly contentType: string; readonly body: AsyncIterable<string> }>;
}

/**
 * Makes the metrics. What the functions of the options say is asked for at each scrape; the hooks are called as things happen, and none of
 * them throws.
 */
export const createMetrics = (options: MetricsOptions): Metrics => {
  const { version, host, election, objects, intervalMilliseconds, clock } = options;
  const registry = new Registry();
  registerGauge(registry, { name: 'aks_notifier_build_info', help: 'Always 1; the version of the program.', labels: { version } }, () => 1);
  if (election) registerElection(registry, election);
  registerProcessMetrics(registry);

  /** Per key the uid of the object, and when, in seconds since 1970. */
  const successes = new Map<string, { readonly uid: string; readonly seconds: number }>();
  const lastSuccessOf = (object: MaintenanceNotification): number | undefined => {
    const success = successes.get(keyOf(object));
    return success?.uid === object.metadata.uid ? success.seconds : undefined;
  };

  return {
    ...createControllerMetrics(registry, options),
    ...createAzureMetrics(registry),
    ...createKubeMetrics(registry, host, clock),
    succeeded: (key) => {
      const uid = objects.get(key)?.metadata.uid;
      // The run of an object that went away meanwhile leaves nothing behind.
      if (uid !== undefined) successes.set(key, { uid, seconds: clock.now() / 1000 });
    },
    removed: (key) => void successes.delete(key),
    scrape: async () => {
      // A standby has the same objects: two processes that publish them would count everything twice.
      const published = !election || election.isLeading() ? objects.list() : undefined;
      return {
        contentType: registry.contentType,
        body: pages(await registry.metrics(), published && objectSeries(published, { lastSuccessOf, intervalMilliseconds })),
      };
    },
  };
};

async function* pages(first: string, others: AsyncIterable<string> | undefined): AsyncGenerator<string, void, undefined> {
  yield first;
  if (others) yield* others;
}

const registerElection = (registry: Registry, { leaseName, isLeading }: NonNullable<MetricsOptions['election']>): void =>
  registerGauge(
    registry,
    {
      name: 'leader_election_master_status',
      help: "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.",
      labels: { name: leaseName },
    },
    () => (isLeading() ? 1 : 0),
  );

/** A counter whose label has only these values; all are there from the start, so that the first increase is one to Prometheus too. */
const closedCounter = <Value extends string>(
  registry: Registry,
  { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
  values: readonly Value[],
): { readonly inc: (value: Value, by?: number) => void } => {
  const counter = new Counter({ name, help, labelNames: [label], registers: [registry] });
  const inc = (value: Value, by = 1): void => counter.inc({ [label]: value }, by);
  for (const value of values) inc(value, 0);
  return { inc };
};

/** Azure's resource provider by the first word of an operation: it is the provider that throttles. */
const services: Readonly<Record<string, string>> = {
  actionGroups: 'Microsoft.Insights',
  scheduledQueryRules: 'Microsoft.Insights',
  roleAssignments: 'Microsoft.Authorization',
  managedClusters: 'Microsoft.ContainerService',
  maintenanceConfigurations: 'Microsoft.ContainerService',
  userAssignedIdentities: 'Microsoft.ManagedIdentity',
};

const createAzureMetrics = (registry: Registry): Pick<Metrics, 'calledAzure' | 'pacedAzure' | 'correctedDrift'> => {
  const calls = new Counter({
    name: 'aks_notifier_azure_requests_total',
    help: 'Calls to Azure Resource Manager by resource provider and operation, and by ok, HTTP status of the failure, socket error, or why nobody could sign in.',
    labelNames: ['service', 'operation', 'code'],
    registers: [registry],
  });
  const callSeconds = new Histogram({
    name: 'aks_notifier_azure_request_seconds',
    help: 'Length of time of calls to Azure Resource Manager.',
    labelNames: ['service', 'operation'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const paced = closedCounter(
    registry,
    {
      name: 'aks_notifier_azure_paced_total',
      help: 'Calls to Azure Resource Manager that were put off because their turn had not come, by the limit that they come under.',
      label: 'lane',
    },
    lanes,
  );
  const drift = new Counter({
    name: 'aks_notifier_drift_corrected_total',
    help: 'Fields of things in Azure that somebody had changed and that were put right, by resource and field; field missing: the whole thing was gone.',
    labelNames: ['resource', 'field'],
    registers: [registry],
  });
  return {
    calledAzure: ({ operation, code, seconds }) => {
      const service = services[operation.split('.')[0] ?? ''] ?? 'other';
      calls.inc({ service, operation, code });
      callSeconds.observe({ service, operation }, seconds);
    },
    pacedAzure: (lane) => paced.inc(lane),
    correctedDrift: (resource, field) => drift.inc({ resource, field }),
  };
};

const eventTypes = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const;

const restartReasons = ['ended', 'expired', 'idle', 'refused', 'malformed', 'unreachable'] as const;
type RestartReason = (typeof restartReasons)[number];

/** Why a watch has to be opened anew; undefined: it has not, or that was told by another occurrence. */
const restartReason = (occurrence: Occurrence): RestartReason | undefined => {
  if (occurrence.kind === 'watchEnded') return 'ended';
  if (occurrence.kind === 'expired') return 'expired';
  if (occurrence.kind !== 'failed' || occurrence.during !== 'watch') return undefined;
  const { status, code } = occurrence.error;
  // Told just before: the watch had ended, or its version had expired.
  if (code === 'ShortWatch' || isGone(occurrence.error)) return undefined;
  if (status !== undefined) return 'refused';
  if (code === 'IdleTooLong') return 'idle';
  return code === 'MalformedAnswer' ? 'malformed' : 'unreachable';
};

const drops: Readonly<Record<EventDrop, true>> = { duplicate: true, overBudget: true, queueFull: true, failed: true, stopped: true };

const createKubeMetrics = (
  registry: Registry,
  host: string,
  clock: Pick<Clock, 'now'>,
): Pick<Metrics, 'requested' | 'newWatch' | 'droppedEvent'> => {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Request latency in seconds. Broken down by verb and host.',
    labelNames: ['verb', 'host'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    registers,
  });
  const events = closedCounter(
    registry,
    { name: 'aks_notifier_watch_events_total', help: 'Events that the watches brought.', label: 'type' },
    eventTypes,
  );
  const restarts = closedCounter(
    registry,
    { name: 'aks_notifier_watch_restarts_total', help: 'Watches that had to be opened anew, by reason.', label: 'reason' },
    restartReasons,
  );
  const missed = new Counter({
    name: 'aks_notifier_missed_by_watch_total',
    help: 'Changes that only a list brought to light although the watch should have told them. Anything but 0 is a bug.',
    registers,
  });
  const dropped = closedCounter(
    registry,
    { name: 'aks_notifier_events_dropped_total', help: 'Kubernetes Events that were not written, by reason.', label: 'reason' },
    Object.keys(drops) as EventDrop[],
  );
  const started = clock.now() / 1000;
  const lists: number[] = [];
  registerGauge(
    registry,
    {
      name: 'aks_notifier_last_list_timestamp_seconds',
      help: 'When all objects were last listed. The start of the program while they never were.',
    },
    () => Math.min(...(lists.length > 0 ? lists : [started])),
  );
  return {
    requested: ({ method, status, milliseconds }) => {
      requests.inc({ code: status === undefined ? '<error>' : String(status), method, host });
      requestSeconds.observe({ verb: method, host }, milliseconds / 1000);
    },
    newWatch: () => {
      const index = lists.push(started) - 1;
      return (occurrence) => {
        if (occurrence.kind === 'event') events.inc(occurrence.type);
        if (occurrence.kind === 'listed') {
          lists[index] = clock.now() / 1000;
          missed.inc(occurrence.missed);
        }
        const reason = restartReason(occurrence);
        if (reason) restarts.inc(reason);
      };
    },
    droppedEvent: (why) => dropped.inc(why),
  };
};
