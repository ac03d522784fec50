import { describe, expect, it } from 'vitest';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  group,
  objectId,
  readerClientId,
  roleAssignmentPath,
  roles,
  startAzure,
  subscription,
  subscriptionId,
  tenantId,
  versions,
  watcherPrincipalId,
} from './fixtures.ts';

type Azure = Awaited<ReturnType<typeof startAzure>>;

const ruleId = `${group}/providers/Microsoft.Insights/scheduledQueryRules/a`;
const insights = 'Microsoft.Insights';
const assignment = roleAssignmentPath(clusterId, '7aaaaaaa-7777-4777-8777-777777777777');
const assignmentBody = {
  properties: {
    roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`,
    principalId: watcherPrincipalId,
    principalType: 'ServicePrincipal',
  },
};
const missing = `${subscription}/resourceGroups/none/providers/Microsoft.Insights/scheduledQueryRules/a?api-version=${versions.alertRules}`;

/** Every kind of call that a lock, a policy or a registration could meet, on things that are there. */
const calls: Readonly<Record<string, (azure: Azure) => ReturnType<Azure['send']>>> = {
  readRule: ({ send }) => send('GET', alertRulePath('a')),
  listRules: ({ send }) => send('GET', `${group}/providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}`),
  patchRule: ({ send }) => send('PATCH', alertRulePath('a'), { body: { tags: { a: 'b' } } }),
  putRule: ({ send }) => send('PUT', alertRulePath('a'), { body: alertRule() }),
  putGroup: ({ send }) => send('PUT', actionGroupPath('a'), { body: actionGroup() }),
  putAssignment: ({ send }) => send('PUT', assignment, { body: assignmentBody }),
  readCluster: ({ send }) => send('GET', `${clusterId}?api-version=${versions.clusters}`),
  deleteAssignment: ({ send }) => send('DELETE', assignment),
  deleteGroup: ({ send }) => send('DELETE', actionGroupPath('a')),
  deleteMissing: ({ send }) => send('DELETE', alertRulePath('b')),
  deleteRule: ({ send }) => send('DELETE', alertRulePath('a')),
};

const writes = ['patchRule', 'putRule', 'putGroup', 'putAssignment'];
const deletes = ['deleteAssignment', 'deleteGroup', 'deleteMissing', 'deleteRule'];

/** Makes one of each, restricts, and says which calls fail with the code from then on. */
const refusedBy = async (restrict: (azure: Azure) => void, status: number, code: string): Promise<string[]> => {
  await using azure = await startAzure();
  for (const name of ['putRule', 'putGroup', 'putAssignment']) expect((await calls[name]!(azure)).status).toBe(201);
  restrict(azure);
  const refused: string[] = [];
  for (const [name, call] of Object.entries(calls)) {
    const reply = await call(azure);
    const detail = reply.body.error ?? reply.body;
    if (reply.status === status && detail.code === code) refused.push(name);
  }
  const others = azure.emulator.journal.calls().filter((call) => call.status >= 400 && call.errorCode !== code);
  expect(others).toEqual([]);
  return refused;
};

describe('a lock', () => {
  it.each<[string, string, 'CanNotDelete' | 'ReadOnly', string[]]>([
    ['against deletes, at the subscription', subscription, 'CanNotDelete', deletes],
    ['against deletes, at the resource group, in other casing', group.toUpperCase(), 'CanNotDelete', deletes],
    ['against deletes, at a resource', ruleId, 'CanNotDelete', ['deleteRule']],
    ['against deletes, at the cluster', clusterId, 'CanNotDelete', ['deleteAssignment']],
    ['against writes, at the resource group', `${group}/`, 'ReadOnly', [...writes, ...deletes]],
    ['against writes, at a resource', ruleId, 'ReadOnly', ['patchRule', 'putRule', 'deleteRule']],
    ['elsewhere', `${subscription}/resourceGroups/sho`, 'ReadOnly', []],
  ])('%s', async (_name, scope, level, expected) => {
    const refused = await refusedBy(({ emulator }) => emulator.world.addLock(scope, level, 'keep'), 409, 'ScopeLocked');
    expect(refused).toEqual(expected);
  });

  it('is named by its scope, and every other one in the way too', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    world.addLock(subscription, 'CanNotDelete', 'a');
    world.addLock(group, 'ReadOnly', 'b');
    world.addLock(group, 'CanNotDelete', 'c');
    const written = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    const deleted = await azure.send('DELETE', alertRulePath('a'));
    expect([written.body.error.message, deleted.body.error.message]).toEqual([
      `The scope '${ruleId}' cannot perform write operation because following scope(s) are locked: '${group}'. Please remove the lock and try again.`,
      `The scope '${ruleId}' cannot perform delete operation because following scope(s) are locked: '${subscription}','${group}'. Please remove the lock and try again.`,
    ]);
  });

  it('goes when it is removed, and with what it is on', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    const status = async () => (await azure.send('DELETE', alertRulePath('a'))).status;
    world.addLock(group, 'CanNotDelete', 'a');
    world.addLock(group, 'CanNotDelete', 'B');
    world.removeLock(group.toLowerCase(), 'A');
    expect(await status()).toBe(409);
    world.removeLock(group, 'b');
    expect(await status()).toBe(204);
    expect(() => world.removeLock(group, 'b')).toThrow(/there is no lock b/u);
    world.addLock(ruleId, 'CanNotDelete', 'a');
    world.removeResourceGroup(subscriptionId, 'shop');
    world.addResourceGroup(subscriptionId, { name: 'shop', location: 'westeurope' });
    expect(await status()).toBe(204);
  });
});

describe('a policy', () => {
  it.each<[string, string, string | undefined, string[]]>([
    ['for all types', subscription, undefined, writes],
    ['for alert rules', subscription, 'microsoft.insights/scheduledqueryrules', ['patchRule', 'putRule']],
    ['for role assignments', group, 'Microsoft.Authorization/roleAssignments', ['putAssignment']],
    ['at one resource', clusterId, undefined, ['putAssignment']],
    ['elsewhere', `${subscription}/resourceGroups/other`, undefined, []],
  ])('%s denies writes only', async (_name, scope, type, expected) => {
    const policy = { policyName: 'no-alerts', ...(type === undefined ? {} : { type }) };
    const refused = await refusedBy(({ emulator }) => emulator.world.denyByPolicy(scope, policy), 403, 'RequestDisallowedByPolicy');
    expect(refused).toEqual(expected);
  });

  it('is named in the text and beside it, until it allows again', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    world.denyByPolicy(group, { policyName: 'no-alerts' });
    const { body } = await calls['putRule']!(azure);
    const policyAssignmentId = `${group}/providers/Microsoft.Authorization/policyAssignments/no-alerts`;
    expect(body.error).toMatchObject({
      target: 'a',
      message: expect.stringMatching(/^Resource 'a' was disallowed by policy\. Policy identifiers: '\[\{.*\}\]'\.$/u),
      additionalInfo: [
        { type: 'PolicyViolation', info: { policyDefinitionEffect: 'deny', policyAssignmentName: 'no-alerts', policyAssignmentId } },
      ],
    });
    world.allowByPolicy(group, 'No-Alerts');
    expect((await calls['putRule']!(azure)).status).toBe(201);
    expect(() => world.allowByPolicy(group, 'no-alerts')).toThrow(/there is no policy no-alerts/u);
  });
});

describe('a namespace that is not registered', () => {
  const ofInsights = Object.keys(calls).filter((name) => /Rule|Group|Missing/u.test(name));
  it.each<[string, string, boolean, string, string[]]>([
    ['nested', insights, false, 'MissingSubscriptionRegistration', ofInsights],
    ['flat', insights.toUpperCase(), true, 'Conflict', ofInsights],
    ['of clusters', 'Microsoft.ContainerService', false, 'MissingSubscriptionRegistration', ['readCluster']],
  ])('refuses every call: %s', async (_name, namespace, flat, code, expected) => {
    const refused = await refusedBy(({ emulator }) => emulator.world.unregisterProvider(subscriptionId, namespace, { flat }), 409, code);
    expect(refused).toEqual(expected);
  });

  it('says so in both of its forms, until it is registered', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    world.unregisterProvider(subscriptionId, insights);
    expect((await calls['readRule']!(azure)).body.error).toMatchObject({
      message: expect.stringContaining("not registered to use namespace 'Microsoft.Insights'"),
      details: [{ code: 'MissingSubscriptionRegistration', target: insights }],
    });
    world.unregisterProvider(subscriptionId, insights, { flat: true });
    expect((await calls['readRule']!(azure)).body).toEqual({
      code: 'Conflict',
      message: `The subscription '${subscriptionId}' is not registered to use microsoft.insights.`,
    });
    world.registerProvider(subscriptionId.toUpperCase(), insights);
    expect((await calls['putRule']!(azure)).status).toBe(201);
    expect(() => world.registerProvider(subscriptionId, insights)).toThrow(/there is no unregistered provider/u);
    expect(() => world.unregisterProvider(subscriptionId, 'Microsoft.Authorization')).toThrow(/always/u);
    world.unregisterProvider(tenantId, insights);
    expect((await calls['putRule']!(azure)).status).toBe(200);
  });
});

describe('the order of refusals', () => {
  const restrictions: [string, (azure: Azure) => void][] = [
    ['MissingSubscriptionRegistration', ({ emulator }) => emulator.world.unregisterProvider(subscriptionId, insights)],
    ['ScopeLocked', ({ emulator }) => emulator.world.addLock(subscription, 'ReadOnly', 'a')],
    ['RequestDisallowedByPolicy', ({ emulator }) => emulator.world.denyByPolicy(subscription, { policyName: 'a' })],
  ];
  it.each<[string, (azure: Azure) => ReturnType<Azure['send']>, number, string]>([
    [
      'a right that is missing',
      ({ send }) => send('PUT', alertRulePath('a'), { as: readerClientId, body: alertRule() }),
      0,
      'AuthorizationFailed',
    ],
    ['the registration', ({ send }) => send('PUT', missing, { body: alertRule() }), 0, 'MissingSubscriptionRegistration'],
    ['the resource group', ({ send }) => send('PUT', missing, { body: alertRule() }), 1, 'ResourceGroupNotFound'],
    ['the lock', ({ send }) => send('PUT', alertRulePath('a'), { body: '{' }), 1, 'ScopeLocked'],
    ['the body', ({ send }) => send('PUT', alertRulePath('a'), { body: '{' }), 2, 'InvalidRequestContent'],
    ['the policy', ({ send }) => send('PUT', alertRulePath('a'), { body: alertRule({ scopes: [] }) }), 2, 'RequestDisallowedByPolicy'],
    ['the service', ({ send }) => send('PUT', alertRulePath('a'), { body: alertRule({ scopes: [] }) }), 3, 'InvalidRequestContent'],
  ])('comes before everything after it: %s', async (_name, call, without, code) => {
    await using azure = await startAzure();
    for (const [, restrict] of restrictions.slice(without)) restrict(azure);
    expect((await call(azure)).body.error.code).toBe(code);
    expect(azure.emulator.journal.calls()).toMatchObject([{ errorCode: code }]);
  });

  it('and nothing is done', async () => {
    await using azure = await startAzure();
    for (const [code, restrict] of restrictions.toReversed()) {
      restrict(azure);
      expect((await calls['putRule']!(azure)).body.error.code).toBe(code);
    }
    expect(azure.emulator.resources().alertRules).toEqual([]);
    expect(azure.emulator.journal.calls({ principalId: objectId, status: 409 })).toHaveLength(2);
  });
});
