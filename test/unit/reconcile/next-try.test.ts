import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Retry } from '../../../src/core/failure.ts';
import { nextTry } from '../../../src/reconcile/next-try.ts';
import type { Requeue } from '../../../src/runtime/controller.ts';

const minute = 60_000;
const after = (seconds: number): Requeue => ({ kind: 'after', milliseconds: seconds * 1000 });
const backOff = (seconds: number): Requeue => ({ kind: 'backOff', capMilliseconds: seconds * 1000 });

describe('the next try', () => {
  it.each<[string, Retry, number, number, Requeue]>([
    ['comes when Azure said', { kind: 'after', seconds: 17 }, 1, 0, after(17)],
    ['comes when Azure said, however often', { kind: 'after', seconds: 17 }, 9, 60 * minute, after(17)],
    ['comes after 30 s when Azure did not say', { kind: 'afterAWhile' }, 1, 0, after(30)],
    ['comes after the double', { kind: 'afterAWhile' }, 2, 0, after(60)],
    ['comes after the double again', { kind: 'afterAWhile' }, 4, 0, after(240)],
    ['comes after 5 minutes at most', { kind: 'afterAWhile' }, 5, 0, after(300)],
    ['comes after 5 minutes at most, however often', { kind: 'afterAWhile' }, 5000, 0, after(300)],
    ['comes fast', { kind: 'fast' }, 1, 0, backOff(30)],
    ['comes fast for ten minutes', { kind: 'fast' }, 20, 10 * minute - 1, backOff(30)],
    ['comes slowly then', { kind: 'fast' }, 21, 10 * minute, backOff(180)],
    ['comes slowly', { kind: 'slow' }, 1, 0, backOff(180)],
    ['comes slowly where nobody may stop trying', { kind: 'crawl' }, 1, 0, backOff(180)],
  ])('%s: %j, %i times, %i ms', (_, retry, times, lasted, next) => {
    expect(nextTry(retry, times, lasted, 0)).toEqual(next);
  });

  it('never comes before the time that Azure named, and little after it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (seconds, random) => {
          const next = nextTry({ kind: 'after', seconds }, 1, 0, random);
          const milliseconds = next.kind === 'after' ? next.milliseconds : Number.NaN;
          expect(milliseconds).toBeGreaterThanOrEqual(seconds * 1000);
          expect(milliseconds).toBeLessThanOrEqual(seconds * 1101);
        },
      ),
    );
  });
});
