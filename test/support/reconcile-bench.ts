import { randomUUID } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { TokenCredential } from '@azure/identity';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../emulator/emulator.ts';
import type { Call } from '../../emulator/journal.ts';
import type { World } from '../../emulator/world.ts';
import type { MaintenanceNotification, MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { createActionGroups } from '../../src/azure/action-groups.ts';
import { createAlertRules } from '../../src/azure/alert-rules.ts';
import { createClusters } from '../../src/azure/clusters.ts';
import { createIdentities } from '../../src/azure/identities.ts';
import { createRoleAssignments } from '../../src/azure/role-assignments.ts';
import { createTestNotifications } from '../../src/azure/test-notifications.ts';
import { createSession, type SessionOptions } from '../../src/azure/session.ts';
import type { Announcement } from '../../src/core/announcements.ts';
import { createStore } from '../../src/kube/store.ts';
import { createClusterFactsCache } from '../../src/reconcile/cluster-facts-cache.ts';
import { createIdentityCache } from '../../src/reconcile/identity.ts';
import { createObjects } from '../../src/reconcile/objects.ts';
import type { Azure, Deps, RunLog, Settings } from '../../src/reconcile/ports.ts';
import { createReconcile } from '../../src/reconcile/reconcile.ts';
import { createRunMemory } from '../../src/reconcile/run-memory.ts';
import { createSecrets } from '../../src/reconcile/secrets.ts';
import { createSurvey } from '../../src/reconcile/survey.ts';
import type { Requeue } from '../../src/runtime/controller.ts';
import { createMemoryApiServer, type KubernetesWrite, type MemoryApiServer } from './memory-api-server.ts';
import { minimalSpec, subscriptionId } from './notification.ts';
import { misreadings, statusMistakes } from './status-rules.ts';

export const operatorClientId = '22222222-2222-4222-8222-222222222222';
export const operatorObjectId = '33333333-3333-4333-8333-333333333333';
/** An application without any right. */
export const strangerClientId = '2bbbbbbb-2222-4222-8222-222222222222';
const strangerObjectId = '3bbbbbbb-3333-4333-8333-333333333333';
export const otherSubscriptionId = 'bbbbbbbb-4444-4444-8444-444444444444';
export const subscription = `/subscriptions/${subscriptionId}`;
export const shop = `${subscription}/resourceGroups/shop`;
export const clusterId = `${shop}/providers/Microsoft.ContainerService/managedClusters/prod`;
export const onCallGroupId = `${subscription}/resourceGroups/ops/providers/Microsoft.Insights/actionGroups/OnCall`;
export const owner = 'test/platform/prod';
export const key = 'platform/prod';
const ownerRole = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';

/** A tenant with two subscriptions, the cluster `prod`, and an operator that owns both subscriptions. */
export const benchWorld = (): World => ({
  tenantId: '11111111-1111-4111-8111-111111111111',
  applications: [
    { clientId: operatorClientId, objectId: operatorObjectId, federatedCredentials: [] },
    { clientId: strangerClientId, objectId: strangerObjectId, federatedCredentials: [] },
  ],
  subscriptions: [
    {
      subscriptionId,
      resourceGroups: [
        { name: 'shop', location: 'westeurope' },
        { name: 'ops', location: 'westeurope' },
      ],
    },
    { subscriptionId: otherSubscriptionId, resourceGroups: [{ name: 'alerts', location: 'northeurope' }] },
  ],
  roleAssignments: [
    { scope: subscription, roleDefinitionId: ownerRole, principalId: operatorObjectId },
    { scope: `/subscriptions/${otherSubscriptionId}`, roleDefinitionId: ownerRole, principalId: operatorObjectId },
  ],
  clusters: [
    {
      id: clusterId,
      location: 'westeurope',
      upgradeChannel: 'stable',
      nodeOSUpgradeChannel: 'NodeImage',
      maintenanceConfigurations: {
        default: {
          maintenanceWindow: { schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } }, durationHours: 4, startTime: '02:00' },
        },
      },
    },
  ],
});

/** The same world, in which the operator has a role of its own: everything, but for these actions. */
export const worldWithout = (...notActions: readonly string[]): World => {
  const world = benchWorld();
  const id = randomUUID();
  return {
    ...world,
    roleDefinitions: [{ id, name: 'Operator', actions: ['*'], notActions: [...notActions] }],
    roleAssignments: world.roleAssignments.map((each) => Object.assign({}, each, { roleDefinitionId: id })),
  };
};

/** One line of what happened, in its order: `finalizer`, `status`, or a call to Azure as `PUT actionGroups 201`. */
export type Line = { readonly line: string } & ({ readonly write: KubernetesWrite } | { readonly call: Call });

export interface Bench extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly api: MemoryApiServer;
  /** Everything that was announced, as `Normal CreatedAlertRule: …`, oldest first. */
  readonly events: readonly string[];
  readonly logs: readonly RunLog[];
  readonly clock: { readonly now: () => number; readonly advance: (milliseconds: number) => void };
  /** The edge to Azure, to be bent by a test: functions put here replace the real ones from the next run on. */
  bend: (azure: Azure) => Azure;
  /** What the operator is started with, besides the times. */
  settings: Pick<Settings, 'allowedScopes' | 'secretNamespaces'>;
  /** What spreads the next tries: 0.5 unless a test sets it, which is the middle. */
  random: () => number;
  /** The object as it is now. */
  readonly object: (key?: string) => MaintenanceNotification;
  readonly apply: (spec?: MaintenanceNotificationSpec, name?: string) => void;
  /** One run. Checks every status that it writes against Flux's rules, and how Flux and kstatus read it. */
  readonly run: (options?: { readonly key?: string; readonly stopping?: AbortSignal; readonly signal?: AbortSignal }) => Promise<Requeue>;
  /** Applies a spec, runs, and expects that everything stands. */
  readonly settle: (spec?: MaintenanceNotificationSpec) => Promise<void>;
  /** Lets the operator see what has changed in Kubernetes since the run began, as its watch would. */
  readonly watch: () => void;
  /** A new process: nothing is remembered but what Kubernetes and Azure hold. */
  readonly restart: () => void;
  /** What happened since the last `forget`, Kubernetes and Azure in one order. */
  readonly lines: () => readonly Line[];
  /** Only what changed something in Azure, as `PUT actionGroups 201`. */
  readonly azureWrites: () => readonly string[];
  /** Only the writes to Kubernetes: `finalizer` and `status`. */
  readonly kubernetesWrites: () => readonly string[];
  readonly azureCalls: () => readonly string[];
  readonly forget: () => void;
}

const isLive = (call: Call): boolean => call.kind === 'arm';
const lineOf = ({ method, type, operation, status }: Call): string =>
  `${operation === 'list' ? 'LIST' : method} ${type?.split('/').slice(1).join('/') ?? ''} ${status}`;

/** What is wrong with the statuses of one run, by Flux's rules. The last one counts as the end of the run, if the run came to its end. */
const judge = (
  statuses: readonly MaintenanceNotification[],
  end: MaintenanceNotification | undefined,
  generation: number,
): readonly string[] => {
  const at = (object: MaintenanceNotification): MaintenanceNotification => ({ ...object, metadata: { ...object.metadata, generation } });
  const middle = end ? statuses.slice(0, -1) : statuses;
  return [
    ...middle.flatMap((object) => {
      const mistakes = statusMistakes(at(object), 'mid run');
      return mistakes.length > 0 && statusMistakes(at(object), 'end of run').length > 0 ? mistakes : [];
    }),
    ...(end ? statusMistakes(at(end), 'end of run') : []),
  ];
};

interface BenchOptions extends Partial<EmulatorOptions> {
  /** Azure goes by the bench's clock too; otherwise by the machine's. */
  readonly sharesClock?: boolean;
}

export const startBench = async ({ sharesClock, ...options }: BenchOptions = {}): Promise<Bench> => {
  let now = Date.UTC(2026, 0, 1, 12);
  const emulator = await startEmulator({ world: benchWorld(), ...(sharesClock ? { clock: () => new Date(now) } : {}), ...options });
  setDefaultCACertificates([...getCACertificates('default'), emulator.ca]);
  const api = createMemoryApiServer();
  const events: string[] = [];
  const logs: RunLog[] = [];

  const edge = azureOf(emulator);
  /** One edge as the test has bent it by the time it is used. */
  const bent = <Kind extends keyof Azure>(kind: Kind): Azure[Kind] =>
    new Proxy(edge[kind], { get: (_, member) => Reflect.get(bench.bend(edge)[kind], member) as unknown });
  let process: Pick<Deps, 'objects' | 'clusterFacts' | 'identities' | 'memory' | 'survey'> & {
    store: ReturnType<typeof createStore<MaintenanceNotification>>;
  };
  const restart = (): void => {
    const store = createStore<MaintenanceNotification>();
    process = {
      store,
      objects: createObjects(api.transport, store),
      clusterFacts: createClusterFactsCache(
        {
          observe: (id, signal) => bench.bend(edge).clusters.observe(id, signal),
          maintenanceWindows: (id, signal) => bench.bend(edge).clusters.maintenanceWindows(id, signal),
        },
        () => now,
        () => 0.5,
      ),
      identities: createIdentityCache(
        bent('identities'),
        () => now,
        () => 0.5,
      ),
      memory: createRunMemory(),
      survey: createSurvey(
        {
          actionGroups: bent('actionGroups'),
          alertRules: bent('alertRules'),
          roleAssignments: bent('roleAssignments'),
        },
        () => now,
        () => 0.5,
      ),
    };
  };

  let forgottenWrites = 0;
  let forgottenCalls = 0;
  /** For each write to Kubernetes, how many calls Azure had answered by then. */
  const callsBefore: number[] = [];
  const lastCall = (): number => emulator.journal.calls().at(-1)?.sequence ?? 0;
  const lines = (): readonly Line[] =>
    [
      ...api.writes
        .slice(forgottenWrites)
        .map((write, index) => ({ line: write.what, write, at: callsBefore[forgottenWrites + index] ?? 0 })),
      ...emulator.journal
        .calls()
        .filter((call) => isLive(call) && call.sequence > forgottenCalls)
        .map((call) => ({ line: lineOf(call), call, at: call.sequence - 0.5 })),
    ].toSorted((one, other) => one.at - other.at);
  api.transport.request = recording(api, callsBefore, lastCall);

  const run: Bench['run'] = async (how = {}) => {
    const which = how.key ?? key;
    process.store.replace(api.list());
    const { uid, generation = 0 } = process.store.get(which)?.metadata ?? {};
    const before = api.writes.length;
    const statuses = (): readonly MaintenanceNotification[] =>
      api.writes.slice(before).flatMap(({ what, object }) => (what === 'status' ? [object] : []));
    /** The lists that the run has left to be read. */
    let reading: Promise<unknown> | undefined;
    const reconcile = createReconcile({
      ...process,
      survey: {
        ...process.survey,
        look: (...asked) => {
          const look = process.survey.look(...asked);
          reading = look.kind === 'later' ? look.ready : undefined;
          return look;
        },
      },
      again: () => undefined,
      secrets: createSecrets(api.transport),
      azure: bench.bend(edge),
      announce: (_, { type, reason, message }: Announcement) => void events.push(`${type} ${reason}: ${message}`),
      log: (_, entry) => void logs.push(entry),
      now: () => now,
      random: () => bench.random(),
      settings: { installationId: 'test', intervalMilliseconds: 600_000, readyGraceMilliseconds: 300_000, ...bench.settings },
    });
    const never = new AbortController().signal;
    let requeue: Requeue;
    try {
      const calls = (): Promise<Requeue> => reconcile(which, how.signal ?? never, how.stopping ?? never);
      requeue = await calls();
      // The lists were being read: the queue would bring the key back when they are there.
      while (reading) {
        await reading;
        reading = undefined;
        requeue = await calls();
      }
    } catch (error) {
      expectNone(judge(statuses(), undefined, generation));
      throw error;
    } finally {
      for (const each of statuses()) expectNone(await misreadings(each));
    }
    const isUnfinished = requeue.kind === 'backOff' && requeue.capMilliseconds === 10_000;
    const end = api.get(which);
    // One of the same name may have been made meanwhile; it has not been looked at yet.
    expectNone(judge(statuses(), isUnfinished || end?.metadata.uid !== uid ? undefined : end, generation));
    return requeue;
  };

  const bench: Bench = {
    emulator,
    api,
    events,
    logs,
    clock: { now: () => now, advance: (milliseconds) => void (now += milliseconds) },
    bend: (azure) => azure,
    settings: { allowedScopes: [], secretNamespaces: [] },
    random: () => 0.5,
    object: (which = key) => {
      const object = api.get(which);
      if (!object) throw new Error(`there is no object ${which}`);
      return object;
    },
    apply: (spec = minimalSpec, name = 'prod') => void api.apply(spec, name),
    run,
    settle: async (spec = minimalSpec) => {
      api.apply(spec);
      await run();
      const ready = bench.object().status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') throw new Error(`not Ready: ${JSON.stringify(ready)}`);
      bench.forget();
    },
    watch: () => void process.store.replace(api.list()),
    restart,
    lines,
    azureCalls: () => lines().flatMap((each) => ('call' in each ? [each.line] : [])),
    azureWrites: () =>
      lines().flatMap((each) =>
        'call' in each && (each.call.operation === 'write' || each.call.operation === 'delete') ? [each.line] : [],
      ),
    kubernetesWrites: () => lines().flatMap((each) => ('write' in each ? [each.line] : [])),
    forget: () => {
      forgottenWrites = api.writes.length;
      forgottenCalls = lastCall();
      events.length = 0;
      logs.length = 0;
    },
    [Symbol.asyncDispose]: () => emulator.stop(),
  };
  restart();
  return bench;
};

/** Notes with each write how far Azure had come. */
const recording = (api: MemoryApiServer, callsBefore: number[], lastCall: () => number): MemoryApiServer['transport']['request'] => {
  const { request } = api.transport;
  return async (asked) => {
    const called = lastCall();
    const before = api.writes.length;
    try {
      return await request(asked);
    } finally {
      if (api.writes.length > before) callsBefore.push(called);
    }
  };
};

const expectNone = (mistakes: readonly string[]): void => {
  if (mistakes.length > 0) throw new Error(`a status breaks the rules: ${mistakes.join('; ')}`);
};

/** By this clock every turn has come: for tests that aren't about the pace of calls. */
const everLater = (): SessionClock => {
  let elapsed = 0;
  return { now: () => Date.now(), monotonic: () => (elapsed += 24 * 3_600_000) };
};

type SessionClock = NonNullable<SessionOptions['clock']>;

/** The real clients, signed in to the emulator as an application. */
export const azureOf = (emulator: Emulator, clientId = operatorClientId, clock: SessionClock = everLater()): Azure => {
  // Good for longer than the session thinks: a test may put the emulator's clock forward by days.
  const getToken = async () => ({
    token: await emulator.mintToken(clientId, { expiresInSeconds: 7 * 24 * 3600 }),
    expiresOnTimestamp: Date.now() + 3_600_000,
  });
  return azureWith(emulator, { getToken }, clock);
};

/** The real clients, signed in to the emulator in a way of the test's own. */
export const azureWith = (emulator: Emulator, credential: TokenCredential, clock: SessionClock = everLater()): Azure => {
  const session = createSession({ credential, endpoint: emulator.url, audience: 'https://management.azure.com', userAgent: 'test', clock });
  return {
    clusters: createClusters(session),
    identities: createIdentities(session),
    actionGroups: createActionGroups(session),
    alertRules: createAlertRules(session),
    roleAssignments: createRoleAssignments(session),
    testNotifications: createTestNotifications(session),
  };
};

type Json = Record<string, unknown>;

/** What somebody with the portal or the CLI does, as the operator or as `clientId`: reads a resource, changes its JSON, and puts it back, or deletes it. */
export const byHand = async (
  { emulator }: Bench,
  id: string,
  change: ((body: Json & { properties: Json }) => object) | 'delete',
  clientId = operatorClientId,
): Promise<void> => {
  const version = /scheduledQueryRules/i.test(id) ? '2025-01-01-preview' : /actionGroups/i.test(id) ? '2024-10-01-preview' : '2022-04-01';
  const headers = { authorization: `Bearer ${await emulator.mintToken(clientId)}`, 'content-type': 'application/json' };
  const ask = async (method: string, body?: object): Promise<Json & { properties: Json }> => {
    const answer = await fetch(`${emulator.url}${id}?api-version=${version}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${id}: ${answer.status} ${await answer.text()}`);
    return (answer.status === 204 || method === 'DELETE' ? {} : await answer.json()) as Json & { properties: Json };
  };
  if (change === 'delete') await ask('DELETE');
  else await ask('PUT', change(await ask('GET')));
};
