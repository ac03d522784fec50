import { backOffMilliseconds } from '../../src/runtime/back-off.ts';
import type { Bench } from './reconcile-bench.ts';

/** The operator's queue on the bench's clock: what it lets pass takes no time. */
export interface Days {
  /** Lets so much time pass, with every visit that falls due in it. */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** How many runs there were. */
  readonly runs: () => number;
}

const workers = 8;

/** Starts with a visit to each of the keys. Visits that fall due in the same second are made side by side. */
export const startDays = (bench: Bench, keys: readonly string[]): Days => {
  const due = new Map(keys.map((key) => [key, bench.clock.now()]));
  const failures = new Map<string, number>();
  let runs = 0;

  const visit = async (key: string): Promise<void> => {
    due.delete(key);
    runs += 1;
    const requeue = await bench.run({ key });
    const count = requeue.kind === 'backOff' ? (failures.get(key) ?? 0) + 1 : 0;
    failures.set(key, count);
    if (requeue.kind === 'done') return;
    const wait =
      requeue.kind === 'after'
        ? requeue.milliseconds
        : backOffMilliseconds({ baseMilliseconds: 1000, capMilliseconds: requeue.capMilliseconds, jitter: 0.25 }, count, bench.random());
    due.set(key, bench.clock.now() + wait);
  };

  return {
    pass: async (milliseconds) => {
      const end = bench.clock.now() + milliseconds;
      for (;;) {
        const first = Math.min(...due.values());
        if (first > end) break;
        bench.clock.advance(Math.max(0, first - bench.clock.now()));
        const now = [...due].filter(([, at]) => at <= bench.clock.now() + 1000).map(([key]) => key);
        const worker = async (): Promise<void> => {
          for (let key = now.shift(); key !== undefined; key = now.shift()) await visit(key);
        };
        await Promise.all(Array.from({ length: workers }, worker));
      }
      bench.clock.advance(Math.max(0, end - bench.clock.now()));
    },
    runs: () => runs,
  };
};
