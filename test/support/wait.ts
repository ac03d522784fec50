import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until there is an answer, and gives it back. Tests wait with this rather than for a fixed time.
 * @param what what is waited for, for the message when it doesn't come: "no <what> within 30 s"
 * @param probe `undefined`, `false` or an exception mean "not yet"; anything else is the answer
 * @param timeoutMs milliseconds, 30 s by default
 * @throws Error naming what was waited for, with the probe's last exception as its cause
 */
export const waitFor = async <T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> => {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 200)) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      const because = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`no ${what} within ${timeoutMs / 1000} s${because}`, { cause: lastError });
    }
    await sleep(pauseMs);
  }
};
