/**
 * Which rows an evaluation of the alert rule takes, by their age: those that are at least `untilMinutes` and at most `fromMinutes` old. A row
 * is looked at when the settling time has passed, so that one which appears late isn't missed; a row is taken by one evaluation, and
 * by two when its age falls into the overlap, which makes up for evaluations that don't come exactly on time.
 */
export const noticeWindow = (options: {
  readonly frequencyMinutes: number;
  readonly settlingMinutes: number;
  readonly overlapMinutes: number;
}): { readonly fromMinutes: number; readonly untilMinutes: number } => ({
  fromMinutes: options.settlingMinutes + options.frequencyMinutes + options.overlapMinutes,
  untilMinutes: options.settlingMinutes,
});

/** How long a row may take to appear, unless the spec says otherwise. From the figures of `npm run simulate`, see docs/adr/0018-settling-time.md. */
export const defaultSettlingMinutes = 30;

/** By how much windows overlap, unless the spec says otherwise: a tenth of the frequency, from one to five minutes. */
export const defaultOverlapMinutes = (frequencyMinutes: number): number => Math.min(Math.max(Math.round(frequencyMinutes / 10), 1), 5);
