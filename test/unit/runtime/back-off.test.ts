import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { backOffMilliseconds, spread } from '../../../src/runtime/back-off.ts';

const plain = { baseMilliseconds: 1000, capMilliseconds: 60_000, jitter: 0 };

describe('backOffMilliseconds', () => {
  it.each([
    [0, 1000],
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [6, 32_000],
    [7, 60_000],
    [8, 60_000],
    [5000, 60_000],
  ])('after %i failures waits %i ms', (failures, milliseconds) => {
    expect(backOffMilliseconds(plain, failures, 0.5)).toBe(milliseconds);
  });

  it('is never above the cap and never less than jitter allows', () => {
    const backOff = fc.record({
      baseMilliseconds: fc.integer({ min: 1, max: 10_000 }),
      capMilliseconds: fc.integer({ min: 1, max: 1_000_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(backOff, fc.nat(10_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (settings, failures, random) => {
        const full = backOffMilliseconds({ ...settings, jitter: 0 }, failures, random);
        const milliseconds = backOffMilliseconds(settings, failures, random);
        expect(full).toBeLessThanOrEqual(settings.capMilliseconds);
        expect(milliseconds).toBeLessThanOrEqual(full);
        expect(milliseconds).toBeGreaterThanOrEqual(full * (1 - settings.jitter));
      }),
    );
  });
});

describe('spread', () => {
  it.each([
    [0, 900],
    [0.5, 1000],
    [1, 1100],
  ])('with chance %d makes 1000 ± a tenth into %d', (random, expected) => {
    expect(spread(1000, 0.1, random)).toBeCloseTo(expected);
  });
});
