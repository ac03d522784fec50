import type { Reason } from '../api/condition.ts';

/** When to try again, decided once, where the error is understood. There is no class without a next try. */
export type Retry =
  /** Transient: exponential, jittered, counted per object. */
  | { readonly kind: 'backOff' }
  /** The platform named a time. */
  | { readonly kind: 'after'; readonly seconds: number }
  /** Only a person helps: looked at again every interval. */
  | { readonly kind: 'interval' };

/**
 * Whether the object is Stalled by it: at once; only after ten minutes of it (roles, federated credentials and new groups take
 * that long to spread); or never.
 */
export type Stalls = 'atOnce' | 'afterTenMinutes' | 'never';

/** A failure that was expected and understood. `message` is for the person who must act, `cause` for the log. */
export class ReconcileError extends Error {
  override readonly name = 'ReconcileError' as const;
  readonly reason: Reason;
  readonly retry: Retry;
  readonly stalls: Stalls;

  constructor(reason: Reason, message: string, how: { readonly retry?: Retry; readonly stalls?: Stalls; readonly cause?: unknown } = {}) {
    super(message, how.cause === undefined ? undefined : { cause: how.cause });
    this.reason = reason;
    this.stalls = how.stalls ?? 'never';
    this.retry = how.retry ?? { kind: this.stalls === 'atOnce' ? 'interval' : 'backOff' };
  }
}
