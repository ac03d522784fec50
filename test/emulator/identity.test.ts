import { describe, expect, it } from 'vitest';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  condition,
  group,
  readerClientId,
  readerObjectId,
  roleAssignmentPath,
  roles,
  startAzure,
  subscriptionId,
  tenantId,
  userAssignedId,
  watcherPrincipalId,
} from './fixtures.ts';

const assigned = (...ids: string[]) => ({ type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) });
const secondId = `${userAssignedId}-2`;
const second = { id: secondId, principalId: '5BBBBBBB-5555-4555-8555-55555555555A', clientId: '6BBBBBBB-6666-4666-8666-66666666666A' };
const plain = { criteria: { allOf: [condition({ query: 'Heartbeat' })] } };
const groupId = `${group}/providers/Microsoft.Insights/actionGroups/a`;

describe('rules that share an identity', () => {
  const limit = { status: 400, body: { error: { code: 'BadRequest', message: expect.stringContaining('that is the limit') } } };

  it('are fifty at most by default', async () => {
    await using azure = await startAzure();
    const statuses = new Set<number>();
    for (let index = 0; index < 50; index += 1)
      statuses.add(
        (await azure.send('PUT', alertRulePath(`r${index}`), { body: alertRule({}, { identity: assigned(userAssignedId) }) })).status,
      );
    expect([...statuses]).toEqual([201]);
    const one = await azure.send('PUT', alertRulePath('last'), {
      body: alertRule({}, { identity: assigned(userAssignedId.toUpperCase()) }),
    });
    expect(one).toMatchObject(limit);
  });

  it.each<[string, string, object, number]>([
    ['one more', 'c', alertRule({}, { identity: assigned(userAssignedId) }), 400],
    ['one that has another identity, too', 'c', alertRule({}, { identity: assigned(secondId, userAssignedId) }), 400],
    ['one that is there again', 'a', alertRule({}, { identity: assigned(userAssignedId) }), 200],
    ['one that does not read Resource Graph', 'c', alertRule(plain, { identity: assigned(userAssignedId) }), 201],
    ['one with another identity', 'c', alertRule({}, { identity: assigned(secondId) }), 201],
    ['one with an identity of its own', 'c', alertRule(), 201],
    ['one that is there and takes up Resource Graph', 'plain', alertRule({}, { identity: assigned(userAssignedId) }), 400],
  ])('%s', async (_name, name, body, expected) => {
    await using azure = await startAzure({ rulesPerIdentity: 2 });
    azure.emulator.world.addUserAssignedIdentity(second);
    for (const each of ['a', 'b'])
      await azure.send('PUT', alertRulePath(each), { body: alertRule({}, { identity: assigned(userAssignedId) }) });
    await azure.send('PUT', alertRulePath('plain'), { body: alertRule(plain, { identity: assigned(userAssignedId) }) });
    expect((await azure.send('PUT', alertRulePath(name), { body })).status).toBe(expected);
  });

  it('make room when they go', async () => {
    await using azure = await startAzure({ rulesPerIdentity: 1 });
    const body = alertRule({}, { identity: assigned(userAssignedId) });
    const put = (name: string) => azure.send('PUT', alertRulePath(name), { body });
    expect([(await put('a')).status, (await put('b')).status]).toEqual([201, 400]);
    await azure.send('DELETE', alertRulePath('a'));
    expect((await put('b')).status).toBe(201);
  });
});

describe('a rule changes its identity', () => {
  it.each(['PUT', 'PATCH'])('by %s, from the system to a user and back: the first principal is gone, the last is new', async (method) => {
    await using azure = await startAzure();
    const path = alertRulePath('a');
    const { principalId } = (await azure.send('PUT', path, { body: alertRule() })).body.identity;
    const write = (identity: object) => azure.send(method, path, { body: method === 'PUT' ? alertRule({}, { identity }) : { identity } });
    const users = await write(assigned(userAssignedId));
    expect(users).toMatchObject({ status: 200 });
    expect(users.body.identity).toEqual({
      type: 'UserAssigned',
      tenantId,
      userAssignedIdentities: { [userAssignedId]: { principalId: watcherPrincipalId, clientId: '6aaaaaaa-6666-4666-8666-666666666666' } },
    });
    const body = { properties: { roleDefinitionId: roles.reader, principalId } };
    const refused = await azure.send('PUT', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'), { body });
    expect(refused.body.error.code).toBe('PrincipalNotFound');
    const back = (await write({ type: 'SystemAssigned' })).body.identity;
    expect(back).toEqual({ type: 'SystemAssigned', tenantId, principalId: expect.stringMatching(/^[0-9a-f-]{36}$/u) });
    expect(back.principalId).not.toBe(principalId);
  });

  it.each(['PUT', 'PATCH'])('by %s only with the right to hand out the new one', async (method) => {
    await using azure = await startAzure();
    const path = alertRulePath('a');
    await azure.send('PUT', path, { body: alertRule() });
    const grant = { scope: group, roleDefinitionId: roles.monitoringContributor, principalId: readerObjectId };
    azure.emulator.world.addRoleAssignment(grant);
    const identity = assigned(userAssignedId);
    const body = method === 'PUT' ? alertRule({}, { identity }) : { identity };
    const refused = await azure.send(method, path, { as: readerClientId, body });
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'LinkedAuthorizationFailed' } } });
    expect((await azure.send('GET', path)).body.identity.type).toBe('SystemAssigned');
  });
});

describe('a user-assigned identity', () => {
  it('shows its ids in small letters', async () => {
    await using azure = await startAzure();
    azure.emulator.world.addUserAssignedIdentity(second);
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { identity: assigned(secondId) }) });
    expect(body.identity.userAssignedIdentities[secondId]).toEqual({
      principalId: second.principalId.toLowerCase(),
      clientId: second.clientId.toLowerCase(),
    });
  });

  it.each<[string, (world: Awaited<ReturnType<typeof startAzure>>['emulator']['world']) => void]>([
    ['is deleted', (world) => world.removeUserAssignedIdentity(userAssignedId.toUpperCase())],
    [
      'goes with its group',
      (world) => {
        world.removeResourceGroup(subscriptionId, 'shop');
        world.addResourceGroup(subscriptionId, { name: 'shop', location: 'westeurope' });
        world.addCluster({ id: clusterId, location: 'westeurope' });
      },
    ],
  ])('%s: no rule can have it any more, and no role', async (_name, remove) => {
    await using azure = await startAzure();
    remove(azure.emulator.world);
    const rule = await azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { identity: assigned(userAssignedId) }) });
    expect(rule.body.error.code).toBe('FailedIdentityOperation');
    const body = { properties: { roleDefinitionId: roles.reader, principalId: watcherPrincipalId, principalType: 'ServicePrincipal' } };
    const assignment = await azure.send('PUT', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'), { body });
    expect(assignment.body.error.code).toBe('PrincipalNotFound');
    expect(() => azure.emulator.world.removeUserAssignedIdentity(userAssignedId)).toThrow(/there is no user-assigned identity/u);
  });

  it('is deleted: a rule goes on naming it, and its roles stay behind', async () => {
    await using azure = await startAzure();
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { identity: assigned(userAssignedId) }) });
    const path = roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001');
    await azure.send('PUT', path, { body: { properties: { roleDefinitionId: roles.reader, principalId: watcherPrincipalId } } });
    azure.emulator.world.removeUserAssignedIdentity(userAssignedId);
    expect((await azure.send('GET', alertRulePath('a'))).body.identity).toEqual(body.identity);
    expect((await azure.send('GET', path)).body.properties.principalId).toBe(watcherPrincipalId);
  });
});

describe('the status of receivers', () => {
  it('can be set, and stays over writes', async () => {
    await using azure = await startAzure();
    const path = actionGroupPath('a');
    await azure.send('PUT', path, { body: actionGroup() });
    azure.emulator.world.setReceiverStatus(groupId.toUpperCase(), 'OnCall', 'Disabled');
    const statusIn = (answer: { body: { properties: { emailReceivers: { status: string }[] } } }) =>
      answer.body.properties.emailReceivers.map(({ status }) => status);
    expect(statusIn(await azure.send('GET', path))).toEqual(['Disabled']);
    expect(statusIn(await azure.send('PUT', path, { body: actionGroup({ groupShortName: 'other' }) }))).toEqual(['Disabled']);
    azure.emulator.world.setReceiverStatus(groupId, 'oncall', 'Enabled');
    expect(statusIn(await azure.send('GET', path))).toEqual(['Enabled']);
  });

  it('only of receivers that have one', async () => {
    await using azure = await startAzure();
    await azure.send('PUT', actionGroupPath('a'), {
      body: actionGroup({ webhookReceivers: [{ name: 'hook', serviceUri: 'https://a.de' }] }),
    });
    expect(() => azure.emulator.world.setReceiverStatus(groupId, 'hook', 'Disabled')).toThrow(/no mail or SMS receiver hook/u);
  });
});

describe('a user-assigned identity', () => {
  it('can be read by who has the right, and is not there once it is removed', async () => {
    await using azure = await startAzure();
    const path = `${userAssignedId}?api-version=2023-01-31`;
    expect(await azure.send('GET', path)).toMatchObject({
      status: 200,
      body: {
        id: userAssignedId,
        name: 'watcher',
        type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
        properties: { tenantId, principalId: watcherPrincipalId },
      },
    });
    azure.emulator.world.removeUserAssignedIdentity(userAssignedId);
    expect(await azure.send('GET', path)).toMatchObject({ status: 404, body: { error: { code: 'ResourceNotFound' } } });
    expect((await azure.send('PUT', path, { body: {} })).status).toBe(405);
  });
});
