import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../simulation/announce.ts';
import { defaultAssumptions, type Assumptions } from '../../../simulation/assumptions.ts';
import { compared } from '../../../simulation/candidates.ts';
import { figuresOf, type Figures } from '../../../simulation/figures.ts';
import { inText } from '../../../simulation/report.ts';
import { simulate } from '../../../simulation/simulate.ts';
import { timeline } from '../../../simulation/timeline.ts';

const seed = 7;
/** Nothing is late, early or skipped. */
const perfect: Assumptions = {
  ...defaultAssumptions,
  delayMedian: 0,
  delayTailShare: 0,
  skew: 0,
  jitter: 0,
  lateShare: 0,
  skipped: 0,
};
const prompt: Partial<Assumptions> = { delayMedian: 0, delayTailShare: 0 };
const punctual: Partial<Assumptions> = { jitter: 0, lateShare: 0 };

const figures = (rule: Rule, assumptions: Assumptions = defaultAssumptions, notices = 20_000): Figures =>
  figuresOf(timeline(notices, seed, assumptions), rule, { seed, assumptions });
const rule = (frequencyMinutes: number, settlingMinutes: number, overlapMinutes: number): Rule => ({
  frequencyMinutes,
  settlingMinutes,
  overlapMinutes,
});
const [halfHour, twoHours, , ours, twice] = compared.map((candidate) => figures(candidate.rule)) as [
  Figures,
  Figures,
  Figures,
  Figures,
  Figures,
];

describe('in a perfect world', () => {
  it('windows that join miss nothing and double nothing, whatever the frequency and settling time', () => {
    fc.assert(
      fc.property(fc.constantFrom(5, 15, 30, 60, 1440), fc.integer({ min: 0, max: 120 }), (frequency, settling) => {
        const found = figures(rule(frequency, settling, 0), perfect, 2000);
        expect(found).toMatchObject({ missed: 0, doubled: 0, mails: 1, resolved: 0 });
        expect(found.p50).toBeGreaterThanOrEqual(settling);
        expect(found.p99).toBeLessThanOrEqual(settling + frequency);
      }),
      { numRuns: 20 },
    );
  });

  it.each([0.1, 0.25, 0.5, 1])('an overlap of %d of the frequency doubles so many', (share) => {
    const { missed, doubled } = figures(rule(30, 0, share * 30), perfect);
    expect(missed).toBe(0);
    expect(doubled).toBeCloseTo(share, 2);
  });

  it('a look-back of four frequencies makes four mails, or one that is resolved', () => {
    expect(figures(rule(30, 0, 90), perfect).mails).toBe(4);
    expect(figures({ ...rule(30, 0, 90), stateful: true }, perfect)).toMatchObject({ missed: 0, doubled: 0, mails: 1, resolved: 1 });
  });
});

describe('each trouble alone', () => {
  const alone = (trouble: Partial<Assumptions>, at: Rule): Figures => figures(at, { ...perfect, ...trouble });
  const late = { delayMedian: 2, delayP99: 20, delayTailShare: 0.01 };
  const irregular = { jitter: 1, lateShare: 0.01 };

  it('rows that appear late are missed for that reason, and a settling time brings nearly all of them', () => {
    const { missed, causes } = alone(late, rule(30, 0, 0));
    expect(missed).toBeGreaterThan(0.05);
    expect(causes.row).toBe(missed);
    expect(alone(late, rule(30, 90, 0)).missed).toBeLessThan(0.0005);
  });

  it('irregular evaluations miss for that reason, and a small overlap brings nearly all', () => {
    const { missed, causes } = alone(irregular, rule(30, 90, 0));
    expect(missed).toBeGreaterThan(0.002);
    expect(causes.evaluation).toBe(missed);
    expect(alone(irregular, rule(30, 90, 5)).missed).toBeLessThan(0.0005);
  });

  it('irregular evaluations do no harm where now() is the planned time', () => {
    expect(alone({ ...irregular, plannedNow: true }, rule(30, 90, 0))).toMatchObject({ missed: 0, doubled: 0 });
  });

  it('a skipped evaluation loses its share, and only an overlap of a frequency brings it back', () => {
    const { missed, causes } = alone({ skipped: 0.01 }, rule(30, 90, 0));
    expect(missed).toBeCloseTo(0.01, 2);
    expect(causes.skipped).toBe(missed);
    expect(alone({ skipped: 0.01 }, rule(30, 90, 10)).missed).toBeGreaterThan(missed / 2);
    expect(alone({ skipped: 0.01 }, rule(30, 90, 30)).missed).toBeLessThan(0.0005);
  });

  it('a row that the next status overwrites is lost to a settling time', () => {
    expect(alone({ overwritten: true }, rule(30, 0, 0)).missed).toBeLessThan(alone({ overwritten: true }, rule(30, 90, 0)).missed);
  });
});

describe('in the assumed world', () => {
  it('ours misses a fortieth of what the published half hour misses', () => {
    expect(ours.missed).toBeLessThan(halfHour.missed / 40);
    expect(ours.untold).toBeLessThan(halfHour.untold / 10);
  });

  it('ours doubles about a tenth; the published two hours say nearly all four times', () => {
    expect(ours.doubled).toBeCloseTo(0.1, 2);
    expect(ours.mails).toBeLessThan(1.15);
    expect(twoHours.doubled).toBeGreaterThan(0.99);
    expect(twoHours.mails).toBeGreaterThan(3.7);
  });

  it('an overlap of the frequency misses hardly anything, and says everything twice', () => {
    expect(twice.missed).toBeLessThan(0.001);
    expect(twice.mails).toBeCloseTo(2, 2);
  });

  it('longer settling and longer overlap never miss more rows that are late; longer overlap always doubles more', () => {
    const settled = [0, 10, 30, 60, 90].map((settling) => figures(rule(30, settling, 3)));
    const overlapped = [1, 3, 5, 10].map((overlap) => figures(rule(30, 30, overlap)));
    const falling = (values: readonly number[]): void => expect(values).toEqual(values.toSorted((one, other) => other - one));
    falling(settled.map(({ causes }) => causes.row));
    falling(overlapped.map(({ missed }) => missed));
    falling(overlapped.map(({ doubled }) => -doubled));
    falling(settled.map(({ p50 }) => -p50));
  });

  it('adds up: the causes are all that is missed', () => {
    for (const { missed, causes } of [halfHour, twoHours, ours, twice]) {
      expect(causes.row + causes.evaluation + causes.skipped + causes.several).toBeCloseTo(missed, 10);
    }
  });
});

describe('a run', () => {
  it('is decided by its seed', () => {
    const run = (of: number) => simulate({ seed: of, notices: 1000, assumptions: defaultAssumptions });
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual({ ...run(2), seed: 1 });
  });

  it('is over at least so many notices, of whole maintenances', () => {
    const notices = timeline(1000, seed, { ...defaultAssumptions, ...prompt, ...punctual });
    expect(notices.length).toBeGreaterThanOrEqual(1000);
    expect(notices.at(-1)?.status).not.toBe('Scheduled');
  });

  it('prints its seed, every assumption with its flag, and each candidate', () => {
    const report = simulate({ seed, notices: 500, assumptions: { ...defaultAssumptions, delayMedian: 4.5, skipped: 0.004 } });
    const text = inText(report);
    for (const words of [`seed ${seed}`, '4.5 min in the median', '0.4 % never', ...compared.map(({ name }) => name)]) {
      expect(text).toContain(words);
    }
    for (const flag of ['median', 'p99', 'tail-share', 'tail']) expect(text).toContain(`--delay-${flag}`);
    for (const flag of ['skew', 'jitter', 'late-share', 'late', 'skipped', 'planned-now', 'overwritten'])
      expect(text).toContain(`--${flag}`);
  });

  it('takes its assumptions from flags, and refuses what it cannot read', async () => {
    const run = (...flags: readonly string[]) =>
      promisify(execFile)(process.execPath, ['simulation/main.ts', '--notices', '200', ...flags]);
    const { stdout } = await run('--json', '--seed', '3', '--jitter', '90s', '--delay-tail', '1h', '--skipped', '0.5', '--planned-now');
    const assumptions = { ...defaultAssumptions, jitter: 1.5, delayTail: 60, skipped: 0.5, plannedNow: true };
    expect(JSON.parse(stdout)).toMatchObject({ seed: 3, assumptions });
    await expect(run('--jitter', 'long')).rejects.toThrow('--jitter must be a duration');
    await expect(run('--skipped', '2')).rejects.toThrow('--skipped must be a number from 0 to 1');
  });
});
