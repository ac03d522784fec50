import { defaultOverlapMinutes, defaultSettlingMinutes } from '../src/core/window.ts';
import type { Rule } from './announce.ts';

export interface Candidate {
  readonly name: string;
  readonly rule: Rule;
}

const hour = 60;

const settled = (frequencyMinutes: number, settlingMinutes: number, overlapMinutes: number): Rule => ({
  frequencyMinutes,
  settlingMinutes,
  overlapMinutes,
});

const halfHourly = (settlingMinutes: number, overlapMinutes: number): Rule => settled(30, settlingMinutes, overlapMinutes);

const once = (lookBackMinutes: number): Rule => ({ ...halfHourly(0, lookBackMinutes - 30), stateful: true });

/** The queries of Microsoft's page, by their windows alone. */
const published: readonly Candidate[] = [
  { name: 'published: 30 min, ago(30m)', rule: halfHourly(0, 0) },
  { name: 'published: 30 min, ago(2h)', rule: halfHourly(0, 90) },
];

/** What the operator asks for by default. */
const ours: Candidate = {
  name: `settling ${defaultSettlingMinutes}, overlap ${defaultOverlapMinutes(30)}: ours`,
  rule: halfHourly(defaultSettlingMinutes, defaultOverlapMinutes(30)),
};

/** Survives an evaluation that is skipped. */
const twice: Candidate = { name: `settling ${defaultSettlingMinutes}, overlap 30`, rule: halfHourly(defaultSettlingMinutes, 30) };

/** One of each kind. */
export const kinds: readonly Candidate[] = [
  ...published,
  ...[5, 10, 15, 30, 60].map((overlap) => ({ name: `overlap ${overlap}`, rule: halfHourly(0, overlap) })),
  ours,
  twice,
  { name: 'settling 90, overlap 30', rule: halfHourly(90, 30) },
  { name: 'stateful, one alert per record, 24 h', rule: once(24 * hour) },
  { name: 'stateful, one alert per record, 47 h', rule: once(47 * hour) },
];

/** What is tried in other worlds too. */
export const compared: readonly Candidate[] = [...published, { name: 'settling 90, overlap 3', rule: halfHourly(90, 3) }, ours, twice];

export const settlings = [0, 10, 15, 20, 30, 45, 60, 75, 90, 120] as const;
export const overlaps = [0, 1, 2, 3, 5, 10] as const;

/** Every settling time with every small overlap. */
export const grid: readonly Candidate[] = settlings.flatMap((settling) =>
  overlaps.map((overlap) => ({ name: `settling ${settling}, overlap ${overlap}`, rule: halfHourly(settling, overlap) })),
);

/** The defaults at the frequencies that Azure takes. */
export const frequencies: readonly Candidate[] = [5, 10, 15, 30, 45, hour, 2 * hour, 6 * hour, 24 * hour].map((frequency) => {
  const overlap = defaultOverlapMinutes(frequency);
  return {
    name: `every ${frequency} min: settling ${defaultSettlingMinutes}, overlap ${overlap}`,
    rule: settled(frequency, defaultSettlingMinutes, overlap),
  };
});
