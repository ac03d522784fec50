import { isRelation, related, textOperators, type Test } from './comparisons.ts';
import { functions, pattern, patterned } from './functions.ts';
import type { Piece } from './language.ts';
import { and, isReckoning, or, reckoned, timeReckoned } from './reckoning.ts';
import { missing } from './refusal.ts';
import { parseDatetime, parseTimespan } from './times.ts';
import { commonType, convert, folded, inside, isNumeric, parseJson, toText, type Value } from './values.ts';

/** A row while a query runs: values in the order of the columns. */
export type Cells = readonly Value[];

/** What an expression gives for a row, at a time in ticks. */
export type Evaluate = (row: Cells, now: bigint) => Value;

type Compile = (piece: Piece, columns: readonly string[]) => Evaluate;

const nothing: Piece = { kind: '', text: '', type: '', name: '', value: undefined, columns: [], parts: {}, items: [] };

/** The part of a piece that has a role. */
export const part = (piece: Piece, role: string): Piece => piece.parts[role] ?? nothing;

/** What stands between commas in a part of a piece, and maybe in parentheses. */
export const listOf = (piece: Piece): readonly Piece[] =>
  (piece.kind === 'ExpressionList' ? part(piece, 'Expressions') : piece).items.filter(({ kind }) => kind !== 'Token');

/** How a piece is called when it is refused: by its first word, or its first sign. */
export const firstWord = ({ text }: Piece): string => /^(?:[\w-]+|\S)/u.exec(text)?.[0] ?? '';

const bare = (text: string): string => /^[a-z]+\s*\((?<inner>.*)\)$/isu.exec(text)?.groups?.['inner']?.trim() ?? text;

const literals: Readonly<Record<string, (text: string, piece: Piece) => Value>> = {
  string: (_text, piece) => String(part(piece, 'Token').value),
  bool: (text) => convert(bare(text), 'string', 'bool'),
  datetime: (text) => parseDatetime(bare(text).replaceAll(/^["']|["']$/gu, '')),
  timespan: (text) => parseTimespan(bare(text)),
};

const literal = (piece: Piece): Evaluate => {
  const { text, type } = piece;
  const isNumber = isNumeric(type);
  const value = isNumber ? convert(bare(text), 'string', 'real') : (literals[type]?.(text, piece) ?? null);
  if (value === null && bare(text) !== 'null') throw missing(`the literal '${text}'`);
  return () => value;
};

const dynamicLiteral = ({ text }: Piece): Evaluate => {
  const inner = bare(text);
  const value = parseJson(inner);
  if (value === inner) throw missing(`the literal '${text}'`);
  return () => value;
};

const nameReference: Compile = ({ name }, columns) => {
  const at = columns.indexOf(name);
  if (at === -1) throw missing(`the name '${name}'`);
  return (row) => row[at] ?? null;
};

const path: Compile = (piece, columns) => {
  const bag = compileExpression(part(piece, 'Expression'), columns);
  const { name } = part(piece, 'Selector');
  return (row, now) => inside(bag(row, now), name);
};

const element: Compile = (piece, columns) => {
  const bag = compileExpression(part(piece, 'Expression'), columns);
  const at = compileExpression(part(part(piece, 'Selector'), 'Expression'), columns);
  return (row, now) => inside(bag(row, now), at(row, now));
};

/** Regular expressions are known before anything is run, so that a wrong one is refused in time. */
const checkPattern = (piece: Piece): void => {
  if (piece.kind !== 'LiteralExpression') throw missing(`regular expressions that are reckoned, like '${piece.text}'`);
  pattern(String(part(piece, 'Token').value));
};

const call: Compile = (piece, columns) => {
  const { name } = part(piece, 'Name');
  const parameters = listOf(part(piece, 'ArgumentList'));
  const run = functions.get(name);
  if (run === undefined) throw missing(`the function '${name}()'`);
  if (patterned.includes(name)) checkPattern(parameters[0] ?? nothing);
  const evaluates = parameters.map((each) => compileExpression(each, columns));
  const types = parameters.map(({ type }) => type);
  return (row, now) => run({ values: evaluates.map((evaluate) => evaluate(row, now)), types, now });
};

const textComparison =
  (make: (wanted: string) => Test): Compile =>
  (piece, columns) => {
    const [left, right] = [part(piece, 'Left'), part(piece, 'Right')];
    if (part(piece, 'Operator').text === 'matches regex') checkPattern(right);
    const text = compileExpression(left, columns);
    const wanted = compileExpression(right, columns);
    if (right.kind === 'LiteralExpression') {
      const test = make(toText(wanted([], 0n), right.type));
      return (row, now) => test(toText(text(row, now), left.type));
    }
    return (row, now) => make(toText(wanted(row, now), right.type))(toText(text(row, now), left.type));
  };

/** What comes of the values on both sides of an operator, once they are of types that go together. */
const fromSides =
  (prepare: (value: Value, type: string) => Value, combine: (left: Value, right: Value) => Value): Compile =>
  (piece, columns) => {
    const [left, right] = [part(piece, 'Left'), part(piece, 'Right')];
    const [leftValue, rightValue] = [compileExpression(left, columns), compileExpression(right, columns)];
    return (row, now) => combine(prepare(leftValue(row, now), left.type), prepare(rightValue(row, now), right.type));
  };

const to =
  (type: string) =>
  (value: Value, from: string): Value =>
    convert(value, from, type);

const dynamicToReal = (value: Value, type: string): Value => (type === 'dynamic' ? convert(value, type, 'real') : value);

const binaryBy = (operator: string, piece: Piece): Compile => {
  const test = textOperators.get(operator);
  if (test !== undefined) return textComparison(test);
  if (operator === 'and') return fromSides(to('bool'), and);
  if (operator === 'or') return fromSides(to('bool'), or);
  if (isRelation(operator)) {
    const type = commonType(part(piece, 'Left').type, part(piece, 'Right').type);
    return fromSides(to(type), (left, right) => related(operator, left, right));
  }
  if (isReckoning(operator)) return fromSides(dynamicToReal, (left, right) => reckoned(operator, left, right, piece.type));
  throw missing(`the operator '${operator}'`);
};

const binary: Compile = (piece, columns) => binaryBy(part(piece, 'Operator').text, piece)(piece, columns);

const unary: Compile = (piece, columns) => {
  const value = compileExpression(part(piece, 'Expression'), columns);
  const isMinus = part(piece, 'Operator').text === '-';
  return (row, now) => {
    const it = value(row, now);
    return isMinus && (typeof it === 'number' || typeof it === 'bigint') ? -it : it;
  };
};

const membership: Compile = (piece, columns) => {
  const left = part(piece, 'Left');
  const value = compileExpression(left, columns);
  const wanted = listOf(part(piece, 'Right')).map((each) => ({ type: each.type, evaluate: compileExpression(each, columns) }));
  const operator = part(piece, 'Operator').text;
  const isNegated = operator.startsWith('!');
  const fold = (it: Value): Value => (operator.endsWith('~') && typeof it === 'string' ? folded(it) : it);
  return (row, now) => {
    const it = value(row, now);
    const isIn = wanted.some(({ type, evaluate }) => {
      const each = evaluate(row, now);
      // An array stands for what is in it.
      return (Array.isArray(each) ? (each as Value[]) : [each]).some((one) => {
        const common = commonType(left.type, type);
        return related('==', fold(convert(it, left.type, common)), fold(convert(one, type, common))) === true;
      });
    });
    return isIn !== isNegated;
  };
};

const between: Compile = (piece, columns) => {
  const left = part(piece, 'Left');
  const [first, second] = [part(part(piece, 'Right'), 'First'), part(part(piece, 'Right'), 'Second')];
  const [tested, from, until] = [left, first, second].map((each) => compileExpression(each, columns));
  const isNegated = part(piece, 'Operator').text.startsWith('!');
  const isLength = second.type === 'timespan' && left.type === 'datetime';
  const type = commonType(left.type, first.type);
  return (row, now) => {
    const [it = null, low = null, last = null] = [tested?.(row, now), from?.(row, now), until?.(row, now)];
    const high = isLength ? timeReckoned('+', low, last) : last;
    const value = convert(it, left.type, type);
    const isBetween = and(
      related('>=', value, convert(low, first.type, type)),
      related('<=', value, convert(high, isLength ? 'datetime' : second.type, type)),
    );
    return isBetween === null ? null : isBetween !== isNegated;
  };
};

const joined = (piece: Piece): Evaluate => {
  const text = part(piece, 'Tokens')
    .items.map(({ value }) => String(value))
    .join('');
  return () => text;
};

const expressions: Readonly<Record<string, Compile>> = {
  LiteralExpression: literal,
  CompoundStringLiteralExpression: joined,
  DynamicExpression: dynamicLiteral,
  NameReference: nameReference,
  PathExpression: path,
  ElementExpression: element,
  ParenthesizedExpression: (piece, columns) => compileExpression(part(piece, 'Expression'), columns),
  FunctionCallExpression: call,
  BinaryExpression: binary,
  PrefixUnaryExpression: unary,
  InExpression: membership,
  BetweenExpression: between,
};

/** Makes an expression into a function of the row. Throws a refusal that names what the emulator doesn't have. */
export const compileExpression: Compile = (piece, columns) => {
  const compile = expressions[piece.kind];
  if (compile !== undefined) return compile(piece, columns);
  const operator = part(piece, 'Operator').text;
  throw missing(operator === '' ? `'${firstWord(piece)}'` : `the operator '${operator}'`);
};
