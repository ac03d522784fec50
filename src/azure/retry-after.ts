/** As answers carry them, to whichever SDK. */
interface Headers {
  get(name: string): string | undefined;
}

/** Whoever asks for more has made a mistake, or isn't Azure. */
const longestMilliseconds = 24 * 3_600_000;

const numberIn = (text: string | undefined): number => Number(text?.trim() || Number.NaN);

/** Milliseconds until a moment that a header names, by the clock of who named it: ours may be wrong. */
export const millisecondsUntil = (moment: string | undefined, headers: Headers, now: number): number | undefined => {
  const at = Date.parse(moment ?? '');
  const saidAt = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(at) ? undefined : at - (Number.isNaN(saidAt) ? now : saidAt);
};

/** How many milliseconds an answer asks to wait, in each of the ways that Azure has for it; a day at most. */
export const askedWait = (headers: Headers, now: number): number | undefined => {
  const milliseconds = numberIn(headers.get('retry-after-ms') ?? headers.get('x-ms-retry-after-ms'));
  const said = headers.get('retry-after');
  const seconds = numberIn(said);
  const wait = [milliseconds, seconds * 1000].find(Number.isFinite) ?? millisecondsUntil(said, headers, now);
  return wait === undefined ? undefined : Math.min(Math.max(wait, 0), longestMilliseconds);
};
