import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { reasons } from '../../../src/api/condition.ts';
import { failureTable, type RetryClass } from '../../../src/azure/failure-table.ts';

/** The table of reasons in docs/conditions.md: reason, status, next try, meaning, what to do. */
const documented = readFileSync(new URL('../../../docs/conditions.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| `[A-Z]\w+` \|(?:[^|]*\|){4}$/.test(line))
  .map((line) => {
    const [reason = '', status = '', next = '', meaning = '', toDo = ''] = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    return { reason: reason.replaceAll('`', ''), status, next, meaning, toDo };
  });

const words: Readonly<Record<RetryClass, { readonly next: RegExp; readonly status: RegExp }>> = {
  told: { next: /when Azure says/, status: /^False/ },
  fast: { next: /fast/, status: /^False/ },
  slow: { next: /slow/, status: /^False/ },
  slowThenCrawl: { next: /slow/, status: /^False; Stalled after 10 minutes$/ },
  crawl: { next: /interval/, status: /^False, Stalled$/ },
};

describe('docs/conditions.md', () => {
  it('has one row for each reason, with what it means and what to do', () => {
    expect(documented.map(({ reason }) => reason).toSorted()).toEqual([...reasons].toSorted());
    expect(documented.filter(({ meaning, toDo }) => meaning === '' || toDo === '')).toEqual([]);
  });

  it.each(failureTable.map(({ reason, retry }) => ({ reason, retry })))(
    'says of $reason what the failure table says: $retry',
    ({ reason, retry }) => {
      const row = documented.find((each) => each.reason === reason);
      expect(row?.next).toMatch(words[retry].next);
      expect(row?.status).toMatch(words[retry].status);
    },
  );
});
