/**
 * Which maintenance notices an alert rule announces, misses or doubles, by its window. `npm run simulate [-- --notices 1000000] [--seed 2]`,
 * and a flag for each assumption, which the report names: times as `90s` or `20m`, shares from 0 to 1. `--json` for machines.
 */
import { parseArgs } from 'node:util';
import { parseDuration } from '../src/core/duration.ts';
import { defaultAssumptions as usual, type Assumptions } from './assumptions.ts';
import { inText } from './report.ts';
import { simulate } from './simulate.ts';

const number = (flag: string, text: string | undefined, otherwise: number, most: number): number => {
  const value = Number(text ?? otherwise);
  if (!(value >= 0 && value <= most)) throw new Error(`--${flag} must be a number from 0 to ${most}.`);
  return value;
};

const whole = (flag: string, text: string | undefined, otherwise: number, least: number, most: number): number => {
  const value = number(flag, text, otherwise, most);
  if (!Number.isInteger(value) || value < least) throw new Error(`--${flag} must be a whole number from ${least} to ${most}.`);
  return value;
};

const minutes = (flag: string, text: string | undefined, otherwise: number): number => {
  const milliseconds = parseDuration(text ?? `${otherwise}m`);
  if (milliseconds === undefined) throw new Error(`--${flag} must be a duration such as 90s or 20m.`);
  return milliseconds / 60_000;
};

const main = (): void => {
  const { values } = parseArgs({
    options: {
      notices: { type: 'string' },
      seed: { type: 'string' },
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
  const assumptions: Assumptions = {
    delayMedian: minutes('delay-median', values['delay-median'], usual.delayMedian),
    delayP99: minutes('delay-p99', values['delay-p99'], usual.delayP99),
    delayTailShare: number('delay-tail-share', values['delay-tail-share'], usual.delayTailShare, 1),
    delayTail: minutes('delay-tail', values['delay-tail'], usual.delayTail),
    skew: minutes('skew', values.skew, usual.skew),
    jitter: minutes('jitter', values.jitter, usual.jitter),
    lateShare: number('late-share', values['late-share'], usual.lateShare, 1),
    late: minutes('late', values.late, usual.late),
    skipped: number('skipped', values.skipped, usual.skipped, 1),
    plannedNow: values['planned-now'],
    overwritten: values.overwritten,
  };
  if (assumptions.delayP99 < assumptions.delayMedian) throw new Error('--delay-p99 must not be less than --delay-median.');
  const report = simulate({
    seed: whole('seed', values.seed, 1, 0, 2 ** 31),
    notices: whole('notices', values.notices, 200_000, 1, 1e8),
    assumptions,
  });
  console.log(values.json ? JSON.stringify(report, undefined, 2) : inText(report));
};

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
