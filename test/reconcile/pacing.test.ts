import { describe, expect, it } from 'vitest';
import type { Call } from '../../emulator/journal.ts';
import { lanesOf } from '../../src/azure/pace-policy.ts';
import { createAtOnce, type Creations } from '../support/creations.ts';
import { subscriptionId } from '../support/notification.ts';

const hour = 3_600_000;
const ruleWrites = { method: 'PUT', type: 'Microsoft.Insights/scheduledQueryRules' } as const;

/** The least time, in seconds, in which Azure takes so many rules: thirty a minute. */
const allowedSeconds = (rules: number): number => Math.floor((rules - 1) / 30) * 60;

const refused = ({ calls }: Creations): readonly Call[] => calls.filter(({ status }) => status === 429);
const at = (call: Call): number => Date.parse(call.at);

/** The calls that Azure met in a lane after a 429 and before its `Retry-After`. */
const early = ({ calls }: Creations, refusal: Call): readonly Call[] =>
  calls.filter(
    (call) =>
      call.sequence > refusal.sequence &&
      call.subscriptionId === refusal.subscriptionId &&
      lanesOf(call.method, call.path)[0] === lanesOf(refusal.method, refusal.path)[0] &&
      at(call) < at(refusal) + (refusal.retryAfterSeconds ?? 0) * 1000,
  );

describe('many creations at once, against Azure’s limits', () => {
  it('use what the limits allow, are never refused, and hold up no other subscription', async () => {
    const creations = await createAtOnce({ objects: [1000, 20], limitMilliseconds: hour });
    expect(creations.readyAfter.map(({ length }) => length)).toEqual([1000, 20]);
    expect(refused(creations)).toEqual([]);
    expect(creations.readyAfter[0]?.at(-1)).toBeLessThanOrEqual(allowedSeconds(1000) / 0.9);
    // Twenty objects come under no limit; each has a worker as soon as the first look at all is over.
    expect(creations.readyAfter[1]?.at(-1)).toBeLessThan(10);
    // Writes to Kubernetes don't grow with the wait.
    expect(creations.writes / 1020).toBeLessThanOrEqual(10);
  }, 240_000);

  it('make no call before a Retry-After that Azure has named, whoever’s call it was, and none of another subscription waits', async () => {
    const creations = await createAtOnce({
      objects: [40, 40],
      limitMilliseconds: hour,
      prepare: ({ faults }) =>
        void faults.add({
          match: { ...ruleWrites, subscriptionId },
          times: 1,
          effect: {
            kind: 'answer',
            status: 429,
            headers: { 'retry-after': '90' },
            body: { error: { code: 'SubscriptionRequestsThrottled', message: 'Number of requests exceeded.' } },
          },
        }),
    });
    const [refusal, ...more] = refused(creations);
    if (!refusal) throw new Error('nothing was refused');
    expect(more).toEqual([]);
    // The three other workers may each have sent a call when the answer came, in the same moment of the virtual clock.
    const sent = early(creations, refusal);
    expect(sent.length).toBeLessThanOrEqual(3);
    expect(sent.filter((call) => at(call) > at(refusal))).toEqual([]);
    expect(creations.readyAfter.map(({ length }) => length)).toEqual([40, 40]);
    // What had been sent in the same moment still came through.
    expect(creations.readyAfter[0]?.filter((seconds) => seconds < 90).length).toBeLessThanOrEqual(3);
    expect(creations.readyAfter[0]?.at(-1)).toBeLessThanOrEqual(90 + allowedSeconds(40) + 10);
    expect(creations.readyAfter[1]?.at(-1)).toBeLessThanOrEqual(allowedSeconds(40) + 5);
  });
});
