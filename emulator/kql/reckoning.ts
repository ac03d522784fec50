import { inCalendar } from './times.ts';
import type { Value } from './values.ts';

/** Not known, when one side isn't and the other doesn't decide. */
export const and = (left: Value, right: Value): Value => {
  if (left === false || right === false) return false;
  return left === null || right === null ? null : true;
};

/** Not known, when one side isn't and the other doesn't decide. */
export const or = (left: Value, right: Value): Value => {
  if (left === true || right === true) return true;
  return left === null || right === null ? null : false;
};

const reckonings: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  // Never negative, says the reference.
  '%': (left, right) => ((left % right) + Math.abs(right)) % right,
};

const scaled = (operator: string, length: bigint, factor: number): Value => {
  const result = { '*': Number(length) * factor, '/': Number(length) / factor }[operator];
  return result !== undefined && Number.isFinite(result) ? BigInt(Math.round(result)) : null;
};

/** Reckons with times: a bigint with a bigint, or with a number that makes it longer or shorter. */
export const timeReckoned = (operator: string, left: Value, right: Value): Value => {
  if (typeof left === 'number' && typeof right === 'bigint') return operator === '*' ? scaled(operator, right, left) : null;
  if (typeof left !== 'bigint') return null;
  if (typeof right === 'number') return scaled(operator, left, right);
  if (typeof right !== 'bigint') return null;
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  return operator === '/' && right !== 0n ? Number(left) / Number(right) : null;
};

/** Whether an operator reckons with numbers or times. */
export const isReckoning = (operator: string): boolean => Object.hasOwn(reckonings, operator);

/** What an operator makes of two values; null of null, and where the result is none of its type. */
export const reckoned = (operator: string, left: Value, right: Value, type: string): Value => {
  if (typeof left === 'number' && typeof right === 'number') {
    const result = reckonings[operator]?.(left, right) ?? null;
    if (result === null || (type !== 'long' && type !== 'int')) return result;
    return Number.isFinite(result) ? Math.trunc(result) : null;
  }
  const time = timeReckoned(operator, left, right);
  return type === 'datetime' && typeof time === 'bigint' ? inCalendar(time) : time;
};
