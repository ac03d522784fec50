import { limits, type Lane } from '../../src/azure/pace-policy.ts';
import { createPacer } from '../../src/azure/pacer.ts';
import type { Told } from '../../src/azure/meter.ts';

/** What differs from one simulated Azure to another. Times are in milliseconds. */
export interface Scenario {
  readonly seed: number;
  /** How many objects are created at once in each subscription. */
  readonly objects: readonly number[];
  readonly workers: number;
  readonly latency: { readonly min: number; readonly max: number };
  /** Calls per second that somebody else with the same identity makes, of each kind, in the first subscription. */
  readonly others: number;
  /** Part of the calls that are refused although there was room. */
  readonly refusedShare: number;
  /** How long a refusal asks to wait; undefined: it doesn't say. */
  readonly asks: 'whatIsMissing' | 'nothing' | 'muchMore';
  readonly headers: 'right' | 'none' | 'alwaysZero' | 'wild';
  /** When the simulation gives up. */
  readonly end: number;
}

export interface SentCall {
  readonly lanes: readonly string[];
  readonly sentAt: number;
  readonly status: 200 | 429;
}

export interface Outcome {
  readonly calls: readonly SentCall[];
  /** Calls that were sent to a lane before the time that a refusal had named. */
  readonly early: readonly string[];
  /** When each object of a subscription was done; those that never were are missing. */
  readonly doneAt: readonly (readonly number[])[];
  /** Visits to objects that ended because the pacer let no call through. */
  readonly paced: number;
  readonly remembered: { readonly lanes: number; readonly turns: number };
}

/** Numbers in [0, 1) that only depend on the seed (mulberry32). */
const randomOf = (seed: number): (() => number) => {
  let state = Math.trunc(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Azure's side of one lane, as documented: written anew, so that a mistake of the pacer isn't repeated here. */
const createLimit = (lane: Lane): { take: (now: number) => number; shown: (now: number) => Omit<Told, 'isOwn'> } => {
  if (lane === 'ruleWrites') {
    let end = 0;
    let used = 0;
    return {
      take: (now) => {
        if (now >= end) [end, used] = [now + 60_000, 0];
        if (used >= 30) return end - now;
        used += 1;
        return 0;
      },
      shown: (now) => ({ remaining: now < end ? 30 - used : 30, resetsIn: end - now }),
    };
  }
  const [capacity, perMillisecond] = lane === 'reads' ? [250, 0.025] : [200, 0.01];
  let tokens = capacity;
  let at = 0;
  const fill = (now: number): void => {
    tokens = Math.min(capacity, tokens + (now - at) * perMillisecond);
    at = now;
  };
  return {
    take: (now) => {
      fill(now);
      if (tokens < 1) return (1 - tokens) / perMillisecond;
      tokens -= 1;
      return 0;
    },
    shown: (now) => {
      fill(now);
      return { remaining: Math.floor(tokens), resetsIn: undefined };
    },
  };
};

interface Creation {
  readonly name: string;
  readonly subscription: number;
  readonly done: Set<string>;
  isOver: boolean;
}

interface Step {
  readonly key: string;
  readonly lanes: readonly Lane[];
  /** A write that was done isn't done again, nor is the reading of a cluster; anything else is read in each run. */
  readonly isOnce: boolean;
}

const read = (key: string, isOnce = false): Step => ({ key, lanes: ['reads'], isOnce });
const write = (key: string, ...more: readonly Lane[]): Step => ({ key, lanes: ['writes', ...more], isOnce: true });

/** The calls of a run, as `carryOut` makes them. */
const steps: readonly Step[] = [
  read('cluster', true),
  read('windows', true),
  read('group'),
  write('putGroup'),
  read('rule'),
  write('putRule', 'ruleWrites'),
  write('putReaderOfGroup'),
  write('putReaderOfSubscription'),
];

/** Creates objects against a simulated Azure, one pacer and some workers in between. */
export const simulate = (scenario: Scenario): Outcome => {
  const random = randomOf(scenario.seed);
  const pacer = createPacer();
  const events: { readonly at: number; readonly order: number; readonly act: () => void }[] = [];
  let order = 0;
  let now = 0;
  const later = (at: number, act: () => void): void => {
    order += 1;
    const event = { at, order, act };
    let low = 0;
    for (let high = events.length; low < high;) {
      const middle = (low + high) >> 1;
      const other = events[middle];
      if (other && (other.at > at || (other.at === at && other.order > event.order))) low = middle + 1;
      else high = middle;
    }
    // The last one is the next.
    events.splice(low, 0, event);
  };

  const azure = new Map<string, ReturnType<typeof createLimit>>();
  const limitOf = (subscription: number, lane: Lane): ReturnType<typeof createLimit> => {
    const name = `${lane} ${subscription}`;
    const limit = azure.get(name) ?? createLimit(lane);
    azure.set(name, limit);
    return limit;
  };

  const calls: SentCall[] = [];
  const early: string[] = [];
  const closedUntil = new Map<string, number>();
  const doneAt: number[][] = scenario.objects.map(() => []);
  let paced = 0;
  const ready: Creation[] = [];
  let idle = scenario.workers;

  const dispatch = (): void => {
    while (idle > 0) {
      const next = ready.shift();
      if (!next) return;
      idle -= 1;
      run(next);
    }
  };
  const release = (object: Creation, wait: number | undefined): void => {
    idle += 1;
    if (wait !== undefined)
      later(now + wait + random() * Math.min(wait / 10, 1000), () => {
        ready.push(object);
        dispatch();
      });
    dispatch();
  };

  const run = (object: Creation): void => {
    const marker = {};
    const pending = steps.filter(({ key, isOnce }) => !(isOnce && object.done.has(key)));
    const go = (index: number): void => {
      const step = pending[index];
      if (!step) {
        doneAt[object.subscription]?.push(now);
        release(object, undefined);
        return;
      }
      const nameOf = (lane: Lane): string => `${lane} ${object.subscription}`;
      const turn = pacer.ask(
        {
          lanes: step.lanes.map((lane) => ({ name: nameOf(lane), limit: limits[lane] })),
          key: `${object.name} ${step.key}`,
          run: marker,
        },
        now,
      );
      if (turn.kind === 'later') {
        paced += 1;
        release(object, turn.milliseconds);
        return;
      }
      const sentAt = now;
      for (const lane of step.lanes) {
        const until = closedUntil.get(nameOf(lane)) ?? 0;
        if (now < until) early.push(`${nameOf(lane)} at ${now}, closed until ${until}`);
      }
      const latency = scenario.latency.min + random() * (scenario.latency.max - scenario.latency.min);
      later(now + latency / 2, () => {
        let refusing: Lane | undefined;
        let missing = 0;
        for (const lane of step.lanes) {
          if (refusing) continue;
          missing = limitOf(object.subscription, lane).take(now);
          if (missing > 0) refusing = lane;
        }
        if (!refusing && random() < scenario.refusedShare) [refusing, missing] = [step.lanes.at(-1), 1];
        const answered = now;
        const shown = new Map(step.lanes.map((lane) => [nameOf(lane), limitOf(object.subscription, lane).shown(now)]));
        later(now + latency / 2, () => {
          const told = (name: string): Told => {
            const right = shown.get(name) ?? { remaining: undefined, resetsIn: undefined };
            const resetsIn = right.resetsIn === undefined ? undefined : right.resetsIn - (now - answered);
            if (scenario.headers === 'none') return { remaining: undefined, isOwn: false, resetsIn: undefined };
            if (scenario.headers === 'alwaysZero') return { remaining: 0, isOwn: true, resetsIn };
            if (scenario.headers === 'wild')
              return { remaining: Math.floor(random() * 300), isOwn: random() < 0.5, resetsIn: (random() - 0.5) * 1e9 };
            return { ...right, resetsIn, isOwn: true };
          };
          calls.push({ lanes: step.lanes.map(nameOf), sentAt, status: refusing ? 429 : 200 });
          if (refusing) {
            const asked = { whatIsMissing: Math.ceil(missing / 1000) * 1000, nothing: undefined, muchMore: 90_000 }[scenario.asks];
            const wait = asked ?? 30_000;
            closedUntil.set(nameOf(refusing), Math.max(closedUntil.get(nameOf(refusing)) ?? 0, now + wait));
            turn.permit.refused(nameOf(refusing), asked, told, now);
            turn.permit.end();
            release(object, wait);
            return;
          }
          turn.permit.answered(told, now);
          turn.permit.end();
          object.done.add(step.key);
          go(index + 1);
        });
      });
    };
    go(0);
  };

  scenario.objects.forEach((count, subscription) => {
    for (let index = 0; index < count; index += 1)
      ready.push({ name: `${subscription}/${index}`, subscription, done: new Set(), isOver: false });
  });
  // Who comes first is chance.
  ready.sort(() => random() - 0.5);
  dispatch();
  if (scenario.others > 0) {
    const disturb = (): void => {
      for (const lane of Object.keys(limits) as Lane[]) limitOf(0, lane).take(now);
      later(now + (2 * random() * 1000) / scenario.others, disturb);
    };
    disturb();
  }

  const total = scenario.objects.reduce((sum, count) => sum + count, 0);
  for (let next = events.pop(); next && next.at <= scenario.end; next = events.pop()) {
    ({ at: now } = next);
    next.act();
    if (doneAt.reduce((sum, { length }) => sum + length, 0) === total) break;
  }
  return { calls, early, doneAt, paced, remembered: pacer.size() };
};
