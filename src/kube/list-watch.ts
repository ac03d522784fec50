import { backOffMilliseconds, spread } from '../runtime/back-off.ts';
import type { Clock } from '../runtime/clock.ts';
import { startDeadline } from '../runtime/deadline.ts';
import { KubeError, errorFromSocket, isGone } from './failure.ts';
import { listAll } from './list-all.ts';
import { isNewer, resourcePath } from './object.ts';
import type { KubeObject, Resource } from './object.ts';
import type { Change, Store } from './store.ts';
import type { KubeTransport } from './transport.ts';
import { openWatch } from './watch-stream.ts';
import type { WatchEvent } from './watch-stream.ts';

/** What happens to a list-watch, for metrics and logs. Nothing of it needs an answer: a list-watch helps itself. */
export type Occurrence =
  | {
      readonly kind: 'listed';
      /** Why: the first list; the resource version was too old; the regular one; somebody called `refresh`. */
      readonly cause: ListCause;
      readonly objects: number;
      readonly pages: number;
      readonly milliseconds: number;
      readonly changes: number;
      /** Objects that had changed before the version up to which the watch had told everything: should stay 0. */
      readonly missed: number;
    }
  /** A continue token had expired, the list began again. */
  | { readonly kind: 'listRestarted' }
  /** A watch was accepted. */
  | { readonly kind: 'watching'; readonly timeoutSeconds: number }
  | { readonly kind: 'event'; readonly type: WatchEvent<unknown>['type'] }
  /** A line was skipped; its object comes with the next list. */
  | { readonly kind: 'unparsable'; readonly error: Error }
  /** `onChange` threw; the store and the stream are not touched by it. */
  | { readonly kind: 'handlerFailed'; readonly key: string; readonly error: unknown }
  /** The server ended a watch, or we did because a list is due: the regular one, or one that `refresh` asked for. */
  | { readonly kind: 'watchEnded'; readonly events: number; readonly milliseconds: number }
  /** The resource version is too old: list again. */
  | { readonly kind: 'expired' }
  /** A list or a watch failed; the next attempt comes after the wait. */
  | { readonly kind: 'failed'; readonly during: 'list' | 'watch'; readonly error: KubeError; readonly waitMilliseconds: number };

type ListCause = 'start' | 'expired' | 'interval' | 'refresh';

/** The numbers; all have the defaults that are named. */
export interface ListWatchLimits {
  /** Objects in a page of a list: 500, as client-go. */
  readonly pageSize: number;
  /** 60. */
  readonly listTimeoutSeconds: number;
  /** A watch is asked to last a random time between these: 300 and 600, as client-go, so that many watchers don't come back together. */
  readonly watchSeconds: readonly [least: number, most: number];
  /** The longest wait until a watch is accepted: 15. */
  readonly watchOpenSeconds: number;
  /** How much longer than asked a watch may last before its socket is destroyed: 5. */
  readonly watchSlackSeconds: number;
  /** A watch without a byte for this long is destroyed: 610, more than the longest watch. Bookmarks are no heartbeat to rely on: some API servers send none for minutes. */
  readonly watchIdleSeconds: number;
  /** The regular list, ± a tenth: 10 minutes. */
  readonly relistMilliseconds: number;
  /** The wait after failures: 0.8 s, doubling up to 30 s. */
  readonly backOffBaseMilliseconds: number;
  readonly backOffCapMilliseconds: number;
  /** Failures are forgotten when none has come for this long: 2 minutes. */
  readonly healthyMilliseconds: number;
  /** A watch that ends earlier than this without a change counts as a failure, or a server that hangs up at once would be called in a loop: 1 s. */
  readonly shortWatchMilliseconds: number;
}

export const defaultListWatchLimits: ListWatchLimits = {
  pageSize: 500,
  listTimeoutSeconds: 60,
  watchSeconds: [300, 600],
  watchOpenSeconds: 15,
  watchSlackSeconds: 5,
  watchIdleSeconds: 610,
  relistMilliseconds: 600_000,
  backOffBaseMilliseconds: 800,
  backOffCapMilliseconds: 30_000,
  healthyMilliseconds: 120_000,
  shortWatchMilliseconds: 1000,
};

const backOffJitter = 0.25;
const relistSpread = 0.1;

export interface ListWatchOptions<T extends KubeObject> {
  readonly transport: KubeTransport;
  readonly resource: Resource;
  /** Default: all namespaces. Several list-watches of different namespaces may share a store. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly store: Store<T>;
  /** Called for each change, after the store has it. It should only put keys on a queue. What it throws is reported and changes nothing. */
  readonly onChange: (change: Change<T>) => void;
  /** What it throws is ignored. */
  readonly observer?: (occurrence: Occurrence) => void;
  readonly clock: Clock;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random: () => number;
  readonly limits?: Partial<ListWatchLimits>;
}

export interface ListWatch {
  /** Resolves after the first complete list, when the store and `onChange` have it. Never rejects; after `stop` it may never resolve. */
  readonly synced: Promise<void>;
  readonly hasSynced: () => boolean;
  /** The age in milliseconds of the last sign of life of the API server (a page, an accepted watch, an event), counted from the start while there was none. */
  readonly silentMilliseconds: () => number;
  /**
   * Asks for a list now, for whoever must know at least what was written up to this call. Ends the watch or the back-off that is under way,
   * but no wait that a Retry-After asked for. Resolves when a list that began after the call is in the store and `onChange` has been told
   * the differences; tries as long as that takes. Never rejects; after `stop` it never resolves.
   */
  readonly refresh: () => Promise<void>;
  /** Ends everything at once; resolves when nothing is left: no socket, no timer. */
  readonly stop: () => Promise<void>;
}

/**
 * Keeps a store equal to what the API server has: list, then watch from there, for ever. Whatever happens, it goes on: a list or a watch
 * that fails is tried again after a back-off (and never before a Retry-After has passed), a version that is too old leads to a new list.
 * client-node's informer stops for good at the first error that isn't a 410 (kubernetes-client/javascript#2385), which is why this exists.
 */
export const startListWatch = <T extends KubeObject>(options: ListWatchOptions<T>): ListWatch => {
  const { transport, namespace, store, clock, random } = options;
  const limits = { ...defaultListWatchLimits, ...options.limits };
  const path = resourcePath(options.resource, namespace);
  const selectors = {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
  const stopping = new AbortController();
  const firstList = Promise.withResolvers<void>();
  let hasSynced = false;
  let lastSignOfLife = clock.monotonic();
  /** The version up to which everything is in the store; undefined: only a list can tell. */
  let resourceVersion: string | undefined;
  /** When the next list is due: the regular one, one that was asked for, or another attempt at either. */
  let listAt = 0;
  let failures = 0;
  let lastFailureAt = -Infinity;
  let lastExpiredAt = -Infinity;
  /** Those who wait for a list that has yet to begin. */
  let askers: (() => void)[] = [];
  /** Ends what stands between now and that list. */
  let nudge = new AbortController();

  const observe = (occurrence: Occurrence): void => {
    try {
      options.observer?.(occurrence);
    } catch {
      // Watching must not change what is watched.
    }
  };

  const tell = (changes: readonly Change<T>[]): void => {
    for (const change of changes) {
      try {
        options.onChange(change);
      } catch (error) {
        observe({ kind: 'handlerFailed', key: change.key, error });
      }
    }
  };

  const alive = (): void => {
    lastSignOfLife = clock.monotonic();
  };

  /** A list, for those who asked before it began; if it fails, for them the next one counts. */
  const list = async (cause: ListCause): Promise<void> => {
    const served = askers;
    askers = [];
    if (nudge.signal.aborted) nudge = new AbortController();
    try {
      await listAndTell(cause);
    } catch (error) {
      askers = [...served, ...askers];
      throw error;
    }
    for (const resolve of served) resolve();
  };

  const listAndTell = async (cause: ListCause): Promise<void> => {
    const started = clock.monotonic();
    const toldUpTo = resourceVersion;
    const { objects, pages, version } = await listAll<T>(transport, {
      path,
      query: selectors,
      pageSize: limits.pageSize,
      timeoutSeconds: limits.listTimeoutSeconds,
      signal: stopping.signal,
      onPage: alive,
      onRestart: () => observe({ kind: 'listRestarted' }),
      onUnparsable: (error) => observe({ kind: 'unparsable', error }),
    });
    const changes = store.replace(objects, namespace);
    resourceVersion = version;
    // Whoever asked while this list was under way gets one of their own, at once.
    listAt = clock.monotonic() + (askers.length > 0 ? 0 : spread(limits.relistMilliseconds, relistSpread, random()));
    tell(changes);
    const missed =
      toldUpTo === undefined
        ? 0
        : changes.filter((change) => change.kind !== 'deleted' && !isNewer(change.object.metadata.resourceVersion, toldUpTo)).length;
    observe({
      kind: 'listed',
      cause,
      objects: objects.length,
      pages,
      milliseconds: clock.monotonic() - started,
      changes: changes.length,
      missed,
    });
    if (!hasSynced) {
      hasSynced = true;
      firstList.resolve();
    }
  };

  /** Returns how many changes it was. */
  const take = (event: WatchEvent<T>): number => {
    alive();
    observe({ kind: 'event', type: event.type });
    if (event.type === 'BOOKMARK') {
      resourceVersion = event.resourceVersion;
      return 0;
    }
    const changes = event.type === 'DELETED' ? store.remove(event.object) : store.apply(event.object);
    resourceVersion = event.object.metadata.resourceVersion;
    tell(changes);
    return changes.length;
  };

  /** One watch, until the server ends it or a list is due. */
  const watch = async (from: string): Promise<void> => {
    const [least, most] = limits.watchSeconds;
    const timeoutSeconds = Math.round(least + (most - least) * random());
    const started = clock.monotonic();
    const due = startDeadline(clock, listAt - started, stopping.signal, nudge.signal);
    let events = 0;
    let changes = 0;
    try {
      const stream = await openWatch<T>(transport, {
        path,
        query: selectors,
        resourceVersion: from,
        timeoutSeconds,
        openSeconds: limits.watchOpenSeconds,
        idleSeconds: limits.watchIdleSeconds,
        slackSeconds: limits.watchSlackSeconds,
        signal: due.signal,
        onUnparsable: (error) => observe({ kind: 'unparsable', error }),
      });
      alive();
      observe({ kind: 'watching', timeoutSeconds });
      for await (const event of stream) {
        events += 1;
        changes += take(event);
      }
    } catch (error) {
      stopping.signal.throwIfAborted();
      if (!due.signal.aborted) throw error;
    } finally {
      due.clear();
    }
    // Timers may be early by a fraction of a millisecond; that is no reason for another watch.
    if (due.signal.aborted) listAt = Math.min(listAt, clock.monotonic());
    const milliseconds = clock.monotonic() - started;
    observe({ kind: 'watchEnded', events, milliseconds });
    // Only what was new counts: a server that sends a bookmark, or the same event again, and hangs up would be called in a loop as well.
    if (changes === 0 && milliseconds < limits.shortWatchMilliseconds && !isListDue()) {
      throw new KubeError('the API server ended the watch at once', { operation: `WATCH ${path}`, code: 'ShortWatch' });
    }
  };

  /** Counts a failure, and says how many there have been without two healthy minutes in between. */
  const countFailure = (): number => {
    const now = clock.monotonic();
    failures = now - lastFailureAt > limits.healthyMilliseconds ? 1 : failures + 1;
    lastFailureAt = now;
    return failures;
  };

  const waitAfter = async (during: 'list' | 'watch', thrown: unknown): Promise<void> => {
    const error = thrown instanceof KubeError ? thrown : errorFromSocket(`${during.toUpperCase()} ${path}`, thrown);
    // A refusal is an answer too: a new process would get the same.
    if (error.status !== undefined) alive();
    const count = countFailure();
    const { backOffBaseMilliseconds: baseMilliseconds, backOffCapMilliseconds: capMilliseconds } = limits;
    const backOff = backOffMilliseconds({ baseMilliseconds, capMilliseconds, jitter: backOffJitter }, count, random());
    const askedMilliseconds = Math.max(error.retryAfterSeconds ?? 0, 0) * 1000;
    const waitMilliseconds = Math.max(backOff, askedMilliseconds);
    observe({ kind: 'failed', during, error, waitMilliseconds });
    if (askedMilliseconds > 0) await clock.sleep(askedMilliseconds, stopping.signal);
    if (during === 'list' && resourceVersion !== undefined) {
      // There is a version to watch from: whatever is wrong with lists, don't go blind meanwhile.
      listAt = clock.monotonic() + (nudge.signal.aborted ? 0 : waitMilliseconds - askedMilliseconds);
      return;
    }
    await sleepUnlessAsked(waitMilliseconds - askedMilliseconds);
  };

  /** Sleeps, until `refresh` is called at the latest. */
  const sleepUnlessAsked = async (milliseconds: number): Promise<void> => {
    const due = startDeadline(clock, milliseconds, stopping.signal, nudge.signal);
    if (!due.signal.aborted) await new Promise((resolve) => due.signal.addEventListener('abort', resolve, { once: true }));
    due.clear();
    stopping.signal.throwIfAborted();
  };

  const isListDue = (): boolean => clock.monotonic() >= listAt;

  /** One list if one is due, then one watch until the next is. */
  const round = async (): Promise<void> => {
    let during: 'list' | 'watch' = 'list';
    try {
      if (resourceVersion === undefined) await list(hasSynced ? 'expired' : 'start');
      else if (isListDue()) await list(askers.length > 0 ? 'refresh' : 'interval');
      during = 'watch';
      if (resourceVersion !== undefined && !isListDue()) await watch(resourceVersion);
    } catch (error) {
      stopping.signal.throwIfAborted();
      if (during === 'list' || !isGone(error)) {
        await waitAfter(during, error);
        return;
      }
      resourceVersion = undefined;
      observe({ kind: 'expired' });
      // A version can grow old in a quiet while, or while the server was away: list at once. A server that says so again and again isn't
      // listed in a loop.
      const isFirst = clock.monotonic() - lastExpiredAt > limits.healthyMilliseconds;
      lastExpiredAt = clock.monotonic();
      if (isFirst) countFailure();
      else await waitAfter(during, error);
    }
  };

  const run = async (): Promise<void> => {
    try {
      while (!stopping.signal.aborted) await round();
    } catch (error) {
      // Only the end comes here: round() handles everything that the server or the network can do.
      if (!stopping.signal.aborted) throw error;
    }
  };
  const running = run();

  return {
    synced: firstList.promise,
    hasSynced: () => hasSynced,
    silentMilliseconds: () => clock.monotonic() - lastSignOfLife,
    refresh: () =>
      new Promise((resolve) => {
        askers.push(resolve);
        listAt = clock.monotonic();
        nudge.abort(new Error('a list was asked for'));
      }),
    stop: () => {
      stopping.abort(new Error('the list-watch was stopped'));
      return running;
    },
  };
};
