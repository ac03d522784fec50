import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Call } from '../../emulator/journal.ts';
import type { World } from '../../emulator/world.ts';
import type { MaintenanceNotificationSpec, MaintenanceNotificationStatus } from '../../src/api/maintenance-notification.ts';
import type { AllowedScopes } from '../../src/core/boundary.ts';
import { ownerDescription, ownerWords } from '../../src/core/owner.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { oneOfEach } from '../support/receivers.ts';
import {
  benchWorld,
  clusterId,
  key,
  operatorClientId,
  operatorObjectId,
  otherSubscriptionId,
  shop,
  startBench,
  subscription,
  type Bench,
} from '../support/reconcile-bench.ts';

const ops = `${subscription}/resourceGroups/ops`;
const other = `/subscriptions/${otherSubscriptionId}`;
const alerts = `${other}/resourceGroups/alerts`;
const allows = (namespace: string, ...prefixes: readonly string[]): AllowedScopes => prefixes.map((prefix) => ({ prefix, namespace }));

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const condition = (type: string, which = key) => bench.object(which).status?.conditions?.find((each) => each.type === type);

describe('an object that reaches out of what is allowed to its namespace', () => {
  it('is refused before anything is asked of Azure, in words that name the id, the namespace and the flag', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('team-a', subscription) };
    bench.apply();
    expect(await bench.run()).toMatchObject({ kind: 'after' });
    const message = `spec.clusterResourceId reaches ${clusterId}, which --allowed-scopes does not allow to namespace platform, so Azure was not called: make an object for a cluster that is allowed, or have it allowed.`;
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'AccessDenied', message });
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason: 'AccessDenied', message });
    expect(bench.object().metadata.finalizers ?? []).toEqual([]);
    expect(bench.events).toEqual([`Warning Stalled: AccessDenied: ${message}`]);
    expect(bench.azureCalls()).toEqual([]);
  });

  it('has no Secret read for it', async () => {
    bench = await startBench();
    bench.settings = { allowedScopes: allows('team-a', subscription), secretNamespaces: ['platform'] };
    bench.apply(specWith({ receivers: { webhook: [{ name: 'x', serviceUriFrom: { secretKeyRef: { name: 'hooks', key: 'url' } } }] } }));
    await bench.run();
    expect(condition('Ready')).toMatchObject({ reason: 'AccessDenied', message: expect.stringContaining('spec.clusterResourceId') });
    expect(bench.api.secretReads).toEqual([]);
  });

  it('goes as soon as it follows the fix', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', shop) };
    bench.apply();
    await bench.run();
    expect(condition('Ready')?.message).toContain('write spec.readerScopes: [ResourceGroup]');
    await bench.settle(specWith({ readerScopes: ['ResourceGroup'] }));
  });

  it('is deleted at once when it never got anywhere', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', other) };
    bench.apply();
    await bench.run();
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(bench.azureCalls()).toEqual([]);
  });

  it('is deleted at once when somebody gave it our finalizer', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', other) };
    bench.apply();
    bench.api.tamper(key, (each) => ({ ...each, metadata: { ...each.metadata, finalizers: ['aks-notifier.dev/azure-cleanup'] } }));
    bench.api.delete(key);
    await bench.run();
    expect(condition('Ready')).toMatchObject({ reason: 'AccessDenied' });
    expect(bench.azureCalls()).toEqual([]);
    bench.api.tamper(key, (each) => ({ ...each, spec: { ...each.spec, deletionPolicy: 'Orphan' } }));
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(bench.azureCalls()).toEqual([]);
  });
});

describe('an object within its boundary', () => {
  it('whose status was lost is deleted all the same, and nothing outside is asked for', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', shop) };
    await bench.settle(specWith({ readerScopes: ['ResourceGroup', 'Cluster'] }));
    bench.api.tamper(key, (each) => ({ ...each, status: { observedGeneration: -1 } }));
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    const { alertRules, actionGroups, roleAssignments } = bench.emulator.resources();
    expect([alertRules, actionGroups, roleAssignments.filter(({ isSeed }) => !isSeed)]).toEqual([[], [], []]);
    const asked = bench.emulator.journal.calls({ kind: 'arm' }).map(({ path }) => path.toLowerCase());
    expect(asked.filter((path) => !path.startsWith(`${shop.toLowerCase()}/`))).toEqual([]);
  });
});

describe('a boundary that is drawn closer', () => {
  it('leaves what stands outside as it is, and lets the object go when asked to', async () => {
    bench = await startBench();
    await bench.settle();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', other) };
    await bench.run();
    expect(condition('Stalled')).toMatchObject({ reason: 'AccessDenied' });
    bench.api.delete(key);
    await bench.run();
    const message = condition('Ready')?.message ?? '';
    expect(message).toMatch(/^\/subscriptions\/.* would have to be removed, but --allowed-scopes does not allow it to namespace platform/);
    expect(message).toContain(`-p '{"spec":{"deletionPolicy":"Orphan"}}'`);
    expect(bench.azureCalls()).toEqual([]);
    bench.api.tamper(key, (each) => ({ ...each, spec: { ...each.spec, deletionPolicy: 'Orphan' } }));
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(bench.azureCalls()).toEqual([]);
  });

  it('does not keep the object from standing where it moved, and says what it leaves', async () => {
    bench = await startBench();
    const scopes = { readerScopes: ['ResourceGroup'] } as const;
    await bench.settle(specWith({ ...scopes, placement: { resourceGroup: 'ops' } }));
    const left = bench.emulator.resources();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', shop) };
    bench.apply(specWith(scopes));
    await bench.run();
    const { alertRules, actionGroups } = bench.emulator.resources();
    expect(alertRules.map(({ id }) => id)).toContainEqual(expect.stringContaining('/resourceGroups/shop/'));
    expect(alertRules).toEqual(expect.arrayContaining([...left.alertRules]));
    expect(actionGroups).toEqual(expect.arrayContaining([...left.actionGroups]));
    expect(condition('Stalled')).toMatchObject({ reason: 'AccessDenied' });
    expect(condition('Ready')?.message).toContain('kubectl edit mn prod -n platform --subresource=status');
  });
});

describe('a forged status', () => {
  it('of an assignment that somebody else granted makes nobody look there', async () => {
    bench = await startBench();
    bench.settings = { ...bench.settings, allowedScopes: allows('platform', shop) };
    await bench.settle(specWith({ readerScopes: ['ResourceGroup'] }));
    const id = `${alerts}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-00000000000a`;
    bench.api.tamper(key, (each) => ({
      ...each,
      status: { ...each.status, readerAssignments: [{ id, scope: shop, roleDefinitionId: 'x', ours: false }] },
    }));
    bench.restart();
    bench.api.annotate(key, { 'aks-notifier.dev/reconcile-requested-at': '1' });
    await bench.run();
    expect(bench.emulator.journal.calls().filter(({ path }) => path.startsWith(other))).toEqual([]);
    expect(condition('Ready')?.status).toBe('True');
    expect(bench.object().status?.readerAssignments).toMatchObject([{ scope: shop, ours: true }]);
  });
});

// Random objects of two namespaces, whose makers try to get out by whatever they can write.

const namespaces = ['team-a', 'team-b'] as const;
const names = ['one', 'two'] as const;
const ownerOf = (namespace: string, name: string) => ({ installationId: 'test', namespace, name });

const clusters = [
  clusterId,
  `${ops}/providers/Microsoft.ContainerService/managedClusters/tools`,
  `${alerts}/providers/Microsoft.ContainerService/managedClusters/north`,
];
const identities = [shop, ops, alerts].map((group) => `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`);
const principals = identities.map((_, index) => `5555555${index}-0000-4000-8000-000000000000`);
const readerRole = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';

const boundaryWorld = (): World => {
  const world = benchWorld();
  return {
    ...world,
    clusters: clusters.map((id) => ({ ...world.clusters[0]!, id })),
    userAssignedIdentities: identities.map((id, index) => ({
      id,
      principalId: principals[index]!,
      clientId: `6666666${index}-0000-4000-8000-000000000000`,
    })),
    roleAssignments: [
      ...world.roleAssignments,
      ...[subscription, shop, ops, other, alerts].map((scope, index) => ({
        scope,
        roleDefinitionId: readerRole,
        principalId: operatorObjectId,
        name: `7777777${index}-0000-4000-8000-000000000000`,
      })),
    ],
  };
};

/** What stands in every group before anything runs: somebody's group, and ones that carry the words of objects that never made them. */
const bait = [shop, ops, alerts].flatMap((group) =>
  [undefined, ...namespaces.map((namespace) => ownerWords(ownerOf(namespace, 'one')))].map((words, index) => ({
    id: `${group}/providers/Microsoft.Insights/actionGroups/bait-${index}`,
    words,
  })),
);
const baitAssignments = [shop, ops, alerts].flatMap((group, at) =>
  namespaces.map((namespace, index) => ({
    id: `${group}/providers/Microsoft.Authorization/roleAssignments/8888888${at}-0000-4000-8000-00000000000${index}`,
    principalId: principals[index]!,
    description: ownerDescription(ownerOf(namespace, 'one')),
  })),
);

/** Puts everything back to where it began. */
const begin = async ({ emulator, api, restart }: Bench): Promise<void> => {
  for (const { metadata } of api.list()) {
    const which = `${metadata.namespace}/${metadata.name}`;
    api.tamper(which, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
    if (api.get(which)) api.delete(which);
  }
  restart();
  const world = boundaryWorld();
  for (const { subscriptionId, resourceGroups } of world.subscriptions) {
    emulator.world.removeSubscription(subscriptionId);
    emulator.world.addSubscription(subscriptionId, resourceGroups);
  }
  for (const each of world.userAssignedIdentities ?? []) emulator.world.addUserAssignedIdentity(each);
  for (const each of world.clusters) emulator.world.addCluster(each);
  for (const each of world.roleAssignments) emulator.world.addRoleAssignment(each);

  const headers = { authorization: `Bearer ${await emulator.mintToken(operatorClientId)}`, 'content-type': 'application/json' };
  const put = async (id: string, version: string, body: object): Promise<void> => {
    const answer = await fetch(`${emulator.url}${id}?api-version=${version}`, { method: 'PUT', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`PUT ${id}: ${answer.status} ${await answer.text()}`);
  };
  for (const { id, words } of bait)
    await put(id, '2024-10-01-preview', {
      location: 'Global',
      properties: { groupShortName: 'bait', enabled: true },
      ...(words === undefined ? {} : { tags: { 'aks-notifier-owner': words } }),
    });
  for (const { id, principalId, description } of baitAssignments)
    await put(id, '2022-04-01', {
      properties: {
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${readerRole}`,
        principalId,
        principalType: 'ServicePrincipal',
        description,
      },
    });
};

/** Who may reach what. */
const boundaries: readonly AllowedScopes[] = [
  [...allows('team-a', subscription), ...allows('team-b', other)],
  [...allows('team-a', shop), ...allows('team-b', ops, other)],
  [...allows('team-a', shop.toUpperCase()), ...allows('team-b', ops)],
  [...allows('team-a', clusterId, ops), ...allows('team-b', alerts)],
  [{ prefix: ops, namespace: undefined }, ...allows('team-a', shop), ...allows('team-b', alerts)],
  allows('team-b', subscription),
];

const traversal = fc.constantFrom(
  `${shop}/../ops`,
  `${shop}/../../../${otherSubscriptionId}/resourceGroups/alerts`,
  `${shop}/%2e%2e/ops`,
  `${shop}/..\\ops`,
);
const anyScope = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(subscription, shop, ops, other, alerts) },
  { weight: 1, arbitrary: traversal },
);

/** Receivers that name things in Azure, by their ids or by a subscription. */
const someReceivers: fc.Arbitrary<NonNullable<MaintenanceNotificationSpec['receivers']>> = fc
  .tuple(fc.constantFrom('logicApp', 'azureFunction', 'automationRunbook', 'eventHub', 'itsm'), anyScope)
  .map(([kind, scope]) => {
    const [, , id = ''] = scope.split('/');
    const account = `${scope}/providers/Microsoft.Automation/automationAccounts/x`;
    const changed = {
      logicApp: { resourceId: `${scope}/providers/Microsoft.Logic/workflows/x` },
      azureFunction: { functionAppResourceId: `${scope}/providers/Microsoft.Web/sites/x` },
      automationRunbook: { automationAccountId: account, webhookResourceId: `${account}/webhooks/x` },
      eventHub: { subscriptionId: id },
      itsm: { workspaceId: `${id}|${id}` },
    } as const;
    return Object.assign({}, minimalSpec.receivers, { [kind]: [Object.assign({}, oneOfEach[kind][0], changed[kind])] });
  });

const someSpec: fc.Arbitrary<MaintenanceNotificationSpec> = fc
  .record(
    {
      clusterResourceId: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...clusters) },
        { weight: 1, arbitrary: traversal.map((scope) => `${scope}/providers/Microsoft.ContainerService/managedClusters/x`) },
        { weight: 1, arbitrary: fc.constant(clusterId.replace('/shop/', '/../')) },
      ),
      placement: fc.record(
        {
          subscriptionId: fc.constantFrom(subscription.split('/')[2]!, otherSubscriptionId),
          resourceGroup: fc.constantFrom('shop', 'ops', 'alerts', 'SHOP', '..', '../..', '%2e%2e', 'shop/../ops'),
        },
        { requiredKeys: [] },
      ),
      readerScopes: fc.subarray(['Cluster', 'ResourceGroup', 'Subscription'] as const),
      actionGroupIds: fc.uniqueArray(fc.constantFrom(...bait.map(({ id }) => id)), { maxLength: 2 }),
      identity: fc.oneof(
        { weight: 3, arbitrary: fc.constant({ type: 'SystemAssigned' as const }) },
        { weight: 1, arbitrary: fc.constantFrom(...identities).map((resourceId) => ({ type: 'UserAssigned' as const, resourceId })) },
      ),
      conflictPolicy: fc.constantFrom('Refuse' as const, 'Refuse' as const, 'Refuse' as const, 'Adopt' as const),
      deletionPolicy: fc.constantFrom('Delete' as const, 'Delete' as const, 'Orphan' as const),
    },
    { requiredKeys: ['clusterResourceId'] },
  )
  .map((some) => Object.assign({}, minimalSpec, some));

/** A spec that its namespace may well carry out: without these hardly anything would ever be made. */
const modestSpec = (namespace: string): fc.Arbitrary<MaintenanceNotificationSpec> =>
  fc.record({
    clusterResourceId: fc.constantFrom(...(namespace === 'team-a' ? clusters.slice(0, 2) : clusters)),
    readerScopes: fc.subarray(['Cluster', 'ResourceGroup'] as const),
    receivers: fc.oneof({ weight: 4, arbitrary: fc.constant(minimalSpec.receivers!) }, { weight: 1, arbitrary: someReceivers }),
  });

const anyId = fc.oneof(
  fc.constantFrom(...bait.map(({ id }) => id), ...baitAssignments.map(({ id }) => id)),
  fc
    .tuple(anyScope, fc.constantFrom(...baitAssignments.map(({ id }) => id.split('/').at(-1)!)))
    .map(([scope, name]) => `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`),
  fc
    .tuple(anyScope, fc.constantFrom('actionGroups/bait-1', 'scheduledQueryRules/bait-1', 'actionGroups/..', 'actionGroups/bait-2/'))
    .map(([scope, rest]) => `${scope}/providers/Microsoft.Insights/${rest}`),
);

const forgedStatus: fc.Arbitrary<MaintenanceNotificationStatus> = fc.record(
  {
    resources: fc.array(
      fc.record({
        kind: fc.constantFrom('ActionGroup' as const, 'AlertRule' as const, 'RoleAssignment' as const),
        id: anyId,
        state: fc.constantFrom('Creating' as const, 'Present' as const, 'Deleting' as const),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    readerAssignments: fc.array(fc.record({ id: anyId, scope: anyScope, roleDefinitionId: fc.constant('x'), ours: fc.boolean() }), {
      maxLength: 3,
    }),
  },
  { requiredKeys: ['resources'] },
);

type Step =
  | { readonly do: 'apply'; readonly spec: MaintenanceNotificationSpec }
  | { readonly do: 'forge'; readonly status: MaintenanceNotificationStatus; readonly isFinalized: boolean }
  | { readonly do: 'delete' }
  | { readonly do: 'restart' }
  | { readonly do: 'bound'; readonly allowed: AllowedScopes };

const stepsOf = fc.tuple(fc.constantFrom(...namespaces), fc.constantFrom(...names)).chain(([namespace, name]) =>
  fc
    .oneof(
      { weight: 3, arbitrary: someSpec.map((spec): Step => ({ do: 'apply', spec })) },
      { weight: 7, arbitrary: modestSpec(namespace).map((spec): Step => ({ do: 'apply', spec })) },
      {
        weight: 4,
        arbitrary: fc.tuple(forgedStatus, fc.boolean()).map(([status, isFinalized]): Step => ({ do: 'forge', status, isFinalized })),
      },
      { weight: 5, arbitrary: fc.constant<Step>({ do: 'delete' }) },
      { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
      { weight: 1, arbitrary: fc.constantFrom(...boundaries).map((allowed): Step => ({ do: 'bound', allowed })) },
    )
    .map((step) => ({ namespace, name, step })),
);

/** Whether an id is one that the namespace may reach. Said in other words than in the program, on purpose. */
const mayReach = (id: string, namespace: string, allowed: AllowedScopes): boolean => {
  const plain = decodeURIComponent(id).toLowerCase().replace(/\/+$/, '');
  if (plain.split('/').includes('..')) return false;
  return allowed.some((scope) => (scope.namespace ?? namespace) === namespace && `${plain}/`.startsWith(`${scope.prefix.toLowerCase()}/`));
};

const idsIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return /^\/+subscriptions\//i.test(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, each]: [string, unknown]) => {
    if (field === 'roleDefinitionId') return [];
    return field === 'subscriptionId' || field === 'workspaceId' ? [`/subscriptions/${String(each).split('|')[0]}`] : idsIn(each);
  });
};

/** Lists that all objects of a subscription share are nobody's own; the ids of everything else are. */
const reachOf = ({ operation, path, requestBody }: Call, namespace: string, allowed: AllowedScopes): readonly string[] => {
  const isShared =
    operation === 'list' &&
    /^\/subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?\/providers\/Microsoft\.(Insights|Authorization)\/[^/]+$/i.test(path) &&
    allowed.some(
      (scope) =>
        (scope.namespace ?? namespace) === namespace && scope.prefix.split('/')[2]?.toLowerCase() === path.split('/')[2]?.toLowerCase(),
    );
  return [...(isShared ? [] : [path]), ...idsIn(requestBody)];
};

type Resource = { readonly id: string } & Readonly<Record<string, unknown>>;
const everything = ({ emulator }: Bench): ReadonlyMap<string, Resource> =>
  new Map(
    Object.values(emulator.resources())
      .flat()
      .map((each) => [each.id.toLowerCase(), { ...each }]),
  );

const carriesMark = (resource: Resource, namespace: string, name: string): boolean => {
  const owner = ownerOf(namespace, name);
  const { tags, properties } = resource as {
    readonly tags?: Record<string, string>;
    readonly properties?: { readonly description?: string };
  };
  return tags?.['aks-notifier-owner'] === ownerWords(owner) || properties?.description === ownerDescription(owner);
};

/** Does what a step says to its object; false when there is no object to run afterwards. */
const take = (here: Bench, namespace: string, name: string, step: Step): boolean => {
  const which = `${namespace}/${name}`;
  if (step.do === 'restart') here.restart();
  if (step.do === 'bound') here.settings = { ...here.settings, allowedScopes: step.allowed };
  if (step.do === 'apply') here.api.apply(step.spec, name, namespace);
  if (!here.api.get(which)) return false;
  if (step.do === 'delete') here.api.delete(which);
  if (step.do === 'forge')
    here.api.tamper(which, (object) => ({
      ...object,
      metadata: { ...object.metadata, ...(step.isFinalized ? { finalizers: ['aks-notifier.dev/azure-cleanup'] } : {}) },
      status: { ...object.status, ...step.status },
    }));
  return here.api.get(which) !== undefined;
};

/** What a run did that it may not do. */
const trespasses = async (
  here: Bench,
  namespace: string,
  name: string,
): Promise<{ readonly calls: number; readonly found: readonly string[] }> => {
  const allowed = here.settings.allowedScopes;
  const before = everything(here);
  const last = here.emulator.journal.calls().at(-1)?.sequence ?? 0;
  await here.run({ key: `${namespace}/${name}` });
  const after = everything(here);
  const calls = here.emulator.journal.calls({ kind: 'arm' }).filter(({ sequence }) => sequence > last);

  const reached = calls.flatMap((call) => reachOf(call, namespace, allowed)).filter((id) => !mayReach(id, namespace, allowed));
  const adopts = here.api.get(`${namespace}/${name}`)?.spec.conflictPolicy === 'Adopt';
  const isOurs = (resource: Resource): boolean => carriesMark(resource, namespace, name);
  const touched = [...before].filter(([id, resource]) => {
    const mayTouch = (isOurs(resource) || (adopts && isOurs(after.get(id) ?? resource))) && mayReach(id, namespace, allowed);
    return !mayTouch && !isDeepStrictEqual(after.get(id), resource);
  });
  const strays = [...after].filter(([id, resource]) => !before.has(id) && !(isOurs(resource) && mayReach(id, namespace, allowed)));
  return {
    calls: calls.length,
    found: [...reached.map((id) => `reached ${id}`), ...touched.map(([id]) => `touched ${id}`), ...strays.map(([id]) => `made ${id}`)],
  };
};

describe('objects of two namespaces', () => {
  it('reach nothing that is allowed to the other only, and touch nothing that is not their own', { timeout: 600_000 }, async () => {
    bench = await startBench({ world: boundaryWorld() });
    const here = bench;
    const counts = { runs: 0, calls: 0, ready: 0, refused: 0, deleted: 0, blocked: 0 };
    const count = (which: string): void => {
      const object = here.api.get(which);
      const ready = object?.status?.conditions?.find(({ type }) => type === 'Ready');
      counts.runs += 1;
      if (!object) counts.deleted += 1;
      else if (ready?.status === 'True') counts.ready += 1;
      else if (ready?.reason === 'AccessDenied') counts[object.metadata.deletionTimestamp ? 'blocked' : 'refused'] += 1;
    };
    const property = fc.asyncProperty(
      fc.constantFrom(...boundaries),
      fc.array(stepsOf, { minLength: 6, maxLength: 16 }),
      async (allowed, steps) => {
        await begin(here);
        here.settings = { ...here.settings, allowedScopes: allowed };
        for (const { namespace, name, step } of steps) {
          if (!take(here, namespace, name, step)) continue;
          const { calls, found } = await trespasses(here, namespace, name);
          expect(found).toEqual([]);
          counts.calls += calls;
          count(`${namespace}/${name}`);
        }
      },
    );
    const details = await fc.check(property, { numRuns: 150 });
    process.stdout.write(`boundary: seed ${details.seed}, ${details.numRuns} worlds, ${JSON.stringify(counts)}\n`);
    if (details.failed) throw new Error(await fc.asyncDefaultReportMessage(details), { cause: details.errorInstance });
    // That none of it was idle.
    expect(Object.values(counts)).not.toContain(0);
  });
});
