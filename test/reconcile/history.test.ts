/**
 * What stands in the end depends on the last spec alone, whatever happened before: other specs, changes by hand, faults of Azure, crashes and
 * restarts, between runs and in the middle of them. `HISTORY_RUNS=2000 npx vitest run --project emulator test/reconcile/history.test.ts`
 * tries more; `HISTORY_SEED` repeats a walk.
 *
 * Not part of it, since they are about leaving things as they are: things whose mark somebody took away, and `deletionPolicy: Orphan`.
 */
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { type History, histories, type Standing, startTheatre, type Theatre } from '../support/history.ts';

const runs = Number(process.env['HISTORY_RUNS'] ?? 150);
const seed = Number(process.env['HISTORY_SEED'] ?? Date.now() % 2 ** 31);

let theatre: Theatre | undefined;
let fresh: Theatre | undefined;
afterAll(async () => {
  await theatre?.bench[Symbol.asyncDispose]();
  await fresh?.bench[Symbol.asyncDispose]();
});

/** What a spec makes where nothing was before. */
const alone = async (last: History['last']): Promise<Standing> => {
  fresh ??= await startTheatre();
  await fresh.play({ first: last, steps: [], last });
  const state = fresh.state();
  await fresh.clear();
  return state;
};

const check = async (history: History): Promise<void> => {
  const expected = await alone(history.last);
  theatre ??= await startTheatre();
  try {
    const foreign = theatre.foreign();
    await theatre.play(history);
    const { granted, grantedByUs, assignments, ...rest } = theatre.state();
    const { granted: wanted, grantedByUs: _, assignments: __, ...others } = expected;
    expect(rest).toEqual(others);
    // What somebody else granted does as well, and then ours isn't needed; but nothing of ours may be there that isn't wanted.
    expect(wanted.filter((scope) => !granted.includes(scope))).toEqual([]);
    expect(grantedByUs).toEqual(wanted.filter((scope) => grantedByUs.includes(scope)));
    expect(assignments).toEqual(grantedByUs.map((scope) => `${scope} Present`));
    await theatre.clear();
    expect(theatre.leftovers()).toEqual([]);
    expect(theatre.foreign()).toEqual(foreign);
  } catch (error) {
    // The next one, which may be a smaller part of this one, begins in a world of its own.
    await theatre.bench[Symbol.asyncDispose]();
    theatre = undefined;
    throw error;
  }
};

it(`what stands does not depend on what was, ${runs} histories of seed ${seed}`, { timeout: 3_600_000 }, async () => {
  const began = performance.now();
  let played = 0;
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      await check(history);
      played += 1;
    }),
    { numRuns: runs, seed },
  );
  console.log(
    `history independence: ${played} histories, seed ${seed}, in ${Math.round((performance.now() - began) / 1000)} s; ${JSON.stringify(theatre?.counts)}`,
  );
  expect(played).toBe(runs);
  // Else it is about little.
  expect(Object.values(theatre?.counts ?? {}).every((count) => count > runs / 4)).toBe(true);
});
