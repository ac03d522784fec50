import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import type { Call } from '../../emulator/journal.ts';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { createActionGroups } from '../../src/azure/action-groups.ts';
import { createAlertRules } from '../../src/azure/alert-rules.ts';
import { createClusters } from '../../src/azure/clusters.ts';
import { createIdentities } from '../../src/azure/identities.ts';
import { createRoleAssignments } from '../../src/azure/role-assignments.ts';
import { createTestNotifications } from '../../src/azure/test-notifications.ts';
import { createSession, type Session } from '../../src/azure/session.ts';
import { isReady } from '../../src/core/settle.ts';
import { createStore } from '../../src/kube/store.ts';
import { createClusterFactsCache } from '../../src/reconcile/cluster-facts-cache.ts';
import { createIdentityCache } from '../../src/reconcile/identity.ts';
import { createObjects } from '../../src/reconcile/objects.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { createReconcile } from '../../src/reconcile/reconcile.ts';
import { createRunMemory } from '../../src/reconcile/run-memory.ts';
import { createSecrets } from '../../src/reconcile/secrets.ts';
import { createSurvey } from '../../src/reconcile/survey.ts';
import { startController } from '../../src/runtime/controller.ts';
import { createFakeClock } from './fake-clock.ts';
import { createMemoryApiServer } from './memory-api-server.ts';
import { subscriptionId } from './notification.ts';
import { benchWorld, operatorClientId, otherSubscriptionId } from './reconcile-bench.ts';

/** What became of many objects that were created at once. */
export interface Creations {
  /** Per subscription: when each object was Ready, in seconds of the virtual clock after the creation, the earliest first. */
  readonly readyAfter: readonly (readonly number[])[];
  /** All calls to Azure, oldest first. */
  readonly calls: readonly Call[];
  /** Writes to Kubernetes. */
  readonly writes: number;
  /** Visits of the queue. */
  readonly runs: number;
  /** When it began, by the emulator's clock, in milliseconds. */
  readonly startedAt: number;
}

interface CreationsOptions {
  /** How many in the first subscription, and how many in the second. */
  readonly objects: readonly [first: number, second: number];
  /** Called before the first call, to make trouble. */
  readonly prepare?: (emulator: Emulator) => void;
  /** Virtual time after which it is given up. */
  readonly limitMilliseconds: number;
}

const subscriptions = [
  { id: subscriptionId, group: 'shop' },
  { id: otherSubscriptionId, group: 'alerts' },
] as const;

/** The subscription of an object by its name: `s1-17`. */
const subscriptionOf = (key: string): number => Number(/\/s(\d)-/.exec(key)?.[1]);

/**
 * Creates objects at once, each with a cluster of its own, against an emulator that enforces Azure's limits, with the real queue, runs, SDKs
 * and pacer. Operator and Azure go by one virtual clock, which jumps to the next timer as soon as nothing is under way any more.
 */
export const createAtOnce = async ({ objects: counts, prepare, limitMilliseconds }: CreationsOptions): Promise<Creations> => {
  const clock = createFakeClock();
  const now = (): number => clock.now();
  const emulator = await startEmulator({
    world: benchWorld(),
    clock: () => new Date(now()),
    throttling: 'enforced',
    journalBodies: false,
  });
  setDefaultCACertificates([...getCACertificates('default'), emulator.ca]);
  const api = createMemoryApiServer();
  for (const [index, { id, group }] of subscriptions.entries()) {
    for (let number = 0; number < (counts[index] ?? 0); number += 1) {
      const clusterResourceId = `/subscriptions/${id}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/c${number}`;
      emulator.world.addCluster({
        id: clusterResourceId,
        location: 'westeurope',
        upgradeChannel: 'stable',
        nodeOSUpgradeChannel: 'NodeImage',
        maintenanceConfigurations: {},
      });
      api.apply({ clusterResourceId, receivers: { email: [{ address: 'oncall@contoso.com' }] } }, `s${index}-${number}`);
    }
  }
  prepare?.(emulator);

  let underWay = 0;
  let onIdle = (): void => undefined;
  const token = await emulator.mintToken(operatorClientId, { expiresInSeconds: 7 * 86_400 });
  const session = createSession({
    credential: { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    endpoint: emulator.url,
    audience: 'https://management.azure.com',
    userAgent: 'test',
    clock,
  });
  const counted: Session = {
    ...session,
    call: async (what, make) => {
      underWay += 1;
      try {
        return await session.call(what, make);
      } finally {
        underWay -= 1;
        onIdle();
      }
    },
  };
  const azure: Azure = {
    clusters: createClusters(counted),
    identities: createIdentities(counted),
    actionGroups: createActionGroups(counted),
    alertRules: createAlertRules(counted),
    roleAssignments: createRoleAssignments(counted),
    testNotifications: createTestNotifications(counted),
  };
  const store = createStore<MaintenanceNotification>();
  store.replace(api.list());
  const readyAfter: number[][] = subscriptions.map(() => []);
  const seenReady = new Set<string>();
  let runs = 0;
  const random = seeded();
  const controller = startController({
    name: 'creations',
    clock,
    random,
    runDeadlineMilliseconds: 300_000,
    reconcile: createReconcile({
      objects: createObjects(api.transport, store),
      azure,
      clusterFacts: createClusterFactsCache(azure.clusters, now, random),
      identities: createIdentityCache(azure.identities, now, random),
      memory: createRunMemory(),
      survey: createSurvey(azure, now, random),
      secrets: createSecrets(api.transport),
      again: (key) => controller.add(key),
      announce: () => undefined,
      log: () => undefined,
      now,
      random,
      settings: {
        installationId: 'test',
        intervalMilliseconds: 600_000,
        readyGraceMilliseconds: 300_000,
        allowedScopes: [],
        secretNamespaces: [],
      },
    }),
    onRun: ({ key }) => {
      runs += 1;
      const object = store.get(key);
      if (object && isReady(object) && !seenReady.has(key)) {
        seenReady.add(key);
        readyAfter[subscriptionOf(key)]?.push(clock.monotonic() / 1000);
      }
      onIdle();
    },
  });

  const isIdle = (): boolean => underWay === 0 && controller.depth().ready === 0 && controller.depth().processing === 0;
  /** Resolves when nothing goes on any more until a timer fires. */
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        // What has just ended may have something to begin.
        setImmediate(() => {
          if (isIdle()) resolve();
        });
      };
      onIdle = look;
      look();
    });

  const startedAt = now();
  for (const object of store.list()) controller.add(`${object.metadata.namespace}/${object.metadata.name}`);
  try {
    while (seenReady.size < counts[0] + counts[1] && clock.monotonic() < limitMilliseconds) {
      await idle();
      await clock.advance(clock.untilNext() ?? limitMilliseconds);
    }
    await idle();
    return { readyAfter, calls: emulator.journal.calls({ kind: 'arm' }), writes: api.writes.length, runs, startedAt };
  } finally {
    await controller.stop(0);
    await emulator.stop();
  }
};

/** Chance that is the same in each run. */
const seeded = (): (() => number) => {
  let state = 1;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
};
