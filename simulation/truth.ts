/**
 * Runs a query over the table of what a person expects, at every age of each row: `node simulation/truth.ts` for the query that Microsoft's page
 * published, `node simulation/truth.ts ours` for the operator's own.
 */
import { pathToFileURL } from 'node:url';
import { compileQuery } from '../emulator/kql/compile.ts';
import { defaultOverlapMinutes, defaultSettlingMinutes, noticeWindow } from '../src/core/window.ts';
import { eventStatuses, maintenanceQuery, upgradeTypes } from '../src/core/query.ts';
import { truthCluster, truthRows, written, type TruthRow, type Wanted } from './notice-rows.ts';
import { publishedQuery } from './published-query.ts';

/** The age at which a row was announced, in minutes since it was written, and the columns of that moment. */
export interface Announcement {
  readonly age: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

const minute = 60_000;
const day = 1440;

/** Each quarter of an hour for ten days after the row was written, and each minute of the hours around the moments it should begin to count. */
const agesOf = ({ announced }: TruthRow): readonly number[] => {
  const coarse = Array.from({ length: (10 * day) / 15 }, (_, index) => index * 15);
  const fine = (announced?.sinceMinutes ?? [0]).flatMap((since) =>
    Array.from({ length: 300 }, (_, index) => Math.max(since - 120 + index, 0)),
  );
  return [...new Set([...coarse, ...fine])].toSorted((one, other) => one - other);
};

const compiled = (query: string) => {
  const made = compileQuery(query, 'alert');
  if ('fault' in made) throw new Error(`${made.fault}\n${query}`);
  return made;
};

/** Every age at which a query announces a row. */
export const announcements = (query: string, rows: readonly TruthRow[]): ReadonlyMap<TruthRow, readonly Announcement[]> => {
  const { run } = compiled(query);
  return new Map(
    rows.map((row) => [
      row,
      agesOf(row).flatMap((age) => run([row.row], new Date(written.getTime() + age * minute)).map((columns) => ({ age, columns }))),
    ]),
  );
};

const frequencyMinutes = 30;

/** The ages between which a row is announced by default. */
export const { fromMinutes, untilMinutes } = noticeWindow({
  frequencyMinutes,
  settlingMinutes: defaultSettlingMinutes,
  overlapMinutes: defaultOverlapMinutes(frequencyMinutes),
});

/** The operator's query for what somebody wants to hear, with its default window. */
export const ourQuery = (wanted: Wanted): string =>
  maintenanceQuery({
    cluster: truthCluster,
    upgradeTypes: wanted.upgradeTypes ?? upgradeTypes,
    statuses: wanted.statuses ?? eventStatuses,
    endOfSupport: wanted.endOfSupport ?? false,
    lookBackMinutes: fromMinutes,
    settlingMinutes: untilMinutes,
  });

/** How a query fares on one row. */
const verdict = ({ announced }: TruthRow, heard: readonly Announcement[]): string => {
  if (announced === undefined) return heard.length === 0 ? 'right' : 'FALSE ALARM';
  if (heard.length === 0) return 'LOST';
  const near = (age: number, since: number): boolean => Math.abs(age - since) <= 180;
  if (announced.sinceMinutes.some((since) => !heard.some(({ age }) => near(age, since)))) return 'LOST IN PART';
  return heard.every(({ age }) => announced.sinceMinutes.some((since) => near(age, since))) ? 'right' : 'AT ANOTHER TIME';
};

const main = (): void => {
  const ours = process.argv.includes('ours');
  const verdicts = truthRows.map((row) => {
    const query = ours ? ourQuery(row.wanted) : publishedQuery(row.wanted);
    return { what: row.what, verdict: verdict(row, announcements(query, [row]).get(row) ?? []) };
  });
  for (const each of verdicts) process.stdout.write(`${each.verdict.padEnd(15)} ${each.what}\n`);
  const wrong = verdicts.filter((each) => each.verdict !== 'right');
  process.stdout.write(`${verdicts.length} rows, ${wrong.length} of them wrong\n`);
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
