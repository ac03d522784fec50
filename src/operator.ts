import { apiVersion, crdName, kind, manager } from './api/names.ts';
import type { MaintenanceNotification } from './api/maintenance-notification.ts';
import { createActionGroups } from './azure/action-groups.ts';
import { createAlertRules } from './azure/alert-rules.ts';
import { createClusters } from './azure/clusters.ts';
import { causeForLog } from './azure/failure.ts';
import { createRoleAssignments } from './azure/role-assignments.ts';
import { createSession } from './azure/session.ts';
import { createCredential } from './azure/sign-in.ts';
import type { Config } from './config.ts';
import { needsVisit } from './core/needs-visit.ts';
import type { KubeAccess } from './kube/config.ts';
import { createEventRecorder } from './kube/event-recorder.ts';
import { isForbidden, isNotFound } from './kube/failure.ts';
import { startListWatch, type Occurrence } from './kube/list-watch.ts';
import type { KubeObject } from './kube/object.ts';
import { createStore } from './kube/store.ts';
import { createTransport, type KubeTransport } from './kube/transport.ts';
import { createMetrics } from './observe/metrics.ts';
import { probe, servePages, type PageServer } from './observe/server.ts';
import type { Logger } from './observe/logger.ts';
import { createClusterFactsCache } from './reconcile/cluster-facts-cache.ts';
import { createObjects, resource } from './reconcile/objects.ts';
import { createReconcile } from './reconcile/reconcile.ts';
import { createRunMemory } from './reconcile/run-memory.ts';
import { backOffMilliseconds } from './runtime/back-off.ts';
import { systemClock, type Clock } from './runtime/clock.ts';
import { startController, type Controller } from './runtime/controller.ts';

/** A running operator. */
export interface Operator {
  /** Stops in the reverse order of the start. Writes that were sent are awaited, for `drainMilliseconds` at most. */
  stop(drainMilliseconds: number): Promise<void>;
}

/** More than any sequence of calls to a healthy Azure takes. */
const runDeadlineMilliseconds = 5 * 60_000;
const eventFlushMilliseconds = 2000;

/**
 * Builds everything and starts it: servers for probes and metrics first, then the watch, then the workers.
 * @throws Error when an address can't be listened on
 */
export const startOperator = async (config: Config, access: KubeAccess, log: Logger, version: string): Promise<Operator> => {
  const clock = systemClock;
  const random = Math.random;
  const transport = createTransport(access, { userAgent: `${manager}/${version}`, clock });
  const store = createStore<MaintenanceNotification>();
  const recorder = createEventRecorder({
    transport,
    component: manager,
    instance: config.podName,
    clock,
    random,
    onDrop: (why, { namespace, name }, { reason }, error) =>
      log[why === 'duplicate' ? 'debug' : 'warn'](
        { namespace, name, why, event: reason, ...(error instanceof Error ? { error: error.message } : {}) },
        'dropped an event',
      ),
  });
  // The watch feeds the controller and the controller waits for the watch: each needs the other's name before it is there.
  const late: { controller?: Controller } = {};
  const metrics = createMetrics(() => late.controller?.depth().ready ?? 0);
  const aborting = new AbortController();

  /** What is still missing before the operator can work; undefined: nothing. */
  let waitingFor: string | undefined = 'the UID of the namespace kube-system has not been read yet';
  const servers: PageServer[] = [];
  if (config.healthAddress)
    servers.push(
      await servePages(config.healthAddress, {
        '/healthz': () => probe(undefined),
        '/readyz': () => probe(aborting.signal.aborted ? 'stopping' : waitingFor),
      }),
    );
  if (config.metricsAddress)
    servers.push(await servePages(config.metricsAddress, { '/metrics': async () => ({ status: 200, ...(await metrics.scrape()) }) }));
  log.info(
    {
      version,
      namespace: config.namespace ?? access.namespace,
      apiServer: access.server,
      azure: config.azure.endpoint,
      listening: servers.map(({ address }) => address),
    },
    'starting',
  );

  const installationId = config.installationId ?? (await uidOfKubeSystem(transport, clock, log, aborting.signal));
  waitingFor = `the objects of ${crdName} have not been listed yet`;
  const session = createSession({
    credential: createCredential(config.azure),
    endpoint: config.azure.endpoint,
    audience: config.azure.audience,
    userAgent: `${manager}/${version}`,
    onCall: metrics.calledAzure,
  });
  const clusters = createClusters(session);
  const reconcile = createReconcile({
    objects: createObjects(transport, store),
    azure: {
      clusters,
      actionGroups: createActionGroups(session),
      alertRules: createAlertRules(session),
      roleAssignments: createRoleAssignments(session),
    },
    clusterFacts: createClusterFactsCache(clusters, () => clock.now(), random),
    memory: createRunMemory(),
    announce: ({ metadata: { namespace, name, uid } }, announcement) =>
      recorder.record({ apiVersion, kind, namespace, name, uid }, announcement),
    log: ({ metadata: { namespace, name } }, { cause, ...entry }) => {
      const line = { namespace, name, ...entry, ...(cause === undefined ? {} : causeForLog(cause)) };
      if (entry.reason === undefined) log.info(line, 'reconciled');
      else log.warn(line, 'reconcile failed');
    },
    now: () => clock.now(),
    random,
    settings: {
      installationId,
      intervalMilliseconds: config.intervalMilliseconds,
      readyGraceMilliseconds: config.readyGraceMilliseconds,
    },
  });

  const watch = startListWatch<MaintenanceNotification>({
    transport,
    resource,
    store,
    clock,
    random,
    onChange: (change) => {
      if (change.kind !== 'updated' || needsVisit(change.previous, change.object)) late.controller?.add(change.key);
    },
    observer: logWatch(log),
  });
  const controller = startController({
    name: 'maintenancenotification',
    reconcile,
    clock,
    random,
    concurrency: config.concurrency,
    runDeadlineMilliseconds,
    startAfter: watch.synced,
    onRun: (report) => {
      metrics.ran(report);
      if (report.outcome.kind !== 'threw') return;
      const { error } = report.outcome;
      log.error(
        { key: report.key, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
        'run failed unexpectedly',
      );
    },
  });
  late.controller = controller;
  watch.synced.then(() => {
    waitingFor = undefined;
    log.info({ objects: store.size, installationId }, 'ready');
  }, log.error.bind(log));

  return {
    stop: async (drainMilliseconds) => {
      aborting.abort();
      const unfinished = await controller.stop(drainMilliseconds);
      if (unfinished.length > 0) log.warn({ keys: unfinished }, 'stopped before these runs had ended; the next start takes them up again');
      await watch.stop();
      await recorder.stop(eventFlushMilliseconds);
      await transport.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
};

/** The id of this installation, when none is configured. Waits for the API server rather than ending. */
const uidOfKubeSystem = async (transport: KubeTransport, clock: Clock, log: Logger, signal: AbortSignal): Promise<string> => {
  for (let failures = 1; ; failures += 1) {
    try {
      const namespace = await transport.request<KubeObject>({ method: 'GET', path: '/api/v1/namespaces/kube-system', signal });
      return namespace.metadata.uid;
    } catch (error) {
      if (signal.aborted) throw error;
      const hint = isForbidden(error) ? 'grant `get` on the namespace kube-system, or set --installation-id' : 'waiting for the API server';
      log.warn({ error: error instanceof Error ? error.message : String(error), hint }, 'could not read the UID of kube-system');
      await clock.sleep(
        backOffMilliseconds({ baseMilliseconds: 1000, capMilliseconds: 30_000, jitter: 0.25 }, failures, Math.random()),
        signal,
      );
    }
  }
};

/** Says what a person can do something about; the rest is for debugging. */
const logWatch =
  (log: Logger) =>
  (occurrence: Occurrence): void => {
    switch (occurrence.kind) {
      case 'failed': {
        const { error, during, waitMilliseconds } = occurrence;
        const hint = isNotFound(error)
          ? `the CRD ${crdName} is not installed: install the chart with crds.enabled, or apply the files in crds/`
          : isForbidden(error)
            ? `the ServiceAccount may not ${during} ${crdName}: see the chart's ClusterRole`
            : undefined;
        log.warn(
          { during, error: error.message, waitMilliseconds: Math.round(waitMilliseconds), hint },
          'watch interrupted; going on by itself',
        );
        break;
      }
      case 'unparsable':
        log.warn({ error: occurrence.error.message }, 'skipped a line of the watch that could not be read');
        break;
      case 'handlerFailed':
        log.error({ key: occurrence.key, error: String(occurrence.error) }, 'handling a change failed');
        break;
      default:
        log.debug(occurrence, 'watch');
    }
  };
