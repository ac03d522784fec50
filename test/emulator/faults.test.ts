import { describe, expect, it } from 'vitest';
import { startEmulator } from '../../emulator/emulator.ts';
import { faultAnswers, type FaultAnswerName } from '../../emulator/fault-answers.ts';
import type { Fault, FaultEffect, FaultMatch } from '../../emulator/faults.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clientId,
  clusterId,
  group,
  objectId,
  sender,
  smallWorld,
  startAzure,
  stoppedClock,
  subscription,
  subscriptionId,
  tenantId,
  versions,
} from './fixtures.ts';
import { trust } from './trust.ts';

const clusterPath = `${clusterId}?api-version=${versions.clusters}`;
const rulesPath = `${subscription}/providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}`;
const tokenPath = `/${tenantId}/oauth2/v2.0/token`;
const metadataPath = `/${tenantId}/v2.0/.well-known/openid-configuration`;
const names = Object.keys(faultAnswers) as FaultAnswerName[];
const form = { client_id: clientId };
const teapot: FaultEffect = { kind: 'answer', status: 418 };

describe('which calls a fault meets', () => {
  const calls: Readonly<Record<string, [method: string, path: string]>> = {
    readRule: ['GET', alertRulePath('a')],
    writeRule: ['PUT', alertRulePath('a')],
    deleteRule: ['DELETE', alertRulePath('b')],
    listRules: ['GET', rulesPath],
    writeGroup: ['PUT', actionGroupPath('a')],
    readCluster: ['GET', clusterPath],
    token: ['POST', tokenPath],
    metadata: ['GET', metadataPath],
    nonsense: ['GET', '/subscriptions/%zz'],
  };
  const all = Object.keys(calls);
  it.each<[string, FaultMatch, string[]]>([
    ['everything', {}, all],
    ['a method', { method: 'put' }, ['writeRule', 'writeGroup']],
    ['a type', { type: 'microsoft.insights/ScheduledQueryRules' }, ['readRule', 'writeRule', 'deleteRule', 'listRules']],
    ['an operation', { operation: 'read' }, ['readRule', 'readCluster']],
    ['lists', { operation: 'list' }, ['listRules']],
    ['a name', { name: 'A' }, ['readRule', 'writeRule', 'writeGroup']],
    ['a type and a name', { type: 'Microsoft.Insights/actionGroups', name: 'a' }, ['writeGroup']],
    [
      'a subscription',
      { subscriptionId: subscriptionId.toUpperCase() },
      ['readRule', 'writeRule', 'deleteRule', 'listRules', 'writeGroup', 'readCluster'],
    ],
    ['another subscription', { subscriptionId: tenantId }, []],
    ['a path', { path: /\/managedclusters\//giu }, ['readCluster']],
    ['tokens', { kind: 'token' }, ['token']],
    ['a token for a client', { kind: 'token', name: clientId }, ['token']],
    ['metadata', { kind: 'metadata' }, ['metadata']],
    ['Resource Manager', { kind: 'arm' }, all.filter((name) => name !== 'token' && name !== 'metadata')],
  ])('%s', async (_name, match, expected) => {
    await using azure = await startAzure();
    const fault = azure.emulator.faults.add({ match, effect: teapot });
    const met: string[] = [];
    for (const [name, [method, path]] of Object.entries(calls)) {
      const { status } = await azure.send(method, path, name === 'token' ? { form } : {});
      if (status === 418) met.push(name);
    }
    expect(met).toEqual(expected);
    expect(fault.hits()).toBe(expected.length);
  });

  it.each<[string, Pick<Fault, 'times' | 'skip'>, number[]]>([
    ['until it is removed', {}, [418, 418, 418, 418]],
    ['so many times', { times: 2 }, [418, 418, 200, 200]],
    ['after some have passed', { skip: 1 }, [200, 418, 418, 418]],
    ['both', { skip: 1, times: 1 }, [200, 418, 200, 200]],
  ])('%s', async (_name, how, expected) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ ...how, effect: teapot });
    const statuses: number[] = [];
    for (const _ of expected) statuses.push((await azure.send('GET', clusterPath)).status);
    expect(statuses).toEqual(expected);
  });

  it('the first of two that match, until it is used up or removed', async () => {
    await using azure = await startAzure();
    const { faults } = azure.emulator;
    const status = async (): Promise<number> => (await azure.send('GET', clusterPath)).status;
    const used = faults.add({ times: 1, effect: { kind: 'answer', status: 501 } });
    const removed = faults.add({ effect: { kind: 'answer', status: 502 } });
    faults.add({ effect: { kind: 'answer', status: 503 } });
    expect([await status(), await status()]).toEqual([501, 502]);
    removed.remove();
    removed.remove();
    expect(await status()).toBe(503);
    faults.clear();
    expect(await status()).toBe(200);
    expect([used.hits(), removed.hits()]).toEqual([1, 1]);
  });

  it('never the area for people', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: teapot });
    expect((await azure.send('GET', '/_emulator/journal', { as: null })).status).toBe(200);
  });
});

describe('an answer instead of the work', () => {
  it('is sent as given, and nothing is done', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({
      effect: { kind: 'answer', status: 507, headers: { 'content-type': 'text/html', 'x-mark': 'a' }, text: '<html>no</html>' },
    });
    const reply = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    expect(reply).toMatchObject({ status: 507, text: '<html>no</html>', headers: { 'content-type': 'text/html', 'x-mark': 'a' } });
    expect(reply.headers['x-ms-correlation-request-id']).toBeDefined();
    expect(azure.emulator.resources().alertRules).toEqual([]);
  });

  const withoutCode: FaultAnswerName[] = ['BadGateway/html', 'ServiceUnavailable/html', 'UnknownCode/none'];
  const flat: FaultAnswerName[] = ['Conflict/flat', 'Conflict/notRegistered', 'BadRequest/flat'];
  const ofSignIn = names.filter((name) => name.startsWith('AADSTS'));
  const nested = names.filter((name) => ![...withoutCode, ...flat, ...ofSignIn].includes(name));

  it.each([...nested, ...flat])('%s: an error of Resource Manager, told in the journal', async (name) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name } });
    const { status, body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    const isFlat = flat.includes(name);
    const { code, message } = isFlat ? body : body.error;
    expect(Object.keys(body)).toEqual(isFlat ? ['code', 'message'] : ['error']);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(message).toMatch(/^(?!.*(?:undefined|\[object)).{10,}$/u);
    const about = { kind: 'arm', operation: 'write', name: 'a', subscriptionId, principalId: objectId, requestBody: alertRule() };
    expect(azure.emulator.journal.calls()).toMatchObject([{ ...about, status, errorCode: code, fault: name, responseBody: body }]);
    expect(azure.emulator.resources().alertRules).toEqual([]);
  });

  it.each(withoutCode)('%s: no error of Resource Manager', async (name) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name } });
    const { status, body, text } = await azure.send('GET', clusterPath);
    expect(body).toEqual({});
    expect(text.length).toBeGreaterThan(10);
    expect(azure.emulator.journal.calls()).toMatchObject([{ status, errorCode: undefined, fault: name }]);
  });

  it.each(ofSignIn)('%s: an error of the sign-in service', async (name) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ match: { kind: 'token' }, effect: { kind: 'error', name } });
    const { status, body } = await azure.send('POST', tokenPath, { form });
    const [code = ''] = name.split('/');
    expect(body).toMatchObject({ error_codes: [Number(code.slice('AADSTS'.length))] });
    expect(body.error_description).toMatch(new RegExp(`^${code}: .*Trace ID: .* Correlation ID: .* Timestamp: `, 'u'));
    expect(azure.emulator.journal.calls()).toMatchObject([{ kind: 'token', status, errorCode: code, fault: name, name: clientId }]);
  });

  it.each<[FaultAnswerName, Record<string, string | undefined>]>([
    ['SubscriptionRequestsThrottled', { 'retry-after': '17', 'retry-after-ms': undefined }],
    ['SubscriptionRequestsThrottled/withoutRetryAfter', { 'retry-after': undefined, 'retry-after-ms': undefined }],
    ['SubscriptionRequestsThrottled/fiveMinutes', { 'retry-after': '300' }],
    ['SubscriptionRequestsThrottled/milliseconds', { 'retry-after': undefined, 'retry-after-ms': '300' }],
    ['ResourceRequestsThrottled/milliseconds', { 'retry-after': undefined, 'x-ms-retry-after-ms': '300' }],
    ['TooManyRequests/withoutRetryAfter', { 'retry-after': undefined }],
    ['ServiceUnavailable', { 'retry-after': '5' }],
    ['ServiceUnavailable/withoutRetryAfter', { 'retry-after': undefined }],
  ])('%s tells when to come back, or does not', async (name, headers) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name } });
    const reply = await azure.send('GET', clusterPath);
    for (const [header, value] of Object.entries(headers)) expect(reply.headers[header]).toBe(value);
  });

  it.each<[FaultAnswerName, RegExp]>([
    ['AuthorizationFailed', new RegExp(`'${objectId}'.*'Microsoft.Insights/scheduledQueryRules/write' over scope '${group}.*/a'`, 'u')],
    ['AuthorizationFailed/condition', /ABAC condition not fulfilled to perform action 'Microsoft.Insights\/scheduledQueryRules\/write'/u],
    ['ScopeLocked', new RegExp(`'${group}.*/a' cannot perform write operation because following scope\\(s\\) are locked: '${group}'`, 'u')],
    ['ResourceGroupNotFound', /^Resource group 'shop' could not be found\.$/u],
    ['SubscriptionNotFound', new RegExp(subscriptionId, 'u')],
    ['MissingSubscriptionRegistration', /namespace 'Microsoft\.Insights'/u],
  ])('%s is about the call that it met', async (name, message) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name } });
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    expect(body.error.message).toMatch(message);
  });

  it('carries headers of its own besides the error', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name: 'TooManyRequests', headers: { 'retry-after': '300' } } });
    expect(await azure.send('GET', clusterPath)).toMatchObject({ status: 429, headers: { 'retry-after': '300' } });
  });

  it('insufficient access names another activity each time', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name: 'BadRequest/insufficientAccess' } });
    const message = async (): Promise<string> => (await azure.send('PUT', alertRulePath('a'), { body: alertRule() })).body.error.message;
    const first = await message();
    expect(first).toMatch(/insufficient access to perform the requested operation Activity ID: [0-9a-f-]{36}\.$/u);
    expect(await message()).not.toBe(first);
  });

  it('a policy is named, with what it is about', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'error', name: 'RequestDisallowedByPolicy' } });
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    expect(body.error).toMatchObject({
      target: 'a',
      additionalInfo: [{ type: 'PolicyViolation', info: { policyAssignmentName: 'only-approved-alerts' } }],
    });
  });

  it('a claims challenge holds claims that can be read', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ clock: clock.now });
    azure.emulator.faults.add({ effect: { kind: 'error', name: 'AuthenticationFailed/claims' } });
    const { status, headers } = await azure.send('GET', clusterPath);
    expect(status).toBe(401);
    const encoded =
      /error="insufficient_claims", claims="(?<claims>[^"]+)"/u.exec(headers['www-authenticate'] ?? '')?.groups?.['claims'] ?? '';
    const at = String(Math.floor(clock.now().getTime() / 1000));
    expect(JSON.parse(Buffer.from(encoded, 'base64').toString())).toEqual({ access_token: { nbf: { essential: true, value: at } } });
  });
});

describe('a connection', () => {
  it.each(['before', 'after'] as const)('is cut %s the work', async (when) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ times: 1, effect: { kind: 'reset', when } });
    await expect(azure.send('PUT', alertRulePath('a'), { body: alertRule() })).rejects.toThrow(/closed|ECONNRESET/u);
    expect(azure.emulator.resources().alertRules).toHaveLength(when === 'after' ? 1 : 0);
    expect(azure.emulator.journal.calls()).toMatchObject([
      { method: 'PUT', name: 'a', status: 0, errorCode: 'reset', fault: `reset ${when}`, principalId: objectId, requestBody: alertRule() },
    ]);
    expect((await azure.send('GET', alertRulePath('a'))).status).toBe(when === 'after' ? 200 : 404);
  });

  it('hangs without work until the emulator stops', async () => {
    const emulator = await startEmulator({ world: smallWorld() });
    const { send, close } = sender(emulator);
    emulator.faults.add({ effect: { kind: 'hang' } });
    const reply = send('PUT', actionGroupPath('a'), { body: actionGroup() }).catch((error: Error) => error.message);
    await expect.poll(() => emulator.journal.calls()).toMatchObject([{ status: 0, errorCode: 'hang', fault: 'hang' }]);
    expect(emulator.resources().actionGroups).toEqual([]);
    await emulator.stop();
    expect(await reply).toMatch(/closed|ECONNRESET/u);
    await close();
  });
});

describe('an answer after the work', () => {
  it('comes late', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'delay', milliseconds: 30 } });
    let isAnswered = false;
    const reply = azure.send('PUT', actionGroupPath('a'), { body: actionGroup() }).then((given) => {
      isAnswered = true;
      return given;
    });
    await expect.poll(() => azure.emulator.resources().actionGroups, { interval: 1 }).toHaveLength(1);
    expect(isAnswered).toBe(false);
    expect((await reply).status).toBe(201);
    expect(azure.emulator.journal.calls()).toMatchObject([{ status: 201, fault: 'delay' }]);
  });

  it('that is slow keeps no emulator from stopping', async () => {
    const emulator = await startEmulator({ world: smallWorld() });
    const { send, close } = sender(emulator);
    emulator.faults.add({ effect: { kind: 'delay', milliseconds: 3_600_000 } });
    const reply = send('PUT', actionGroupPath('a'), { body: actionGroup() }).catch((error: Error) => error.message);
    await expect.poll(() => emulator.journal.calls()).toMatchObject([{ status: 201, fault: 'delay' }]);
    await emulator.stop();
    expect(await reply).toMatch(/closed|ECONNRESET/u);
    await close();
  });

  it.each<['emptyBody' | 'html', number, RegExp]>([
    ['emptyBody', 201, /^$/u],
    ['html', 502, /^<html>/u],
  ])('is spoiled: %s', async (how, status, text) => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'garble', how } });
    const reply = await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
    expect(reply.status).toBe(status);
    expect(reply.text).toMatch(text);
    expect(azure.emulator.resources().actionGroups).toHaveLength(1);
    expect(azure.emulator.journal.calls()).toMatchObject([{ status, fault: `garble ${how}` }]);
  });

  it('is spoiled: cutJson', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({ effect: { kind: 'garble', how: 'cutJson' } });
    await expect(azure.send('PUT', actionGroupPath('a'), { body: actionGroup() })).rejects.toThrow(SyntaxError);
    expect(azure.emulator.resources().actionGroups).toHaveLength(1);
    expect(azure.emulator.journal.calls()).toMatchObject([{ status: 201, fault: 'garble cutJson' }]);
  });
});

describe('faults over HTTP', () => {
  const admin = { as: null };

  it('are set, listed and taken away', async () => {
    await using azure = await startAzure();
    const { send } = azure;
    const fault = {
      match: { path: 'managedClusters.prod$', method: 'GET' },
      times: 2,
      effect: { kind: 'error', name: 'TooManyRequests' },
    };
    const set = await send('POST', '/_emulator/faults', { ...admin, body: fault });
    expect(set.status).toBe(201);
    await send('POST', '/_emulator/faults', { ...admin, body: { effect: { kind: 'answer', status: 418, body: { a: 1 } } } });
    expect((await send('GET', clusterPath)).status).toBe(429);
    expect(await send('DELETE', actionGroupPath('a'))).toMatchObject({ status: 418, body: { a: 1 } });
    expect((await send('GET', '/_emulator/faults', admin)).body).toEqual([
      { id: set.body.id, hits: 1, ...fault },
      { id: expect.any(String), hits: 1, match: {}, effect: { kind: 'answer', status: 418, body: { a: 1 } } },
    ]);
    expect((await send('DELETE', `/_emulator/faults/${set.body.id}`, admin)).status).toBe(204);
    expect((await send('DELETE', `/_emulator/faults/${set.body.id}`, admin)).status).toBe(404);
    expect((await send('GET', clusterPath)).status).toBe(418);
    expect((await send('DELETE', '/_emulator/faults', admin)).status).toBe(204);
    expect((await send('GET', clusterPath)).status).toBe(200);
    expect((await send('PUT', '/_emulator/faults', admin)).status).toBe(404);
    expect((await send('GET', '/_emulator/errors', admin)).body).toEqual(names);
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /must be object/u],
    ['no effect', {}, /'effect' not found/u],
    ['an unknown effect', { effect: { kind: 'explode' } }, /effect/u],
    ['an effect without its field', { effect: { kind: 'delay' } }, /'milliseconds' not found/u],
    ['an unknown error', { effect: { kind: 'error', name: 'Nonsense' } }, /no error Nonsense/u],
    ['a path that is no expression', { match: { path: '(' }, effect: { kind: 'hang' } }, /match\.path/u],
    ['a field that nothing can match', { match: { colour: 'red' }, effect: { kind: 'hang' } }, /'colour'/u],
  ])('are refused: %s', async (_name, body, text) => {
    await using azure = await startAzure();
    const reply = await azure.send('POST', '/_emulator/faults', { ...admin, body });
    expect(reply.status).toBe(400);
    expect(reply.text).toMatch(text);
  });

  it('beside the clock and the counter of calls', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ clock: clock.now });
    await azure.send('GET', clusterPath);
    expect((await azure.send('GET', '/_emulator/count?method=GET', admin)).body).toEqual({ count: 1 });
    expect((await azure.send('GET', '/_emulator/count?method=PUT', admin)).body).toEqual({ count: 0 });
    const moved = await azure.send('POST', '/_emulator/clock?milliseconds=60000', admin);
    expect(moved.body).toEqual({ now: '2026-11-01T12:01:00.123Z' });
    expect(azure.emulator.clock.now().toISOString()).toBe(moved.body.now);
    expect((await azure.send('POST', '/_emulator/clock', admin)).status).toBe(400);
  });
});

describe('a mistake of the emulator itself', () => {
  it('is told to the client, so that nobody takes it for a fault of the network', async () => {
    const emulator = await startEmulator({
      world: smallWorld(),
      onArrival: () => {
        throw new Error('a mistake');
      },
    });
    trust(emulator.ca);
    try {
      const answer = await fetch(`${emulator.url}${clusterPath}`, { headers: { authorization: 'Bearer x' } });
      expect(answer.status).toBe(500);
      expect(await answer.text()).toContain('The emulator failed: Error: a mistake');
    } finally {
      await emulator.stop();
    }
  });
});
