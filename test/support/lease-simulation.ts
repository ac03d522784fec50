/**
 * An election on simulated machines: every machine has clocks of its own speed, requests and answers are late or lost, processes are
 * stopped, killed and restarted. One true time moves from event to event; at each it is checked who would write.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startElector } from '../../src/kube/elector.ts';
import type { ElectionTimes, Elector } from '../../src/kube/elector.ts';
import { KubeError } from '../../src/kube/failure.ts';
import type { Lease, LeaseClient, LeaseSpec } from '../../src/kube/lease.ts';
import { sleepWith } from '../../src/runtime/clock.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { startDeadline } from '../../src/runtime/deadline.ts';

/** What the API server keeps: one lease, changed by compare-and-swap. */
export interface LeaseStore {
  readonly read: () => Lease | undefined;
  readonly create: (spec: LeaseSpec) => Lease;
  /** As a merge patch with a uid and a resource version in it; without `isCareful` whatever is there is overwritten. */
  readonly change: (known: Lease, spec: Partial<LeaseSpec>, isCareful?: boolean) => Lease;
  readonly remove: () => void;
}

const refused = (status: number, reason: string): KubeError => new KubeError(reason, { operation: 'lease', status, reason });

export const createLeaseStore = (): LeaseStore => {
  let version = 100;
  let lease: Lease | undefined;
  const put = (uid: string, spec: Partial<LeaseSpec>): Lease => {
    version += 1;
    lease = { metadata: { name: 'leader', uid, resourceVersion: String(version) }, spec };
    return lease;
  };
  return {
    read: () => lease,
    create: (spec) => {
      if (lease) throw refused(409, 'AlreadyExists');
      return put(`uid-${version}`, spec);
    },
    change: ({ metadata: known }, spec, isCareful = true) => {
      if (!lease) throw refused(404, 'NotFound');
      const { uid, resourceVersion } = lease.metadata;
      if (isCareful && (uid !== known.uid || resourceVersion !== known.resourceVersion)) throw refused(409, 'Conflict');
      return put(uid, { ...lease.spec, ...spec });
    },
    remove: () => (lease = undefined),
  };
};

/** Times are in true milliseconds from the beginning. */
export interface SimulatedFault {
  readonly kind:
    | 'pause' // SIGSTOP: nothing reaches the process, its clocks go on
    | 'suspend' // the machine sleeps: the same, and the monotonic clock stands still
    | 'jump' // the wall clock is set
    | 'crash' // the process ends and comes back, with a new identity, after the duration
    | 'leave' // it ends for good
    | 'release' // SIGTERM: as a crash, but the lease is given back first
    | 'silence' // its requests vanish
    | 'errors' // its requests are answered 500, done or not
    | 'delete'; // somebody deletes the lease
  readonly at: number;
  readonly duration: number;
  /** Whose; for silence and errors one more than there are means everybody. */
  readonly process: number;
  readonly jump: number;
}

export interface Scenario {
  /** Of what is left to chance: delays, losses, the order in which a stopped process finds its mail. */
  readonly seed: number;
  /** Clock speeds, relative to true time. */
  readonly machines: readonly {
    readonly rate: number;
    readonly wallRate: number;
    readonly wallOffset: number;
    readonly startsAt: number;
  }[];
  /** Of the requests, and of the answers. */
  readonly lossShare: number;
  /** Of the ways there and of the ways back that take up to `slowestMilliseconds`. */
  readonly slowShare: number;
  readonly faults: readonly SimulatedFault[];
  /** The network is good up to here. */
  readonly goodUntil: number;
  /** Whether a process that has lost the lease is started again. */
  readonly comesBack: boolean;
}

/** Deliberate mistakes, to see that the simulation finds them. */
export interface Mistakes {
  /** Writes don't say which version they change. */
  readonly ignoresVersion?: boolean;
  /** Time doesn't pass while a write is under way, so that a tenure counts from the answer. */
  readonly countsFromAnswer?: boolean;
  /** Wall time is the monotonic time. */
  readonly trustsMonotonic?: boolean;
}

export interface Outcome {
  /** When two would have written, and who. */
  readonly overlaps: readonly string[];
  /** From the end of the last fault, or from the last write that came late because of one, to the last moment without a leader. */
  readonly settledIn: number;
  /** How many processes were leaders, and how many requests were done after their time was over. */
  readonly leaders: number;
  readonly late: number;
  /** How many timers the processes that ended by themselves have left. */
  readonly leftTimers: number;
}

/** The longest way of a request or an answer: longer than a lease lives. */
export const slowestMilliseconds = 20_000;
/** From the end of a process that has lost the lease to the next one's start. */
export const restartMilliseconds = 1000;
const goodMilliseconds = 50;

/** @param watchMilliseconds how long it is watched after the last consequence of a fault */
export const simulateElection = async (
  { machines, faults, ...scenario }: Scenario,
  times: ElectionTimes,
  watchMilliseconds: number,
  mistakes: Mistakes = {},
): Promise<Outcome> => {
  let now = 0;
  let order = 0;
  let late = 0;
  let leftTimers = 0;
  let state = scenario.seed;
  const leaders = new Set<string>();
  const overlaps: string[] = [];
  const events: { readonly time: number; readonly order: number; readonly action: () => void }[] = [];
  const store = createLeaseStore();
  const faultsEnd = Math.max(0, ...machines.map(({ startsAt }) => startsAt), ...faults.map(({ at, duration }) => at + duration));
  const finish = faultsEnd + slowestMilliseconds + watchMilliseconds;
  let quietAt = faultsEnd;
  let settledAt = faultsEnd;

  /** mulberry32 */
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const schedule = (time: number, action: () => void): void => void events.push({ time, order: (order += 1), action });
  const isGood = (): boolean => now < scenario.goodUntil || now >= faultsEnd;
  const isLost = (): boolean => !isGood() && random() < scenario.lossShare;
  // Squared: most of the slow ones are still in time, and make a tenure shorter.
  const way = (): number => random() ** 2 * (!isGood() && random() < scenario.slowShare ? slowestMilliseconds : goodMilliseconds);

  const processes = machines.map(({ rate, wallRate, wallOffset, startsAt }, index) => {
    let generation = 0;
    let elector: Elector | undefined;
    let isReleasing = false;
    let mail: (() => void)[] = [];
    let stoppedUntil: number | undefined;
    let suspendedAt: number | undefined;
    let suspended = 0;
    let jumped = 0;
    const timers = new Set<object>();

    /** Brings something to the process it was meant for: now, or when that one goes on. */
    const deliver = (addressee: number, action: () => void): void => {
      if (addressee !== generation) return;
      if (stoppedUntil === undefined) action();
      else mail.push(action);
    };
    const monotonic = (): number => rate * ((suspendedAt ?? now) - suspended);

    const createClock = (mine: number, unseen: () => number): Clock => {
      const setTimer: Clock['setTimer'] = (milliseconds, callback) => {
        const timer = {};
        const due = monotonic() + Math.max(milliseconds, 0);
        const arm = (): void =>
          schedule(now + (due - monotonic()) / rate, () =>
            deliver(mine, () => {
              if (!timers.has(timer)) return;
              if (monotonic() < due - 1e-3) return arm();
              timers.delete(timer);
              callback();
            }),
          );
        timers.add(timer);
        arm();
        return { clear: () => timers.delete(timer) };
      };
      const seen = (): number => monotonic() - unseen();
      const wall = (): number => wallRate * now + jumped - unseen() + Date.UTC(2026, 0, 1) + wallOffset;
      return { monotonic: seen, now: mistakes.trustsMonotonic ? seen : wall, setTimer, sleep: sleepWith(setTimer) };
    };

    const weather = (): 'silence' | 'errors' | undefined => {
      for (const { kind, at, duration, process } of faults) {
        const isMeant = process === index || process >= machines.length;
        if ((kind === 'silence' || kind === 'errors') && isMeant && now >= at && now < at + duration) return kind;
      }
      return undefined;
    };

    const createClient = (mine: number, clock: Clock): LeaseClient => {
      const request = <T>(signal: AbortSignal, apply: () => T): Promise<T> =>
        new Promise((resolve, reject) => {
          const sent = now;
          const deadline = startDeadline(clock, times.renewDeadlineMilliseconds / 3, signal);
          const timedOut = new KubeError('no answer in time', { operation: 'lease', code: 'DeadlineExceeded' });
          const onAbort = (): void => reject(deadline.expired() ? timedOut : deadline.signal.reason);
          deadline.signal.addEventListener('abort', onAbort);
          const answer = (settle: () => void): void => {
            if (isLost() || weather() === 'silence') return;
            const bring = (): void => {
              deadline.clear();
              settle();
            };
            schedule(now + way(), () => deliver(mine, bring));
          };
          const arrive = (): void => {
            if (weather() === 'silence') return;
            const isError = weather() === 'errors';
            if (isError && random() < 0.5) return answer(() => reject(refused(503, 'ServiceUnavailable')));
            if (deadline.signal.aborted || mine !== generation) late += 1;
            try {
              const before = store.read();
              const result = apply();
              if (sent < faultsEnd && store.read() !== before) quietAt = Math.max(quietAt, now);
              answer(() => (isError ? reject(refused(500, 'InternalError')) : resolve(result)));
            } catch (error) {
              answer(() => reject(error instanceof Error ? error : new Error(String(error))));
            }
          };
          if (!isLost()) schedule(now + way(), arrive);
          if (deadline.signal.aborted) onAbort();
        });
      return {
        get: (signal) => request(signal, store.read),
        create: (spec, signal) => request(signal, () => store.create(spec)),
        change: (lease, spec, signal) => request(signal, () => store.change(lease, spec, !mistakes.ignoresVersion)),
      };
    };

    const end = (comesBackAfter?: number): void => {
      generation += 1;
      elector = undefined;
      timers.clear();
      mail = [];
      stoppedUntil = undefined;
      resumeMachine();
      if (comesBackAfter !== undefined) schedule(now + comesBackAfter, start);
    };
    /** As `end`, for a process that has cleaned up behind itself. */
    const endOrderly = (mine: number, comesBackAfter?: number): void => {
      if (mine !== generation) return;
      leftTimers += timers.size;
      end(comesBackAfter);
    };
    const resumeMachine = (): void => {
      if (suspendedAt !== undefined) suspended += now - suspendedAt;
      suspendedAt = undefined;
    };
    const start = (): void => {
      if (elector) return;
      const mine = generation;
      let unseen = 0;
      isReleasing = false;
      const clock = createClock(mine, () => unseen);
      const client = createClient(mine, clock);
      /** A clock that stands still while this is under way. */
      const unseenWhile = async <T>(write: Promise<T>): Promise<T> => {
        const before = monotonic();
        await write.catch(() => undefined);
        unseen += monotonic() - before;
        return write;
      };
      const leases = mistakes.countsFromAnswer
        ? {
            ...client,
            create: (spec: LeaseSpec, signal: AbortSignal) => unseenWhile(client.create(spec, signal)),
            change: (lease: Lease, spec: Partial<LeaseSpec>, signal: AbortSignal) => unseenWhile(client.change(lease, spec, signal)),
          }
        : client;
      const identity = `${index}-${mine}`;
      elector = startElector({ leases, identity, times, clock, random });
      void elector.elected.then(() => leaders.add(identity));
      void elector.lost
        .then(() => nextTurn())
        .then(() => isReleasing || endOrderly(mine, scenario.comesBack ? restartMilliseconds : undefined));
    };
    const release = (mine: number, comesBackAt: number): void => {
      if (isReleasing) return;
      isReleasing = true;
      void elector?.release().then(() => endOrderly(mine, Math.max(comesBackAt - now, 0)));
    };
    const stop = (duration: number): void => {
      const mine = generation;
      stoppedUntil = Math.max(stoppedUntil ?? 0, now + duration);
      schedule(now + duration, () => {
        if (mine !== generation || stoppedUntil === undefined || now < stoppedUntil) return;
        stoppedUntil = undefined;
        resumeMachine();
        const found = mail.map((action) => ({ action, key: random() })).toSorted((a, b) => a.key - b.key);
        mail = [];
        for (const { action } of found) schedule(now, () => deliver(mine, action));
      });
    };

    const suffer = ({ kind, at, duration, jump }: SimulatedFault): void => {
      if (kind === 'jump') jumped += jump;
      if (kind === 'delete') store.remove();
      if (!elector) return;
      const mine = generation;
      if (kind === 'suspend') suspendedAt ??= now;
      if (kind === 'pause' || kind === 'suspend') stop(duration);
      if (kind === 'crash') end(duration);
      if (kind === 'leave') end();
      if (kind === 'release') deliver(mine, () => release(mine, at + duration));
    };

    schedule(startsAt, start);
    for (const fault of faults) if (fault.process % machines.length === index) schedule(fault.at, () => suffer(fault));
    return {
      isThere: () => elector !== undefined,
      isRunning: () => elector !== undefined && stoppedUntil === undefined,
      mayWrite: () => elector?.mayWrite() ?? false,
      name: () => `${index}-${generation}`,
    };
  });

  const check = (): void => {
    const writers = processes.filter((process) => process.isRunning() && process.mayWrite());
    const text = `${now.toFixed()} ms: ${writers.map(({ name }) => name()).join(' and ') || 'nobody'}`;
    if (writers.length > 1 && overlaps.length < 3) overlaps.push(text);
    if (writers.length === 1 || !processes.some(({ isThere }) => isThere())) return;
    settledAt = Math.max(settledAt, now);
  };

  schedule(finish, () => undefined);
  while (now < finish) {
    const next = events.reduce((a, b) => (b.time < a.time || (b.time === a.time && b.order < a.order) ? b : a));
    events.splice(events.indexOf(next), 1);
    for (const moment of [(now + next.time) / 2, next.time]) {
      now = moment;
      check();
    }
    next.action();
    check();
    await nextTurn();
    check();
  }
  return { overlaps, settledIn: settledAt - quietAt, leaders: leaders.size, late, leftTimers };
};
