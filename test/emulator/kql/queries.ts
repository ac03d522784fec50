import { compileQuery, type Row } from '../../../emulator/kql/compile.ts';
import type { QueryForm } from '../../../emulator/kql/language.ts';

export const table = 'containerserviceeventresources';
export const now = new Date('2026-11-01T12:00:00Z');

/** What a query gives for rows, or its fault. Its first line is the table, in the form of an alert unless it is said otherwise. */
export const run = (steps: string, rows: readonly Row[] = [{}], form: QueryForm = 'alert'): readonly Row[] | string => {
  const query = compileQuery(`${form === 'alert' ? 'arg("").' : ''}${table}\n${steps}`, form);
  return 'fault' in query ? query.fault : query.run(rows, now);
};

/** The value of an expression for a row, or the fault of a query with it. */
export const valueOf = (expression: string, row: Row = {}): unknown => {
  const rows = run(`| project it = ${expression}`, [row]);
  return typeof rows === 'string' ? rows : rows[0]?.['it'];
};

/** A literal that says a text: quotes, backslashes and whatever ends a line are written as escapes. */
export const literal = (text: string): string =>
  `"${text.replaceAll(/["\\\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu, (sign) => String.raw`\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
