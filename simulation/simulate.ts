import type { World } from './announce.ts';
import type { Assumptions } from './assumptions.ts';
import { compared, frequencies, grid, kinds, type Candidate } from './candidates.ts';
import { figuresOf, type Figures } from './figures.ts';
import { timeline, type Notice } from './timeline.ts';

export interface Line extends Candidate {
  readonly figures: Figures;
}

export interface Report {
  readonly seed: number;
  readonly notices: number;
  readonly maintenances: number;
  readonly assumptions: Assumptions;
  readonly kinds: readonly Line[];
  readonly grid: readonly Line[];
  readonly frequencies: readonly Line[];
  /** The same again in worlds that are less kind, or otherwise than assumed. */
  readonly otherwise: readonly { readonly name: string; readonly lines: readonly Line[] }[];
}

const otherWorlds = (given: Assumptions): readonly { readonly name: string; readonly assumptions: Assumptions }[] => [
  { name: 'as assumed', assumptions: given },
  {
    name: 'rows take 3 times as long',
    assumptions: { ...given, delayMedian: 3 * given.delayMedian, delayP99: 3 * given.delayP99, delayTail: 3 * given.delayTail },
  },
  { name: '5 times as many rows in the long tail', assumptions: { ...given, delayTailShare: 5 * given.delayTailShare } },
  { name: 'evaluations 3 times as irregular', assumptions: { ...given, jitter: 3 * given.jitter, late: 3 * given.late } },
  { name: '10 times as many evaluations skipped', assumptions: { ...given, skipped: 10 * given.skipped } },
  { name: 'now() is the planned time', assumptions: { ...given, plannedNow: true } },
  { name: 'a new status overwrites the old', assumptions: { ...given, overwritten: true } },
];

/** Every candidate over the same maintenances. */
export const simulate = (options: { readonly seed: number; readonly notices: number; readonly assumptions: Assumptions }): Report => {
  const { seed, assumptions } = options;
  const run = (candidates: readonly Candidate[], notices: readonly Notice[], world: World): readonly Line[] =>
    candidates.map((candidate) => ({ ...candidate, figures: figuresOf(notices, candidate.rule, world) }));
  const notices = timeline(options.notices, seed, assumptions);
  const world = { seed, assumptions };
  return {
    seed,
    notices: notices.length,
    maintenances: (notices.at(-1)?.maintenance ?? -1) + 1,
    assumptions,
    kinds: run(kinds, notices, world),
    grid: run(grid, notices, world),
    frequencies: run(frequencies, notices, world),
    otherwise: otherWorlds(assumptions).map(({ name, assumptions: other }) => ({
      name,
      lines: run(compared, timeline(options.notices, seed, other), { seed, assumptions: other }),
    })),
  };
};
