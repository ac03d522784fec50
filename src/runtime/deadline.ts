import type { Clock } from './clock.ts';

/** The reason of a signal that ran out of time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError' as const;
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    super(`not finished within ${milliseconds / 1000} s`);
    this.milliseconds = milliseconds;
  }
}

/** A signal that aborts when time is up or when one of its parents aborts, whichever is first. Clear it when the work is done. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True once time was up before anything else ended the wait. */
  readonly expired: () => boolean;
  /** Ends the timer and lets go of the parents. Must be called: a parent usually lives as long as the process. */
  clear(): void;
}

/**
 * Starts a deadline of `milliseconds`, combined with `parents`.
 *
 * `AbortSignal.any` and `AbortSignal.timeout` would say the same in a line, but neither can be let go of early: a request that took
 * 5 ms would hold its timer for the rest of its 15 s and its place in the parents' books until it is garbage.
 */
export const startDeadline = (clock: Clock, milliseconds: number, ...parents: readonly AbortSignal[]): Deadline => {
  const controller = new AbortController();
  const abortWith = new Map(parents.map((parent) => [parent, (): void => end(parent.reason)]));
  const clear = (): void => {
    timer.clear();
    for (const [parent, listener] of abortWith) parent.removeEventListener('abort', listener);
  };
  const end = (reason: unknown): void => {
    clear();
    controller.abort(reason);
  };
  const timer = clock.setTimer(milliseconds, () => end(new DeadlineError(milliseconds)));
  for (const [parent, listener] of abortWith) parent.addEventListener('abort', listener, { once: true });
  const gone = parents.find((parent) => parent.aborted);
  if (gone) end(gone.reason);
  return {
    signal: controller.signal,
    expired: () => controller.signal.reason instanceof DeadlineError && !abortedBefore(parents, controller),
    clear,
  };
};

// A parent may itself carry a DeadlineError: then it was the parent's time that was up, not ours.
const abortedBefore = (parents: readonly AbortSignal[], controller: AbortController): boolean =>
  parents.some((parent) => parent.aborted && parent.reason === controller.signal.reason);
