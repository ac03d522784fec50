import { readFile } from 'node:fs/promises';

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Prints one figure beside the target it has: median, range and number of samples. */
export const report = (what: string, values: readonly number[], unit: string, target: number): void => {
  const range =
    values.length > 1 ? `   (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}, ${values.length} times)` : '';
  console.log(`${what.padEnd(44)} ${median(values).toFixed(0).padStart(6)} ${unit.padEnd(3)} target ≤ ${target} ${unit}${range}`);
};

/** MB that the process may hold with so many objects: 95 with none, 105 with 100, 220 with 10,000. */
export const memoryTarget = (objects: number): number => (objects < 100 ? 95 : Math.round(105 + ((220 - 105) * (objects - 100)) / 9900));

/** Resident memory of a process in MB. */
export const residentMegabytes = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
};
