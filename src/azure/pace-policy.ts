import { ReconcileError } from '../core/failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Told } from './meter.ts';
import type { LaneOf, Pacer } from './pacer.ts';
import { askedWait, millisecondsUntil } from './retry-after.ts';

/** The kinds of calls that Azure limits, each for itself in each subscription. */
export const lanes = ['reads', 'writes', 'deletes', 'ruleWrites'] as const;
export type Lane = (typeof lanes)[number];

/**
 * Azure Resource Manager's buckets for one identity in one subscription, as its page on throttling gives them, and what the provider of the
 * alert rules takes in a minute: it says so in headers, and recordings show 30.
 */
export const limits: Readonly<Record<Lane, LaneOf['limit']>> = {
  reads: { kind: 'bucket', burst: 250, perSecond: 25 },
  writes: { kind: 'bucket', burst: 200, perSecond: 10 },
  deletes: { kind: 'bucket', burst: 200, perSecond: 10 },
  ruleWrites: { kind: 'window', calls: 25, milliseconds: 60_000 },
};

const waiting = 'Waiting for its turn: Azure lets only so many';
const sentenceOf = (lane: Lane): string =>
  lane === 'ruleWrites'
    ? `${waiting} alert rules be written in a subscription per minute.`
    : `${waiting} calls of a kind through in a subscription.`;

interface Request {
  readonly method: string;
  readonly url: string;
  readonly abortSignal?: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: { readonly get: (name: string) => string | undefined };
  readonly bodyAsText?: string | null | undefined;
}

const kindOf = (method: string): Lane => {
  if (method === 'GET' || method === 'HEAD') return 'reads';
  return method === 'DELETE' ? 'deletes' : 'writes';
};

/** The lanes of a call, by method and path: the kind of call first, then the provider's own. */
export const lanesOf = (method: string, path: string): readonly Lane[] => {
  const isRuleWrite = method === 'PUT' && /\/providers\/microsoft\.insights\/scheduledqueryrules\/[^/]+$/i.test(path);
  return isRuleWrite ? [kindOf(method), 'ruleWrites'] : [kindOf(method)];
};

const count = (text: string | undefined): number | undefined => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined);

const ofResourceManager = (kind: string): { readonly own: string; readonly above: readonly string[] } => ({
  own: `x-ms-ratelimit-remaining-subscription-${kind}`,
  // That of all identities together, and that of a provider (action groups).
  above: [`x-ms-ratelimit-remaining-subscription-global-${kind}`, 'x-ms-ratelimit-remaining-subscription-resource-requests'],
});

/** Which headers say what is left of a lane. Where there are several, the least counts. */
const remainingHeaders: Readonly<Record<Lane, ReturnType<typeof ofResourceManager>>> = {
  reads: ofResourceManager('reads'),
  writes: ofResourceManager('writes'),
  deletes: ofResourceManager('deletes'),
  ruleWrites: { own: 'x-rate-limit-remaining', above: [] },
};

/** What an answer says of a lane. */
export const toldBy = (answer: Answer, lane: Lane, now: number): Told => {
  const { own, above } = remainingHeaders[lane];
  const remaining = [own, ...above].flatMap((name) => count(answer.headers.get(name)) ?? []);
  return {
    remaining: remaining.length > 0 ? Math.min(...remaining) : undefined,
    isOwn: count(answer.headers.get(own)) !== undefined,
    resetsIn: lane === 'ruleWrites' ? millisecondsUntil(answer.headers.get('x-rate-limit-reset'), answer.headers, now) : undefined,
  };
};

/**
 * Whose limit a 429 tells of. The provider's own only when its own header says that nothing is left: else all calls of the kind wait,
 * which is never wrong, only slower.
 */
const refusingLane = (answer: Answer, mine: readonly Lane[]): Lane => {
  const isProviders = mine.includes('ruleWrites') && count(answer.headers.get('x-rate-limit-remaining')) === 0;
  const isSubscriptions = /"code"\s*:\s*"(Subscription|Tenant)/.test(answer.bodyAsText ?? '');
  return isProviders && !isSubscriptions ? 'ruleWrites' : (mine[0] ?? 'writes');
};

interface PaceOptions {
  readonly pacer: Pacer;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Called for each call that was not sent because its turn had not come. */
  readonly onPaced: (lane: Lane) => void;
}

/**
 * A policy for the pipeline of every SDK: a call whose turn hasn't come is not sent, and rejects with the time of its turn. Nothing waits in
 * here, so that nobody is held up who calls another subscription.
 */
export const pace = ({ pacer, clock, onPaced }: PaceOptions) => ({
  name: 'pace',
  sendRequest: async <Sent extends Request, Answered extends Answer>(
    request: Sent,
    next: (request: Sent) => Promise<Answered>,
  ): Promise<Answered> => {
    const { pathname, search } = new URL(request.url);
    const path = pathname.toLowerCase();
    const subscriptionId = /^\/+subscriptions\/+([^/]+)/.exec(path)?.[1] ?? '';
    const mine = lanesOf(request.method, path);
    const nameOf = (lane: Lane): string => `${lane} ${subscriptionId}`;
    const laneNamed = (name: string): Lane => mine.find((lane) => nameOf(lane) === name) ?? 'writes';
    const turn = pacer.ask(
      {
        lanes: mine.map((lane) => ({ name: nameOf(lane), limit: limits[lane] })),
        key: `${request.method} ${path}${search}`,
        // Every call of a run carries the run's own signal.
        run: request.abortSignal instanceof AbortSignal ? request.abortSignal : undefined,
      },
      clock.monotonic(),
    );
    if (turn.kind === 'later') {
      const lane = laneNamed(turn.lane);
      onPaced(lane);
      throw new ReconcileError('Throttled', sentenceOf(lane), { retry: { kind: 'after', seconds: turn.milliseconds / 1000 } });
    }
    const { permit } = turn;
    try {
      const answer = await next(request);
      const told = (name: string): Told => toldBy(answer, laneNamed(name), clock.now());
      if (answer.status === 429)
        permit.refused(nameOf(refusingLane(answer, mine)), askedWait(answer.headers, clock.now()), told, clock.monotonic());
      else permit.answered(told, clock.monotonic());
      return answer;
    } finally {
      permit.end();
    }
  },
});
