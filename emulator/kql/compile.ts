import { checkAlertLimits, mostRows } from './alert-limits.ts';
import { firstWord, part, type Cells } from './expressions.ts';
import { read, type Piece, type QueryForm } from './language.ts';
import { compileOperator, limiting, type Step } from './operators.ts';
import { missing, Refusal } from './refusal.ts';
import { table, tableColumns, type Column } from './schema.ts';
import { ticksOf } from './times.ts';
import { storedDynamic, toText, type Value } from './values.ts';

/** One row, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** A query that can be run, as often as one likes. */
export interface CompiledQuery {
  readonly columns: readonly Column[];
  /**
   * The rows that it gives at a time. Dynamic values are plain JSON, opened where a row had it as a text; datetime and timespan are texts, as
   * Kusto writes them; a missing string is empty, any other missing value null.
   */
  readonly run: (rows: readonly Row[], now: Date) => Row[];
  /** Whether the query itself limits how many rows there are. */
  readonly isLimited: boolean;
}

/** Why a query can't be run. */
export interface QueryFault {
  readonly fault: string;
}

const expressionOf = (tree: Piece): Piece => {
  const [statement, second] = part(tree, 'Statements').items.filter(({ kind }) => kind !== 'Token');
  const other = [statement, second].find((each) => each !== undefined && each.kind !== 'ExpressionStatement') ?? second;
  if (statement === undefined) throw new Refusal('The query is empty.');
  if (other !== undefined) throw missing(`the statement '${firstWord(other)}'`);
  return part(statement, 'Expression');
};

/** The steps of a query, from its table on; each is a pipe with an operator behind it. */
const pipesOf = (expression: Piece): { readonly source: Piece; readonly pipes: readonly Piece[] } => {
  const pipes: Piece[] = [];
  let source = expression;
  for (; source.kind === 'PipeExpression'; source = part(source, 'Expression')) pipes.unshift(source);
  return { source, pipes };
};

const checkSource = (source: Piece): void => {
  const reference = source.kind === 'PathExpression' ? part(source, 'Selector') : source;
  if (reference.kind === 'NameReference' && reference.name === table) return;
  throw missing(source.kind.endsWith('Operator') ? `the operator '${firstWord(source)}'` : `'${firstWord(source)}' as a table`);
};

const cellOf = (value: unknown, type: string): Value => {
  if (type === 'dynamic') return storedDynamic(value);
  return toText(value ?? null, 'string');
};

const answered = (value: Value, type: string): unknown => (typeof value === 'bigint' ? toText(value, type) : value);

const compiled = (tree: Piece): CompiledQuery => {
  const { source, pipes } = pipesOf(expressionOf(tree));
  checkSource(source);
  let columns = tableColumns;
  const steps = pipes.map((pipe): Step => {
    const step = compileOperator({ piece: part(pipe, 'Operator'), before: columns.map(({ name }) => name), after: pipe.columns });
    columns = pipe.columns;
    return step;
  });
  const last = columns;
  return {
    columns,
    isLimited: pipes.some((pipe) => limiting.includes(part(pipe, 'Operator').kind)),
    run: (rows, now) => {
      const moment = ticksOf(now);
      let cells: readonly Cells[] = rows.map((row) => tableColumns.map(({ name, type }) => cellOf(row[name], type)));
      for (const step of steps) cells = step(cells, moment);
      return cells.map((row) => Object.fromEntries(last.map(({ name, type }, index) => [name, answered(row[index] ?? null, type)])));
    },
  };
};

/**
 * Makes a query into something that runs, or says what is wrong with it: what Microsoft's analysis has against it, what Azure doesn't allow, or
 * by name what the emulator doesn't have. Parser and analysis are Microsoft's; how it is run is our reading of Kusto's documentation.
 */
export const compileQuery = (text: string, form: QueryForm): CompiledQuery | QueryFault => {
  const reading = read(text, form);
  if ('diagnostics' in reading) {
    const [{ message, code, start }] = reading.diagnostics;
    return { fault: `${message} (${code} at ${start})` };
  }
  try {
    if (form === 'direct') return compiled(reading.tree);
    checkAlertLimits(reading.tree);
    const query = compiled(reading.tree);
    return { ...query, run: (rows, now) => query.run(rows, now).slice(0, mostRows) };
  } catch (error) {
    if (error instanceof Refusal) return { fault: error.message };
    throw error;
  }
};
