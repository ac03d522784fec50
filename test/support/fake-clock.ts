import { sleepWith } from '../../src/runtime/clock.ts';
import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves the time on, fires the timers on the way in their order, and lets everything that waits for a promise run in between. */
  advance(milliseconds: number): Promise<void>;
  /** As `advance`, for what needs no promises: a property test with a synchronous model. */
  advanceSync(milliseconds: number): void;
  /** How many timers are set: 0 means that nothing was left behind. */
  pendingTimers(): number;
  /** How long until the next of them fires; undefined when none is set. */
  untilNext(): number | undefined;
}

/** Lets every promise that can settle do so, also what gives others a turn of the event loop in between. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** @param start wall time in milliseconds since 1970; the monotonic time starts at 0 */
export const createFakeClock = (start = Date.UTC(2026, 0, 1)): FakeClock => {
  let elapsed = 0;
  let order = 0;
  const timers = new Set<{ readonly due: number; readonly order: number; readonly callback: () => void }>();

  const setTimer: Clock['setTimer'] = (milliseconds, callback) => {
    const timer = { due: elapsed + Math.max(milliseconds, 0), order: (order += 1), callback };
    timers.add(timer);
    return { clear: () => timers.delete(timer) };
  };

  /** Fires the next timer due by `end`; false when there is none. */
  const fireNext = (end: number): boolean => {
    const [next] = [...timers].filter(({ due }) => due <= end).toSorted((a, b) => a.due - b.due || a.order - b.order);
    if (!next) return false;
    timers.delete(next);
    elapsed = Math.max(elapsed, next.due);
    next.callback();
    return true;
  };

  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    setTimer,
    sleep: sleepWith(setTimer),
    advance: async (milliseconds) => {
      const end = elapsed + milliseconds;
      await settle();
      while (fireNext(end)) await settle();
      elapsed = end;
    },
    advanceSync: (milliseconds) => {
      const end = elapsed + milliseconds;
      while (fireNext(end));
      elapsed = end;
    },
    pendingTimers: () => timers.size,
    untilNext: () => (timers.size === 0 ? undefined : Math.max(0, Math.min(...[...timers].map(({ due }) => due)) - elapsed)),
  };
};
