import { pattern } from './functions.ts';
import { folded, hasTerm, type Value } from './values.ts';

type Order = -1 | 0 | 1;

/** Which of two values of the same type, neither null, is the greater. */
export const orderOf = (left: Value, right: Value): Order => {
  if (left === right) return 0;
  return (left as number) < (right as number) ? -1 : 1;
};

const relations: Readonly<Record<string, (order: Order) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Compares as Kusto does: whether null is equal to null, or less than anything, isn't known; but it isn't equal to what isn't null. */
export const related = (operator: string, left: Value, right: Value): Value => {
  const holds = relations[operator];
  if (left !== null && right !== null) return holds?.(orderOf(left, right)) ?? null;
  if (left === right) return null;
  return { '==': false, '!=': true, '<>': true }[operator] ?? null;
};

/** Whether an operator compares values of the same type. */
export const isRelation = (operator: string): boolean => Object.hasOwn(relations, operator);

export type Test = (text: string) => boolean;

const tests: Readonly<Record<string, (wanted: string) => Test>> = {
  contains: (wanted) => (text) => text.includes(wanted),
  startswith: (wanted) => (text) => text.startsWith(wanted),
  endswith: (wanted) => (text) => text.endsWith(wanted),
  has: (wanted) => (text) => hasTerm(text, wanted),
};

const caseless =
  (make: (wanted: string) => Test) =>
  (wanted: string): Test => {
    const test = make(folded(wanted));
    return (text) => test(folded(text));
  };

const negated =
  (make: (wanted: string) => Test) =>
  (wanted: string): Test => {
    const test = make(wanted);
    return (text) => !test(text);
  };

const equal =
  (wanted: string): Test =>
  (text: string) =>
    text === wanted;

/** The operators that compare texts, by name. What they make of the text on their right says whether one on their left will do. */
export const textOperators: ReadonlyMap<string, (wanted: string) => Test> = new Map([
  ['=~', caseless(equal)],
  ['!~', negated(caseless(equal))],
  [
    'matches regex',
    (wanted: string): Test => {
      const regex = pattern(wanted);
      return (text) => regex.test(text);
    },
  ],
  ...Object.entries(tests).flatMap(([name, make]) => [
    [name, caseless(make)] as const,
    [`!${name}`, negated(caseless(make))] as const,
    [`${name}_cs`, make] as const,
    [`!${name}_cs`, negated(make)] as const,
  ]),
]);
