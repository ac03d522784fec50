import type { Reason } from '../api/condition.ts';

/** When to try again, decided once, where the error is understood. There is no class without a next try. */
export type Retry =
  /** Azure named a time: never earlier. */
  | { readonly kind: 'after'; readonly seconds: number }
  /** Azure asks to wait, and doesn't say how long: 30 s, doubling to 5 minutes. */
  | { readonly kind: 'afterAWhile' }
  /** Over soon: 1 s doubling to 30 s, and once it has lasted for ten minutes as slow. */
  | { readonly kind: 'fast' }
  /** 1 s doubling to 3 minutes. */
  | { readonly kind: 'slow' }
  /** Only a person helps: looked at again every interval. */
  | { readonly kind: 'crawl' };

/**
 * Whether the object is Stalled by it: at once; only after ten minutes of it (roles, federated credentials and new groups take
 * that long to spread); or never.
 */
export type Stalls = 'atOnce' | 'afterTenMinutes' | 'never';

interface FailureOptions {
  readonly retry?: Retry;
  readonly stalls?: Stalls;
  readonly later?: string;
  readonly cause?: unknown;
}

/** A failure that was expected and understood. `message` is for the person who must act, `cause` for the log. */
export class ReconcileError extends Error {
  override readonly name = 'ReconcileError' as const;
  readonly reason: Reason;
  readonly retry: Retry;
  readonly stalls: Stalls;
  /** What else to say once it has lasted for ten minutes. */
  readonly later: string | undefined;

  constructor(reason: Reason, message: string, how: FailureOptions = {}) {
    super(message, how.cause === undefined ? undefined : { cause: how.cause });
    this.reason = reason;
    this.stalls = how.stalls ?? 'never';
    this.retry = how.retry ?? { kind: this.stalls === 'atOnce' ? 'crawl' : 'slow' };
    this.later = how.later;
  }
}

/** Whether the operator lacks a right for it: what it may not see may be there all the same. */
export const isDenied = (thrown: unknown): thrown is ReconcileError =>
  thrown instanceof ReconcileError && (thrown.reason === 'AccessDenied' || thrown.reason === 'AccessDeniedByCondition');

/** The same failure in other words, with another next try, or with another cause. */
export const retold = (
  failure: ReconcileError,
  change: { readonly message?: string; readonly retry?: Retry; readonly cause?: unknown },
): ReconcileError => {
  const { reason, message, retry, stalls, later, cause } = failure;
  return new ReconcileError(reason, change.message ?? message, {
    retry: change.retry ?? retry,
    stalls,
    ...(later === undefined ? {} : { later }),
    cause: 'cause' in change ? change.cause : cause,
  });
};

/** Failures to sign in: whatever is asked of Azure suffers of them. */
export const signInReasons: readonly Reason[] = [
  'AuthenticationFailed',
  'AuthenticationUnavailable',
  'FederatedCredentialMismatch',
  'CredentialUnavailable',
];
