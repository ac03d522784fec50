/**
 * Kills the operator at one call after another. Several lanes work side by side on one API server; each has a namespace, an Azure, a proxy
 * and an operator process of its own, so that the calls of one are never taken for those of another.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import type { Incoming } from '../../emulator/http.ts';
import type { MaintenanceNotification, MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { azureName } from '../../src/core/owner.ts';
import { type ProxyRequest, startFaultProxy } from './fault-proxy.ts';
import { type OperatorProcess, prepareOperatorProcesses, type StartOperatorProcess } from './operator-process.ts';
import { clusterId, exampleWorld, isReady, type Stage } from './stage.ts';
import { waitFor } from './wait.ts';

/** Where the process dies: before a call's work is done, or after it is done and before the answer is sent. */
export interface Point {
  /** `PUT actionGroups 1`: the first of its kind since the story began. */
  readonly call: string;
  readonly when: 'before' | 'after';
}

/** How a story ended. */
export interface Ending {
  /** What stands in Azure and in the object's status, without what is different each time. */
  readonly state: unknown;
  /** What stood in Azure right after the kill and on no list of the object. */
  readonly unlisted: readonly string[];
  /** What was left in Azure when the object was deleted afterwards. */
  readonly leftAfterDeletion: readonly string[];
}

export interface Story {
  readonly name: string;
  /**
   * What stands before it begins, made by the operator at work. Absent: nothing, and the operator is started only when the story has happened,
   * so that what it asks for at its start is swept too.
   */
  readonly before?: Partial<MaintenanceNotificationSpec>;
  /** What somebody does to Azure before. */
  readonly byHand?: (lane: Lane) => Promise<void> | void;
  readonly happens: (lane: Lane) => Promise<unknown>;
  readonly endsGone?: boolean;
}

export interface Lane {
  readonly emulator: Emulator;
  readonly spec: (change?: Partial<MaintenanceNotificationSpec>) => MaintenanceNotificationSpec;
  readonly create: (spec: MaintenanceNotificationSpec) => Promise<void>;
  readonly patch: (patch: object) => Promise<void>;
  readonly delete: () => Promise<void>;
  readonly object: () => Promise<MaintenanceNotification | undefined>;
  /** Carries a story out; with a point, the operator dies there, once. */
  readonly play: (story: Story, point?: Point) => Promise<Ending & { readonly calls: readonly string[] }>;
  readonly stop: () => Promise<void>;
}

const objectName = 'prod';

/** Thrown into a request whose sender is dead: nothing more is done for it. */
class SenderIsDead extends Error {
  override readonly name = 'SenderIsDead' as const;
}

/** Calls that nothing waits for and nothing is decided by: the lease, and Events. */
const isBeside = (path: string): boolean => path.includes('/leases') || path.endsWith('/events');

const kubernetesCall = ({ method, path, query }: ProxyRequest): string | undefined => {
  if (isBeside(path)) return undefined;
  if (path.includes('/maintenancenotifications/')) return `${method} ${path.endsWith('/status') ? 'status' : 'object'}`;
  const what = path.split('/').at(-1) ?? '';
  return `${query['watch'] === 'true' ? 'WATCH' : method} ${what}`;
};

const azureCall = ({ method, path }: Incoming): string => {
  const [, type, name, subtype] =
    path
      .split(/\/providers\//i)
      .at(-1)
      ?.split('/') ?? [];
  if (!path.includes('/providers/')) return `${method} ${path.split('/').at(-1)}`;
  return `${name === undefined ? 'LIST' : method} ${subtype ?? type}`;
};

/** Counts the calls of an operator, and strikes at one of them. */
const createWatchman = () => {
  let counts = new Map<string, number>();
  let calls: string[] = [];
  let strike: { readonly point: Point; readonly kill: () => Promise<unknown>; hasStruck: boolean } | undefined;
  let isWatching = false;
  const names = new WeakMap<object, string>();
  const reach = async (call: string | undefined, when: Point['when']): Promise<void> => {
    if (!strike || strike.hasStruck || strike.point.call !== call || strike.point.when !== when) return;
    strike.hasStruck = true;
    await strike.kill();
    throw new SenderIsDead();
  };
  return {
    onArrival: async (request: object, call: string | undefined): Promise<void> => {
      if (!isWatching || call === undefined) return;
      const count = (counts.get(call) ?? 0) + 1;
      counts.set(call, count);
      names.set(request, `${call} ${count}`);
      calls.push(`${call} ${count}`);
      await reach(`${call} ${count}`, 'before');
    },
    onAnswered: async (request: object): Promise<void> => reach(names.get(request), 'after'),
    watch: (): void => {
      counts = new Map();
      calls = [];
      strike = undefined;
      isWatching = true;
    },
    strikeAt: (point: Point, kill: () => Promise<unknown>): void => {
      strike = { point, kill, hasStruck: false };
    },
    hasStruck: (): boolean => strike?.hasStruck === true,
    end: (): readonly string[] => {
      isWatching = false;
      strike = undefined;
      return calls;
    },
  };
};

const resourcesOf = ({ emulator }: Lane) => {
  const { actionGroups, alertRules, roleAssignments } = emulator.resources();
  return { actionGroups, alertRules, roleAssignments: roleAssignments.filter(({ isSeed }) => !isSeed) };
};

const idsIn = (lane: Lane): readonly string[] =>
  Object.values(resourcesOf(lane))
    .flat()
    .map(({ id }) => id.toLowerCase());

/** What changes with each write or each run, and says nothing about what was made. */
const volatile = new Set([
  'etag',
  'systemData',
  'createdOn',
  'updatedOn',
  'createdBy',
  'updatedBy',
  'lastTransitionTime',
  'uid',
  'resourceVersion',
]);

type Fields = Readonly<Record<string, unknown>>;

const principalOf = (identity: unknown): string | undefined => {
  const { principalId, userAssignedIdentities = {} } = (identity ?? {}) as {
    readonly principalId?: string;
    readonly userAssignedIdentities?: Readonly<Record<string, { readonly principalId?: string }>>;
  };
  return principalId ?? Object.values(userAssignedIdentities)[0]?.principalId;
};

/** Azure and the object's status as plain text without names that are different each time: each becomes the role it plays. */
const stateOf = (lane: Lane, namespace: string, object: MaintenanceNotification | undefined, installationId: string): unknown => {
  const { actionGroups, alertRules, roleAssignments } = resourcesOf(lane);
  const { resources, ...status } = object?.status ?? {};
  const hash = azureName({ installationId, namespace, name: objectName }, '').slice(-12);
  const roles: readonly (readonly [string | undefined, string])[] = [
    [namespace, 'NAMESPACE'],
    [hash, 'HASH'],
    ...alertRules.map(({ identity }, index) => [principalOf(identity), `PRINCIPAL ${index}`] as const),
    ...roleAssignments
      .map(({ id, properties }) => ({ name: id.split('/').at(-1), scope: (properties as Fields)['scope'] as string }))
      .toSorted((one, other) => one.scope.localeCompare(other.scope))
      .map(({ name, scope }, index) => [name, `ASSIGNMENT ${index} at ${scope}`] as const),
  ];
  const state = {
    azure: { actionGroups, alertRules, roleAssignments },
    status: object && status,
    inventory: resources,
    finalizers: object?.metadata.finalizers,
    generation: object?.metadata.generation,
  };
  const text = JSON.stringify(state, (field, value: unknown) => (volatile.has(field) ? undefined : value));
  const named = roles.reduce((all, [name, role]) => (name ? all.replaceAll(name, role) : all), text);
  return sorted(JSON.parse(named));
};

/** Lists of things with an id in the order of their ids: the order in which they were made is no part of the state. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted).toSorted((one, other) => (idOf(one) < idOf(other) ? -1 : 1));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([field, each]) => [field, sorted(each)]));
  return value;
};
const idOf = (value: unknown): string => JSON.stringify((value as Fields | null)?.['id'] ?? value);

const managedIdentityOperator = 'f1a07417-d97a-45cb-824c-7a7467783830';
export const sharedIdentityId = `${clusterId('prod').split('/providers/')[0]}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/alerts`;

const sharedPrincipalId = '7c9a5d1e-2b4f-4c63-8a1d-0e5f6a7b8c9d';
const sharedClientId = '1f3e5d7c-9b8a-4f60-b1c2-d3e4f5a6b7c8';

/** A user-assigned identity that the operator may give to rules. */
const addSharedIdentity = ({ world }: Emulator, operatorObjectId: string): void => {
  world.addUserAssignedIdentity({ id: sharedIdentityId, principalId: sharedPrincipalId, clientId: sharedClientId });
  world.addRoleAssignment({ scope: sharedIdentityId, roleDefinitionId: managedIdentityOperator, principalId: operatorObjectId });
};

interface LaneOptions {
  readonly stage: Stage;
  readonly start: StartOperatorProcess;
  readonly installationId: string;
  readonly index: number;
  readonly args: readonly string[];
}

const startLane = async ({ stage: { controlPlane }, start, installationId, index, args }: LaneOptions): Promise<Lane> => {
  const watchman = createWatchman();
  const world = exampleWorld(controlPlane.issuer);
  const emulator = await startEmulator({
    world,
    issuerCa: controlPlane.ca,
    onArrival: (incoming) => watchman.onArrival(incoming, azureCall(incoming)),
    onAnswered: (incoming) => watchman.onAnswered(incoming),
  });
  addSharedIdentity(emulator, world.applications[0]?.objectId ?? '');
  const proxy = await startFaultProxy(controlPlane, {
    onArrival: (request) => watchman.onArrival(request, kubernetesCall(request)),
    onAnswered: (request) => watchman.onAnswered(request),
  });
  const ca = join(controlPlane.directory, `emulator-ca-${index}.crt`);
  await writeFile(ca, emulator.ca);
  const namespace = await controlPlane.createNamespace(`sweep-${index}`);
  const collection = `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications`;
  const path = `${collection}/${objectName}`;

  // A promise, since the first calls come before a test knows that the process has started.
  let operator: Promise<OperatorProcess> | undefined;
  let starts = 0;
  const startOperator = async (): Promise<void> => {
    starts += 1;
    operator = start({
      name: `lane-${index}-${starts}`,
      kube: { server: proxy.url, ca: proxy.ca() },
      args: [`--watch-namespaces=${namespace}`, ...args],
      env: { NODE_EXTRA_CA_CERTS: ca, AZURE_AUTHORITY_HOST: emulator.url, AZURE_RESOURCE_MANAGER_ENDPOINT: emulator.url },
    });
    await operator;
  };
  const kill = async (): Promise<void> => {
    await (await operator)?.kill();
  };

  const request = async (method: 'POST' | 'PATCH' | 'DELETE', where: string, body?: object): Promise<void> => {
    const { status, body: answer } = await controlPlane.request(method, where, body ? { body } : {});
    if (status >= 300) throw new Error(`${method} ${where}: ${status} ${JSON.stringify(answer)}`);
  };
  const object = async (): Promise<MaintenanceNotification | undefined> => {
    const { status, body } = await controlPlane.request<MaintenanceNotification>('GET', path);
    return status === 200 ? body : undefined;
  };

  /** True when this process has nothing to do any more, not even a first look. */
  const isQuiet = async (): Promise<boolean> => {
    const page = await (await operator)?.scrape();
    return (
      page !== undefined &&
      page.sum('controller_runtime_reconcile_total') > 0 &&
      page.sum('controller_runtime_active_workers') === 0 &&
      page.sum('workqueue_depth') === 0
    );
  };
  const isSettled = (current: MaintenanceNotification): boolean => {
    const asked = current.metadata.annotations?.['aks-notifier.dev/reconcile-requested-at'];
    return isReady(current) && (asked === undefined || current.status?.lastHandledReconcileAt === asked);
  };
  const settle = async (endsGone: boolean): Promise<MaintenanceNotification | undefined> =>
    waitFor(
      `end of the work on ${namespace}/${objectName}`,
      async () => {
        const current = await object();
        if (endsGone) return current === undefined && { current };
        if (!current || !isSettled(current)) throw new Error(JSON.stringify(current?.status ?? 'it is gone'));
        return (await isQuiet()) && { current };
      },
      60_000,
    ).then(({ current }) => current);

  /** What the last process said, for whoever reads that a story did not end. */
  const told = async <T>(work: Promise<T>): Promise<T> =>
    work.catch(async (error: unknown) => {
      const lines = (await operator)?.log().slice(-20) ?? [];
      const log = lines.map((line) => JSON.stringify(line)).join('\n');
      throw new Error(`${String(error)}\ncalls: ${watchman.end().join(', ')}\n${log}`, { cause: error });
    });

  const unlisted = async (): Promise<readonly string[]> => {
    const listed = ((await object())?.status?.resources ?? []).map(({ id }) => id.toLowerCase());
    return idsIn(lane).filter((id) => !listed.includes(id));
  };

  const begin = async ({ before, byHand }: Story): Promise<void> => {
    if (!before) return kill();
    if (!(await operator)?.isRunning()) await startOperator();
    await lane.create(lane.spec(before));
    await settle(false);
    await byHand?.(lane);
  };

  const lane: Lane = {
    emulator,
    spec: (change = {}) => ({ clusterResourceId: clusterId('prod'), receivers: { email: [{ address: 'oncall@contoso.com' }] }, ...change }),
    create: (spec) =>
      request('POST', collection, {
        apiVersion: 'aks-notifier.dev/v1alpha1',
        kind: 'MaintenanceNotification',
        metadata: { name: objectName, namespace },
        spec,
      }),
    patch: (patch) => request('PATCH', path, patch),
    delete: () => request('DELETE', path),
    object,
    play: async (story, point) => told(play(story, point)),
    stop: async () => {
      await kill();
      await Promise.all([proxy.close(), emulator.stop()]);
    },
  };
  const play: Lane['play'] = async (story, point) => {
    await begin(story);
    watchman.watch();
    if (point) watchman.strikeAt(point, kill);
    await story.happens(lane);
    if (!story.before) await startOperator();
    let atOnce: readonly string[] = [];
    if (point) {
      await waitFor(`call ${point.call} of ${story.name}`, () => watchman.hasStruck());
      await kill();
      watchman.end();
      atOnce = await unlisted();
      await startOperator();
    }
    const settled = await settle(story.endsGone ?? false);
    const calls = watchman.end();
    const state = stateOf(lane, namespace, settled, installationId);
    if (settled) {
      await lane.delete();
      await settle(true);
    }
    return { calls, state, unlisted: atOnce, leftAfterDeletion: idsIn(lane) };
  };
  return lane;
};

/** Starts so many lanes; `args` are the flags of their operators. */
export const startLanes = async (stage: Stage, flags: readonly (readonly string[])[]): Promise<readonly Lane[]> => {
  const start = await prepareOperatorProcesses(stage);
  const kubeSystem = await stage.controlPlane.request<MaintenanceNotification>('GET', '/api/v1/namespaces/kube-system');
  const installationId = kubeSystem.body.metadata.uid;
  const lanes: Lane[] = [];
  for (const [index, args] of flags.entries()) lanes.push(await startLane({ stage, start, installationId, index, args }));
  return lanes;
};
