import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { defaultOverlapMinutes, defaultSettlingMinutes, noticeWindow } from '../../../src/core/window.ts';

const minutes = fc.integer({ min: 0, max: 600 });

it('is one frequency wide, begins when a row has settled, and is longer by the overlap', () => {
  expect(noticeWindow({ frequencyMinutes: 30, settlingMinutes: 45, overlapMinutes: 2 })).toEqual({ fromMinutes: 77, untilMinutes: 45 });
  expect(noticeWindow({ frequencyMinutes: 5, settlingMinutes: 0, overlapMinutes: 0 })).toEqual({ fromMinutes: 5, untilMinutes: 0 });
});

it('takes every row at least once when evaluations come on time, and twice only in the overlap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 5, max: 600 }),
      minutes,
      minutes,
      fc.nat({ max: 599 }),
      (frequencyMinutes, settlingMinutes, overlap, phase) => {
        const overlapMinutes = overlap % frequencyMinutes;
        const { fromMinutes, untilMinutes } = noticeWindow({ frequencyMinutes, settlingMinutes, overlapMinutes });
        // The ages that a row has at the evaluations; half a minute keeps it off the borders.
        const ages = Array.from({ length: 2000 }, (_, n) => (phase % frequencyMinutes) + 0.5 + n * frequencyMinutes);
        const taken = ages.filter((age) => untilMinutes <= age && age <= fromMinutes);
        const first = taken[0] ?? Number.NaN;
        expect(taken.length).toBe(first - untilMinutes < overlapMinutes ? 2 : 1);
      },
    ),
  );
});

it('overlaps by a tenth of the frequency, from one to five minutes, and fits into two days at every frequency', () => {
  expect([5, 10, 15, 30, 45, 60, 1440].map(defaultOverlapMinutes)).toEqual([1, 1, 2, 3, 5, 5, 5]);
  const widest = { frequencyMinutes: 1440, settlingMinutes: defaultSettlingMinutes, overlapMinutes: defaultOverlapMinutes(1440) };
  expect(noticeWindow(widest).fromMinutes).toBeLessThanOrEqual(2 * 1440);
});
