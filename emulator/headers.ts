import { randomUUID } from 'node:crypto';
import { withSevenDigits } from './time.ts';

/** A token bucket that is counted, not enforced: throttling can hang on it later. */
interface Bucket {
  readonly capacity: number;
  readonly refillPerSecond: number;
  left: number;
  at: number;
}

type Kind = 'reads' | 'writes' | 'deletes';

/** Per subscription and caller, as Azure Resource Manager's documentation on throttling gives them. */
const perCaller: Readonly<Record<Kind, readonly [capacity: number, refillPerSecond: number]>> = {
  reads: [250, 25],
  writes: [200, 10],
  deletes: [200, 10],
};

/** Per subscription over all callers: capacities as recorded, refill fifteen times that of one caller, as documented. */
const perSubscription: typeof perCaller = { reads: [16_500, 375], writes: [12_000, 150], deletes: [12_000, 150] };

/** The alert rule service lets about thirty writes through in each window of a minute. */
const ruleWrites = { limit: 30, windowMilliseconds: 60_000 };

/** What the headers of an answer depend on. */
export interface Exchange {
  readonly method: string;
  readonly subscriptionId?: string | undefined;
  readonly principalId?: string | undefined;
  /** Canonical, when known. */
  readonly type?: string | undefined;
  readonly status: number;
}

const kindOf = (method: string): Kind => {
  if (method === 'DELETE') return 'deletes';
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';
};

/**
 * Makes the headers that every answer carries: fresh ids of the request, and what is left of the rate limits, really counted down per
 * subscription, caller and kind of call.
 */
export const createHeaders = (clock: () => Date): ((exchange: Exchange) => Record<string, string>) => {
  const buckets = new Map<string, Bucket>();
  const windows = new Map<string, { end: number; left: number }>();

  const take = (name: string, [capacity, refillPerSecond]: readonly [number, number]): number => {
    const now = clock().getTime();
    const bucket = buckets.get(name) ?? { capacity, refillPerSecond, left: capacity, at: now };
    const refilled = Math.min(capacity, bucket.left + (Math.max(0, now - bucket.at) / 1000) * refillPerSecond);
    buckets.set(name, { ...bucket, left: Math.max(0, refilled - 1), at: now });
    return Math.floor(Math.max(0, refilled - 1));
  };

  const ruleHeaders = (subscriptionId: string): Record<string, string> => {
    const now = clock().getTime();
    const open = windows.get(subscriptionId);
    const current = open !== undefined && now < open.end ? open : { end: now + ruleWrites.windowMilliseconds, left: ruleWrites.limit };
    current.left = Math.max(0, current.left - 1);
    windows.set(subscriptionId, current);
    return {
      'x-rate-limit-limit': '1m',
      'x-rate-limit-remaining': String(current.left),
      'x-rate-limit-reset': withSevenDigits(new Date(current.end)),
    };
  };

  const providerHeaders = ({ type, method }: Exchange, subscriptionId: string): Record<string, string> => {
    if (type === 'Microsoft.Insights/scheduledQueryRules') {
      return {
        'api-supported-versions': '2023-12-01, 2025-01-01-preview, 2026-03-01',
        'set-cookie': `ARRAffinity=${randomUUID().replaceAll('-', '')};Path=/;HttpOnly;Secure`,
        // Seen on answers to writes; on reads only in old recordings.
        ...(method === 'PUT' || method === 'PATCH' ? ruleHeaders(subscriptionId) : {}),
      };
    }
    if (type === 'Microsoft.Insights/actionGroups') {
      const limit = method === 'GET' ? ([250, 25] as const) : ([200, 10] as const);
      return {
        'x-activityid': randomUUID(),
        'x-ms-ratelimit-remaining-subscription-resource-requests': String(take(`groups/${subscriptionId}/${limit[0]}`, limit)),
      };
    }
    return {};
  };

  return (exchange) => {
    const { method, subscriptionId, principalId, status } = exchange;
    const correlationId = randomUUID();
    const at = `${clock().toISOString().slice(0, 19).replaceAll(/[-:]/gu, '')}Z`;
    const headers: Record<string, string> = {
      'cache-control': 'no-cache',
      pragma: 'no-cache',
      expires: '-1',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-ms-request-id': randomUUID(),
      'x-ms-correlation-request-id': correlationId,
      'x-ms-routing-request-id': `EMULATOR:${at}:${correlationId}`,
    };
    if (subscriptionId === undefined || principalId === undefined || status === 401) return headers;
    const kind = kindOf(method);
    const key = subscriptionId.toLowerCase();
    return {
      ...headers,
      [`x-ms-ratelimit-remaining-subscription-${kind}`]: String(take(`caller/${key}/${principalId}/${kind}`, perCaller[kind])),
      [`x-ms-ratelimit-remaining-subscription-global-${kind}`]: String(take(`all/${key}/${kind}`, perSubscription[kind])),
      ...providerHeaders(exchange, key),
    };
  };
};
