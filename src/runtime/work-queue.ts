import type { Clock, Timer } from './clock.ts';
import { Schedule } from './schedule.ts';

/**
 * A queue of keys with the promises of client-go's workqueue, which JavaScript lacks (kubernetes-client/javascript#3030):
 *
 * - a key that waits is there once, however often it was added;
 * - a key that is being worked on is handed to nobody else; if it is added meanwhile it comes again afterwards, once;
 * - keys come out in the order in which they became ready;
 * - a delayed add is never early, and of several for one key the earliest counts.
 */
export interface WorkQueue {
  /** Makes the key ready now. After `shutDown` it does nothing. */
  readonly add: (key: string) => void;
  /** Makes the key ready in `milliseconds` (zero or less: now), unless an earlier delayed add of the same key is pending. */
  readonly addAfter: (key: string, milliseconds: number) => void;
  /** The next ready key, as soon as there is one; the taker must call `done` with it. Undefined after `shutDown`. */
  readonly take: () => Promise<TakenKey | undefined>;
  /** Ends the work on a taken key. If it was added meanwhile, it is ready again. */
  readonly done: (key: string) => void;
  /** Nothing comes out any more: waiting takers get undefined, ready and delayed keys are forgotten. */
  readonly shutDown: () => void;
  /** How many keys are ready, are being worked on, and are waiting for their time. */
  readonly depth: () => QueueDepth;
}

export interface QueueDepth {
  readonly ready: number;
  readonly processing: number;
  readonly delayed: number;
}

export interface TakenKey {
  readonly key: string;
  /** How long the key was ready before it was taken. */
  readonly waitedMilliseconds: number;
}

/** @param onAdd for metrics: called when a key that wasn't waiting begins to, which is what client-go counts as an add; must not throw */
export const createWorkQueue = (clock: Clock, onAdd: () => void = () => undefined): WorkQueue => {
  /** Keys to be worked on, with the time since when; a Map keeps the order of insertion, so it is the queue as well. */
  const ready = new Map<string, number>();
  /** Keys being worked on; true: added again meanwhile. */
  const processing = new Map<string, boolean>();
  const delayed = new Schedule();
  const takers: ((taken: TakenKey | undefined) => void)[] = [];
  let timer: { readonly due: number; readonly handle: Timer } | undefined;
  let isShutDown = false;

  const takeReady = (): TakenKey | undefined => {
    for (const [key, since] of ready) {
      ready.delete(key);
      processing.set(key, false);
      // The run looks at everything there is to see; when to come again is for it to say.
      delayed.remove(key);
      return { key, waitedMilliseconds: clock.monotonic() - since };
    }
    return undefined;
  };

  const add = (key: string): void => {
    if (isShutDown || ready.has(key) || processing.get(key)) return;
    onAdd();
    if (processing.has(key)) processing.set(key, true);
    else makeReady(key);
  };

  const makeReady = (key: string): void => {
    ready.set(key, clock.monotonic());
    if (takers.length > 0) takers.shift()?.(takeReady());
  };

  const arm = (): void => {
    const due = delayed.next();
    if (timer?.due === due) return;
    timer?.handle.clear();
    timer = due === undefined ? undefined : { due, handle: clock.setTimer(due - clock.monotonic(), ring) };
  };

  // A timer may ring a little early, or after its longest span: whatever isn't due yet is armed again.
  const ring = (): void => {
    timer = undefined;
    for (const key of delayed.takeDue(clock.monotonic())) add(key);
    arm();
  };

  return {
    add,
    addAfter: (key, milliseconds) => {
      if (isShutDown) return;
      if (milliseconds <= 0) {
        add(key);
        return;
      }
      delayed.put(key, clock.monotonic() + milliseconds);
      arm();
    },
    take: () => {
      if (isShutDown) return Promise.resolve(undefined);
      const taken = takeReady();
      return taken ? Promise.resolve(taken) : new Promise((resolve) => takers.push(resolve));
    },
    done: (key) => {
      const again = processing.get(key);
      processing.delete(key);
      if (again && !isShutDown) makeReady(key);
    },
    shutDown: () => {
      isShutDown = true;
      ready.clear();
      delayed.clear();
      arm();
      for (const resolve of takers.splice(0)) resolve(undefined);
    },
    depth: () => ({ ready: ready.size, processing: processing.size, delayed: delayed.size }),
  };
};
