export interface BackOff {
  /** The first delay. */
  readonly baseMilliseconds: number;
  /** No delay is longer than this. */
  readonly capMilliseconds: number;
  /** The part of a delay, 0…1, that chance may take off, so that many who failed together don't come back together. */
  readonly jitter: number;
}

/**
 * How long to wait after `failures` failures in a row (1 = the first): the base, doubled with each further failure, capped, less jitter.
 * @param random a number in [0, 1), as Math.random gives it
 */
export const backOffMilliseconds = ({ baseMilliseconds, capMilliseconds, jitter }: BackOff, failures: number, random: number): number => {
  // 2 ** 1100 is Infinity, which Math.min handles; so no failure count is too large.
  const full = Math.min(capMilliseconds, baseMilliseconds * 2 ** Math.max(failures - 1, 0));
  return full * (1 - jitter * random);
};

/** Spreads a regular wait evenly over `milliseconds` ± `part` (0…1) of it. */
export const spread = (milliseconds: number, part: number, random: number): number => milliseconds * (1 + part * (2 * random - 1));
