import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoMinutes, parseDuration, toIso } from '../../../src/core/duration.ts';

describe('durations as Kubernetes writes them', () => {
  it.each([
    ['30s', 30_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1h0m5s', 3_605_000],
    ['0s', 0],
    ['24h', 86_400_000],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '10', 'm', '10 m', '-10m', '1d', '10m ', '1h-5m', 'PT10M', '١٠m'])('“%s” is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('durations as Azure writes them', () => {
  it.each([
    ['PT30M', 30],
    ['PT60M', 60],
    ['PT1H', 60],
    ['PT1H30M', 90],
    ['P1D', 1440],
    ['PT24H', 1440],
    ['P1DT1H', 1500],
    ['PT1800S', 30],
    ['pt5m', 5],
  ])('%s is %d minutes', (text, minutes) => {
    expect(isoMinutes(text)).toBe(minutes);
  });

  it.each(['', 'P', 'PT', '30', 'PT30', '30M', 'PT-5M', 'P1W', 'PT5M '])('“%s” is none', (text) => {
    expect(isoMinutes(text)).toBeUndefined();
  });

  it.each([
    [5, 'PT5M'],
    [45, 'PT45M'],
    [60, 'PT1H'],
    [90, 'PT90M'],
    [360, 'PT6H'],
    [1440, 'P1D'],
  ])('%d minutes are written %s', (minutes, text) => {
    expect(toIso(minutes)).toBe(text);
  });

  it('read back as the length they were written for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (minutes) => {
        expect(isoMinutes(toIso(minutes))).toBe(minutes);
      }),
    );
  });
});
