import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimits, type Throttling } from '../../emulator/rate-limits.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  objectId,
  readerClientId,
  roleAssignmentPath,
  smallWorld,
  startAzure,
  stoppedClock,
  subscription,
  subscriptionId,
  tenantId,
  versions,
} from './fixtures.ts';

const clusterPath = `${clusterId}?api-version=${versions.clusters}`;
const rules = 'Microsoft.Insights/scheduledQueryRules';
const groups = 'Microsoft.Insights/actionGroups';
const clusters = 'Microsoft.ContainerService/managedClusters';

/** A request of the limits' own form, with fields changed. */
const request = (change: { method?: string; subscriptionId?: string; principalId?: string; type?: string } = {}) => ({
  method: 'GET',
  subscriptionId,
  principalId: objectId,
  type: clusters,
  ...change,
});

const limitsOf = (throttling: Throttling = 'enforced') => {
  const clock = stoppedClock();
  const limits = createRateLimits(clock.now, () => throttling);
  type Count = keyof typeof limits;
  /** The answer's status, and what it tells of waiting. */
  const tried = (count: Count, change: Parameters<typeof request>[0]): [status: number, code?: string, retryAfter?: string | undefined] => {
    try {
      limits[count](request(change));
      return [200];
    } catch (error) {
      const { status, detail, headers } = error as { status: number; detail: { code: string }; headers: Record<string, string> };
      return [status, detail.code, headers['retry-after']];
    }
  };
  /** How many requests pass until one is refused, and how that one is refused. */
  const untilRefused = (count: Count, change: Parameters<typeof request>[0]) => {
    for (let passed = 0; passed < 20_000; passed += 1) {
      const [status, code, retryAfter] = tried(count, change);
      if (status !== 200) return { passed, code, retryAfter };
    }
    return { passed: Infinity };
  };
  return { clock, limits, tried, untilRefused };
};

describe('what is refused', () => {
  it.each<[string, 'countAtGateway' | 'countAtProvider', Parameters<typeof request>[0], number, string, string]>([
    ['reads of a caller', 'countAtGateway', { method: 'GET' }, 250, 'SubscriptionRequestsThrottled', '1'],
    ['writes of a caller', 'countAtGateway', { method: 'PUT' }, 200, 'SubscriptionRequestsThrottled', '1'],
    ['deletes of a caller', 'countAtGateway', { method: 'DELETE' }, 200, 'SubscriptionRequestsThrottled', '1'],
    ['writes of rules', 'countAtProvider', { method: 'PUT', type: rules }, 30, 'TooManyRequests', '60'],
    ['changes of rules', 'countAtProvider', { method: 'PATCH', type: rules }, 30, 'TooManyRequests', '60'],
    ['reads of action groups', 'countAtProvider', { method: 'GET', type: groups }, 250, 'ResourceRequestsThrottled', '1'],
    ['writes of action groups', 'countAtProvider', { method: 'PUT', type: groups }, 200, 'ResourceRequestsThrottled', '1'],
  ])('%s', (_name, count, change, passed, code, retryAfter) => {
    const { untilRefused } = limitsOf();
    expect(untilRefused(count, change)).toEqual({ passed, code, retryAfter });
  });

  it.each<[string, 'countAtGateway' | 'countAtProvider', Parameters<typeof request>[0]]>([
    ['anything when limits are only counted', 'countAtGateway', {}],
    ['anything when limits are off', 'countAtGateway', {}],
    ['reads of rules by their service', 'countAtProvider', { type: rules }],
    ['deletes of rules by their service', 'countAtProvider', { method: 'DELETE', type: rules }],
    ['role assignments by their service', 'countAtProvider', { method: 'PUT', type: 'Microsoft.Authorization/roleAssignments' }],
  ])('not: %s', (name, count, change) => {
    const { untilRefused } = limitsOf(name.includes('only counted') ? 'counted' : name.includes('off') ? 'off' : 'enforced');
    expect(untilRefused(count, change).passed).toBe(Infinity);
  });

  it('nothing when limits are off, and the headers never change', () => {
    const { limits } = limitsOf('off');
    const put = { method: 'PUT', subscriptionId, principalId: objectId, type: rules };
    const first = { ...limits.countAtGateway(put), ...limits.countAtProvider(put) };
    for (let index = 0; index < 40; index += 1) expect({ ...limits.countAtGateway(put), ...limits.countAtProvider(put) }).toEqual(first);
    expect(first).toMatchObject({ 'x-ms-ratelimit-remaining-subscription-writes': '199', 'x-rate-limit-remaining': '29' });
  });

  it('one caller, kind or subscription alone', () => {
    const { untilRefused, tried } = limitsOf();
    untilRefused('countAtGateway', {});
    const others = [{ principalId: 'another' }, { subscriptionId: tenantId }, { method: 'PUT' }, { method: 'DELETE' }];
    expect(others.map((change) => tried('countAtGateway', change)[0])).toEqual([200, 200, 200, 200]);
    untilRefused('countAtProvider', { method: 'PUT', type: rules });
    expect(tried('countAtProvider', { method: 'PUT', type: rules, principalId: 'another' })[0]).toBe(429);
    expect(tried('countAtProvider', { method: 'PUT', type: rules, subscriptionId: tenantId })[0]).toBe(200);
    expect(tried('countAtProvider', { method: 'PUT', type: groups })[0]).toBe(200);
    expect(tried('countAtGateway', { subscriptionId: subscriptionId.toUpperCase() })[0]).toBe(429);
  });

  it('all callers together, when there are many of them', () => {
    const { untilRefused } = limitsOf();
    const passed = Array.from({ length: 70 }, (_, caller) => untilRefused('countAtGateway', { principalId: String(caller) }).passed);
    expect(passed.reduce((sum, each) => sum + each)).toBe(16_500);
    expect(passed.slice(0, 66)).toEqual(Array.from({ length: 66 }, () => 250));
  });
});

describe('what comes back with time', () => {
  it.each<[string, 'countAtGateway' | 'countAtProvider', Parameters<typeof request>[0], number, number]>([
    ['25 reads a second', 'countAtGateway', {}, 2, 50],
    ['10 writes a second', 'countAtGateway', { method: 'PUT' }, 2, 20],
    ['no more than the whole', 'countAtGateway', {}, 3600, 250],
    ['no write of a rule within the minute', 'countAtProvider', { method: 'PUT', type: rules }, 59, 0],
    ['thirty writes of rules after it', 'countAtProvider', { method: 'PUT', type: rules }, 60, 30],
  ])('%s', (_name, count, change, seconds, passed) => {
    const { clock, untilRefused } = limitsOf();
    untilRefused(count, change);
    clock.advance(seconds);
    expect(untilRefused(count, change).passed).toBe(passed);
  });

  it('is what Retry-After says, however requests come: who waits that long is let in, and what is refused takes nothing', () => {
    const kinds = fc.constantFrom<Parameters<typeof request>[0]>(
      { method: 'PUT', type: rules },
      { method: 'PUT', type: groups },
      { type: groups },
    );
    const step = fc.record({ kind: kinds, times: fc.integer({ min: 1, max: 300 }), pause: fc.integer({ min: 0, max: 90 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), kinds, (steps, kind) => {
        const { clock, tried, untilRefused } = limitsOf();
        for (const { kind: each, times, pause } of steps) {
          for (let count = 0; count < times; count += 1) tried('countAtProvider', each);
          clock.advance(pause / 7);
        }
        const { retryAfter } = untilRefused('countAtProvider', kind);
        for (let count = 0; count < 50; count += 1) tried('countAtProvider', kind);
        clock.advance(Number(retryAfter));
        expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
        expect(tried('countAtProvider', kind)[0]).toBe(200);
      }),
    );
  });
});

describe('over HTTPS', () => {
  it('the thirty-first write of a rule waits for the end of the minute, by the clock that is moved', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ throttling: 'enforced', clock: clock.now });
    const write = () => azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    for (let count = 0; count < 30; count += 1) expect((await write()).status).toBeLessThan(300);
    azure.emulator.clock.advance(12_500);
    const refused = await write();
    expect(refused).toMatchObject({
      status: 429,
      body: { error: { code: 'TooManyRequests' } },
      headers: { 'retry-after': '48', 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': '2026-11-01T12:01:00.1230000Z' },
    });
    expect(azure.emulator.journal.calls({ status: 429 })).toMatchObject([
      { method: 'PUT', name: 'a', operation: 'write', errorCode: 'TooManyRequests', retryAfterSeconds: 48 },
    ]);
    expect((await azure.send('GET', alertRulePath('a'))).status).toBe(200);
    expect((await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() })).status).toBe(201);
    azure.emulator.clock.advance(47_500);
    const passed = await write();
    expect(passed).toMatchObject({ status: 200, headers: { 'x-rate-limit-remaining': '29' } });
  });

  it('the 251st read of a caller at once is refused, with what is left in the headers, and nobody else is', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ throttling: 'enforced', clock: clock.now });
    const statuses = await Promise.all(Array.from({ length: 250 }, async () => (await azure.send('GET', clusterPath)).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    const refused = await azure.send('GET', clusterPath);
    expect(refused).toMatchObject({
      status: 429,
      body: { error: { code: 'SubscriptionRequestsThrottled' } },
      headers: { 'retry-after': '1', 'x-ms-ratelimit-remaining-subscription-reads': '0' },
    });
    expect((await azure.send('GET', clusterPath, { as: readerClientId })).status).toBe(200);
    expect((await azure.send('DELETE', roleAssignmentPath(subscription, tenantId))).status).toBe(204);
    azure.emulator.clock.advance(1000);
    expect((await azure.send('GET', clusterPath)).status).toBe(200);
  });

  it('a write that is refused for its body counts for the rule service; one that may not be made does not', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ clock: clock.now });
    const bad = await azure.send('PUT', alertRulePath('a'), { body: alertRule({ scopes: [] }) });
    expect(bad).toMatchObject({ status: 400, headers: { 'x-rate-limit-remaining': '29' } });
    const forbidden = await azure.send('PUT', alertRulePath('a'), { as: readerClientId, body: alertRule() });
    expect(forbidden.status).toBe(403);
    expect(forbidden.headers).not.toHaveProperty('x-rate-limit-remaining');
  });

  it('can be switched on and off while it runs', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ throttling: 'counted', clock: clock.now, world: smallWorld() });
    const write = async () => (await azure.send('PUT', alertRulePath('a'), { body: alertRule() })).status;
    for (let count = 0; count < 31; count += 1) expect(await write()).toBeLessThan(300);
    azure.emulator.settings.set({ throttling: 'enforced' });
    expect(await write()).toBe(429);
    azure.emulator.settings.set({ throttling: 'counted' });
    expect(await write()).toBe(200);
  });
});

describe('the clock', () => {
  it('dates, expires and counts', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ clock: clock.now });
    const { emulator } = azure;
    const token = { authorization: `Bearer ${await emulator.mintToken(readerClientId)}` };
    expect(emulator.clock.now()).toEqual(clock.now());
    emulator.clock.advance(3_599_000);
    expect((await azure.send('GET', clusterPath, { as: null, headers: token })).status).toBe(200);
    emulator.clock.advance(1000);
    expect((await azure.send('GET', clusterPath, { as: null, headers: token })).status).toBe(401);
    clock.advance(60);
    expect(emulator.clock.now()).toEqual(new Date('2026-11-01T13:01:00.123Z'));
    const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    expect(body.systemData.createdAt).toBe('2026-11-01T13:01:00.1230000Z');
    expect(emulator.journal.calls().at(-1)?.at).toBe('2026-11-01T13:01:00.123Z');
  });
});

describe('the counter of calls', () => {
  it('counts by method and type, beyond what the journal keeps', async () => {
    await using azure = await startAzure({ journalLimit: 1 });
    const { journal } = azure.emulator;
    await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
    for (let count = 0; count < 3; count += 1) await azure.send('GET', alertRulePath('a'));
    await azure.send('GET', clusterPath);
    expect([journal.count(), journal.count({ method: 'get' }), journal.count({ type: rules.toUpperCase() })]).toEqual([5, 4, 3]);
    expect([journal.count({ method: 'PUT', type: groups }), journal.count({ method: 'PUT', type: rules })]).toEqual([1, 0]);
    expect(journal.calls().length).toBeLessThan(5);
    journal.clear();
    expect(journal.count()).toBe(0);
  });
});
