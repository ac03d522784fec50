import { readFile, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { actionMatches, builtInRoles } from '../../emulator/authorization.ts';
import type { Call } from '../../emulator/journal.ts';
import type { World } from '../../emulator/world.ts';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { startAzureSetup } from '../support/azure-setup.ts';
import { specWith } from '../support/notification.ts';
import {
  benchWorld,
  byHand,
  clusterId,
  key,
  onCallGroupId,
  operatorClientId,
  operatorObjectId,
  shop,
  startBench,
  strangerClientId,
  subscription,
  type Bench,
} from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minute = 60_000;
const roles = { owner: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7' };
const [subscriptionId = ''] = subscription.split('/').slice(2);
const ownerObjectId = '3bbbbbbb-3333-4333-8333-333333333333';
const identity = {
  id: `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`,
  principalId: '99999999-9999-4999-8999-999999999999',
  clientId: '88888888-8888-4888-8888-888888888888',
};

/** The rights that the set-up script gives, at some scopes and for the identity of rules. */
const rightsOf = async (...scopes: readonly string[]): Promise<Required<Pick<World, 'roleDefinitions' | 'roleAssignments'>>> => {
  await using setup = startAzureSetup({
    tenants: { [subscriptionId]: benchWorld().tenantId },
    clusters: [{ id: clusterId, issuer: 'https://oidc.example/', workloadIdentity: true }],
    registered: [subscriptionId],
    identities: [],
    credentials: [],
    roles: [],
    assignments: [],
  });
  const words = scopes.flatMap((scope) => ['--scope', scope]);
  const { code, errors } = await setup.run('--cluster', clusterId, '--rule-identity', identity.id, ...words);
  if (code !== 0) throw new Error(errors);
  return {
    roleDefinitions: setup.state.roles.map(({ id, name, actions }) => ({ id: id.slice(-36), name, actions })),
    roleAssignments: setup.state.assignments.map(({ scope, role, condition }) =>
      Object.assign(
        { scope, roleDefinitionId: role, principalId: operatorObjectId },
        condition === undefined ? {} : { condition, conditionVersion: '2.0' },
      ),
    ),
  };
};

type Rights = Awaited<ReturnType<typeof rightsOf>>;
const inSubscription = await rightsOf(subscription);
const without = ({ roleDefinitions, roleAssignments }: Rights, action: string): Rights => ({
  roleDefinitions: roleDefinitions.map((role) => Object.assign({}, role, { notActions: [action] })),
  roleAssignments,
});

/** The operator has these rights and no others; somebody else owns the subscription. */
const start = async ({ roleDefinitions, roleAssignments }: Rights): Promise<void> => {
  const ownership = { scope: subscription, roleDefinitionId: roles.owner, principalId: ownerObjectId };
  bench = await startBench({
    world: { ...benchWorld(), roleDefinitions, roleAssignments: [...roleAssignments, ownership], userAssignedIdentities: [identity] },
    sharesClock: true,
  });
};

/** What Azure refused, each kind of call once. */
const refused = (): readonly string[] => [...new Set(bench.emulator.journal.calls().filter(isRefused).map(lineOf))];
const isRefused = ({ status }: Call): boolean => status === 403;
const lineOf = ({ method, type, operation }: Call): string => `${operation === 'list' ? 'LIST' : method} ${type?.split('/').at(-1)}`;

const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const parts = ['PrerequisitesMet', 'ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'];
const someoneChanges = (id: string | undefined, change: Parameters<typeof byHand>[2]): Promise<void> =>
  byHand(bench, id!, change, strangerClientId);
const ours = () => {
  const { alertRules, actionGroups, roleAssignments } = bench.emulator.resources();
  return [...alertRules, ...actionGroups.filter(({ id }) => id !== onCallGroupId), ...roleAssignments.filter(({ isSeed }) => !isSeed)];
};

const spec = specWith({ readerScopes: ['Cluster', 'ResourceGroup'] });
const shared: MaintenanceNotificationSpec = { ...spec, identity: { type: 'UserAssigned', resourceId: identity.id } };

/** A life in which everything happens that the operator can do in Azure. Says what fails first, in the words of docs/azure-rights.md. */
const live = async (wanted: MaintenanceNotificationSpec): Promise<string> => {
  const look = async (): Promise<boolean> => {
    bench.clock.advance(10 * minute);
    await bench.run();
    return condition('Ready')?.status === 'True' && condition('PrerequisitesMet')?.status === 'True';
  };
  const state = (): string => {
    const type = [...parts, 'Ready'].find((each) => condition(each)?.status !== 'True') ?? '';
    return `\`${type}: ${condition(type)?.reason}\``;
  };
  bench.apply(wanted);
  if (!(await look())) return state();
  const before = bench.object().status;

  await someoneChanges(before?.alertRuleId, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
  await someoneChanges(before?.actionGroupId, (group) => ({ ...group, properties: { ...group.properties, enabled: false } }));
  await someoneChanges(before?.readerAssignments?.[0]?.id, 'delete');
  if (!(await look())) return state();

  const corrected = bench.events.filter((event) => event.startsWith('Normal DriftCorrected')).length;
  if (corrected !== 3) return 'drift stays';

  bench.api.annotate(key, { 'aks-notifier.dev/test-notification-requested-at': 'now' });
  const test = (): string | undefined => bench.object().status?.testNotification?.state;
  for (let next = await bench.run(); test() === 'Sending' && next.kind === 'after'; next = await bench.run())
    bench.clock.advance(next.milliseconds);
  if (test() !== 'Succeeded') return `\`testNotification: ${test()}\``;

  bench.apply({ ...wanted, readerScopes: ['ResourceGroup'], placement: { resourceGroup: 'shop', location: 'northeurope' } });
  if (!(await look())) return state();

  bench.api.delete(key);
  bench.clock.advance(10 * minute);
  await bench.run();
  return bench.api.list().length === 0 ? 'nothing fails' : 'the object stays Terminating';
};

describe('with just the rights that the set-up script gives', () => {
  it.each<[string, MaintenanceNotificationSpec, readonly string[]]>([
    ['an object comes, is kept and goes', spec, [subscription]],
    ['so does one with a user-assigned identity', shared, [subscription]],
    ['and one with Reader at the subscription', specWith({}), [subscription]],
    ['in a resource group alone all works too, without the lists', spec, [shop]],
  ])('%s', async (_, wanted, scopes) => {
    await start(await rightsOf(...scopes));
    expect(await live(wanted)).toBe('nothing fails');
    const lists = ['LIST scheduledQueryRules', 'LIST actionGroups', 'LIST roleAssignments'];
    expect(refused().filter((line) => scopes[0] === subscription || !lists.includes(line))).toEqual([]);
    expect(ours()).toEqual([]);
  });
});

describe('with Azure’s own roles, for those who can make none', () => {
  it('an object comes, is kept and goes, under the same condition', async () => {
    const builtIn = ['Monitoring Contributor', 'Role Based Access Control Administrator', 'Managed Identity Operator'].map(
      (name) => builtInRoles.find((role) => role.name === name)!.id,
    );
    const roleAssignments = inSubscription.roleAssignments.map((each, index) =>
      Object.assign({}, each, { roleDefinitionId: builtIn[index]! }),
    );
    expect(roleAssignments.map((each) => each.condition === undefined)).toEqual([true, false, true]);
    await start({ roleDefinitions: [], roleAssignments });
    expect(await live(shared)).toBe('nothing fails');
    expect(refused()).toEqual([]);
  });
});

describe('without the role that gives Reader', () => {
  it('an object whose Reader somebody else grants comes, is kept and goes', async () => {
    const { roleDefinitions, roleAssignments } = inSubscription;
    await start({ roleDefinitions, roleAssignments: roleAssignments.filter((each) => each.condition === undefined) });
    bench.apply(specWith({ readerScopes: [] }));
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
    await someoneChanges(bench.object().status?.alertRuleId, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(bench.events).toContainEqual(expect.stringContaining('severity: 0 → 3'));
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(ours()).toEqual([]);
  });
});

/** The first and the last cell of each row in docs/azure-rights.md. */
const documented = async (): Promise<ReadonlyMap<string, string>> => {
  const page = await readFile(new URL('../../docs/azure-rights.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(?<action>Microsoft\.[^`]+)` \|.*\| (?<without>[^|]+) \|$/gmu)];
  return new Map(rows.map(({ groups = {} }) => [groups['action'] ?? '', groups['without'] ?? '']));
};
const needed = [...(await documented()).keys()];
const folder = new URL('../../deploy/azure/roles/', import.meta.url);

describe('every action of the roles is needed, as docs/azure-rights.md says', () => {
  it('which has all of them and no others', async () => {
    await start(inSubscription);
    const granted = inSubscription.roleDefinitions.flatMap((role) => role.actions);
    expect(inSubscription.roleDefinitions).toHaveLength((await readdir(folder)).length);
    expect(granted.filter((pattern) => !needed.some((action) => actionMatches(pattern, action)))).toEqual([]);
    expect(needed.filter((action) => !granted.some((pattern) => actionMatches(pattern, action)))).toEqual([]);
    // No wildcards but this one.
    expect(granted.filter((action) => action.includes('*'))).toEqual(['Microsoft.Insights/actionGroups/*']);
  });

  it.each(needed)('without %s', async (action) => {
    await start(without(inSubscription, action));
    const expected = (await documented()).get(action);
    expect(await live(action.includes('userAssignedIdentities') ? shared : spec)).toBe(expected);
    expect(refused()).not.toEqual([]);
  });
});

describe('the condition of reader-only.txt', () => {
  type Wanted = { readonly roleDefinitionId: string; readonly principalId: string; readonly principalType?: string };
  const assignment = (scope: string, name: string): string => `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
  const ask = async (method: 'PUT' | 'DELETE', id: string, wanted?: Wanted, clientId = operatorClientId): Promise<number> => {
    const properties = wanted && {
      ...wanted,
      roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${wanted.roleDefinitionId}`,
    };
    const headers = { authorization: `Bearer ${await bench.emulator.mintToken(clientId)}`, 'content-type': 'application/json' };
    const body = properties === undefined ? {} : { body: JSON.stringify({ properties }) };
    const { status } = await fetch(`${bench.emulator.url}${id}?api-version=2022-04-01`, { method, headers, ...body });
    return status;
  };
  const name = '0a0a0a0a-0000-4000-8000-000000000001';
  const reader: Wanted = { roleDefinitionId: roles.reader, principalId: ownerObjectId, principalType: 'ServicePrincipal' };

  it('lets the operator give Reader to a service principal, and take it', async () => {
    await start(inSubscription);
    expect(await ask('PUT', assignment(shop, name), reader)).toBe(201);
    expect(await ask('DELETE', assignment(shop, name))).toBe(200);
  });

  it.each<[string, Partial<Wanted>]>([
    ['Owner', { roleDefinitionId: roles.owner }],
    ['Contributor', { roleDefinitionId: 'b24988ac-6180-42a0-ab88-20f7382dd24c' }],
    ['User Access Administrator', { roleDefinitionId: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9' }],
    ['Owner to itself', { roleDefinitionId: roles.owner, principalId: operatorObjectId }],
    ['Reader to a user', { principalType: 'User' }],
    ['Reader to a group', { principalType: 'Group' }],
  ])('refuses it to give %s', async (_, change) => {
    await start(inSubscription);
    expect(await ask('PUT', assignment(shop, name), { ...reader, ...change })).toBe(403);
    expect(ours()).toEqual([]);
  });

  it('refuses Reader to somebody whose kind isn’t said', async () => {
    await start(inSubscription);
    const { principalType: _, ...bare } = reader;
    expect(await ask('PUT', assignment(shop, name), bare)).toBe(403);
  });

  it('refuses it to take Owner from somebody, or Reader from a user', async () => {
    await start(inSubscription);
    const second = name.replace(/1$/u, '2');
    expect(await ask('PUT', assignment(shop, name), { ...reader, roleDefinitionId: roles.owner }, strangerClientId)).toBe(201);
    expect(await ask('PUT', assignment(shop, second), { ...reader, principalType: 'User' }, strangerClientId)).toBe(201);
    expect(await ask('DELETE', assignment(shop, name))).toBe(403);
    expect(await ask('DELETE', assignment(shop, second))).toBe(403);
  });

  it('refuses it to take the condition off its own grant', async () => {
    await start(inSubscription);
    const own = bench.emulator
      .resources()
      .roleAssignments.find(({ properties }) => (properties as { condition?: string }).condition !== null)!;
    const { roleDefinitionId } = own['properties'] as { roleDefinitionId: string };
    const wanted = { roleDefinitionId: roleDefinitionId.slice(-36), principalId: operatorObjectId, principalType: 'ServicePrincipal' };
    expect(own).toMatchObject({ properties: { principalId: operatorObjectId } });
    expect(await ask('PUT', own.id, wanted)).toBe(403);
    expect(await ask('DELETE', own.id)).toBe(403);
  });

  it('reaches no further than where it was granted', async () => {
    await start(await rightsOf(shop));
    expect(await ask('PUT', assignment(subscription, name), reader)).toBe(403);
    expect(await ask('PUT', assignment(`${subscription}/resourceGroups/ops`, name), reader)).toBe(403);
    expect(await ask('PUT', assignment(shop, name), reader)).toBe(201);
  });
});
