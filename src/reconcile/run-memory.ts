import type { Reason } from '../api/condition.ts';

/**
 * What runs remember of the runs before them, and no status can hold: kept in memory, so a restart gives everything its time again.
 */
export interface RunMemory {
  /** Notes a failure; says since when this generation has been failing at all, and with this reason. Milliseconds since 1970. */
  failed(key: string, generation: number, reason: Reason, now: number): { readonly since: number; readonly withReasonSince: number };
  /** Notes that a generation stands in Azure: nothing fails any more. */
  succeeded(key: string, generation: number): void;
  /** Nobody is waiting for anything any more: the object is suspended. */
  forgive(key: string): void;
  /** Whether a generation has stood in Azure since the operator started. */
  hasStood(key: string, generation: number): boolean;
  /** The object is gone. */
  forget(key: string): void;
}

interface Failing {
  readonly generation: number;
  readonly reason: Reason;
  readonly since: number;
  readonly withReasonSince: number;
}

export const createRunMemory = (): RunMemory => {
  const failing = new Map<string, Failing>();
  const stood = new Map<string, number>();
  return {
    failed: (key, generation, reason, now) => {
      const last = failing.get(key);
      const before = last?.generation === generation ? last : undefined;
      const entry = {
        generation,
        reason,
        since: before?.since ?? now,
        withReasonSince: before?.reason === reason ? before.withReasonSince : now,
      };
      failing.set(key, entry);
      return entry;
    },
    succeeded: (key, generation) => {
      failing.delete(key);
      stood.set(key, generation);
    },
    forgive: (key) => void failing.delete(key),
    hasStood: (key, generation) => stood.get(key) === generation,
    forget: (key) => {
      failing.delete(key);
      stood.delete(key);
    },
  };
};
