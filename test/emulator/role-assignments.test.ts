import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import {
  alertRule,
  alertRulePath,
  clusterId,
  group,
  objectId,
  readerClientId,
  readerObjectId,
  roleAssignmentPath,
  roles,
  sender,
  smallWorld,
  startAzure,
  stoppedClock,
  subscription,
  tenantId,
  versions,
  watcherPrincipalId,
  type Reply,
  type Send,
} from './fixtures.ts';

let emulator: Emulator;
let send: Send;
let close: () => Promise<void>;
const clock = stoppedClock();

beforeAll(async () => {
  emulator = await startEmulator({ world: smallWorld(), clock: clock.now });
  ({ send, close } = sender(emulator));
});

afterAll(async () => {
  await close();
  await emulator.stop();
});

beforeEach(() => {
  for (const { name, isSeed } of emulator.resources().roleAssignments) if (!isSeed) emulator.world.removeRoleAssignment(name);
});

const nameOf = (number: number): string => `70000000-7777-4777-8777-${String(number).padStart(12, '0')}`;
const readerFor = (principalId: string, more: object = {}) => ({ properties: { roleDefinitionId: roles.reader, principalId, ...more } });
const put = (scope: string, number: number, body: unknown = readerFor(watcherPrincipalId)): Promise<Reply> =>
  send('PUT', roleAssignmentPath(scope, nameOf(number)), { body });

describe('the life of an assignment', () => {
  it('createdBy is null in the answer to the PUT and set from then on; DELETE answers what it deleted', async () => {
    const body = readerFor(watcherPrincipalId, { principalType: 'ServicePrincipal', description: 'ours' });
    const created = await put(clusterId, 1, body);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: `${clusterId}/providers/Microsoft.Authorization/roleAssignments/${nameOf(1)}`,
      name: nameOf(1),
      type: 'Microsoft.Authorization/roleAssignments',
      properties: {
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`,
        principalId: watcherPrincipalId,
        principalType: 'ServicePrincipal',
        scope: clusterId,
        condition: null,
        conditionVersion: null,
        description: 'ours',
        createdOn: '2026-11-01T12:00:00.1230000Z',
        updatedOn: '2026-11-01T12:00:00.1230000Z',
        createdBy: null,
        updatedBy: objectId,
        delegatedManagedIdentityResourceId: null,
      },
    });
    const path = roleAssignmentPath(clusterId, nameOf(1));
    const got = await send('GET', path);
    expect(got.body).toEqual({ ...created.body, properties: { ...created.body.properties, createdBy: objectId } });
    const deleted = await send('DELETE', path);
    expect([deleted.status, deleted.body]).toEqual([200, got.body]);
    expect(await send('DELETE', path)).toMatchObject({ status: 204, text: '' });
    expect(await send('GET', path)).toMatchObject({
      status: 404,
      body: { error: { code: 'RoleAssignmentNotFound', message: `The role assignment '${nameOf(1)}' is not found.` } },
    });
  });

  it.each([
    ['a subscription', subscription],
    ['a resource group', group],
    ['a cluster', clusterId],
    ['any other resource', `${group}/providers/Microsoft.Storage/storageAccounts/x/blobServices/default`],
    ['a scope with a doubled slash', `/${clusterId}`],
  ])('works at %s', async (_name, scope) => {
    expect((await put(scope, 1)).status).toBe(201);
    expect((await send('GET', roleAssignmentPath(scope.toUpperCase(), nameOf(1)))).status).toBe(200);
  });

  it('without principalType it is found out', async () => {
    expect((await put(clusterId, 1)).body.properties.principalType).toBe('ServicePrincipal');
  });

  it('the role can be named by its full id, with or without a subscription', async () => {
    for (const [index, prefix] of ['', subscription].entries()) {
      const roleDefinitionId = `${prefix}/providers/Microsoft.Authorization/roleDefinitions/${roles.reader.toUpperCase()}`;
      const { body } = await put(index === 0 ? group : clusterId, index, readerFor(watcherPrincipalId, { roleDefinitionId }));
      expect(body.properties.roleDefinitionId).toBe(`${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`);
    }
  });

  it('is not found, and not deleted, at another scope', async () => {
    await put(clusterId, 1);
    expect((await send('GET', roleAssignmentPath(group, nameOf(1)))).status).toBe(404);
    expect((await send('DELETE', roleAssignmentPath(group, nameOf(1)))).status).toBe(204);
    expect((await send('GET', roleAssignmentPath(clusterId, nameOf(1)))).status).toBe(200);
  });

  it('the same again is fine', async () => {
    await put(clusterId, 1);
    const again = await put(clusterId.toUpperCase(), 1, readerFor(watcherPrincipalId.toUpperCase(), { description: 'now with words' }));
    expect(again).toMatchObject({ status: 200, body: { properties: { description: 'now with words', scope: clusterId } } });
  });
});

describe('what is refused', () => {
  it.each<[string, () => Promise<Reply>, number, string]>([
    [
      'a name that is no GUID',
      () => send('PUT', roleAssignmentPath(clusterId, 'reader'), { body: readerFor(watcherPrincipalId) }),
      400,
      'InvalidRoleAssignmentId',
    ],
    ['the same triple under another name', () => put(clusterId, 2), 409, 'RoleAssignmentExists'],
    ['another principal under the same name', () => put(clusterId, 1, readerFor(readerObjectId)), 400, 'RoleAssignmentUpdateNotPermitted'],
    ['another scope under the same name', () => put(group, 1), 400, 'RoleAssignmentUpdateNotPermitted'],
    [
      'another role under the same name',
      () => put(clusterId, 1, readerFor(watcherPrincipalId, { roleDefinitionId: roles.owner })),
      400,
      'RoleAssignmentUpdateNotPermitted',
    ],
    [
      'an unknown role',
      () => put(group, 3, readerFor(watcherPrincipalId, { roleDefinitionId: nameOf(9) })),
      400,
      'RoleDefinitionDoesNotExist',
    ],
    ['a principal that is no GUID', () => put(group, 3, readerFor('me')), 400, 'InvalidPrincipalId'],
    ['no principal', () => put(group, 3, { properties: { roleDefinitionId: roles.reader } }), 400, 'InvalidRequestContent'],
    [
      'an unknown kind of principal',
      () => put(group, 3, readerFor(watcherPrincipalId, { principalType: 'Robot' })),
      400,
      'InvalidRequestContent',
    ],
  ])('%s', async (_name, request, status, code) => {
    await put(clusterId, 1);
    expect(await request()).toMatchObject({ status, body: { error: { code } } });
  });

  it('a principal that the directory does not have, in the words of the service', async () => {
    const stranger = '12345678-abcd-4abc-8abc-1234567890ab';
    const { body } = await put(clusterId, 1, readerFor(stranger, { principalType: 'ServicePrincipal' }));
    expect(body.error.code).toBe('PrincipalNotFound');
    expect(body.error.message).toContain(`Principal 12345678abcd4abc8abc1234567890ab does not exist in the directory ${tenantId}.`);
  });
});

describe('a new identity', () => {
  const make = async (azure: { send: Send }): Promise<string> =>
    (await azure.send('PUT', alertRulePath('young'), { body: alertRule() })).body.identity.principalId;

  it.each([
    ['without principalType', false, {}, ['PrincipalNotFound', undefined]],
    ['with it', false, { principalType: 'ServicePrincipal' }, [undefined, undefined]],
    ['with it, where that makes no difference', true, { principalType: 'ServicePrincipal' }, ['PrincipalNotFound', undefined]],
  ])('is unknown at first: %s', async (_name, replicationIgnoresPrincipalType, more, expected) => {
    await using azure = await startAzure({ clock: clock.now, principalReplicationSeconds: 20, replicationIgnoresPrincipalType });
    const principalId = await make(azure);
    const assign = async (): Promise<string | undefined> =>
      (await azure.send('PUT', roleAssignmentPath(clusterId, nameOf(1)), { body: readerFor(principalId, more) })).body.error?.code;
    clock.advance(19);
    const first = await assign();
    clock.advance(1);
    expect([first, await assign()]).toEqual(expected);
  });
});

describe('lists', () => {
  const list = async (scope: string, filter?: string): Promise<string[]> => {
    const query = filter === undefined ? '' : `&$filter=${encodeURIComponent(filter)}`;
    const answer = await send(
      'GET',
      `${scope}/providers/Microsoft.Authorization/roleAssignments?api-version=${versions.roleAssignments}${query}`,
    );
    expect(answer.status).toBe(200);
    return answer.body.value.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('70000000-7777-'));
  };
  const [atSubscription, atGroup, atCluster, ofReader, beside] = [1, 2, 3, 4, 5].map(nameOf) as [string, string, string, string, string];

  beforeEach(async () => {
    await put(subscription, 1);
    await put(group, 2);
    await put(clusterId, 3);
    await put(group, 4, readerFor(readerObjectId));
    await put(`${group}/providers/Microsoft.ContainerService/managedClusters/prod-2`, 5);
  });

  it.each<[string, string, string | undefined, () => string[]]>([
    ['everything at, above and below', group, undefined, () => [atSubscription, atGroup, atCluster, ofReader, beside]],
    ['nothing of the namesake next door', clusterId, undefined, () => [atSubscription, atGroup, atCluster, ofReader]],
    ['at and above', group, 'atScope()', () => [atSubscription, atGroup, ofReader]],
    [
      'of a principal: at, above and below',
      group,
      `principalId eq '${watcherPrincipalId}'`,
      () => [atSubscription, atGroup, atCluster, beside],
    ],
    ['of a principal, in capitals', group, `PRINCIPALID EQ '${readerObjectId.toUpperCase()}'`, () => [ofReader]],
    ['assigned to', clusterId, `assignedTo('${watcherPrincipalId}')`, () => [atSubscription, atGroup, atCluster]],
    ['assigned to, at and above', group, `atScope() and assignedTo('${watcherPrincipalId}')`, () => [atSubscription, atGroup]],
  ])('%s', async (_name, scope, filter, expected) => {
    expect(await list(scope, filter)).toEqual(expected());
  });

  it.each([
    "roleDefinitionId eq 'x'",
    'atScope() and',
    "atScope() and principalId eq 'x'",
    'principalId eq x',
    'below()',
    "and assignedTo('x')",
  ])('the filter %s is not supported', async (filter) => {
    const path = `${group}/providers/Microsoft.Authorization/roleAssignments?api-version=${versions.roleAssignments}`;
    const answer = await send('GET', `${path}&$filter=${encodeURIComponent(filter)}`);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'UnsupportedQuery' } } });
  });

  it('pages keep the filter', async () => {
    await using azure = await startAzure({ pageSize: 1 });
    for (const [index, scope] of [subscription, group, clusterId].entries()) {
      await azure.send('PUT', roleAssignmentPath(scope, nameOf(index)), { body: readerFor(watcherPrincipalId) });
    }
    const filter = encodeURIComponent(`principalId eq '${watcherPrincipalId}'`);
    const start = `${group}/providers/Microsoft.Authorization/roleAssignments?api-version=${versions.roleAssignments}&$filter=${filter}`;
    const seen: string[] = [];
    for (let next: string | undefined = start; next !== undefined;) {
      const { body }: Reply = await azure.send('GET', next);
      seen.push(...body.value.map(({ name }: { name: string }) => name));
      next = body.nextLink?.slice(azure.emulator.url.length);
    }
    expect(seen).toEqual([0, 1, 2].map(nameOf));
  });

  it('the emulator tells what was made from what was there', async () => {
    const all = emulator.resources().roleAssignments;
    expect(all.filter(({ isSeed }) => isSeed)).toHaveLength(2);
    expect(all.filter(({ isSeed }) => !isSeed)).toHaveLength(5);
  });
});

it('who may write assignments is decided by role, too', async () => {
  await using azure = await startAzure();
  const request = (scope: string, number: number) =>
    azure.send('PUT', roleAssignmentPath(scope, nameOf(number)), { as: readerClientId, body: readerFor(watcherPrincipalId) });
  azure.emulator.world.addRoleAssignment({ scope: group, roleDefinitionId: roles.accessAdministrator, principalId: readerObjectId });
  expect((await request(clusterId, 1)).status).toBe(201);
  expect((await request(subscription, 2)).body.error.code).toBe('AuthorizationFailed');
});
