import { runQuery, type Row } from '../resource-graph-query.ts';
import type { Column } from './series.ts';

const inAlerts = /^\s*arg\(\s*(?:""|'')\s*\)\s*\.\s*/u;
const table = 'containerserviceeventresources';

/** A query of an alert rule, ready to be run over the rows of Resource Graph; or what is wrong with it. */
export const compileQuery = (
  text: string,
):
  | { readonly columns: readonly Column[]; readonly run: (rows: readonly Row[], now: Date) => readonly Row[] }
  | { readonly fault: string } => {
  if (!inAlerts.test(text)) return { fault: `The emulator has no other data than arg("").${table}.` };
  const query = text.replace(inAlerts, '');
  const empty = runQuery(query, table, []);
  if ('fault' in empty) return empty;
  return {
    columns: empty.columns,
    run: (rows) => {
      const result = runQuery(query, table, rows);
      return 'fault' in result ? [] : result.rows;
    },
  };
};
