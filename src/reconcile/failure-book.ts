import type { Reason } from '../api/condition.ts';

/** How long what has been failing: kept in memory, so a restart gives everything its time again. */
export interface FailureBook {
  /** Notes a failure; says since when the object has been failing at all, and with this reason. Milliseconds since 1970. */
  failed(key: string, reason: Reason, now: number): { readonly since: number; readonly withReasonSince: number };
  /** Nothing fails any more, or the object is gone. */
  forget(key: string): void;
}

export const createFailureBook = (): FailureBook => {
  const book = new Map<string, { readonly since: number; readonly reason: Reason; readonly withReasonSince: number }>();
  return {
    failed: (key, reason, now) => {
      const before = book.get(key);
      const entry = { since: before?.since ?? now, reason, withReasonSince: before?.reason === reason ? before.withReasonSince : now };
      book.set(key, entry);
      return entry;
    },
    forget: (key) => void book.delete(key),
  };
};
