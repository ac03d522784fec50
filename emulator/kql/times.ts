// Kusto counts time in ticks of 100 nanoseconds since the beginning of year 1; here they are bigints, because a number has too few digits.

const ticksPerMillisecond = 10_000n;
const epoch = 62_135_596_800_000n * ticksPerMillisecond;
const end = 253_402_300_800_000n * ticksPerMillisecond + epoch;

/** The length of a day, and of what is shorter. */
export const ticks = {
  day: 864_000_000_000n,
  hour: 36_000_000_000n,
  minute: 600_000_000n,
  second: 10_000_000n,
  millisecond: ticksPerMillisecond,
  microsecond: 10n,
} as const;

/** A time, or null when no calendar of Kusto has it: years 1 to 9999. */
export const inCalendar = (time: bigint): bigint | null => (time >= 0n && time < end ? time : null);

/** The ticks of a moment. */
export const ticksOf = (at: Date): bigint => BigInt(at.getTime()) * ticksPerMillisecond + epoch;

/** The moment of a time, without what is shorter than a millisecond. */
export const dateOf = (time: bigint): Date => new Date(Number((time - (time % ticksPerMillisecond) - epoch) / ticksPerMillisecond));

const fractionOf = (digits = ''): bigint => BigInt(digits.slice(0, 7).padEnd(7, '0'));

const datetime =
  /^(?<year>\d{4})-(?<month>\d\d?)-(?<day>\d\d?)(?:[T ](?<hour>\d\d?):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d+))?)?)?\s*(?<zone>Z|GMT|[+-]\d\d:?\d\d)?$/iu;

const offsetOf = (zone = 'Z'): bigint => {
  if (/^[a-z]/iu.test(zone)) return 0n;
  const minutes = BigInt(zone.slice(1, 3)) * 60n + BigInt(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * ticks.minute;
};

/** The time that an ISO 8601 text tells, or null when it tells none. */
export const parseDatetime = (text: string): bigint | null => {
  const parts = datetime.exec(text.trim())?.groups;
  if (parts === undefined) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = ['year', 'month', 'day', 'hour', 'minute', 'second'].map(
    (part) => Number(parts[part] ?? 0),
  );
  // By `setUTCFullYear`, since `Date.UTC` takes year 1 for 1901.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return null;
  date.setUTCHours(hour, minute, second);
  return inCalendar(ticksOf(date) + fractionOf(parts['fraction']) - offsetOf(parts['zone']));
};

const digits = (value: bigint, width: number): string => String(value).padStart(width, '0');

/** `2024-04-16T22:17:12.1032686Z`: a time as Kusto writes it. */
export const renderDatetime = (time: bigint): string => `${dateOf(time).toISOString().slice(0, 19)}.${digits(time % ticks.second, 7)}Z`;

const units: Readonly<Record<string, number>> = Object.fromEntries(
  (
    [
      [ticks.day, 'd day days'],
      [ticks.hour, 'h hr hrs hour hours'],
      [ticks.minute, 'm min minute minutes'],
      [ticks.second, 's sec second seconds'],
      [ticks.millisecond, 'ms milli millis millisec millisecond milliseconds'],
      [ticks.microsecond, 'micro micros microsec microsecond microseconds'],
      [1n, 'tick ticks'],
    ] as const
  ).flatMap(([length, names]) => names.split(' ').map((name) => [name, Number(length)])),
);

const clock = /^(?<sign>-)?(?:(?<days>\d+)\.)?(?<hours>\d\d?):(?<minutes>\d\d)(?::(?<seconds>\d\d)(?:\.(?<fraction>\d{1,7}))?)?$/u;

/** The timespan that a text tells, `1.02:03:04.5` or `90m`, or null when it tells none. A number by itself is days. */
export const parseTimespan = (text: string): bigint | null => {
  const [, amount, unit] = /^(-?\d+(?:\.\d+)?)\s*([a-z]*)$/iu.exec(text.trim()) ?? [];
  if (amount !== undefined && unit !== undefined) {
    const length = units[unit === '' ? 'd' : unit.toLowerCase()];
    return length === undefined ? null : BigInt(Math.round(Number(amount) * length));
  }
  const parts = clock.exec(text.trim())?.groups;
  if (parts === undefined) return null;
  const part = (name: string): bigint => BigInt(parts[name] ?? 0);
  const length =
    part('days') * ticks.day +
    part('hours') * ticks.hour +
    part('minutes') * ticks.minute +
    part('seconds') * ticks.second +
    fractionOf(parts['fraction']);
  return parts['sign'] === undefined ? length : -length;
};

/** `1.02:03:04`, with a fraction only where there is one: a timespan as Kusto writes it. */
export const renderTimespan = (timespan: bigint): string => {
  const length = timespan < 0n ? -timespan : timespan;
  const days = length / ticks.day;
  const fraction = length % ticks.second;
  const time = [(length / ticks.hour) % 24n, (length / ticks.minute) % 60n, (length / ticks.second) % 60n].map((part) => digits(part, 2));
  return `${timespan < 0n ? '-' : ''}${days > 0n ? `${days}.` : ''}${time.join(':')}${fraction > 0n ? `.${digits(fraction, 7)}` : ''}`;
};
