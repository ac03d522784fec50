import { backOffMilliseconds } from './back-off.ts';
import type { Clock } from './clock.ts';
import { startDeadline } from './deadline.ts';
import { createWorkQueue } from './work-queue.ts';
import type { QueueDepth } from './work-queue.ts';

/** What a run says about the next visit to its key. */
export type Requeue =
  /** Nothing more until something changes. The key's failures are forgotten. */
  | { readonly kind: 'done' }
  /** Success, or a time that somebody named: come again then. The key's failures are forgotten. */
  | { readonly kind: 'after'; readonly milliseconds: number }
  /** A failure: 1 s, doubling with jitter up to the cap, counted per key. */
  | { readonly kind: 'backOff'; readonly capMilliseconds: number };

/**
 * One look at one key. Level-driven: it gets no event, only the name of what to look at.
 *
 * Two signals, because stopping is two things:
 * @param signal the hard end: aborts at the run's deadline, or when the drain time of `stop` is over. Every await on a socket gets it.
 * @param stopping aborts as soon as `stop` is called. It breaks nothing off: look at it just before a write is sent, and don't send
 *   the write; pass it to waits that protect nothing (a pacer, a sleep). What is on its way goes on and is awaited.
 */
export type Reconcile = (key: string, signal: AbortSignal, stopping: AbortSignal) => Promise<Requeue>;

/** What became of one run; for metrics and logs. */
export interface RunReport {
  readonly key: string;
  /** What the run returned, or `threw`: a bug, or the run's deadline; or `aborted`: cut off by shutdown, which is no failure. */
  readonly outcome: Requeue | { readonly kind: 'threw'; readonly error: unknown } | { readonly kind: 'aborted' };
  readonly deadlineExceeded: boolean;
  /** How long the key was ready before a worker took it. */
  readonly waitedMilliseconds: number;
  readonly milliseconds: number;
  /** Failures in a row, this run included. */
  readonly failures: number;
  /** When the key comes again by itself; undefined: not before something changes. */
  readonly nextMilliseconds: number | undefined;
}

export interface ControllerOptions {
  /** For the reports of whoever runs several. */
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random: () => number;
  /** How many keys are worked on at once. Default 4. */
  readonly concurrency?: number;
  /** After this time a run's signal aborts. */
  readonly runDeadlineMilliseconds: number;
  /** The cap of the back-off after a run that threw. Default 5 minutes. */
  readonly thrownCapMilliseconds?: number;
  /** Runs start only once this has resolved: usually the first complete list, and the lease. Keys may be added before. */
  readonly startAfter?: Promise<unknown>;
  /** Called at the end of every run; what it throws is ignored. */
  readonly onRun?: (report: RunReport) => void;
  /** Called when a key that wasn't waiting begins to; what it throws is ignored. */
  readonly onAdd?: () => void;
}

export interface Controller {
  readonly name: string;
  /** Asks for a run of the key, now. Many calls become one run. */
  readonly add: (key: string) => void;
  /** Asks for a run of the key in `milliseconds`, unless an earlier one is already planned. */
  readonly addAfter: (key: string, milliseconds: number) => void;
  /** Failures in a row of a key: 0 after a success, and for a key never seen. */
  failures(key: string): number;
  /** The keys being worked on, and for how long: for a health check that looks for a worker stuck past its deadline. */
  running(): ReadonlyMap<string, number>;
  readonly depth: () => QueueDepth;
  /** Aborts when `stop` is called: the `stopping` of every run. */
  readonly stopping: AbortSignal;
  /**
   * Starts no new run, awaits those in flight for up to `drainMilliseconds`, or until `worthWaiting` has resolved, then aborts their signals
   * and gives them one more second to notice. Resolves in any case, with the keys whose runs were still going on then.
   * @param worthWaiting resolves when nothing is under way any more that must not be broken off: a run that only reads isn't waited for
   */
  stop(drainMilliseconds: number, worthWaiting?: Promise<void>): Promise<readonly string[]>;
}

const retryBaseMilliseconds = 1000;
const retryJitter = 0.25;
const abortGraceMilliseconds = 1000;
/** Milliseconds for which runs that wait for nothing go on one after another. */
const longestTurn = 10;

/** Runs `reconcile` for the keys added to it, each key at most once at a time. A run that throws is retried; nothing here ends the process. */
export const startController = (options: ControllerOptions): Controller => {
  const { clock, random, concurrency = 4, thrownCapMilliseconds = 5 * 60_000 } = options;
  const observed = (tell: () => void): void => {
    try {
      tell();
    } catch {
      // Watching must not change what is watched.
    }
  };
  const queue = createWorkQueue(clock, () => observed(() => options.onAdd?.()));
  const failures = new Map<string, number>();
  const startedAt = new Map<string, number>();
  const stopping = new AbortController();
  const hardStop = new AbortController();

  /** Books the outcome and says when the key is due again. */
  const settle = (key: string, outcome: RunReport['outcome']): number | undefined => {
    if (outcome.kind === 'aborted') return undefined;
    if (outcome.kind === 'done' || outcome.kind === 'after') {
      failures.delete(key);
      return outcome.kind === 'after' ? outcome.milliseconds : undefined;
    }
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    const capMilliseconds = outcome.kind === 'backOff' ? outcome.capMilliseconds : thrownCapMilliseconds;
    return backOffMilliseconds({ baseMilliseconds: retryBaseMilliseconds, capMilliseconds, jitter: retryJitter }, count, random());
  };

  const run = async (key: string, waitedMilliseconds: number): Promise<void> => {
    const started = clock.monotonic();
    startedAt.set(key, started);
    const deadline = startDeadline(clock, options.runDeadlineMilliseconds, hardStop.signal);
    let outcome: RunReport['outcome'];
    try {
      outcome = await options.reconcile(key, deadline.signal, stopping.signal);
    } catch (error) {
      // A run that ends because we are going is neither a failure nor a reason to come again.
      outcome = stopping.signal.aborted && !deadline.expired() ? { kind: 'aborted' } : { kind: 'threw', error };
    } finally {
      deadline.clear();
      startedAt.delete(key);
    }
    const nextMilliseconds = settle(key, outcome);
    // Scheduled before the key is let go: an add that came meanwhile then finds a consistent book.
    if (nextMilliseconds !== undefined) queue.addAfter(key, nextMilliseconds);
    queue.done(key);
    observed(() =>
      options.onRun?.({
        key,
        outcome,
        deadlineExceeded: deadline.expired(),
        waitedMilliseconds,
        milliseconds: clock.monotonic() - started,
        failures: failures.get(key) ?? 0,
        nextMilliseconds,
      }),
    );
  };

  /** When everything else last had its turn, as far as is known. */
  let turnAt = clock.monotonic();
  const work = async (): Promise<void> => {
    for (let taken = await queue.take(); taken; taken = await queue.take()) {
      await run(taken.key, taken.waitedMilliseconds);
      if (clock.monotonic() - turnAt < longestTurn) continue;
      await turnOfOthers();
      turnAt = clock.monotonic();
    }
  };

  const untilStopping = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true }));
  const workers = Promise.race([Promise.resolve(options.startAfter), untilStopping]).then(() =>
    Promise.all(Array.from({ length: concurrency }, work)),
  );
  // A rejected `startAfter` belongs to whoever made it; here it only means that no run ever starts.
  workers.catch(() => undefined);

  return {
    name: options.name,
    add: queue.add,
    addAfter: queue.addAfter,
    failures: (key) => failures.get(key) ?? 0,
    running: () => new Map([...startedAt].map(([key, started]) => [key, clock.monotonic() - started])),
    depth: queue.depth,
    stopping: stopping.signal,
    stop: async (drainMilliseconds, worthWaiting) => {
      stopping.abort(new Error('the controller is stopping'));
      queue.shutDown();
      const finished = workers.then(
        () => true,
        () => true,
      );
      const within = (milliseconds: number): Promise<boolean> => settlesWithin(clock, finished, milliseconds);
      const drained = within(drainMilliseconds);
      if (!(await (worthWaiting ? Promise.race([drained, worthWaiting.then(() => false)]) : drained))) {
        hardStop.abort(new Error('the controller stopped before the run had finished'));
        await within(abortGraceMilliseconds);
      }
      return [...startedAt.keys()];
    },
  };
};

/**
 * Lets timers and sockets have their turn. A run that finds all it needs in memory waits for nothing, and a thousand of them in a row would hold up
 * the lease and the probes for seconds.
 */
const turnOfOthers = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whether `promise` settles before `milliseconds` are over. Leaves no timer behind. */
const settlesWithin = async (clock: Clock, promise: Promise<boolean>, milliseconds: number): Promise<boolean> => {
  let timer: { clear(): void } | undefined;
  const late = new Promise<false>((resolve) => (timer = clock.setTimer(milliseconds, () => resolve(false))));
  return Promise.race([promise, late]).finally(() => timer?.clear());
};
