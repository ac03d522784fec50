/** Random numbers that a seed decides, so that every run can be run again. */
export type Random = () => number;

/** From one number to another that shows nothing of it (the last step of MurmurHash3). */
const scramble = (number: number): number => {
  let mixed = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
};

/** One seed out of several numbers. */
export const seedOf = (...numbers: readonly number[]): number =>
  numbers.reduce((seed, number) => scramble(seed ^ scramble(number + 0x9e3779b9)), 0);

/** Numbers from 0 up to 1, as mulberry32 makes them. */
export const randomFrom = (seed: number): Random => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());

/** A log-normal number, by its median and by what 99 of 100 stay below. */
export const logNormal = (random: Random, median: number, p99: number): number => {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median === 0 ? 0 : median * (p99 / median) ** (normal / 2.326);
};
