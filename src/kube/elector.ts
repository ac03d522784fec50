import type { Clock, Timer } from '../runtime/clock.ts';
import { startDeadline } from '../runtime/deadline.ts';
import { KubeError, isAlreadyExists, isConflict, isNotFound, malformedAnswer } from './failure.ts';
import { microTime } from './lease.ts';
import type { Lease, LeaseClient, LeaseSpec } from './lease.ts';

/** How long things take; client-go's numbers are 15 s, 10 s and 2 s. */
export interface ElectionTimes {
  /** A lease that nobody was seen to renew for this long may be taken. Whole seconds. */
  readonly leaseMilliseconds: number;
  /**
   * A leader that hasn't renewed for this long isn't one any more: no write begins after it. The difference to `leaseMilliseconds` is
   * the room for clocks that run at different speeds.
   */
  readonly renewDeadlineMilliseconds: number;
  /** Between two looks at the lease, less up to a tenth. */
  readonly retryMilliseconds: number;
}

/** What happens in an election; for logs and metrics. */
export type ElectionOccurrence =
  | { readonly kind: 'leading' }
  /** Somebody else leads; told once for each leader. */
  | { readonly kind: 'following'; readonly leader: string }
  /** A look at the lease failed; the next comes after the retry period. */
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'released' };

export interface ElectorOptions {
  readonly leases: LeaseClient;
  /** Never used twice: a restarted process must not take its predecessor's lease for its own. */
  readonly identity: string;
  readonly times: ElectionTimes;
  readonly clock: Clock;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random: () => number;
  /** What it throws is ignored. */
  readonly observer?: (occurrence: ElectionOccurrence) => void;
}

export interface Elector {
  /** Resolves after the first look at the lease, whatever came of it. */
  readonly looked: Promise<void>;
  /** Resolves when this one has become the leader. */
  readonly elected: Promise<void>;
  /** Resolves, with the reason, when this one was the leader and isn't any more. It never becomes one again: end the process. */
  readonly lost: Promise<string>;
  /** Whether a write may begin at this very moment. Ask just before it is sent: a process may have been stopped since it asked last. */
  readonly mayWrite: () => boolean;
  /** No write may begin any more; a lease that is held is given back, so that the next one needn't wait for its end. Never rejects. */
  readonly release: () => Promise<void>;
}

/** The part of the retry period that chance takes off. */
const retryJitter = 0.1;
/** A release that takes longer isn't worth waiting for: the lease ends by itself. */
const releaseMilliseconds = 2000;

/** A lease as last seen, and since when it has been like that. */
interface Observation {
  /** Undefined: there was one, and it is gone. */
  readonly lease: Lease | undefined;
  readonly at: number;
}

/** When the renewal that was answered last had been sent. */
interface Tenure {
  readonly monotonic: number;
  readonly wall: number;
}

/**
 * Takes part in the election of a leader, after client-go's leaderelection, which JavaScript lacks (kubernetes-client/javascript#3030).
 *
 * Never two leaders: whoever takes the lease over has seen it unchanged for `leaseMilliseconds` by its own clock, counted from the answer
 * that showed it; whoever holds it stops writing `renewDeadlineMilliseconds` after it *sent* the last renewal that was answered. No clock is
 * compared with another machine's. Every change is a compare-and-swap on the resource version, so a request that was long on its way does nothing.
 *
 * A leader whose lease somebody deletes makes it anew within a retry period; a follower that has known the lease waits, from when it first finds
 * it gone, as long as for one: the last renewal may have been a moment before. Who starts just then, or misses it that a lease is made and
 * deleted again, doesn't wait: don't delete the lease of a leader that runs.
 */
export const startElector = ({ leases, identity, times, clock, random, ...options }: ElectorOptions): Elector => {
  const { leaseMilliseconds, renewDeadlineMilliseconds, retryMilliseconds } = times;
  const looked = Promise.withResolvers<void>();
  const elected = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  const ending = new AbortController();
  let observation: Observation | undefined;
  let tenure: Tenure | undefined;
  let expiry: Timer | undefined;
  let follows: string | undefined;
  /** A write of ours was sent and nothing says that it was refused: the lease may be ours. */
  let mayHold = false;

  const observe = (occurrence: ElectionOccurrence): void => {
    try {
      options.observer?.(occurrence);
    } catch {
      // Watching must not change what is watched.
    }
  };

  // The monotonic clock stands still while a machine is suspended and the wall clock may be set back: the one that says more is believed.
  const age = ({ monotonic, wall }: Tenure): number => Math.max(clock.monotonic() - monotonic, clock.now() - wall);

  const lose = (reason: string): void => {
    expiry?.clear();
    tenure = undefined;
    ending.abort(new Error(reason));
    lost.resolve(reason);
  };

  const see = (lease: Lease | undefined): void => {
    if (observation && observation.lease?.metadata.resourceVersion === lease?.metadata.resourceVersion) return;
    observation = { lease, at: clock.monotonic() };
  };

  /** Sends a write of ours; once it is answered the lease is held from the moment it was sent. */
  const hold = async (write: () => Promise<Lease>): Promise<void> => {
    const sent: Tenure = { monotonic: clock.monotonic(), wall: clock.now() };
    const mightBefore = mayHold;
    mayHold = true;
    let lease: Lease;
    try {
      lease = await write();
    } catch (error) {
      if (error instanceof KubeError && error.status !== undefined && error.status < 500) mayHold = mightBefore;
      throw error;
    }
    if (ending.signal.aborted) return;
    // Whatever stands in between and says 200 has renewed nothing.
    if (lease.spec?.holderIdentity !== identity) throw malformedAnswer('LEASE', 'the answer for the lease does not name this holder');
    see(lease);
    const left = renewDeadlineMilliseconds - age(sent);
    if (left <= 0) return;
    const isFirst = tenure === undefined;
    tenure = sent;
    expiry?.clear();
    expiry = clock.setTimer(left, () => lose(`the lease was not renewed within ${renewDeadlineMilliseconds / 1000} s`));
    if (!isFirst) return;
    observe({ kind: 'leading' });
    elected.resolve();
  };

  const specOf = (before: Lease | undefined): LeaseSpec => {
    const now = microTime(clock.now());
    const isOurs = before?.spec?.holderIdentity === identity;
    const transitions = before?.spec?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMilliseconds / 1000),
      acquireTime: (isOurs ? before.spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: isOurs || before === undefined ? transitions : transitions + 1,
    };
  };

  /** The usual case of a leader, in one request: nobody else has written since. False: somebody has. */
  const hasRenewed = async (): Promise<boolean> => {
    const known = observation?.lease;
    if (tenure === undefined || !known) return false;
    try {
      await hold(() => leases.change(known, specOf(known), ending.signal));
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  };

  /** Whether the lease has no holder, or has stood unchanged for so long that its holder can't be writing any more. */
  const isFree = (): boolean => {
    if (!observation) return true;
    const { lease, at } = observation;
    if (lease && !lease.spec?.holderIdentity) return true;
    const theirs = (lease?.spec?.leaseDurationSeconds ?? 0) * 1000;
    return clock.monotonic() - at >= Math.max(leaseMilliseconds, theirs);
  };

  /** One look: whose is it, and if it can be had, take it or keep it. */
  const look = async (): Promise<void> => {
    if (await hasRenewed()) return;
    const lease = await leases.get(ending.signal);
    if (ending.signal.aborted) return;
    if (!lease) {
      if (observation) see(undefined);
      if (tenure || isFree()) await hold(() => leases.create(specOf(undefined), ending.signal));
      return;
    }
    see(lease);
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder !== identity) mayHold = false;
    if (holder === identity || (!tenure && isFree())) {
      await hold(() => leases.change(lease, specOf(lease), ending.signal));
    } else if (tenure) {
      lose(`${holder || 'somebody'} has taken the lease`);
    } else if (follows !== holder) {
      follows = holder;
      observe({ kind: 'following', leader: holder });
    }
  };

  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        await look();
      } catch (error) {
        // Another one was quicker: no trouble, the next look shows who.
        const isRace = isConflict(error) || isAlreadyExists(error) || isNotFound(error);
        if (!isRace && !ending.signal.aborted)
          observe({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
      }
      looked.resolve();
      await clock.sleep(retryMilliseconds * (1 - retryJitter * random()), ending.signal).catch(() => undefined);
    }
  };
  const running = run();

  /** Frees the lease, if it is ours. What can't be freed ends by itself. */
  const giveBack = async (signal: AbortSignal): Promise<void> => {
    for (let known = observation?.lease; mayHold; known = undefined) {
      const lease = known ?? (await leases.get(signal));
      if (lease?.spec?.holderIdentity === identity) {
        try {
          await leases.change(lease, { holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) }, signal);
          mayHold = false;
          observe({ kind: 'released' });
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      } else if (known === undefined) mayHold = false;
    }
  };

  return {
    looked: looked.promise,
    elected: elected.promise,
    lost: lost.promise,
    mayWrite: () => tenure !== undefined && age(tenure) < renewDeadlineMilliseconds,
    release: async () => {
      expiry?.clear();
      tenure = undefined;
      ending.abort(new Error('the election is over for this one'));
      await running;
      const deadline = startDeadline(clock, releaseMilliseconds);
      await giveBack(deadline.signal).catch(() => undefined);
      deadline.clear();
    },
  };
};
