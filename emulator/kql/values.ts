import { parseDatetime, parseTimespan, renderDatetime, renderTimespan } from './times.ts';

/**
 * A value while a query runs. Strings are never null: the empty one stands for what is missing. Numbers of every type are JavaScript's; datetime
 * and timespan are bigints (of ticks); dynamic is whatever JSON is. Null is the null of every other type.
 */
export type Value = string | number | bigint | boolean | null | object;

const texts = new WeakMap<object, string>();

/** The value of a dynamic column. JSON that is kept as a text is opened, and still has just that text, with its spaces, where a text is wanted. */
export const storedDynamic = (value: unknown): Value => {
  if (typeof value !== 'string') return value ?? null;
  const opened = parseJson(value);
  if (opened === null || typeof opened !== 'object') return value;
  texts.set(opened, value);
  return opened;
};

/** The JSON that a text holds, or the text itself when it holds none. */
export const parseJson = (text: string): Value => {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
};

/** A value of a type as `tostring()` gives it. */
export const toText = (value: Value, type: string): string => {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value === 'bigint') return type === 'timespan' ? renderTimespan(value) : renderDatetime(value);
  return typeof value === 'object' ? (texts.get(value) ?? JSON.stringify(value)) : String(value);
};

const toReal = (value: Value): number | null => {
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return value;
  const isNumber = typeof value === 'string' && /^\s*(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x[\da-f]+)\s*$/iu.test(value);
  return isNumber ? Number(value) : null;
};

const toWhole = (value: Value): number | null => {
  if (typeof value === 'string' && !/^\s*(?:[+-]?\d+|0x[\da-f]+)\s*$/iu.test(value)) return null;
  const real = toReal(value);
  return real === null || !Number.isFinite(real) ? null : Math.trunc(real);
};

const toInt = (value: Value): number | null => {
  const whole = toWhole(value);
  return whole === null || Math.abs(whole) >= 2 ** 31 ? null : whole;
};

const toBool = (value: Value): boolean | null => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && /^(?:true|false)$/iu.test(value)) return value.toLowerCase() === 'true';
  const whole = toWhole(value);
  return whole === null ? null : whole !== 0;
};

const toTime =
  (type: 'datetime' | 'timespan', parse: (text: string) => bigint | null) =>
  (value: Value, from: string): Value => {
    if (from === type) return value;
    return typeof value === 'string' ? parse(value) : null;
  };

/** What makes a value of one type (the second parameter) into one of another (the key). */
const conversions: Readonly<Record<string, (value: Value, from: string) => Value>> = {
  string: toText,
  int: toInt,
  long: toWhole,
  real: toReal,
  decimal: toReal,
  bool: toBool,
  datetime: toTime('datetime', parseDatetime),
  timespan: toTime('timespan', parseTimespan),
  dynamic: (value) => value,
};

/** A value of one type as one of another; null where it can't be one. */
export const convert = (value: Value, from: string, to: string): Value => (from === to ? value : (conversions[to]?.(value, from) ?? null));

/** The type that two values have to have to be compared or reckoned with: what is dynamic follows what isn't. */
export const commonType = (left: string, right: string): string => {
  if (left === right) return left === 'dynamic' ? 'string' : left;
  if (left === 'dynamic') return right;
  return right === 'dynamic' || isNumeric(left) === isNumeric(right) ? left : right;
};

/** Whether values of a type are numbers. */
export const isNumeric = (type: string): boolean => ['int', 'long', 'real', 'decimal'].includes(type);

/** A text with the letters of ASCII in lower case: what operators that are blind to case compare. */
export const folded = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  /[^\u0000-\u007f]/u.test(text) ? text.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase()) : text.toLowerCase();

const isPartOfTerm = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** Whether a text has another one in it that begins and ends where terms do; terms are runs of letters and digits. */
export const hasTerm = (text: string, term: string): boolean => {
  const beginsInTerm = isPartOfTerm(term[0]);
  const endsInTerm = isPartOfTerm(term.at(-1));
  if (term === '') return true;
  for (let at = text.indexOf(term); at !== -1; at = text.indexOf(term, at + 1)) {
    const isCut = (beginsInTerm && isPartOfTerm(text[at - 1])) || (endsInTerm && isPartOfTerm(text[at + term.length]));
    if (!isCut) return true;
  }
  return false;
};

/** What a bag holds under a name, or an array at a place, also counted from its end; null when there is nothing. */
export const inside = (value: Value, at: Value): Value => {
  if (value === null || typeof value !== 'object') return null;
  if (Array.isArray(value)) return typeof at === 'number' ? ((value.at(at) as Value | undefined) ?? null) : null;
  return typeof at === 'string' && Object.hasOwn(value, at) ? ((value as Record<string, Value>)[at] ?? null) : null;
};
