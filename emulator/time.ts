/** `2026-11-01T12:00:00.1230000Z`: the seven fractional digits that Azure's services write. */
export const withSevenDigits = (at: Date): string => at.toISOString().replace('Z', '0000Z');

/** `2026-11-01 12:00:00Z`: how the sign-in service writes a time. */
export const timestamp = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;

const duration = /^P(?:(?<days>\d+)D)?(?:T(?:(?<hours>\d+)H)?(?:(?<minutes>\d+)M)?(?:(?<seconds>\d+)S)?)?$/u;

/** The length of an ISO 8601 duration of days and smaller parts, in minutes; `NaN` for any other text. */
export const minutesOf = (text: string): number => {
  const parts = duration.exec(text)?.groups;
  if (parts === undefined) return Number.NaN;
  const part = (name: string): number => Number(parts[name] ?? 0);
  return part('days') * 1440 + part('hours') * 60 + part('minutes') + part('seconds') / 60;
};
