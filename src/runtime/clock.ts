/**
 * The seam for time. Everything in this corner that waits, measures or stamps takes a Clock, so that a test can hold time still.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970: for what people read. It may jump, so never measure with it. */
  now(): number;
  /** Milliseconds since some fixed moment, never going back: for delays, ages and deadlines. */
  monotonic(): number;
  /** Calls back once, `milliseconds` from now, unless cleared before. */
  setTimer(milliseconds: number, callback: () => void): Timer;
  /** Resolves after `milliseconds`; rejects with the signal's reason as soon as the signal aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  clear(): void;
}

// Node fires a timer longer than this at once (with a warning), which would turn a long wait into a hot loop.
const longestTimer = 2 ** 31 - 1;

/** Builds `sleep` out of `setTimer`, so that the real clock and a test's clock wait in the same way. */
export const sleepWith =
  (setTimer: Clock['setTimer']): Clock['sleep'] =>
  (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        timer.clear();
        reject(signal?.reason);
      };
      const timer = setTimer(milliseconds, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });

const setTimer: Clock['setTimer'] = (milliseconds, callback) => {
  const handle = setTimeout(callback, Math.min(Math.max(milliseconds, 0), longestTimer));
  return { clear: () => clearTimeout(handle) };
};

/** The clock of the machine. A timer of more than 24 days fires after 24 days. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer,
  sleep: sleepWith(setTimer),
};
