import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clientId,
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
  subscriptionId,
  tenantId,
  versions,
  type Send,
} from './fixtures.ts';

let emulator: Emulator;
let send: Send;
let close: () => Promise<void>;
const clock = stoppedClock();
const clusterPath = `${clusterId}?api-version=${versions.clusters}`;

beforeAll(async () => {
  emulator = await startEmulator({ world: smallWorld(), clock: clock.now });
  ({ send, close } = sender(emulator));
});

afterAll(async () => {
  await close();
  await emulator.stop();
});

beforeEach(() => emulator.journal.clear());

describe('sign-in', () => {
  it.each<[string, () => Promise<Record<string, string>>, string]>([
    ['nothing', async () => ({}), 'AuthenticationFailed'],
    ['another scheme', async () => ({ authorization: 'Basic abc' }), 'AuthenticationFailedInvalidHeader'],
    ['no JWT', async () => ({ authorization: 'Bearer abc' }), 'InvalidAuthenticationToken'],
    [
      'a token of another tenant',
      async () => {
        await using other = await startAzure();
        return { authorization: `Bearer ${await other.emulator.mintToken(clientId)}` };
      },
      'InvalidAuthenticationToken',
    ],
    [
      'an expired token',
      async () => ({ authorization: `Bearer ${await emulator.mintToken(clientId, { expiresInSeconds: -1 })}` }),
      'ExpiredAuthenticationToken',
    ],
    [
      'a token for something else',
      async () => ({ authorization: `Bearer ${await emulator.mintToken(clientId, { audience: 'https://graph.microsoft.com' })}` }),
      'InvalidAuthenticationTokenAudience',
    ],
  ])('%s: 401', async (_name, headers, code) => {
    const answer = await send('GET', clusterPath, { as: null, headers: await headers() });
    expect(answer).toMatchObject({ status: 401, body: { error: { code } } });
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer authorization_uri=".*", error="invalid_token", error_description=".*"$/u);
    expect(emulator.journal.calls()).toMatchObject([
      { kind: 'arm', type: 'Microsoft.ContainerService/managedClusters', operation: 'read', name: 'prod', status: 401, errorCode: code },
    ]);
  });

  it('a token expires when its hour is over', async () => {
    await using azure = await startAzure({ clock: clock.now });
    const headers = { authorization: `Bearer ${await azure.emulator.mintToken(clientId)}` };
    expect((await azure.send('GET', clusterPath, { as: null, headers })).status).toBe(200);
    clock.advance(3600);
    expect((await azure.send('GET', clusterPath, { as: null, headers })).status).toBe(401);
  });
});

describe('addresses', () => {
  it.each([
    ['small letters', clusterPath.toLowerCase()],
    ['capitals', `${clusterId.toUpperCase()}?API-VERSION=${versions.clusters}`],
    ['doubled slashes', `/${clusterId.replaceAll('/', '//')}?api-version=${versions.clusters}`],
    ['a slash at the end', `${clusterId}/?api-version=${versions.clusters}`],
    ['percent-encoding', `${clusterId.replace('prod', '%70%72od')}?api-version=${versions.clusters}`],
  ])('%s', async (_name, path) => {
    expect(await send('GET', path)).toMatchObject({ status: 200, body: { name: 'prod' } });
  });

  it("keeps the caller's casing and decodes names", async () => {
    const { body } = await send('PUT', alertRulePath('My%20Rule'), { body: alertRule() });
    expect(body).toMatchObject({ name: 'My Rule', id: `${group}/providers/microsoft.insights/scheduledqueryrules/My Rule` });
    expect((await send('GET', alertRulePath('MY%20RULE'))).body.name).toBe('My Rule');
  });

  it.each([
    ['a broken percent sign', `${group}/providers/Microsoft.Insights/actionGroups/%ZZ?api-version=1`, 400, 'BadRequest'],
    ['an unknown namespace', `${group}/providers/Microsoft.Nowhere/things/a?api-version=1`, 404, 'InvalidResourceNamespace'],
    ['an unknown type', `${group}/providers/Microsoft.Insights/components/a?api-version=1`, 404, 'InvalidResourceType'],
    ['outside subscriptions', '/providers/Microsoft.Insights/actionGroups?api-version=1', 404, 'InvalidResource'],
    ['no type at all', `${group}?api-version=2021-04-01`, 404, 'InvalidResource'],
  ])('%s', async (_name, path, status, code) => {
    expect(await send('GET', path)).toMatchObject({ status, body: { error: { code } } });
  });
});

describe('api-version', () => {
  it.each([
    ['missing', actionGroupPath('a').split('?')[0]!, 'MissingApiVersionParameter', ''],
    ['no date', actionGroupPath('a', 'latest'), 'InvalidApiVersionParameter', "'latest'"],
    ['not of this type', actionGroupPath('a', '2022-04-01'), 'NoRegisteredProviderFound', "for type 'actionGroups'"],
    ['not of this type either', alertRulePath('a', '2024-10-01-preview'), 'NoRegisteredProviderFound', '2025-01-01-preview'],
  ])('%s: 400 %s', async (_name, path, code, text) => {
    const { status, body } = await send('GET', path);
    expect({ status, code: body.error.code }).toEqual({ status: 400, code });
    expect(body.error.message).toContain(text);
  });

  it('takes the older stable version of alert rules too', async () => {
    expect((await send('PUT', alertRulePath('old', '2023-12-01'), { body: alertRule() })).status).toBe(201);
    const { body } = await send('PUT', alertRulePath('old'), { body: alertRule() });
    expect(body.properties.createdWithApiVersion).toBe('2023-12-01');
  });
});

describe('places', () => {
  const elsewhere = '/subscriptions/bbbbbbbb-4444-4444-8444-444444444444';
  const noGroup = `${subscription}/resourceGroups/nowhere`;
  const rule = 'providers/Microsoft.Insights/scheduledQueryRules/a?api-version=2025-01-01-preview';

  it.each([
    ['GET', elsewhere, 'SubscriptionNotFound'],
    ['PUT', elsewhere, 'SubscriptionNotFound'],
    ['DELETE', elsewhere, 'SubscriptionNotFound'],
    ['GET', noGroup, 'ResourceGroupNotFound'],
    ['PUT', noGroup, 'ResourceGroupNotFound'],
    ['PATCH', noGroup, 'ResourceGroupNotFound'],
    ['DELETE', noGroup, 'ResourceGroupNotFound'],
  ])('%s in %s: 404 %s', async (method, place, code) => {
    const path = `${place.includes('resourceGroups') ? place : `${place}/resourceGroups/shop`}/${rule}`;
    const answer = await send(method, path, method === 'PUT' || method === 'PATCH' ? { body: alertRule() } : {});
    expect(answer).toMatchObject({ status: 404, body: { error: { code } }, headers: { 'x-ms-failure-cause': 'gateway' } });
  });

  it('a role assignment in a missing group is not found either', async () => {
    const answer = await send('DELETE', roleAssignmentPath(noGroup, '7ccccccc-7777-4777-8777-777777777777'));
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'ResourceGroupNotFound' } } });
  });
});

describe('rights', () => {
  const name = '7ccccccc-7777-4777-8777-777777777777';

  it.each([
    ['GET', actionGroupPath('missing'), undefined, 404],
    ['PUT', actionGroupPath('a'), actionGroup(), 403],
    ['PATCH', actionGroupPath('a'), {}, 403],
    ['DELETE', actionGroupPath('a'), undefined, 403],
    ['PUT', alertRulePath('a'), alertRule(), 403],
    ['GET', clusterPath, undefined, 200],
    ['PUT', roleAssignmentPath(group, name), { properties: { roleDefinitionId: roles.owner, principalId: readerObjectId } }, 403],
    ['GET', `${subscription}/providers/Microsoft.Insights/actionGroups?api-version=${versions.actionGroups}`, undefined, 200],
  ])('a reader: %s %s', async (method, path, body, status) => {
    expect((await send(method, path, { as: readerClientId, body })).status).toBe(status);
  });

  it('the refusal names client, action and scope', async () => {
    const { body, headers } = await send('PUT', actionGroupPath('a'), { as: readerClientId, body: actionGroup() });
    expect(body.error).toEqual({
      code: 'AuthorizationFailed',
      message:
        `The client '${readerObjectId}' with object id '${readerObjectId}' does not have authorization to perform action ` +
        `'Microsoft.Insights/actionGroups/write' over scope '${group}/providers/Microsoft.Insights/actionGroups/a' or the scope is invalid. ` +
        'If access was recently granted, please refresh your credentials.',
    });
    expect(headers['x-ms-failure-cause']).toBe('gateway');
  });

  it('are given and taken at run time, and hold only where they were given', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    world.addResourceGroup(subscriptionId, { name: 'other', location: 'westeurope' });
    const put = (path: string) => azure.send('PUT', path, { as: readerClientId, body: actionGroup() });
    const granted = world.addRoleAssignment({ scope: group, roleDefinitionId: roles.monitoringContributor, principalId: readerObjectId });
    expect((await put(actionGroupPath('a'))).status).toBe(201);
    expect((await put(actionGroupPath('a').replace('/shop/', '/other/'))).status).toBe(403);
    world.removeRoleAssignment(granted);
    expect((await put(actionGroupPath('a'))).status).toBe(403);
  });

  it('a role given over HTTP works at once', async () => {
    await using azure = await startAzure();
    const properties = { roleDefinitionId: roles.monitoringContributor, principalId: readerObjectId, principalType: 'ServicePrincipal' };
    expect((await azure.send('PUT', roleAssignmentPath(group, name), { body: { properties } })).status).toBe(201);
    expect((await azure.send('PUT', actionGroupPath('a'), { as: readerClientId, body: actionGroup() })).status).toBe(201);
  });

  it('a custom role holds what its actions say', async () => {
    const custom = '8ddddddd-8888-4888-8888-888888888888';
    const actions = ['Microsoft.Insights/actionGroups/*'];
    const world = smallWorld();
    const roleDefinitions = [{ id: custom, name: 'Groups, but no deletion', actions, notActions: ['*/delete'] }];
    const roleAssignments = [{ scope: group, roleDefinitionId: custom, principalId: objectId }];
    await using azure = await startAzure({ world: { ...world, roleDefinitions, roleAssignments } });
    expect((await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() })).status).toBe(201);
    expect((await azure.send('DELETE', actionGroupPath('a'))).status).toBe(403);
    expect((await azure.send('GET', clusterPath)).status).toBe(403);
  });
});

describe('bodies and methods', () => {
  it.each([
    ['no JSON', '{"location":'],
    ['no object', '"text"'],
    ['nothing', ''],
  ])('%s: 400 InvalidRequestContent', async (_name, body) => {
    expect(await send('PUT', actionGroupPath('a'), { body })).toMatchObject({
      status: 400,
      body: { error: { code: 'InvalidRequestContent' } },
    });
  });

  it.each([
    ['POST', actionGroupPath('a')],
    ['PUT', clusterPath],
    ['DELETE', `${group}/providers/Microsoft.Insights/actionGroups?api-version=${versions.actionGroups}`],
  ])('%s %s: 405', async (method, path) => {
    expect((await send(method, path, method === 'PUT' ? { body: {} } : {})).status).toBe(405);
  });

  it('more than four megabytes are refused', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(4 * 1024 * 1024) });
    expect((await send('PUT', actionGroupPath('a'), { body })).status).toBe(413);
  });
});

describe('headers', () => {
  it('are on every answer, with ids that never repeat', async () => {
    const answers = [
      await send('GET', clusterPath),
      await send('GET', clusterPath, { as: null }),
      await send('GET', `/${tenantId}/v2.0/.well-known/openid-configuration`, { as: null }),
    ];
    const ids = answers.map(({ headers }) => headers['x-ms-correlation-request-id']);
    expect(new Set(ids).size).toBe(3);
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'cache-control': 'no-cache',
        pragma: 'no-cache',
        expires: '-1',
        'x-content-type-options': 'nosniff',
      });
      expect(headers['strict-transport-security']).toBeDefined();
      expect(headers['x-ms-request-id']).toMatch(/^[0-9a-f-]{36}$/u);
      expect(headers['x-ms-routing-request-id']).toMatch(/^[A-Z]+:\d{8}T\d{6}Z:[0-9a-f-]{36}$/u);
    }
  });

  it('count what is left, per kind of call, and fill up again with time', async () => {
    await using azure = await startAzure({ throttling: 'counted', clock: clock.now });
    const left = async (method: string, path: string, kind: string, body?: unknown): Promise<(string | undefined)[]> => {
      const { headers } = await azure.send(method, path, { body });
      return [headers[`x-ms-ratelimit-remaining-subscription-${kind}`], headers[`x-ms-ratelimit-remaining-subscription-global-${kind}`]];
    };
    expect(await left('GET', clusterPath, 'reads')).toEqual(['249', '16499']);
    expect(await left('GET', clusterPath, 'reads')).toEqual(['248', '16498']);
    expect(await left('PUT', actionGroupPath('a'), 'writes', actionGroup())).toEqual(['199', '11999']);
    expect(await left('DELETE', actionGroupPath('a'), 'deletes')).toEqual(['199', '11999']);
    clock.advance(10);
    expect(await left('GET', clusterPath, 'reads')).toEqual(['249', '16499']);
  });

  it('of the alert rule service count thirty writes a minute; those of action groups their own limit', async () => {
    await using azure = await startAzure({ throttling: 'counted', clock: clock.now });
    const write = async (): Promise<string | undefined> =>
      (await azure.send('PUT', alertRulePath('a'), { body: alertRule() })).headers['x-rate-limit-remaining'];
    expect([await write(), await write()]).toEqual(['29', '28']);
    clock.advance(60);
    expect(await write()).toBe('29');

    const rule = await azure.send('GET', alertRulePath('a'));
    expect(rule.headers['api-supported-versions']).toContain('2025-01-01-preview');
    expect(rule.headers['set-cookie']).toContain('ARRAffinity=');
    const put = await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
    const got = await azure.send('GET', actionGroupPath('a'));
    const limit = 'x-ms-ratelimit-remaining-subscription-resource-requests';
    expect([put.headers[limit], got.headers[limit]]).toEqual(['199', '249']);
    expect(got.headers['x-activityid']).toBeDefined();
  });
});

describe('the journal', () => {
  it('says who did what to what, in order, with bodies and without tokens', async () => {
    await send('PUT', actionGroupPath('Team'), { body: actionGroup() });
    await send('GET', `${group}/providers/microsoft.insights/ACTIONGROUPS?api-version=${versions.actionGroups}`);
    await send('DELETE', actionGroupPath('Team'));
    const calls = emulator.journal.calls();
    const about = {
      kind: 'arm',
      type: 'Microsoft.Insights/actionGroups',
      subscriptionId,
      apiVersion: versions.actionGroups,
      principalId: objectId,
    };
    expect(calls).toMatchObject([
      { ...about, method: 'PUT', operation: 'write', name: 'Team', status: 201, requestBody: actionGroup() },
      { ...about, method: 'GET', operation: 'list', status: 200 },
      { ...about, method: 'DELETE', operation: 'delete', name: 'Team', status: 200 },
    ]);
    expect(calls[1]?.name).toBeUndefined();
    expect(calls.map(({ sequence }) => sequence)).toEqual([0, 1, 2].map((step) => calls[0]!.sequence + step));
    expect(JSON.stringify(calls)).not.toContain('Bearer');
  });

  it('is filtered by any field, without regard to case', async () => {
    await send('GET', clusterPath);
    await send('GET', clusterPath, { as: readerClientId });
    await send('GET', actionGroupPath('missing'));
    const count = (filter: Parameters<Emulator['journal']['calls']>[0]): number => emulator.journal.calls(filter).length;
    expect(count({ type: 'microsoft.containerservice/managedclusters' })).toBe(2);
    expect(count({ principalId: readerObjectId.toUpperCase() })).toBe(1);
    expect(count({ operation: 'read', status: 404 })).toBe(1);
    expect(count({ errorCode: 'ResourceNotFound' })).toBe(1);
    expect(count({ operation: 'write' })).toBe(0);
  });

  it('keeps the newest calls when it is full', async () => {
    await using azure = await startAzure({ journalLimit: 2 });
    for (let call = 0; call < 5; call += 1) await azure.send('GET', clusterPath);
    const kept = azure.emulator.journal.calls();
    expect(kept.length).toBeLessThan(5);
    expect(kept.at(-1)?.sequence).toBe(5);
  });
});
