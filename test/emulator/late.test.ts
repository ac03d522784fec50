import { describe, expect, it } from 'vitest';
import type { Settings } from '../../emulator/settings.ts';
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
  smallWorld,
  startAzure,
  stoppedClock,
  userAssignedId,
  watcherPrincipalId,
} from './fixtures.ts';

const nameOf = (number: number): string => `70000000-7777-4777-8777-${String(number).padStart(12, '0')}`;
const users = { type: 'UserAssigned', userAssignedIdentities: { [userAssignedId]: {} } };

const start = async (settings: Partial<Settings>) => {
  const clock = stoppedClock();
  const azure = await startAzure({ ...settings, clock: clock.now });
  const grant = (scope: string, principalId: string, role = roles.reader, number = 1) =>
    azure.send('PUT', roleAssignmentPath(scope, nameOf(number)), {
      body: { properties: { roleDefinitionId: role, principalId, principalType: 'ServicePrincipal' } },
    });
  const putRule = async (identity: object = { type: 'SystemAssigned' }, as?: string) =>
    azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { identity }), ...(as === undefined ? {} : { as }) });
  return { ...azure, clock, grant, putRule };
};

describe('a role', () => {
  it.each([1, 600])('acts %d seconds after its PUT, not earlier', async (roleDelaySeconds) => {
    await using azure = await start({ roleDelaySeconds });
    const codes = async () => (await azure.putRule({ type: 'SystemAssigned' }, readerClientId)).body.error?.code;
    expect(await codes()).toBe('AuthorizationFailed');
    expect((await azure.grant(group, readerObjectId, roles.monitoringContributor)).status).toBe(201);
    azure.clock.advance(roleDelaySeconds - 0.5);
    const before = await codes();
    azure.clock.advance(0.5);
    expect([before, await codes()]).toEqual(['AuthorizationFailed', undefined]);
  });

  it('written again does not start anew', async () => {
    await using azure = await start({ roleDelaySeconds: 60 });
    await azure.grant(group, readerObjectId, roles.monitoringContributor);
    azure.clock.advance(59);
    await azure.grant(group, readerObjectId, roles.monitoringContributor);
    azure.clock.advance(1);
    expect((await azure.putRule({ type: 'SystemAssigned' }, readerClientId)).status).toBe(201);
  });

  it('of the world, or given by somebody else, acts at once', async () => {
    await using azure = await start({ roleDelaySeconds: 600 });
    expect((await azure.putRule()).status).toBe(201);
    const role = { scope: group, roleDefinitionId: roles.monitoringContributor, principalId: readerObjectId };
    azure.emulator.world.addRoleAssignment(role);
    expect((await azure.putRule({ type: 'SystemAssigned' }, readerClientId)).status).toBe(200);
  });

  it('is seen at once, though it does not act yet', async () => {
    await using azure = await start({ roleDelaySeconds: 600 });
    await azure.grant(group, watcherPrincipalId);
    expect((await azure.send('GET', roleAssignmentPath(group, nameOf(1)))).status).toBe(200);
    expect((await azure.grant(group, watcherPrincipalId, roles.reader, 2)).body.error.code).toBe('RoleAssignmentExists');
  });
});

describe('insufficient access', () => {
  const refusal = {
    status: 400,
    body: {
      error: {
        code: 'BadRequest',
        message: expect.stringMatching(
          /^The provided credentials have insufficient access to perform the requested operation Activity ID: [0-9a-f-]{36}\.$/u,
        ),
      },
    },
  };

  it.each<[string, 'create' | 'update' | 'updateAfterCreate', object, number[]]>([
    // Statuses: made, written at once, 29 s after the role acts, 30 s after it, and once more when the role has been taken away.
    ['create, an identity of its own', 'create', { type: 'SystemAssigned' }, [201, 200, 200, 200, 200]],
    ['update, an identity of its own', 'update', { type: 'SystemAssigned' }, [201, 400, 400, 200, 400]],
    ['the first update, an identity of its own', 'updateAfterCreate', { type: 'SystemAssigned' }, [201, 400, 400, 200, 200]],
    ['create, a user-assigned identity', 'create', users, [400, 400, 400, 201, 200]],
    ['update, a user-assigned identity', 'update', users, [201, 400, 400, 200, 400]],
  ])('on %s', async (_name, on, identity, expected) => {
    await using azure = await start({ insufficientAccess: { on, seconds: 30 }, roleDelaySeconds: 10 });
    const made = await azure.putRule(identity);
    await azure.grant(clusterId, made.body.identity?.principalId ?? watcherPrincipalId);
    const answers = [made, await azure.putRule(identity)];
    azure.clock.advance(39);
    answers.push(await azure.putRule(identity));
    azure.clock.advance(1);
    answers.push(await azure.putRule(identity));
    azure.emulator.world.removeRoleAssignment(nameOf(1));
    answers.push(await azure.putRule(identity));
    expect(answers.map(({ status }) => status)).toEqual(expected);
    for (const answer of answers.filter(({ status }) => status === 400)) expect(answer).toMatchObject(refusal);
  });

  it('counts a role at a scope above, but not one beside, and not one that reads something else', async () => {
    const world = {
      ...smallWorld(),
      roleDefinitions: [{ id: nameOf(8), name: 'Groups', actions: ['Microsoft.Insights/actionGroups/read'] }],
    };
    world.roleAssignments.push({ scope: `${clusterId}-2`, roleDefinitionId: roles.reader, principalId: watcherPrincipalId });
    world.roleAssignments.push({ scope: clusterId, roleDefinitionId: nameOf(8), principalId: watcherPrincipalId });
    await using azure = await startAzure({ world, insufficientAccess: { on: 'create', seconds: 0 } });
    const put = async () => (await azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { identity: users }) })).status;
    const before = await put();
    azure.emulator.world.addRoleAssignment({ scope: group, roleDefinitionId: roles.reader, principalId: watcherPrincipalId });
    expect([before, await put()]).toEqual([400, 201]);
  });

  it('a refused write changes nothing, and a PATCH is refused as well', async () => {
    await using azure = await start({ insufficientAccess: { on: 'update', seconds: 0 } });
    await azure.putRule();
    const before = await azure.send('GET', alertRulePath('a'));
    expect(await azure.send('PUT', alertRulePath('a'), { body: alertRule({ severity: 0 }) })).toMatchObject(refusal);
    expect(await azure.send('PATCH', alertRulePath('a'), { body: { tags: { a: 'b' } } })).toMatchObject(refusal);
    expect((await azure.send('GET', alertRulePath('a'))).body).toEqual(before.body);
  });

  it('can be switched off again', async () => {
    await using azure = await start({ insufficientAccess: { on: 'update', seconds: 600 } });
    const first = [await azure.putRule(), await azure.putRule()];
    azure.emulator.settings.set({ insufficientAccess: 'never' });
    expect([...first, await azure.putRule()].map(({ status }) => status)).toEqual([201, 400, 200]);
  });

  it("is about the rule's identity, not about the caller", async () => {
    await using azure = await start({ insufficientAccess: { on: 'create', seconds: 0 } });
    expect(azure.emulator.resources().roleAssignments.map(({ properties }) => properties)).toContainEqual(
      expect.objectContaining({ principalId: objectId }),
    );
    expect((await azure.putRule(users)).status).toBe(400);
  });
});
