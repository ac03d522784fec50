import { describe, expect, it } from 'vitest';
import { diagnose } from '../../emulator/kql/language.ts';
import { truthRows } from '../../simulation/notice-rows.ts';
import { announcements, fromMinutes, ourQuery, untilMinutes } from '../../simulation/truth.ts';

describe('the query of the notice, at every age of every kind of row', () => {
  it('has a table of at least sixty lines, no two about the same', () => {
    expect(truthRows.length).toBeGreaterThanOrEqual(60);
    expect(new Set(truthRows.map(({ what }) => what)).size).toBe(truthRows.length);
  });

  it.each(truthRows)('$what', (row) => {
    const query = ourQuery(row.wanted);
    expect(diagnose(query, 'alert')).toEqual([]);
    const heard = announcements(query, [row]).get(row) ?? [];
    const minutes = (row.announced?.sinceMinutes ?? []).flatMap((since) =>
      Array.from({ length: fromMinutes - untilMinutes + 1 }, (_, index) => since + untilMinutes + index),
    );
    expect(heard.map(({ age }) => age)).toEqual(minutes);
    for (const { columns } of heard) expect(columns).toMatchObject(row.announced?.words ?? {});
  });
});
