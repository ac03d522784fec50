import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clientId,
  clusterId,
  condition,
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
  subscriptionId,
  tenantId,
  userAssignedId,
  versions,
  watcherPrincipalId,
  type Reply,
  type Send,
} from './fixtures.ts';

let emulator: Emulator;
let send: Send;
let close: () => Promise<void>;
const clock = stoppedClock();
let made = 0;

/** Creates a rule under a fresh name and returns the answer. */
const create = (body: unknown): Promise<Reply> => {
  made += 1;
  return send('PUT', alertRulePath(`rule-${made}`), { body });
};

beforeAll(async () => {
  emulator = await startEmulator({ world: smallWorld(), clock: clock.now });
  ({ send, close } = sender(emulator));
});

afterAll(async () => {
  await close();
  await emulator.stop();
});

const userAssigned = { type: 'UserAssigned', userAssignedIdentities: { [userAssignedId]: {} } };

describe('the life of a rule', () => {
  it('201, 200, 200, 204, and 404 afterwards', async () => {
    const path = alertRulePath('life');
    expect((await send('GET', path)).body.error).toEqual({
      code: 'ResourceNotFound',
      message:
        "The Resource 'microsoft.insights/scheduledqueryrules/life' under resource group 'shop' was not found. " +
        'For more details please go to https://aka.ms/ARMResourceNotFoundFix',
    });
    const statuses = [
      await send('PUT', path, { body: alertRule() }),
      await send('PUT', path, { body: alertRule() }),
      await send('GET', path),
      await send('DELETE', path),
      await send('DELETE', path),
      await send('GET', path),
    ].map(({ status }) => status);
    expect(statuses).toEqual([201, 200, 200, 200, 204, 404]);
    const [first, second] = emulator.journal.calls({ name: 'life', method: 'DELETE' });
    expect([first?.responseBody, second?.responseBody]).toEqual([undefined, undefined]);
  });

  it('a PUT replaces everything', async () => {
    const path = alertRulePath('replaced');
    await send('PUT', path, { body: alertRule({ description: 'x', displayName: 'y' }, { tags: { a: 'b' } }) });
    const { body } = await send('PUT', path, { body: alertRule({ displayName: 'z' }) });
    expect(body).not.toHaveProperty('tags');
    expect(body.properties).not.toHaveProperty('description');
    expect(body.properties.displayName).toBe('z');
  });

  it('a PATCH replaces what it names and keeps the rest', async () => {
    const path = alertRulePath('patched');
    const before = await send('PUT', path, { body: alertRule({ description: 'x' }, { tags: { a: 'b' } }) });
    const after = await send('PATCH', path, { body: { properties: { enabled: false } } });
    expect(after.status).toBe(200);
    expect(after.body.properties).toEqual({ ...before.body.properties, enabled: false });
    expect(after.body).toMatchObject({ tags: { a: 'b' }, identity: before.body.identity, location: 'westeurope', kind: 'LogAlert' });
    expect((await send('PATCH', path, { body: { tags: { c: 'd' } } })).body.tags).toEqual({ c: 'd' });
    expect((await send('PATCH', path, { body: { location: 'x' } })).body.error.code).toBe('InvalidRequestContent');
    expect((await send('PATCH', alertRulePath('nobody'), { body: {} })).status).toBe(404);
  });

  it('what a GET gave can be PUT again', async () => {
    const path = alertRulePath('round');
    await send('PUT', path, { body: alertRule() });
    const { body } = await send('GET', path);
    const again = await send('PUT', path, { body });
    expect(again.status).toBe(200);
    expect(again.body.identity).toEqual(body.identity);
  });
});

describe('what comes back', () => {
  it('is what was sent, in the casing of the service, and little else', async () => {
    const path = alertRulePath('Echo');
    const sent = alertRule({ actions: { actionGroups: [], customProperties: { a: '${b}' } } }, { location: 'West Europe' });
    await send('PUT', path, { body: sent });
    const { body } = await send('GET', path);
    expect(body).toEqual({
      id: `${group}/providers/microsoft.insights/scheduledqueryrules/Echo`,
      name: 'Echo',
      type: 'Microsoft.Insights/scheduledQueryRules',
      location: 'westeurope',
      kind: 'LogAlert',
      identity: { type: 'SystemAssigned', principalId: expect.stringMatching(/^[0-9a-f-]{36}$/u), tenantId },
      etag: expect.any(String),
      properties: { ...(sent['properties'] as object), enabled: true, createdWithApiVersion: versions.alertRules },
      systemData: {
        createdBy: clientId,
        createdByType: 'Application',
        createdAt: '2026-11-01T12:00:00.1230000Z',
        lastModifiedBy: clientId,
        lastModifiedByType: 'Application',
        lastModifiedAt: '2026-11-01T12:00:00.1230000Z',
      },
    });
  });

  it.each([
    [0, '"threshold":0.0'],
    [10, '"threshold":10.0'],
    [2.5, '"threshold":2.5'],
  ])('threshold %d is the text %s', async (threshold, text) => {
    const answer = await create(alertRule({ criteria: { allOf: [condition({ threshold })] } }));
    expect(answer.text).toContain(text);
  });

  it('a rule that is off stays off, and the query is untouched', async () => {
    const query = 'arg("").x\n| where a == "${b}"  \n';
    const { body } = await create(alertRule({ enabled: false, criteria: { allOf: [condition({ query })] } }));
    expect(body.properties).toMatchObject({ enabled: false, criteria: { allOf: [{ query }] } });
  });

  it('ids can have the documented casing instead', async () => {
    await using azure = await startAzure({ alertRuleIds: 'specification' });
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    expect(body.id).toBe(`${group}/providers/Microsoft.Insights/scheduledQueryRules/a`);
  });
});

describe('identity', () => {
  it('of the system is stable over writes, gone with the rule, and another one afterwards', async () => {
    const path = alertRulePath('identity');
    const put = async (top = {}): Promise<string | undefined> =>
      (await send('PUT', path, { body: alertRule({}, top) })).body.identity?.principalId;
    const first = await put();
    expect(await put({ tags: { a: 'b' } })).toBe(first);
    expect((await send('PATCH', path, { body: { tags: {} } })).body.identity.principalId).toBe(first);
    await send('DELETE', path);
    const second = await put();
    expect(second).not.toBe(first);
    const plain = { criteria: { allOf: [condition({ query: 'Heartbeat' })] } };
    const none = await send('PUT', path, { body: alertRule(plain, { identity: { type: 'None' } }) });
    expect(none.body.identity).toEqual({ type: 'None' });
    expect(await put()).not.toBe(second);
  });

  it('is a principal of the directory until the rule goes; its role assignments stay behind', async () => {
    const path = alertRulePath('principal');
    const { principalId } = (await send('PUT', path, { body: alertRule() })).body.identity;
    const assign = (name: string) =>
      send('PUT', roleAssignmentPath(clusterId, name), { body: { properties: { roleDefinitionId: roles.reader, principalId } } });
    expect((await assign('70000000-7777-4777-8777-000000000001')).status).toBe(201);
    await send('DELETE', path);
    expect(await send('GET', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'))).toMatchObject({
      status: 200,
      body: { properties: { principalId } },
    });
    await send('DELETE', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'));
    expect((await assign('70000000-7777-4777-8777-000000000002')).body.error.code).toBe('PrincipalNotFound');
  });

  it('of a user shows its principal below its id', async () => {
    const { status, body } = await create(alertRule({}, { identity: userAssigned }));
    expect(status).toBe(201);
    expect(body.identity).toEqual({
      type: 'UserAssigned',
      tenantId,
      userAssignedIdentities: { [userAssignedId]: { principalId: watcherPrincipalId, clientId: '6aaaaaaa-6666-4666-8666-666666666666' } },
    });
  });

  it('of a user that does not exist, or that the caller may not assign, is refused', async () => {
    const missing = { type: 'UserAssigned', userAssignedIdentities: { [`${userAssignedId}-2`]: {} } };
    expect(await create(alertRule({}, { identity: missing }))).toMatchObject({
      status: 400,
      body: { error: { code: 'FailedIdentityOperation' } },
    });

    await using azure = await startAzure();
    const grant = (scope: string, roleDefinitionId: string) =>
      azure.emulator.world.addRoleAssignment({ scope, roleDefinitionId, principalId: readerObjectId });
    grant(group, roles.monitoringContributor);
    const put = () => azure.send('PUT', alertRulePath('a'), { as: readerClientId, body: alertRule({}, { identity: userAssigned }) });
    const refused = await put();
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'LinkedAuthorizationFailed' } } });
    expect(refused.body.error.message).toContain("action(s) 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'");
    expect(refused.body.error.message).toContain(`linked scope(s) '${userAssignedId}'`);
    grant(userAssignedId, roles.managedIdentityOperator);
    expect((await put()).status).toBe(201);
  });
});

describe('linked rights', () => {
  it.each([
    ['the scope', clusterId, 'Microsoft.ContainerService/managedClusters/read', {}],
    ['a subscription as scope', subscription, 'Microsoft.Resources/subscriptions/read', { scopes: [subscription] }],
    ['a resource group as scope', group, 'Microsoft.Resources/subscriptions/resourceGroups/read', { scopes: [group] }],
    [
      'an action group',
      `${group}/providers/Microsoft.Insights/actionGroups/team`,
      'Microsoft.Insights/actionGroups/read',
      { actions: { actionGroups: [`${group}/providers/Microsoft.Insights/actionGroups/team`] } },
    ],
  ])('%s must be readable', async (_name, linkedScope, linkedAction, properties) => {
    const custom = '8ddddddd-8888-4888-8888-888888888888';
    const actions = [
      'Microsoft.Insights/scheduledQueryRules/*',
      ...(linkedScope === clusterId ? [] : ['Microsoft.ContainerService/managedClusters/read']),
    ];
    const world = {
      ...smallWorld(),
      roleDefinitions: [
        { id: custom, name: 'Rules only', actions },
        { id: custom.replace('8d', '9d'), name: 'The missing one', actions: [linkedAction] },
      ],
      roleAssignments: [{ scope: group, roleDefinitionId: custom, principalId: objectId }],
    };
    await using azure = await startAzure({ world });
    const put = () => azure.send('PUT', alertRulePath('a'), { body: alertRule(properties) });
    const refused = await put();
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'LinkedAuthorizationFailed' } } });
    expect(refused.body.error.message).toContain(`action(s) '${linkedAction}' on the linked scope(s) '${linkedScope}'`);
    azure.emulator.world.addRoleAssignment({ scope: linkedScope, roleDefinitionId: custom.replace('8d', '9d'), principalId: objectId });
    expect((await put()).status).toBe(201);
  });
});

describe('what is refused', () => {
  const one = (change: object) => ({ criteria: { allOf: [condition({ ...change })] } });
  const dimension = (index: number) => ({ name: `d${index}`, operator: 'Include', values: ['*'] });
  const many = (count: number, item: (index: number) => unknown) => Array.from({ length: count }, (_, index) => item(index));

  it.each<[string, object, string, RegExp]>([
    ['two scopes', alertRule({ scopes: [clusterId, group] }), 'InvalidRequestContent', /one scope/u],
    ['no scope', alertRule({ scopes: [] }), 'InvalidRequestContent', /one scope/u],
    ['a missing cluster', alertRule({ scopes: [`${clusterId}-2`] }), 'BadRequest', /^Scope 'prod-2' does not exist$/u],
    ['a missing group', alertRule({ scopes: [`${subscription}/resourceGroups/gone`] }), 'BadRequest', /^Scope 'gone' does not exist$/u],
    ['arg() without identity', alertRule({}, { identity: undefined }), 'BadRequest', /"adx" pattern/u],
    ['arg() with identity None', alertRule({}, { identity: { type: 'None' } }), 'BadRequest', /"adx" pattern/u],
    ['ARG ( without identity', alertRule(one({ query: 'ARG ("").x' }), { identity: undefined }), 'BadRequest', /"adx" pattern/u],
    ['arg() every minute', alertRule({ evaluationFrequency: 'PT1M' }), 'BadRequest', /one minute/u],
    ['union every minute', alertRule({ evaluationFrequency: 'PT60S', ...one({ query: 'union A, B' }) }), 'BadRequest', /one minute/u],
    [
      'mute with auto mitigation',
      alertRule({ muteActionsDuration: 'PT1H', autoMitigate: true }),
      'BadRequest',
      /Auto mitigation must be disabled/u,
    ],
    [
      'mute with the default mitigation',
      alertRule({ muteActionsDuration: 'PT1H', autoMitigate: undefined }),
      'BadRequest',
      /Auto mitigation/u,
    ],
    [
      'mute of nothing',
      alertRule({ muteActionsDuration: 'PT0M' }),
      'InvalidRequestContent',
      /MuteActionsDuration of 0 minutes is not supported/u,
    ],
    [
      'mute shorter than the frequency',
      alertRule({ muteActionsDuration: 'PT5M' }),
      'InvalidRequestContent',
      /EvaluationFrequency cannot be greater/u,
    ],
    ['an odd frequency', alertRule({ evaluationFrequency: 'PT7M' }), 'InvalidRequestContent', /EvaluationFrequency of 7 minutes/u],
    ['a frequency of two days', alertRule({ evaluationFrequency: 'P2D' }), 'InvalidRequestContent', /EvaluationFrequency of 2880 minutes/u],
    ['an odd window', alertRule({ windowSize: 'PT25M' }), 'InvalidRequestContent', /WindowSize of 25 minutes/u],
    [
      'a reach of three days',
      alertRule({ overrideQueryTimeRange: 'P3D' }),
      'InvalidRequestContent',
      /OverrideQueryTimeRange of 4320 minutes/u,
    ],
    [
      'six action groups',
      alertRule({ actions: { actionGroups: many(6, (index) => `${group}/providers/Microsoft.Insights/actionGroups/${index}`) } }),
      'BadRequest',
      /5 action groups/u,
    ],
    ['seven dimensions', alertRule(one({ dimensions: many(7, dimension) })), 'BadRequest', /6 dimensions/u],
    [
      'more failing periods than periods',
      alertRule(one({ failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 2 } })),
      'BadRequest',
      /failingPeriods/u,
    ],
    [
      'seven periods',
      alertRule(one({ failingPeriods: { numberOfEvaluationPeriods: 7, minFailingPeriodsToAlert: 1 } })),
      'BadRequest',
      /failingPeriods/u,
    ],
    ['a long description', alertRule({ description: 'x'.repeat(4097) }), 'BadRequest', /4096/u],
    ['large properties', alertRule({ displayName: 'x'.repeat(70_000) }), 'BadRequest', /64 KB/u],
    ['no severity', alertRule({ severity: undefined }), 'BadRequest', /properties.severity/u],
    ['no threshold', alertRule(one({ threshold: undefined })), 'BadRequest', /properties.criteria.allOf\[0\].threshold/u],
    ['no condition', alertRule({ criteria: { allOf: [] } }), 'BadRequest', /properties.criteria.allOf/u],
    ['UserAssigned without an id', alertRule({}, { identity: { type: 'UserAssigned' } }), 'BadRequest', /must name/u],
    [
      'both identities',
      alertRule({}, { identity: { type: 'SystemAssigned, UserAssigned' } }),
      'InvalidRequestContent',
      /Path 'identity.type'/u,
    ],
    ['severity 9', alertRule({ severity: 9 }), 'InvalidRequestContent', /Path 'properties.severity'/u],
    ['a duration in words', alertRule({ windowSize: '30m' }), 'InvalidRequestContent', /Path 'properties.windowSize'/u],
    ['a typing mistake', alertRule({ discription: 'x' }), 'InvalidRequestContent', /'discription'.*Path 'properties.discription'/u],
    ['one deeper down', alertRule(one({ treshold: 1 })), 'InvalidRequestContent', /Path 'properties.criteria.allOf\[0\].treshold'/u],
    ['a threshold in quotes', alertRule(one({ threshold: '0' })), 'InvalidRequestContent', /allOf\[0\].threshold/u],
    [
      'a dimension without values',
      alertRule(one({ dimensions: [{ name: 'a', operator: 'Include' }] })),
      'InvalidRequestContent',
      /dimensions\[0\].values/u,
    ],
    ['no location', alertRule({}, { location: undefined }), 'InvalidRequestContent', /'location'/u],
    ['a number as tag', alertRule({}, { tags: { a: 1 } }), 'InvalidRequestContent', /Path 'tags.a'/u],
  ])('%s', async (_name, body, code, text) => {
    const answer = await create(body);
    expect({ status: answer.status, code: answer.body.error?.code }).toEqual({ status: 400, code });
    expect(answer.body.error.message).toMatch(text);
  });

  it.each(['a%2Fb', 'a%3Cb', 'a%23', 'a.', 'a%20', 'x'.repeat(261)])('the name %s', async (name) => {
    expect((await send('PUT', alertRulePath(name), { body: alertRule() })).body.error.code).toBe('BadRequest');
  });

  it('a name with a semicolon only when there is an identity', async () => {
    const plain = one({ query: 'Heartbeat' });
    expect((await send('PUT', alertRulePath('a%3Bb'), { body: alertRule(plain) })).body.error.message).toContain("';'");
    expect((await send('PUT', alertRulePath('a%3Bb'), { body: alertRule(plain, { identity: undefined }) })).status).toBe(201);
  });

  it('another scope for a rule that exists, by PUT and by PATCH, but not the same one in another casing', async () => {
    const path = alertRulePath('scoped');
    await send('PUT', path, { body: alertRule() });
    for (const [method, body] of [
      ['PUT', alertRule({ scopes: [group] })],
      ['PATCH', { properties: { scopes: [group] } }],
    ] as const) {
      expect((await send(method, path, { body })).body.error).toEqual({ code: 'BadRequest', message: 'Scope can not be updated' });
    }
    expect((await send('PUT', path, { body: alertRule({ scopes: [clusterId.toUpperCase()] }) })).status).toBe(200);
  });

  it('another location for a rule that exists', async () => {
    const path = alertRulePath('located');
    await send('PUT', path, { body: alertRule() });
    const moved = await send('PUT', path, { body: alertRule({}, { location: 'northeurope' }) });
    expect(moved).toMatchObject({ status: 409, body: { error: { code: 'InvalidResourceLocation' } } });
  });

  it('a refused write changes nothing', async () => {
    const path = alertRulePath('unchanged');
    await send('PUT', path, { body: alertRule() });
    const before = await send('GET', path);
    await send('PUT', path, { body: alertRule({ muteActionsDuration: 'PT0M' }, { identity: { type: 'None' } }) });
    expect((await send('GET', path)).body).toEqual(before.body);
  });

  it('a missing scope passes when that check is switched off, and what the emulator cannot know always does', async () => {
    await using azure = await startAzure({ scopesMustExist: false });
    expect((await azure.send('PUT', alertRulePath('a'), { body: alertRule({ scopes: [`${clusterId}-2`] }) })).status).toBe(201);
    const workspace = `${group}/providers/Microsoft.OperationalInsights/workspaces/logs`;
    expect((await create(alertRule({ scopes: [workspace] }))).status).toBe(201);
  });

  it('nothing about a mute and frequencies that fit', async () => {
    const body = alertRule({
      muteActionsDuration: 'P1D',
      evaluationFrequency: 'PT60M',
      windowSize: 'PT24H',
      overrideQueryTimeRange: 'P2D',
    });
    expect((await create(body)).status).toBe(201);
  });
});

describe('lists', () => {
  it('page by page, by group and by subscription', async () => {
    await using azure = await startAzure({ pageSize: 2 });
    azure.emulator.world.addResourceGroup(subscriptionId, { name: 'other', location: 'westeurope' });
    for (const name of ['e', 'b', 'd', 'a', 'c']) await azure.send('PUT', alertRulePath(name), { body: alertRule() });
    await azure.send('PUT', alertRulePath('f').replace('/shop/', '/other/'), { body: alertRule() });
    await azure.send('PUT', actionGroupPath('g'), { body: actionGroup() });

    const pages = async (start: string): Promise<string[][]> => {
      const found: string[][] = [];
      for (let next: string | undefined = start; next !== undefined;) {
        const { status, body }: Reply = await azure.send('GET', next);
        expect(status).toBe(200);
        found.push(body.value.map(({ name }: { name: string }) => name));
        expect(body.nextLink ?? azure.emulator.url).toContain(azure.emulator.url);
        next = body.nextLink?.slice(azure.emulator.url.length);
      }
      return found;
    };
    const query = `providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}`;
    expect(await pages(`${group}/${query}`)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect((await pages(`${subscription}/${query}`)).flat().toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(await pages(`${group.replace('shop', 'OTHER')}/${query}`)).toEqual([['f']]);
    expect(azure.emulator.journal.calls({ operation: 'list', type: 'Microsoft.Insights/scheduledQueryRules' })).toHaveLength(7);
  });

  it('a page of what changed meanwhile neither repeats nor leaves out what stayed', async () => {
    await using azure = await startAzure({ pageSize: 2 });
    for (const name of ['a', 'b', 'c', 'd']) await azure.send('PUT', alertRulePath(name), { body: alertRule() });
    const first = await azure.send('GET', `${group}/providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}`);
    await azure.send('DELETE', alertRulePath('a'));
    const second = await azure.send('GET', first.body.nextLink.slice(azure.emulator.url.length));
    expect(second.body.value.map(({ name }: { name: string }) => name)).toEqual(['c', 'd']);
  });

  it('a made-up skip token is refused', async () => {
    const path = `${group}/providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}&$skipToken=%21%21`;
    expect((await send('GET', path)).body.error.code).toBe('InvalidSkipToken');
  });

  it('the emulator shows what stands, as deep copies', async () => {
    await using azure = await startAzure();
    await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    const [rule] = azure.emulator.resources().alertRules;
    Object.assign(rule!['properties'] as object, { severity: 0 });
    expect(azure.emulator.resources().alertRules[0]).toMatchObject({ name: 'a', properties: { severity: 3 } });
  });
});
