import { orderOf } from './comparisons.ts';
import { compileExpression, firstWord, listOf, part, type Cells, type Evaluate } from './expressions.ts';
import type { Piece } from './language.ts';
import { missing } from './refusal.ts';
import type { Column } from './schema.ts';

/** One operator of a query, as a function of the rows before it. */
export type Step = (rows: readonly Cells[], now: bigint) => readonly Cells[];

/** What an operator is compiled with: itself, the columns that come in and those that, by Microsoft's analysis, go out. */
interface Place {
  readonly piece: Piece;
  readonly before: readonly string[];
  readonly after: readonly Column[];
}

const where = ({ piece, before }: Place): Step => {
  const holds = compileExpression(part(piece, 'Condition'), before);
  return (rows, now) => rows.filter((row) => holds(row, now) === true);
};

const made =
  (evaluates: readonly Evaluate[]): Step =>
  (rows, now) =>
    rows.map((row) => evaluates.map((evaluate) => evaluate(row, now)));

const valueOf = (piece: Piece): Piece => (piece.kind === 'SimpleNamedExpression' ? part(piece, 'Expression') : piece);

const extend = ({ piece, before, after }: Place): Step => {
  const expressions = listOf(part(piece, 'Expressions')).map((each) => {
    if (each.kind !== 'SimpleNamedExpression') throw missing(`'extend' without a name, like '${each.text}'`);
    return [part(each, 'Name').name, compileExpression(valueOf(each), before)] as const;
  });
  const byName = new Map(expressions);
  return made(
    after.map(({ name }) => {
      const at = before.indexOf(name);
      return byName.get(name) ?? ((row) => row[at] ?? null);
    }),
  );
};

const project = ({ piece, before }: Place): Step =>
  made(listOf(part(piece, 'Expressions')).map((each) => compileExpression(valueOf(each), before)));

const picked = ({ before, after }: Place): Step => {
  const places = after.map(({ name }) => before.indexOf(name));
  return (rows) => rows.map((row) => places.map((at) => row[at] ?? null));
};

interface Key {
  readonly evaluate: Evaluate;
  readonly direction: 1 | -1;
  readonly nulls: 1 | -1;
}

/** The greatest comes first unless it is said otherwise, and null counts as less than anything. */
const keyOf = (piece: Piece, before: readonly string[]): Key => {
  const isOrdered = piece.kind === 'OrderedExpression';
  const ordering = part(piece, 'Ordering');
  const direction = part(ordering, 'AscOrDescKeyword').text === 'asc' ? 1 : -1;
  const nulls = part(part(ordering, 'NullsClause'), 'FirstOrLastKeyword').text || (direction === 1 ? 'first' : 'last');
  return {
    evaluate: compileExpression(isOrdered ? part(piece, 'Expression') : piece, before),
    direction,
    nulls: nulls === 'first' ? -1 : 1,
  };
};

const ordered = (keys: readonly Key[]): Step => {
  return (rows, now) =>
    rows
      .map((row) => ({ row, values: keys.map(({ evaluate }) => evaluate(row, now)) }))
      .toSorted((one, other) => {
        for (const [index, { direction, nulls }] of keys.entries()) {
          const [left = null, right = null] = [one.values[index], other.values[index]];
          if (left === null && right === null) continue;
          if (left === null || right === null) return left === null ? nulls : -nulls;
          const order = orderOf(left, right) * direction;
          if (order !== 0) return order;
        }
        return 0;
      })
      .map(({ row }) => row);
};

const sort = ({ piece, before }: Place): Step => ordered(listOf(part(piece, 'Expressions')).map((each) => keyOf(each, before)));

const take = ({ piece }: Place): Step => {
  const count = compileExpression(part(piece, 'Expression'), []);
  return (rows, now) => rows.slice(0, Math.max(Number(count([], now)), 0));
};

const top = (place: Place): Step => {
  const best = ordered([keyOf(part(place.piece, 'ByExpression'), place.before)]);
  const first = take(place);
  return (rows, now) => first(best(rows, now), now);
};

const operators: Readonly<Record<string, (place: Place) => Step>> = {
  FilterOperator: where,
  ExtendOperator: extend,
  ProjectOperator: project,
  ProjectAwayOperator: picked,
  ProjectKeepOperator: picked,
  ProjectReorderOperator: picked,
  SortOperator: sort,
  TakeOperator: take,
  TopOperator: top,
  CountOperator: () => (rows) => [[rows.length]],
};

/** The operators that limit by themselves how many rows there are. */
export const limiting: readonly string[] = ['TakeOperator', 'TopOperator'];

/** Makes an operator into a function of rows. Throws a refusal that names what the emulator doesn't have. */
export const compileOperator = (place: Place): Step => {
  const compile = operators[place.piece.kind];
  if (compile === undefined) throw missing(`the operator '${firstWord(place.piece)}'`);
  return compile(place);
};
