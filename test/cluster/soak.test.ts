/** Two minutes of what `npm run soak` does for thirty. */
import { expect, it } from 'vitest';
import { soak, whatIsBad } from '../support/soak.ts';

const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 2 ** 31);

it(`stands two minutes of faults at random with everything in place afterwards, seed ${seed}`, { timeout: 8 * 60_000 }, async () => {
  const operators = 2;
  const report = await soak({ minutes: 2, seed, operators, objects: 40, say: () => undefined });
  expect(whatIsBad(report, operators)).toEqual([]);
  expect(Object.values(report.changes).every((count) => count > 0)).toBe(true);
});
