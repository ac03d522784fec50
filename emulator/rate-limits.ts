import { ArmError, resourceGraphError } from './errors.ts';
import { withSevenDigits } from './time.ts';

/** Whether there are rate limits: none (headers always show what the first call sees), only shown in headers, or also refused by (429). */
export type Throttling = 'off' | 'counted' | 'enforced';

type Headers = Readonly<Record<string, string>>;

/** A token bucket: full at first, and filled up again steadily. */
interface Limit {
  readonly capacity: number;
  readonly refillPerSecond: number;
}

type Kind = 'read' | 'write' | 'delete';

/** Per subscription and caller, as Azure Resource Manager's documentation on throttling gives them. */
const perCaller: Readonly<Record<Kind, Limit>> = {
  read: { capacity: 250, refillPerSecond: 25 },
  write: { capacity: 200, refillPerSecond: 10 },
  delete: { capacity: 200, refillPerSecond: 10 },
};

/** Per subscription over all callers: capacities as recorded, refill fifteen times that of one caller, as documented. */
const perSubscription: typeof perCaller = {
  read: { capacity: 16_500, refillPerSecond: 375 },
  write: { capacity: 12_000, refillPerSecond: 150 },
  delete: { capacity: 12_000, refillPerSecond: 150 },
};

/** So many requests in each window of time, which starts with the first of them. */
interface Window {
  readonly limit: number;
  readonly windowMilliseconds: number;
}

/** What the alert rule service lets through, about. */
const ruleWrites: Window = { limit: 30, windowMilliseconds: 60_000 };

/** What Resource Graph lets through of one caller, as documented. */
const queries: Window = { limit: 15, windowMilliseconds: 5000 };

const kindOf = (method: string): Kind => {
  if (method === 'DELETE') return 'delete';
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write';
};

const secondsUntil = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000));

const throttled = (code: string, message: string, seconds: number, headers: Headers): ArmError =>
  new ArmError(429, { code, message }, { headers: { ...headers, 'retry-after': String(seconds) } });

/** A request as far as limits care. */
interface LimitedRequest {
  readonly method: string;
  readonly subscriptionId: string;
  /** Object id of the caller. */
  readonly principalId: string;
  /** In the emulator's own casing. */
  readonly type: string;
}

/**
 * Counts requests against Azure's limits. Each function counts one request and returns the headers that tell what is left; or, when limits
 * are enforced and nothing is, throws 429 and counts nothing.
 */
export interface RateLimits {
  /** The limits of Resource Manager itself. */
  readonly countAtGateway: (request: LimitedRequest) => Headers;
  /** Those of the service that does the work. */
  readonly countAtProvider: (request: LimitedRequest) => Headers;
  /** Those of Resource Graph. */
  readonly countQuery: (request: Pick<LimitedRequest, 'principalId'>) => Headers;
}

/** Starts with full buckets. Time is what `clock` says; `throttling` is asked with every request. */
export const createRateLimits = (clock: () => Date, throttling: () => Throttling): RateLimits => {
  const buckets = new Map<string, { left: number; at: number }>();
  const windows = new Map<string, { end: number; left: number }>();

  /** What a bucket holds now, fractions included. */
  const filled = (name: string, { capacity, refillPerSecond }: Limit): number => {
    const bucket = throttling() === 'off' ? undefined : buckets.get(name);
    if (bucket === undefined) return capacity;
    const seconds = Math.max(0, clock().getTime() - bucket.at) / 1000;
    return Math.min(capacity, bucket.left + seconds * refillPerSecond);
  };
  const take = (name: string, limit: Limit): void => {
    buckets.set(name, { left: Math.max(0, filled(name, limit) - 1), at: clock().getTime() });
  };
  const shown = (name: string, limit: Limit): string =>
    String(throttling() === 'off' ? limit.capacity - 1 : Math.floor(filled(name, limit)));
  /** Milliseconds until there is a whole token; 0 when there is one. */
  const waitFor = (name: string, limit: Limit): number => (Math.max(0, 1 - filled(name, limit)) / limit.refillPerSecond) * 1000;

  const countAtGateway: RateLimits['countAtGateway'] = ({ method, subscriptionId, principalId }) => {
    const kind = kindOf(method);
    const key = subscriptionId.toLowerCase();
    const caller = [`caller/${key}/${principalId}/${kind}`, perCaller[kind]] as const;
    const all = [`all/${key}/${kind}`, perSubscription[kind]] as const;
    const left = (): Headers => ({
      [`x-ms-ratelimit-remaining-subscription-${kind}s`]: shown(...caller),
      [`x-ms-ratelimit-remaining-subscription-global-${kind}s`]: shown(...all),
    });
    const wait = Math.max(waitFor(...caller), waitFor(...all));
    if (throttling() === 'enforced' && wait > 0) {
      const seconds = secondsUntil(wait);
      const who = waitFor(...caller) > 0 ? ` actor '${principalId}'` : '';
      throw throttled(
        'SubscriptionRequestsThrottled',
        `Number of '${kind}' requests for subscription '${subscriptionId}'${who} exceeded. Please try again after '${seconds}' seconds after ` +
          'additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.',
        seconds,
        { ...left(), 'x-ms-failure-cause': 'gateway' },
      );
    }
    take(...caller);
    take(...all);
    return left();
  };

  /** The window that is open now, or a new one; kept once a request is counted in it. */
  const openWindow = (name: string, { limit, windowMilliseconds }: Window): { end: number; left: number } => {
    const now = clock().getTime();
    const open = throttling() === 'off' ? undefined : windows.get(name);
    return open !== undefined && now < open.end ? open : { end: now + windowMilliseconds, left: limit };
  };

  const countRuleWrite = (subscriptionId: string): Headers => {
    const now = clock().getTime();
    const current = openWindow(`rules/${subscriptionId}`, ruleWrites);
    const headers = (): Headers => ({
      'x-rate-limit-limit': '1m',
      'x-rate-limit-remaining': String(current.left),
      'x-rate-limit-reset': withSevenDigits(new Date(current.end)),
    });
    if (throttling() === 'enforced' && current.left === 0) {
      const seconds = secondsUntil(current.end - now);
      const message = `Too many requests. The limit is ${ruleWrites.limit} writes of alert rules per minute. Please try again after '${seconds}' seconds.`;
      throw throttled('TooManyRequests', message, seconds, headers());
    }
    current.left = Math.max(0, current.left - 1);
    windows.set(`rules/${subscriptionId}`, current);
    return headers();
  };

  const countQuery: RateLimits['countQuery'] = ({ principalId }) => {
    const name = `queries/${principalId}`;
    const current = openWindow(name, queries);
    const seconds = secondsUntil(current.end - clock().getTime());
    const headers = (): Headers => ({
      'x-ms-user-quota-remaining': String(current.left),
      'x-ms-user-quota-resets-after': new Date(seconds * 1000).toISOString().slice(11, 19),
    });
    if (throttling() === 'enforced' && current.left === 0) {
      const message =
        'Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed. ' +
        'Please see https://aka.ms/resourcegraph-throttling for help.';
      throw resourceGraphError(429, 'RateLimiting', [{ code: 'RateLimiting', message }], clock(), headers());
    }
    current.left = Math.max(0, current.left - 1);
    windows.set(name, current);
    return headers();
  };

  /** The action group service counts requests of any caller: as many as Resource Manager lets one caller do. */
  const countActionGroupRequest = (method: string, subscriptionId: string): Headers => {
    const kind = method === 'GET' ? 'read' : 'write';
    const bucket = [`groups/${subscriptionId}/${kind}`, perCaller[kind]] as const;
    const left = (): Headers => ({ 'x-ms-ratelimit-remaining-subscription-resource-requests': shown(...bucket) });
    const wait = waitFor(...bucket);
    if (throttling() === 'enforced' && wait > 0) {
      const seconds = secondsUntil(wait);
      const message = `Number of ${kind} requests for action groups of subscription '${subscriptionId}' exceeded. Please try again after '${seconds}' seconds.`;
      throw throttled('ResourceRequestsThrottled', message, seconds, left());
    }
    take(...bucket);
    return left();
  };

  const countAtProvider: RateLimits['countAtProvider'] = ({ method, subscriptionId, type }) => {
    const key = subscriptionId.toLowerCase();
    if (type.startsWith('Microsoft.Insights/actionGroups')) return countActionGroupRequest(method, key);
    // Seen on answers to writes; on reads only in old recordings.
    const isRuleWrite = type === 'Microsoft.Insights/scheduledQueryRules' && (method === 'PUT' || method === 'PATCH');
    return isRuleWrite ? countRuleWrite(key) : {};
  };

  return { countAtGateway, countAtProvider, countQuery };
};
