import { apiVersion, crdName, kind, manager } from './api/names.ts';
import type { MaintenanceNotification } from './api/maintenance-notification.ts';
import { createActionGroups } from './azure/action-groups.ts';
import { createAlertRules } from './azure/alert-rules.ts';
import { createClusters } from './azure/clusters.ts';
import { createIdentities } from './azure/identities.ts';
import { createRoleAssignments } from './azure/role-assignments.ts';
import { createTestNotifications } from './azure/test-notifications.ts';
import { createSession } from './azure/session.ts';
import { createCredential } from './azure/sign-in.ts';
import type { Config } from './config.ts';
import { logDrop } from './event-log.ts';
import type { HealthFacts } from './health.ts';
import { uidOfKubeSystem } from './installation-id.ts';
import { startLeadership, type Leadership } from './leadership.ts';
import { needsVisit } from './core/needs-visit.ts';
import type { KubeAccess } from './kube/config.ts';
import { createEventRecorder } from './kube/event-recorder.ts';
import { defaultListWatchLimits } from './kube/list-watch.ts';
import { startListWatches, type ListWatches } from './kube/list-watches.ts';
import { keyOf } from './kube/object.ts';
import { createStore } from './kube/store.ts';
import { createTransport } from './kube/transport.ts';
import { createMetrics } from './observe/metrics.ts';
import type { Logger } from './observe/logger.ts';
import { createClusterFactsCache } from './reconcile/cluster-facts-cache.ts';
import { createIdentityCache } from './reconcile/identity.ts';
import { createObjects, resource } from './reconcile/objects.ts';
import type { Azure } from './reconcile/ports.ts';
import { createReconcile } from './reconcile/reconcile.ts';
import { createRunMemory } from './reconcile/run-memory.ts';
import { createSecrets } from './reconcile/secrets.ts';
import { createSurvey } from './reconcile/survey.ts';
import { abortable } from './runtime/abortable.ts';
import { systemClock } from './runtime/clock.ts';
import { startController, type Controller } from './runtime/controller.ts';
import { createWriteGate } from './runtime/write-gate.ts';
import { startPages } from './pages.ts';
import { logRun, logThrown } from './run-log.ts';
import { sentence } from './trouble.ts';
import { logWatch } from './watch-log.ts';

/** A running operator. */
export interface Operator {
  /** Resolves with the reason when this process was the leader and isn't any more: end it, another one may be at work already. */
  readonly lost: Promise<string>;
  /** Stops in the reverse order of the start. No write begins any more; those that were sent are awaited, for `drainMilliseconds` at most. */
  stop(drainMilliseconds: number): Promise<void>;
}

interface OperatorOptions {
  readonly log: Logger;
  readonly version: string;
  /** Aborts when the process is to end: a start that is under way is given up, and what it holds is given back. */
  readonly stopping: AbortSignal;
}

/** More than any sequence of calls to a healthy Azure takes. */
const runDeadlineMilliseconds = 5 * 60_000;
/** How long a new leader waits for a list of its own. */
const refreshMilliseconds = 30_000;
const healthLimits = {
  silentMilliseconds: 3 * defaultListWatchLimits.relistMilliseconds,
  runMilliseconds: runDeadlineMilliseconds + 60_000,
};

/**
 * Builds everything and starts it: servers for probes and metrics first, then the election, then the watch, then the workers.
 * @throws Error when an address can't be listened on; the signal's reason when it is stopped before it has started
 */
export const startOperator = async (config: Config, access: KubeAccess, { log, version, stopping }: OperatorOptions): Promise<Operator> => {
  const clock = systemClock;
  const random = Math.random;
  // With the pod's name, so that audit logs and proxies tell the replicas apart.
  const userAgent = `${manager}/${version} (${config.podName})`;
  const ownNamespace = config.namespace ?? access.namespace ?? 'default';
  const store = createStore<MaintenanceNotification>();
  // Later parts are needed by name before they are there: the probes answer from the start, and watch and controller feed each other.
  const late: { controller?: Controller; watch?: ListWatches; leadership?: Leadership } = {};
  const isLeading = (): boolean => late.leadership?.isElected() ?? false;
  const metrics = createMetrics({
    version,
    host: new URL(access.server).host,
    election: config.leaderElection ? { leaseName: config.leaderElection.leaseName, isLeading } : undefined,
    objects: store,
    intervalMilliseconds: config.intervalMilliseconds,
    clock,
    concurrency: config.concurrency,
    // What waits at a standby waits for nobody.
    depth: () => (isLeading() ? (late.controller?.depth().ready ?? 0) : 0),
    running: () => late.controller?.running() ?? new Map(),
  });
  const gate = createWriteGate(() => (late.leadership?.mayWrite() ? undefined : 'this process does not hold the lease'));
  const transport = createTransport(access, { userAgent, clock, beforeWrite: gate.begin, onRequest: metrics.requested });
  const started = clock.monotonic();

  /** What the first list waits for, or the last it failed for. */
  let waitingFor: string | undefined = 'the UID of the namespace kube-system has not been read yet';
  const facts = (): HealthFacts => ({
    isStopping: stopping.aborted,
    waitingFor: late.leadership?.trouble() ?? waitingFor,
    silentMilliseconds: late.watch?.silentMilliseconds() ?? clock.monotonic() - started,
    running: late.controller?.running() ?? new Map(),
    mayWrite: late.leadership?.isElected() ? late.leadership.mayWrite() : undefined,
  });
  const servers = await startPages(config, { facts, limits: healthLimits, scrape: metrics.scrape });
  log.info(
    {
      version,
      namespace: ownNamespace,
      apiServer: access.server,
      azure: config.azure.endpoint,
      proxy: config.azure.proxy,
      listening: servers.map(({ address }) => address),
    },
    'starting',
  );

  const installationId =
    config.installationId ??
    (await uidOfKubeSystem({
      transport,
      clock,
      log,
      signal: stopping,
      onTrouble: (trouble) => {
        waitingFor = trouble;
      },
    }));
  waitingFor = `the objects of ${crdName} have not been listed yet`;
  const leadership = startLeadership({
    access,
    election: config.leaderElection,
    namespace: ownNamespace,
    podName: config.podName,
    userAgent,
    clock,
    random,
    log,
    onRequest: metrics.requested,
  });
  late.leadership = leadership;
  // The first look comes before the first list: who leads from the start then needn't list twice.
  try {
    await abortable(leadership.looked, stopping);
  } catch (error) {
    await leadership.release();
    throw error;
  }
  const leadsFromTheStart = leadership.isElected();

  const recorder = createEventRecorder({
    transport,
    component: manager,
    instance: config.podName,
    clock,
    random,
    onDrop: (why, ...event) => {
      metrics.droppedEvent(why);
      logDrop(log, why, ...event);
    },
  });
  const session = createSession({
    credential: createCredential(config.azure),
    endpoint: config.azure.endpoint,
    audience: config.azure.audience,
    userAgent,
    beforeWrite: gate.begin,
    onCall: metrics.calledAzure,
    onPaced: metrics.pacedAzure,
    clock,
  });
  const azure: Azure = {
    clusters: createClusters(session),
    identities: createIdentities(session),
    actionGroups: createActionGroups(session),
    alertRules: createAlertRules(session),
    roleAssignments: createRoleAssignments(session),
    testNotifications: createTestNotifications(session),
  };
  const reconcile = createReconcile({
    objects: createObjects(transport, store),
    azure,
    clusterFacts: createClusterFactsCache(azure.clusters, () => clock.monotonic(), random),
    identities: createIdentityCache(azure.identities, () => clock.monotonic(), random),
    survey: createSurvey(azure, () => clock.monotonic(), random),
    again: (key) => late.controller?.add(key),
    secrets: createSecrets(transport),
    memory: createRunMemory(),
    announce: ({ metadata: { namespace, name, uid } }, announcement) =>
      recorder.record({ apiVersion, kind, namespace, name, uid }, announcement),
    log: logRun(log),
    onSuccess: metrics.succeeded,
    onDriftCorrected: metrics.correctedDrift,
    now: () => clock.now(),
    random,
    settings: {
      installationId,
      intervalMilliseconds: config.intervalMilliseconds,
      readyGraceMilliseconds: config.readyGraceMilliseconds,
      allowedScopes: config.allowedScopes,
      secretNamespaces: config.secretNamespaces,
    },
  });

  const watch = startListWatches<MaintenanceNotification>(config.watchNamespaces, {
    transport,
    resource,
    ...(config.watchLabelSelector === undefined ? {} : { labelSelector: config.watchLabelSelector }),
    store,
    clock,
    random,
    onChange: (change) => {
      if (change.kind === 'deleted') metrics.removed(change.key);
      // A standby only looks; when it is elected it takes up all that there is.
      if (!leadership.isElected()) return;
      if (change.kind !== 'updated' || needsVisit(change.previous, change.object)) late.controller?.add(change.key);
    },
    newObserver: () => {
      const counted = metrics.newWatch();
      return (occurrence) => {
        counted(occurrence);
        if (occurrence.kind === 'failed' && waitingFor !== undefined) waitingFor = sentence(occurrence.during, occurrence.error);
        logWatch(log, occurrence);
      };
    },
  });
  late.watch = watch;
  /** Waits until what the store knows isn't older than the last writes of a former leader, and puts all of it on the queue. */
  const takeUp = async (): Promise<void> => {
    await watch.anySynced;
    // Without a list for so long what the watch told has to do: a status that is made from an old one is refused.
    if (!leadsFromTheStart) await Promise.race([watch.refresh(), clock.sleep(refreshMilliseconds, stopping)]);
    for (const object of store.list()) late.controller?.add(keyOf(object));
  };
  const controller = startController({
    name: 'maintenancenotification',
    reconcile,
    clock,
    random,
    concurrency: config.concurrency,
    runDeadlineMilliseconds,
    onAdd: metrics.added,
    startAfter: leadership.elected.then(takeUp),
    onRun: (report) => {
      metrics.ran(report);
      logThrown(log, report);
    },
  });
  late.controller = controller;
  watch.synced.then(() => {
    waitingFor = undefined;
    log.info({ objects: store.size, installationId, leading: leadership.isElected() }, 'ready');
  }, log.error.bind(log));

  return {
    lost: leadership.lost,
    stop: async (drainMilliseconds) => {
      const written = gate.close('the operator is stopping');
      const unfinished = await controller.stop(drainMilliseconds, written);
      if (unfinished.length > 0) log.warn({ keys: unfinished }, 'stopped before these runs had ended; the next start takes them up again');
      await Promise.all([leadership.release(), watch.stop(), recorder.stop(0)]);
      await transport.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
};
