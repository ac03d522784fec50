/** What the simulation takes for granted of Azure, which publishes none of it. All times in minutes, shares from 0 to 1. */
export interface Assumptions {
  readonly delayMedian: number;
  readonly delayP99: number;
  readonly delayTailShare: number;
  readonly delayTail: number;
  readonly skew: number;
  readonly jitter: number;
  readonly lateShare: number;
  readonly late: number;
  readonly skipped: number;
  /** `now()` in the query is the planned time of the evaluation rather than the time at which it is carried out. */
  readonly plannedNow: boolean;
  /** A status takes the place of the one before it in the table, rather than standing beside it. */
  readonly overwritten: boolean;
}

export const defaultAssumptions: Assumptions = {
  delayMedian: 2,
  delayP99: 20,
  delayTailShare: 0.01,
  delayTail: 20,
  skew: 10 / 60,
  jitter: 1,
  lateShare: 0.01,
  late: 2,
  skipped: 0.0002,
  plannedNow: false,
  overwritten: false,
};

const time = (minutes: number): string => (minutes < 1 ? `${Number((minutes * 60).toFixed(1))} s` : `${Number(minutes.toFixed(2))} min`);
const share = (part: number): string => `${Number((part * 100).toFixed(4))} %`;

/** The assumptions in words, with the flags that change them. */
export const inWords = (given: Assumptions): readonly string[] => [
  'A maintenance: Scheduled 7 days before (9 of 10) and 1 day before, each give or take 2 hours; 1 of 20 is canceled before it starts; the others are',
  'Started up to an hour after the planned time and then Completed (92 %), Failed (5 %) or Canceled (3 %), after 90 min (cluster upgrades, 3 of 10)',
  'or 45 min (node OS upgrades) in the median. Each status is one notice, and each maintenance has a rule of its own, with a phase at random.',
  `A row appears after ${time(given.delayMedian)} in the median and ${time(given.delayP99)} at the 99th percentile (log-normal), --delay-median, --delay-p99;`,
  `${share(given.delayTailShare)} of the rows take ${time(given.delayTail)} more on average (exponential), --delay-tail-share, --delay-tail.`,
  `Stamps are up to ${time(given.skew)} ahead of the clock, --skew.`,
  `An evaluation comes up to ${time(given.jitter)} after its planned time, --jitter; ${share(given.lateShare)} of them ${time(given.late)} later still on average (exponential), --late-share, --late;`,
  `${share(given.skipped)} never, --skipped.`,
  `now() is ${given.plannedNow ? 'the planned time' : 'when the evaluation is carried out'}, --planned-now. A new status ${given.overwritten ? 'takes the place of the one before' : 'is a new row'}, --overwritten.`,
  'Mail takes no time. Nothing is said about rows that never come, mail that is lost, or what the query makes of a row.',
];
