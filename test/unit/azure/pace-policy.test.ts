import { describe, expect, it } from 'vitest';
import { lanesOf, pace, toldBy, type Lane } from '../../../src/azure/pace-policy.ts';
import { createPacer } from '../../../src/azure/pacer.ts';
import { ReconcileError } from '../../../src/core/failure.ts';
import { subscriptionId } from '../../support/notification.ts';

const group = `/subscriptions/${subscriptionId}/resourceGroups/shop`;
const ruleId = `${group}/providers/Microsoft.Insights/scheduledQueryRules/prod`;
const groupId = `${group}/providers/Microsoft.Insights/actionGroups/prod`;
const start = Date.UTC(2026, 0, 1);

interface Answer {
  readonly status: number;
  readonly headers: { readonly get: (name: string) => string | undefined };
  readonly bodyAsText: string;
}

const answer = (status: number, headers: Readonly<Record<string, string>> = {}, code = ''): Answer => ({
  status,
  headers: { get: (name) => headers[name] },
  bodyAsText: JSON.stringify({ error: { code, message: '' } }),
});

describe('a call', () => {
  it.each<[method: string, path: string, lanes: readonly Lane[]]>([
    ['GET', ruleId, ['reads']],
    ['HEAD', ruleId, ['reads']],
    ['GET', `/subscriptions/${subscriptionId}/providers/Microsoft.Insights/scheduledQueryRules`, ['reads']],
    ['PUT', ruleId, ['writes', 'ruleWrites']],
    ['PUT', ruleId.toLowerCase(), ['writes', 'ruleWrites']],
    ['PUT', groupId, ['writes']],
    ['PUT', `${group}/providers/Microsoft.Authorization/roleAssignments/x`, ['writes']],
    ['POST', '/providers/Microsoft.ResourceGraph/resources', ['writes']],
    ['DELETE', ruleId, ['deletes']],
  ])('%s %s comes under %j', (method, path, lanes) => {
    expect(lanesOf(method, path)).toEqual(lanes);
  });
});

describe('what an answer says is left', () => {
  it.each<[Lane, Readonly<Record<string, string>>, ReturnType<typeof toldBy>]>([
    ['reads', {}, { remaining: undefined, isOwn: false, resetsIn: undefined }],
    ['reads', { 'x-ms-ratelimit-remaining-subscription-reads': '12' }, { remaining: 12, isOwn: true, resetsIn: undefined }],
    ['reads', { 'x-ms-ratelimit-remaining-subscription-writes': '12' }, { remaining: undefined, isOwn: false, resetsIn: undefined }],
    [
      'writes',
      { 'x-ms-ratelimit-remaining-subscription-global-writes': '11999' },
      { remaining: 11_999, isOwn: false, resetsIn: undefined },
    ],
    [
      'writes',
      { 'x-ms-ratelimit-remaining-subscription-writes': '150', 'x-ms-ratelimit-remaining-subscription-resource-requests': '3' },
      { remaining: 3, isOwn: true, resetsIn: undefined },
    ],
    ['deletes', { 'x-ms-ratelimit-remaining-subscription-deletes': '-1' }, { remaining: undefined, isOwn: false, resetsIn: undefined }],
    [
      'ruleWrites',
      { 'x-rate-limit-limit': '1m', 'x-rate-limit-remaining': '29', 'x-rate-limit-reset': '2026-01-01T00:00:59.1234567Z' },
      { remaining: 29, isOwn: true, resetsIn: 59_123 },
    ],
    [
      'ruleWrites',
      { 'x-rate-limit-remaining': '29', 'x-rate-limit-reset': '2026-01-01T00:00:59.0000000Z', date: 'Thu, 01 Jan 2026 00:00:09 GMT' },
      { remaining: 29, isOwn: true, resetsIn: 50_000 },
    ],
    [
      'ruleWrites',
      { 'x-rate-limit-remaining': 'many', 'x-rate-limit-reset': 'soon' },
      { remaining: undefined, isOwn: false, resetsIn: undefined },
    ],
  ])('of %s by %j', (lane, headers, told) => {
    expect(toldBy(answer(200, headers), lane, start)).toEqual(told);
  });
});

describe('the policy', () => {
  const rig = () => {
    let now = 0;
    const paced: Lane[] = [];
    const sent: string[] = [];
    const policy = pace({
      pacer: createPacer(),
      clock: { now: () => start + now, monotonic: () => now },
      onPaced: (lane) => void paced.push(lane),
    });
    return {
      paced,
      sent,
      advance: (milliseconds: number) => void (now += milliseconds),
      /** The status of the answer, or how many seconds the call has to wait. */
      call: async (method: string, path: string, answered = answer(200)): Promise<number | string> => {
        const request = { method, url: `https://management.azure.com${path}?api-version=2026-01-01` };
        try {
          const { status } = await policy.sendRequest(request, () => {
            sent.push(`${method} ${path}`);
            return Promise.resolve(answered);
          });
          return status;
        } catch (thrown) {
          if (!(thrown instanceof ReconcileError)) throw thrown;
          expect(thrown.reason).toBe('Throttled');
          expect(thrown.message).toMatch(/^Waiting for its turn: Azure lets /);
          return `waits ${thrown.retry.kind === 'after' ? Math.ceil(thrown.retry.seconds) : thrown.retry.kind} s`;
        }
      },
    };
  };

  it('sends nothing of a kind before the Retry-After of a 429 of that kind, in that subscription', async () => {
    const { call, sent, paced, advance } = rig();
    expect(await call('PUT', groupId, answer(429, { 'retry-after': '60' }, 'TooManyRequests'))).toBe(429);
    expect(await call('PUT', `${groupId}2`)).toBe('waits 60 s');
    expect(await call('PUT', groupId)).toBe('waits 60 s');
    expect(await call('PUT', ruleId)).toBe('waits 60 s');
    expect(await call('GET', groupId)).toBe(200);
    expect(await call('DELETE', groupId)).toBe(200);
    expect(await call('PUT', groupId.replace(subscriptionId, 'other'))).toBe(200);
    expect(paced).toEqual(['writes', 'writes', 'writes']);
    advance(59_999);
    expect(await call('PUT', groupId)).toBe('waits 1 s');
    advance(1);
    expect(await call('PUT', groupId)).toBe(200);
    expect(sent.filter((each) => each.startsWith('PUT /subscriptions/aaaa'))).toHaveLength(2);
  });

  it('leaves other writes alone when only the provider of the rules has enough', async () => {
    const { call, paced } = rig();
    const headers = { 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': new Date(start + 40_000).toISOString(), 'retry-after': '40' };
    expect(await call('PUT', ruleId, answer(429, headers, 'TooManyRequests'))).toBe(429);
    expect(await call('PUT', groupId)).toBe(200);
    expect(await call('PUT', ruleId)).toBe('waits 40 s');
    expect(await call('PUT', `${ruleId}2`)).toBe('waits 40 s');
    expect(paced).toEqual(['ruleWrites', 'ruleWrites']);
  });

  it('stops all writes when it was the subscription’s limit, though no rule was left either', async () => {
    const { call } = rig();
    const headers = { 'x-rate-limit-remaining': '0', 'retry-after': '40' };
    expect(await call('PUT', ruleId, answer(429, headers, 'SubscriptionRequestsThrottled'))).toBe(429);
    expect(await call('PUT', groupId)).toBe('waits 40 s');
  });

  it('writes no more rules in a minute than their provider’s headers allow', async () => {
    const { call, advance } = rig();
    let window = start;
    const write = async (index: number, left: number): Promise<number | string> =>
      call(
        'PUT',
        `${ruleId}${index}`,
        answer(200, { 'x-rate-limit-remaining': `${left}`, 'x-rate-limit-reset': new Date(window + 60_000).toISOString() }),
      );
    for (let index = 0; index < 30; index += 1) expect(await write(index, 29 - index)).toBe(200);
    expect(await write(30, 0)).toBe('waits 60 s');
    advance(60_000);
    window += 60_000;
    expect(await write(30, 29)).toBe(200);
  });
});
