import { createBucket, createWindow, type BucketLimit, type Meter, type Taken, type Told, type WindowLimit } from './meter.ts';

/** One of Azure's limits, as one call comes under it. */
export interface LaneOf {
  /** Tells it from all others: kind of call and subscription. */
  readonly name: string;
  readonly limit: BucketLimit | WindowLimit;
}

/** A call that wants to begin. */
export interface Call {
  /** All limits that it comes under; it begins when each of them lets it. */
  readonly lanes: readonly LaneOf[];
  /** Tells its turn from the turns of others: method and address. */
  readonly key: string;
  /** Whose it is. Who has begun something goes on before others begin. */
  readonly run: object | undefined;
}

export type Turn =
  | { readonly kind: 'now'; readonly permit: Permit }
  /** Not yet: a turn is kept from `milliseconds` on. `lane` is what it waits for the longest. */
  | { readonly kind: 'later'; readonly lane: string; readonly milliseconds: number };

/** The right to one call. `end` must be called when the call is over, whatever became of it. */
export interface Permit {
  /** Azure answered, and not with 429. */
  readonly answered: (told: (lane: string) => Told, now: number) => void;
  /**
   * Azure said 429.
   * @param lane whose limit it was
   * @param wait milliseconds as Azure asked for; undefined: it didn't say
   */
  readonly refused: (lane: string, wait: number | undefined, told: (lane: string) => Told, now: number) => void;
  readonly end: () => void;
}

/**
 * Says which call may begin and when the others come. It never waits itself. One lane for each of Azure's limits; nothing that happens in
 * one of them holds up another. Pure: the time is told, in milliseconds of a clock that never goes back.
 */
export interface Pacer {
  readonly ask: (call: Call, now: number) => Turn;
  /** How many lanes and turns are remembered. */
  readonly size: () => { readonly lanes: number; readonly turns: number };
}

/** For so long nobody else gets what a turn is kept for: its run reads before it writes, and waits for a worker. */
const keptMilliseconds = 30_000;
/** Who comes later still comes before all who came after it; for so long. */
const placeMilliseconds = 10 * 60_000;
/** Told times are looked at anew after this time: what was believed of a limit may have been wrong. */
const longestWait = 10 * 60_000;
/** A 429 that names no time: this long, doubling. */
const unnamedWait = { first: 30_000, longest: 5 * 60_000 };
/** "At once" is no wait. */
const leastWait = 1000;
/** No answer closes a lane for longer: Azure's own limits start anew within the hour. */
const longestBlock = 24 * 3_600_000;
const sweepMilliseconds = 10_000;

/** The part of a burst that is kept for runs that are under way: they would lose what they have read, and read it again. */
const keptForRuns = 0.2;

interface Lane {
  readonly name: string;
  readonly meter: Meter;
  readonly kept: number;
  /** Turns that are kept for calls that could not begin, by their key, first come first; the value is when the turn has come. */
  turns: Map<string, number>;
  readonly runs: WeakSet<object>;
  underWay: number;
  /** Whether Azure has said that it counts. Where it doesn't, as in front of an emulator, nothing is paced. */
  isCounted: boolean;
  blockedAt: number;
  blockedUntil: number;
  /** How many runs have begun something here, and how many calls they have made. */
  begun: number;
  taken: number;
  /** How many times in a row Azure named no time. */
  unnamed: number;
}

const createLane = ({ name, limit }: LaneOf, now: number): Lane => ({
  name,
  meter: limit.kind === 'bucket' ? createBucket(limit, now) : createWindow(limit),
  kept: limit.kind === 'bucket' ? Math.floor(limit.burst * keptForRuns) : 0,
  turns: new Map(),
  runs: new WeakSet(),
  underWay: 0,
  isCounted: false,
  blockedAt: -Infinity,
  blockedUntil: -Infinity,
  begun: 1,
  taken: 1,
  unnamed: 0,
});

const dropForgotten = (lane: Lane, now: number): void => {
  for (const [key, due] of lane.turns) if (now >= due + placeMilliseconds) lane.turns.delete(key);
};

/** How many turns come before this call's; and for how many of them something must be left now. */
const ahead = ({ turns, meter }: Lane, key: string, now: number): { readonly all: number; readonly kept: number } => {
  let [all, kept] = [0, 0];
  for (const [other, due] of turns) {
    if (other === key) break;
    all += 1;
    if ((meter.keepsUnused || due <= now) && now < due + keptMilliseconds) kept += 1;
  }
  return { all, kept };
};

/** When a call may begin in a lane; not after `now`: at once. */
const beginning = (lane: Lane, { key, run }: Call, now: number): number => {
  const { meter, blockedUntil, isCounted } = lane;
  if (!isCounted) return blockedUntil;
  const free = (calls: number): number => Math.max(blockedUntil, meter.when(calls, now));
  if (run && lane.runs.has(run)) return Math.max(blockedUntil, meter.whenBegun(now));
  const before = ahead(lane, key, now);
  // A full lane is open to everybody: what isn't used of it is lost.
  const atOnce = free(Math.min(before.kept + 1 + lane.kept, meter.capacity()));
  if (atOnce <= now) return atOnce;
  // Each of those before makes more than one call.
  return free(before.all * (lane.taken / lane.begun) + 1 + lane.kept);
};

const block = (lane: Lane, begunAt: number, wait: number | undefined, now: number): void => {
  // Several calls that were under way together are refused together: that counts once.
  const isNew = begunAt >= lane.blockedAt;
  if (wait === undefined && (isNew || lane.unnamed === 0)) lane.unnamed += 1;
  const unnamed = Math.min(unnamedWait.first * 2 ** Math.max(0, lane.unnamed - 1), unnamedWait.longest);
  const until = now + (wait === undefined ? unnamed : Math.min(Math.max(wait, leastWait), longestBlock));
  if (isNew) lane.blockedAt = now;
  lane.blockedUntil = Math.max(lane.blockedUntil, until);
  lane.meter.refused(now, lane.blockedUntil);
};

const isIdle = (lane: Lane, now: number): boolean =>
  lane.underWay === 0 && lane.turns.size === 0 && now >= lane.blockedUntil + unnamedWait.longest && lane.meter.isFull(now);

export const createPacer = (): Pacer => {
  const lanes = new Map<string, Lane>();
  let sweptAt = -Infinity;

  const laneOf = (of: LaneOf, now: number): Lane => {
    const lane = lanes.get(of.name) ?? createLane(of, now);
    lanes.set(of.name, lane);
    return lane;
  };

  const forgetIdle = (now: number): void => {
    if (now < sweptAt + sweepMilliseconds) return;
    sweptAt = now;
    for (const [name, lane] of lanes) {
      dropForgotten(lane, now);
      if (isIdle(lane, now)) lanes.delete(name);
    }
  };

  const begin = ({ key, run }: Call, mine: readonly Lane[], begunAt: number): Permit => {
    const taken = new Map<Lane, Taken>();
    for (const lane of mine) {
      lane.turns.delete(key);
      lane.taken += 1;
      if (!run || !lane.runs.has(run)) lane.begun += 1;
      if (run) lane.runs.add(run);
      lane.underWay += 1;
      taken.set(lane, lane.meter.take(begunAt));
    }
    const listen = (told: (lane: string) => Told, now: number): void => {
      for (const [lane, at] of taken) {
        const said = told(lane.name);
        lane.isCounted ||= said.remaining !== undefined;
        lane.meter.heard(at, said, lane.underWay - 1, now);
      }
    };
    return {
      answered: (told, now) => {
        listen(told, now);
        for (const lane of mine) if (begunAt >= lane.blockedAt) lane.unnamed = 0;
      },
      refused: (name, wait, told, now) => {
        listen(told, now);
        for (const lane of mine) {
          if (lane.name !== name) continue;
          lane.isCounted = true;
          block(lane, begunAt, wait, now);
          // It had its turn and must not go to the end of the queue.
          lane.turns = new Map([[key, lane.blockedUntil], ...lane.turns]);
        }
      },
      end: () => {
        for (const lane of mine) lane.underWay -= 1;
      },
    };
  };

  return {
    ask: (call, now) => {
      forgetIdle(now);
      const mine = call.lanes.map((of) => laneOf(of, now));
      const begins = mine.map((lane) => ({ lane, at: beginning(lane, call, now) }));
      const last = begins.reduce((one, other) => (other.at > one.at ? other : one));
      if (last.at <= now) return { kind: 'now', permit: begin(call, mine, now) };
      const milliseconds = Math.min(last.at - now, longestWait);
      for (const { lane, at } of begins) if (at > now || lane.turns.has(call.key)) lane.turns.set(call.key, now + milliseconds);
      return { kind: 'later', lane: last.lane.name, milliseconds };
    },
    size: () => ({ lanes: lanes.size, turns: [...lanes.values()].reduce((sum, { turns }) => sum + turns.size, 0) }),
  };
};
