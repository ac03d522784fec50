/**
 * Faults at random for half an hour. `npm run soak [-- --minutes 2] [--seed 1] [--operators 1]`; the seed is printed, so that a walk can be
 * walked again.
 */
import { parseArgs } from 'node:util';
import { soak, whatIsBad } from '../test/support/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    operators: { type: 'string', default: '2' },
    objects: { type: 'string', default: '60' },
  },
});
const operators = Number(values.operators);
const report = await soak({
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  operators,
  objects: Number(values.objects),
  say: (line) => console.log(line),
});
const { errors, ...rest } = report;
console.log(JSON.stringify({ ...rest, errors: errors.length }, undefined, 2));
const bad = whatIsBad(report, operators);
for (const each of bad) console.error(`BAD: ${each}`);
process.exitCode = bad.length > 0 ? 1 : 0;
