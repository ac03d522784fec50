import { Refusal } from './refusal.ts';
import { dateOf, inCalendar, ticks, ticksOf } from './times.ts';
import { convert, parseJson, toText, type Value } from './values.ts';

/** What a function is called with. */
export interface Call {
  readonly values: readonly Value[];
  /** Their types, as Kusto names them. */
  readonly types: readonly string[];
  /** The present, in ticks. */
  readonly now: bigint;
}

type Run = (call: Call) => Value;

const textAt = ({ values, types }: Call, index: number): string => toText(values[index] ?? null, types[index] ?? 'string');

const numberAt = ({ values, types }: Call, index: number): number | null =>
  convert(values[index] ?? null, types[index] ?? 'long', 'long') as number | null;

const converted =
  (type: string): Run =>
  ({ values: [value = null], types: [from = 'string'] }) =>
    convert(value, from, type);

const ofText =
  (make: (text: string) => Value): Run =>
  (call) =>
    make(textAt(call, 0));

const isMissing = (value: Value, type: string): boolean =>
  type === 'dynamic' ? toText(value, type) === '' : value === null || value === '';

/** A regular expression of Kusto, whose dialect is close to JavaScript's; the flag for case is written otherwise. */
export const pattern = (source: string, flags = ''): RegExp => {
  const isCaseless = source.startsWith('(?i)');
  try {
    return new RegExp(isCaseless ? source.slice(4) : source, `u${isCaseless ? 'i' : ''}${flags}`);
  } catch {
    throw new Refusal(`The emulator doesn't understand the regular expression '${source}'.`);
  }
};

/** What Kusto counts as characters: never half of one that JavaScript keeps in two parts. */
const charactersOf = (text: string): string[] => Array.from(text);

const substring: Run = (call) => {
  const characters = charactersOf(textAt(call, 0));
  const start = numberAt(call, 1) ?? 0;
  const from = start < 0 ? Math.max(characters.length + start, 0) : start;
  const length = call.values.length > 2 ? (numberAt(call, 2) ?? 0) : characters.length;
  return characters.slice(from, from + Math.max(length, 0)).join('');
};

const indexof: Run = (call) => {
  const text = charactersOf(textAt(call, 0));
  const wanted = textAt(call, 1);
  const start = numberAt(call, 2) ?? 0;
  const length = numberAt(call, 3) ?? -1;
  const occurrences = numberAt(call, 4) ?? 1;
  if (length < -1 || occurrences < 0) return null;
  let from = start < 0 ? Math.max(text.length + start, 0) : start;
  for (let occurrence = 1; ; occurrence += 1) {
    const part = text.slice(from, length < 0 ? undefined : from + length).join('');
    const at = part.indexOf(wanted);
    if (at === -1) return -1;
    const found = from + charactersOf(part.slice(0, at)).length;
    if (occurrence >= occurrences) return found;
    // The length counts anew behind each occurrence: an example of the reference shows it.
    from = found + 1;
  }
};

const split: Run = (call) => {
  const parts = textAt(call, 0).split(textAt(call, 1));
  const index = call.values.length > 2 ? numberAt(call, 2) : null;
  if (index === null) return parts;
  return index in parts ? [parts[index]] : null;
};

const conditional: Run = ({ values }) => {
  const at = values.findIndex((value, index) => index % 2 === 0 && index < values.length - 1 && value === true);
  return (at === -1 ? values.at(-1) : values[at + 1]) ?? null;
};

const jsonOf: Run = ({ values: [value = null] }) => (typeof value === 'string' ? parseJson(value) : value);

const bin: Run = ({ values: [value = null, size = null] }) => {
  if (typeof value === 'bigint' && typeof size === 'bigint') {
    if (size <= 0n) return null;
    const over = value % size;
    return value - (over < 0n ? over + size : over);
  }
  return typeof value === 'number' && typeof size === 'number' && size > 0 ? Math.floor(value / size) * size : null;
};

const datetimeAdd: Run = (call) => {
  const part = textAt(call, 0).toLowerCase();
  const amount = numberAt(call, 1);
  const time = call.values[2];
  if (amount === null || typeof time !== 'bigint') return null;
  const months = { year: 12, quarter: 3, month: 1 }[part];
  if (months === undefined) {
    const length = part === 'week' ? 7n * ticks.day : Object.entries(ticks).find(([name]) => name === part)?.[1];
    if (length === undefined) return null;
    return inCalendar(time + BigInt(amount) * length);
  }
  const date = dateOf(time);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + amount * months);
  const last = new Date(date);
  last.setUTCMonth(last.getUTCMonth() + 1, 0);
  date.setUTCDate(Math.min(day, last.getUTCDate()));
  return inCalendar(ticksOf(date) + (time % ticks.millisecond));
};

const padded = (value: number, width: number): string => String(value).padStart(width, '0');

const formatPart = (part: string, date: Date, fraction: string): string => {
  const width = part.length;
  const hour = date.getUTCHours();
  switch (part[0]) {
    case 'y':
      return width > 2 ? padded(date.getUTCFullYear(), width) : padded(date.getUTCFullYear() % 100, width);
    case 'M':
      return padded(date.getUTCMonth() + 1, width);
    case 'd':
      return padded(date.getUTCDate(), width);
    case 'H':
      return padded(hour, width);
    case 'h':
      return padded(hour % 12 === 0 ? 12 : hour % 12, width);
    case 'm':
      return padded(date.getUTCMinutes(), width);
    case 's':
      return padded(date.getUTCSeconds(), width);
    case 'f':
      return fraction.slice(0, width);
    case 'F':
      return fraction.slice(0, width).replace(/0+$/u, '');
    case 't':
      return hour < 12 ? 'AM' : 'PM';
    default:
      return part;
  }
};

const formatDatetime: Run = (call) => {
  const time = call.values[0];
  if (typeof time !== 'bigint') return '';
  const fraction = String(time % ticks.second).padStart(7, '0');
  return textAt(call, 1).replaceAll(/y+|M+|d+|H+|h+|m+|s+|f+|F+|t+/gu, (part) => formatPart(part, dateOf(time), fraction));
};

const trimmed =
  (ends: (source: string) => string): Run =>
  (call) =>
    textAt(call, 1).replaceAll(pattern(ends(textAt(call, 0)), 'g'), '');

const start = (source: string): string => `^(?:${source})+`;
const finish = (source: string): string => `(?:${source})+$`;

/** The functions whose first parameter is a regular expression. */
export const patterned: readonly string[] = ['extract', 'trim', 'trim_start', 'trim_end'];

/** The functions that the emulator has, by name. What they are called with was checked before, by Microsoft's analysis. */
export const functions: ReadonlyMap<string, Run> = new Map(
  Object.entries<Run>({
    tostring: converted('string'),
    todatetime: converted('datetime'),
    totimespan: converted('timespan'),
    toint: converted('int'),
    tolong: converted('long'),
    todouble: converted('real'),
    toreal: converted('real'),
    tobool: converted('bool'),
    toboolean: converted('bool'),
    parse_json: jsonOf,
    todynamic: jsonOf,
    case: conditional,
    iff: conditional,
    iif: conditional,
    coalesce: ({ values, types }) => values.find((value, index) => !isMissing(value, types[index] ?? '')) ?? values.at(-1) ?? null,
    isempty: ({ values: [value = null], types: [type = ''] }) => isMissing(value, type),
    isnotempty: ({ values: [value = null], types: [type = ''] }) => !isMissing(value, type),
    isnull: ({ values: [value = null] }) => value === null,
    isnotnull: ({ values: [value = null] }) => value !== null,
    not: ({ values: [value = null] }) => (value === null ? null : value !== true),
    strcat: (call) => call.values.map((_value, index) => textAt(call, index)).join(''),
    strlen: ofText((text) => charactersOf(text).length),
    tolower: ofText((text) => text.toLowerCase()),
    toupper: ofText((text) => text.toUpperCase()),
    substring,
    indexof,
    split,
    trim: trimmed((source) => `${start(source)}|${finish(source)}`),
    trim_start: trimmed(start),
    trim_end: trimmed(finish),
    replace_string: (call) => textAt(call, 0).replaceAll(textAt(call, 1), () => textAt(call, 2)),
    extract: (call) => pattern(textAt(call, 0)).exec(textAt(call, 2))?.[numberAt(call, 1) ?? 0] ?? '',
    array_length: ({ values: [value = null] }) => (Array.isArray(value) ? value.length : null),
    now: ({ values: [offset = 0n], now }) => (typeof offset === 'bigint' ? inCalendar(now + offset) : null),
    ago: ({ values: [length = null], now }) => (typeof length === 'bigint' ? inCalendar(now - length) : null),
    bin,
    datetime_add: datetimeAdd,
    format_datetime: formatDatetime,
    abs: ({ values: [value = null] }) => (typeof value === 'number' ? Math.abs(value) : null),
    bag_keys: ({ values: [value = null] }) =>
      value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : null,
  }),
);
