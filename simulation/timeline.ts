import type { Assumptions } from './assumptions.ts';
import { exponential, logNormal, randomFrom, seedOf, type Random } from './random.ts';

/** One row of the table. All times in minutes. */
export interface Notice {
  /** The number of its maintenance, which is also that of the cluster and of the rule. */
  readonly maintenance: number;
  readonly status: 'Scheduled' | 'Started' | 'Completed' | 'Failed' | 'Canceled';
  /** `lastUpdateTime`. */
  readonly stamp: number;
  /** When the row can be read. */
  readonly visible: number;
  /** When it can no longer be read, because the next status has taken its place. */
  readonly gone: number;
  /** When the maintenance starts; never, when it is canceled before. */
  readonly start: number;
}

type Event = Pick<Notice, 'status'> & { readonly at: number };

const hour = 60;
const day = 24 * hour;
const around = (random: Random, spread: number): number => (2 * random() - 1) * spread;

const end = (random: Random): Notice['status'] => {
  const dice = random();
  if (dice < 0.92) return 'Completed';
  return dice < 0.97 ? 'Failed' : 'Canceled';
};

const eventsOf = (random: Random): readonly Event[] => {
  const planned = 10 * day + random() * day;
  const clusterUpgrade = random() < 0.3;
  const weekBefore = { status: 'Scheduled', at: planned - 7 * day + around(random, 2 * hour) } as const;
  const dayBefore = { status: 'Scheduled', at: planned - day + around(random, 2 * hour) } as const;
  const scheduled = random() < 0.9 ? [weekBefore, dayBefore] : [dayBefore];
  if (random() < 0.05) {
    const canceled = { status: 'Canceled', at: planned - random() * 7 * day } as const;
    const before = scheduled.filter(({ at }) => at < canceled.at);
    return before.length > 0 ? [...before, canceled] : [...scheduled, { ...canceled, at: planned - hour }];
  }
  const started = planned + random() * hour;
  const [median, p99] = clusterUpgrade ? [90, 6 * hour] : [45, 4 * hour];
  return [...scheduled, { status: 'Started', at: started }, { status: end(random), at: started + logNormal(random, median, p99) }];
};

const delay = (random: Random, given: Assumptions): number => {
  const usual = logNormal(random, given.delayMedian, given.delayP99);
  // Drawn in any case, so that the rest doesn't change with the assumption.
  const [dice, more] = [random(), exponential(random, given.delayTail)];
  return dice < given.delayTailShare ? usual + more : usual;
};

const noticesOf = (maintenance: number, seed: number, given: Assumptions): readonly Notice[] => {
  const random = randomFrom(seedOf(seed, maintenance));
  const events = eventsOf(random);
  const start = events.find(({ status }) => status === 'Started')?.at ?? Number.POSITIVE_INFINITY;
  const visible = events.map(({ at }) => at + delay(random, given));
  return events.map(({ status, at }, index) => ({
    maintenance,
    status,
    stamp: at + random() * given.skew,
    visible: visible[index] ?? at,
    gone: (given.overwritten ? visible[index + 1] : undefined) ?? Number.POSITIVE_INFINITY,
    start,
  }));
};

/** At least so many notices of whole maintenances. */
export const timeline = (count: number, seed: number, given: Assumptions): readonly Notice[] => {
  const notices: Notice[] = [];
  for (let maintenance = 0; notices.length < count; maintenance += 1) notices.push(...noticesOf(maintenance, seed, given));
  return notices;
};
