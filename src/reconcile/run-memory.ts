import type { Reason } from '../api/condition.ts';
import type { AlertRule } from '../core/alert-rule.ts';
import type { ReconcileError } from '../core/failure.ts';
import { comparableId } from '../core/resource-id.ts';

/**
 * What runs remember of the runs before them, and no status can hold: kept in memory, so a restart gives everything its time again.
 * A `version` is one spec of one object, uid and generation: what was remembered of another does not count.
 */
export interface RunMemory {
  /** When a version was first met, in milliseconds since 1970. */
  begun(key: string, version: string, now: number): number;
  /**
   * Notes a failure; says since when this version has been failing at all, and first failed with this reason, in milliseconds since 1970,
   * and how often in a row it failed with it.
   */
  failed(key: string, version: string, reason: Reason, now: number): Failing;
  /** Notes that a version stands in Azure: nothing fails any more. */
  succeeded(key: string, version: string): void;
  /** Whether a version has stood in Azure since the operator started. */
  hasStood(key: string, version: string): boolean;
  /** Notes that one thing was written as a version asks. */
  wrote(key: string, version: string, id: string): void;
  hasWritten(key: string, version: string, id: string): boolean;
  /** Notes that a rule is taken away for another; undefined: it is there now. */
  replacing(key: string, version: string, replacement: Replacement | undefined): void;
  replacement(key: string, version: string): Replacement | undefined;
  /** Notes that it is tried to send a test; says when one that was asked for by the same word was first tried. */
  testTried(key: string, version: string, request: string, now: number): number;
  /** Nobody is waiting for anything any more: the object is suspended. */
  forgive(key: string): void;
  /** The object is gone. */
  forget(key: string): void;
}

/** One rule in the place of another. */
interface Replacement {
  /** What stood before. */
  readonly before: AlertRule;
  /** Why Azure didn't take the new one. */
  readonly refused: ReconcileError | undefined;
}

interface Failing {
  readonly since: number;
  readonly withReasonSince: number;
  readonly times: number;
}

interface Remembered {
  readonly version: string;
  begunAt: number | undefined;
  failingSince: number | undefined;
  last: { readonly reason: Reason; readonly times: number } | undefined;
  readonly reasonsSince: Map<Reason, number>;
  hasStood: boolean;
  readonly written: Set<string>;
  replacement: Replacement | undefined;
  testTried: { readonly request: string; readonly since: number } | undefined;
}

export const createRunMemory = (): RunMemory => {
  const book = new Map<string, Remembered>();
  const of = (key: string, version: string): Remembered => {
    const known = book.get(key);
    if (known?.version === version) return known;
    const fresh: Remembered = {
      version,
      begunAt: undefined,
      failingSince: undefined,
      last: undefined,
      reasonsSince: new Map(),
      hasStood: false,
      written: new Set(),
      replacement: undefined,
      testTried: undefined,
    };
    book.set(key, fresh);
    return fresh;
  };
  const forgive = (remembered: Remembered | undefined): void => {
    if (!remembered) return;
    remembered.failingSince = undefined;
    remembered.last = undefined;
    remembered.reasonsSince.clear();
  };
  return {
    begun: (key, version, now) => (of(key, version).begunAt ??= now),
    failed: (key, version, reason, now) => {
      const remembered = of(key, version);
      remembered.failingSince ??= now;
      const withReasonSince = remembered.reasonsSince.get(reason) ?? now;
      remembered.reasonsSince.set(reason, withReasonSince);
      const times = remembered.last?.reason === reason ? remembered.last.times + 1 : 1;
      remembered.last = { reason, times };
      return { since: remembered.failingSince, withReasonSince, times };
    },
    succeeded: (key, version) => {
      const remembered = of(key, version);
      forgive(remembered);
      remembered.hasStood = true;
    },
    hasStood: (key, version) => of(key, version).hasStood,
    wrote: (key, version, id) => void of(key, version).written.add(comparableId(id)),
    hasWritten: (key, version, id) => of(key, version).written.has(comparableId(id)),
    replacing: (key, version, replacement) => void (of(key, version).replacement = replacement),
    replacement: (key, version) => of(key, version).replacement,
    testTried: (key, version, request, now) => {
      const remembered = of(key, version);
      if (remembered.testTried?.request !== request) remembered.testTried = { request, since: now };
      return remembered.testTried.since;
    },
    forgive: (key) => forgive(book.get(key)),
    forget: (key) => void book.delete(key),
  };
};
