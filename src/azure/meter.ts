/** What a limit of Azure's leaves, as far as we know. Pure: the time is told, in milliseconds of a clock that never goes back. */
export interface Meter {
  /** The most calls that can begin at once. */
  readonly capacity: () => number;
  /** When so many calls may begin at once, if none begins before. */
  readonly when: (calls: number, now: number) => number;
  /** When a call may begin that belongs to something begun. What others have used doesn't count: it would never come to its end. */
  readonly whenBegun: (now: number) => number;
  /** Whether what isn't used now is there later. */
  readonly keepsUnused: boolean;
  readonly take: (now: number) => Taken;
  /**
   * An answer of Azure's.
   * @param underWay how many other calls were sent and have no answer yet
   */
  readonly heard: (taken: Taken, told: Told, underWay: number, now: number) => void;
  /** Azure refused a call: nothing is left, and none may begin before `until`. */
  readonly refused: (now: number, until: number) => void;
  /** Nothing has been taken of it, or all has come back. */
  readonly isFull: (now: number) => boolean;
}

/** What was believed just after a call was counted. */
export interface Taken {
  readonly left: number;
  /** By how much Azure's answers had corrected us until then. */
  readonly corrected: number;
  readonly sequence: number;
  readonly window: number;
}

/** What the headers of an answer say. */
export interface Told {
  readonly remaining: number | undefined;
  /** Whether `remaining` is that of this very limit, and not only of one that lies above it. */
  readonly isOwn: boolean;
  /** How many milliseconds until the limit starts anew; only limits that count in windows say so. */
  readonly resetsIn: number | undefined;
}

/** A belief, as far as answers can correct it. */
interface Belief {
  readonly left: number;
  readonly corrected: number;
  readonly sequence: number;
}

/**
 * By how much an answer corrects what we believe is left: less, because somebody else uses the same limit, or more, because it isn't what we
 * think. Answers and calls cross each other; what can be explained by that corrects nothing, or a busy limit would never be used up.
 */
const correction = (now: Belief, taken: Taken, { remaining, isOwn }: Told, underWay: number): number => {
  if (remaining === undefined) return 0;
  const sentSince = now.sequence - taken.sequence;
  const believedThen = Math.floor(taken.left) + now.corrected - taken.corrected;
  // Azure may have counted calls that we sent later.
  const less = believedThen - sentSince - remaining;
  if (less > 0) return -Math.min(less, Math.max(0, now.left));
  // And it may not yet have counted any of those that have no answer.
  const more = remaining - sentSince - underWay - now.left;
  return isOwn && more > 0 ? more : 0;
};

export interface BucketLimit {
  readonly kind: 'bucket';
  readonly burst: number;
  readonly perSecond: number;
}

/** The sum of many small parts may fall short of a whole. */
const rounding = 1e-6;

/** So many calls at once, then so many in a second: Azure Resource Manager. */
export const createBucket = ({ burst, perSecond }: BucketLimit, start: number): Meter => {
  let left = burst;
  /** By our own calls alone. */
  let ours = burst;
  let at = start;
  let corrected = 0;
  let sequence = 0;
  const refill = (now: number): void => {
    const more = ((now - at) / 1000) * perSecond;
    // Azure may have said that there is more than a burst.
    left = Math.max(left, Math.min(burst, left + more));
    ours = Math.max(ours, Math.min(burst, ours + more));
    at = now;
  };
  const whenThere = (missing: number, now: number): number => (missing <= rounding ? now : now + (missing / perSecond) * 1000);
  return {
    keepsUnused: true,
    capacity: () => burst,
    when: (calls, now) => {
      refill(now);
      return whenThere(calls - left, now);
    },
    whenBegun: (now) => {
      refill(now);
      return whenThere(1 - ours, now);
    },
    take: (now) => {
      refill(now);
      left -= 1;
      ours -= 1;
      sequence += 1;
      return { left, corrected, sequence, window: 0 };
    },
    heard: (taken, told, underWay, now) => {
      refill(now);
      const by = correction({ left, corrected, sequence }, taken, told, underWay);
      left += by;
      corrected += by;
      ours = Math.max(ours, left);
    },
    refused: (now) => {
      refill(now);
      left = Math.min(left, 0);
      ours = Math.min(ours, 0);
    },
    isFull: (now) => {
      refill(now);
      return left >= burst;
    },
  };
};

export interface WindowLimit {
  readonly kind: 'window';
  /** Until Azure has said it. */
  readonly calls: number;
  readonly milliseconds: number;
}

/** So many calls in each window, which begins with the first call after the last one's end: the provider of the alert rules. */
export const createWindow = ({ calls: assumed, milliseconds }: WindowLimit): Meter => {
  let calls = assumed;
  let end = -Infinity;
  let isEndTold = false;
  let left = 0;
  let window = 0;
  /** The most that an answer of this window has said is left: after its first call, so that is how many it holds but one. */
  let most = 0;
  let corrected = 0;
  let sequence = 0;

  const learn = (remaining: number): void => {
    most = Math.max(most, remaining);
    const more = most + 1 - calls;
    calls += more;
    left = Math.max(0, left + more);
    corrected += more;
  };

  return {
    keepsUnused: false,
    capacity: () => calls,
    when: (wanted, now) => {
      const [open, closes] = now < end ? [left, end] : [calls, now + milliseconds];
      return wanted <= open ? now : closes + (Math.ceil((wanted - open) / calls) - 1) * milliseconds;
    },
    whenBegun: (now) => (now >= end || left >= 1 ? now : end),
    take: (now) => {
      sequence += 1;
      if (now >= end) {
        end = now + milliseconds;
        isEndTold = false;
        left = calls;
        window += 1;
        most = 0;
      }
      left -= 1;
      return { left, corrected, sequence, window };
    },
    heard: (taken, told, underWay, now) => {
      if (taken.window !== window) return;
      if (told.resetsIn !== undefined) {
        // A wrong time holds nothing up for longer than a window. Each is late by what its answer took, so the earliest is the best.
        const asTold = now + Math.min(Math.max(0, told.resetsIn), milliseconds);
        end = isEndTold ? Math.min(end, asTold) : asTold;
        isEndTold = true;
        // Of a window that had begun before our first call we don't know what others had used of it.
        const isNew = told.resetsIn > 0.9 * milliseconds;
        if (isNew && told.remaining !== undefined) learn(told.remaining);
      }
      const by = correction({ left, corrected, sequence }, taken, told, underWay);
      left += by;
      corrected += by;
    },
    refused: (now, until) => {
      if (now >= end) return;
      left = 0;
      if (!isEndTold) end = Math.min(end, until);
    },
    isFull: (now) => now >= end,
  };
};
