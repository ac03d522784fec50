/**
 * Which maintenance notices an alert rule announces, misses or doubles, by its window. `npm run simulate [-- --notices 1000000] [--seed 2]`,
 * and a flag for each assumption, which the report names: times as `90s` or `20m`, shares from 0 to 1. `--json` for machines.
 */
import { parseArgs } from 'node:util';
import { parseDuration } from '../src/core/duration.ts';
import { defaultAssumptions as usual, type Assumptions } from './assumptions.ts';
import { inText } from './report.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    notices: { type: 'string', default: '200000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    'delay-median': { type: 'string' },
    'delay-p99': { type: 'string' },
    'delay-tail-share': { type: 'string' },
    'delay-tail': { type: 'string' },
    skew: { type: 'string' },
    jitter: { type: 'string' },
    'late-share': { type: 'string' },
    late: { type: 'string' },
    skipped: { type: 'string' },
    'planned-now': { type: 'boolean', default: usual.plannedNow },
    overwritten: { type: 'boolean', default: usual.overwritten },
  },
});

const number = (flag: 'notices' | 'seed' | 'delay-tail-share' | 'late-share' | 'skipped', otherwise: number, most: number): number => {
  const value = Number(values[flag] ?? otherwise);
  if (!(value >= 0 && value <= most)) throw new Error(`--${flag} must be a number from 0 to ${most}`);
  return value;
};

const minutes = (flag: 'delay-median' | 'delay-p99' | 'delay-tail' | 'skew' | 'jitter' | 'late', otherwise: number): number => {
  const milliseconds = parseDuration(values[flag] ?? `${otherwise}m`);
  if (milliseconds === undefined) throw new Error(`--${flag} must be a duration such as 90s or 20m`);
  return milliseconds / 60_000;
};

const assumptions: Assumptions = {
  delayMedian: minutes('delay-median', usual.delayMedian),
  delayP99: minutes('delay-p99', usual.delayP99),
  delayTailShare: number('delay-tail-share', usual.delayTailShare, 1),
  delayTail: minutes('delay-tail', usual.delayTail),
  skew: minutes('skew', usual.skew),
  jitter: minutes('jitter', usual.jitter),
  lateShare: number('late-share', usual.lateShare, 1),
  late: minutes('late', usual.late),
  skipped: number('skipped', usual.skipped, 1),
  plannedNow: values['planned-now'],
  overwritten: values.overwritten,
};
const report = simulate({ seed: number('seed', 1, 2 ** 31), notices: number('notices', 200_000, 1e8), assumptions });
console.log(values.json ? JSON.stringify(report, undefined, 2) : inText(report));
