import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition, RuleProperties, StoredAlertRule } from '../../emulator/alert-rules.ts';
import { decide, type Memory, type Notice } from '../../emulator/alerts/evaluation.ts';
import { dueBetween } from '../../emulator/alerts/schedule.ts';

const minute = 60_000;
const begin = Date.UTC(2026, 10, 1);

const rule = (evaluationFrequency: string, writtenMinute: number): StoredAlertRule => {
  const at = new Date(begin + writtenMinute * minute);
  return {
    subscriptionId: '',
    resourceGroup: '',
    name: '',
    body: { location: '', properties: { evaluationFrequency } },
    createdWithApiVersion: '',
    etag: '',
    isUpdated: false,
    created: { by: '', at },
    modified: { by: '', at },
  };
};

const someRules = fc
  .array(fc.tuple(fc.constantFrom('PT5M', 'PT15M', 'PT30M', 'PT45M', 'PT1H', 'P1D'), fc.integer({ min: 0, max: 200 })), { maxLength: 4 })
  .map((rules) => new Map(rules.map(([frequency, written], index) => [String(index), rule(frequency, written)])));

describe('what falls due', () => {
  it('is the same in one jump as in many small ones, and in the order of time', () => {
    fc.assert(
      fc.property(someRules, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 8 }), (rules, cuts) => {
        const end = new Date(begin + 3000 * minute);
        const times = [begin, ...cuts.toSorted((one, other) => one - other).map((cut) => begin + cut * minute)].map((at) => new Date(at));
        const pieces = times.flatMap((from, index) => dueBetween(rules, from, times[index + 1] ?? end));
        const whole = dueBetween(rules, new Date(begin), end);
        expect(pieces).toEqual(whole);
        expect(whole.map(({ at }) => at.getTime())).toEqual(whole.map(({ at }) => at.getTime()).toSorted((one, other) => one - other));
      }),
    );
  });

  it('is nothing at the moment when a rule is written, nor for one that nobody can read', () => {
    const at = new Date(begin);
    expect(dueBetween(new Map([['1', rule('PT5M', 0)]]), new Date(begin - minute), at)).toEqual([]);
    expect(dueBetween(new Map([['1', rule('soon', 0)]]), at, new Date(begin + 9999 * minute))).toEqual([]);
  });
});

const condition: Condition = { timeAggregation: 'Count', operator: 'GreaterThan', threshold: 0 };

/** What a rule says over a run of evaluations, half an hour apart; each names the series that have a row. */
const play = (properties: RuleProperties, evaluations: readonly (readonly string[])[]): Notice[] => {
  let memory: Memory = new Map();
  return evaluations.flatMap((found, index) => {
    const series = found.map((value) => ({ dimensions: [{ name: 'name', value }], count: 1 }));
    const decision = decide(properties, condition, series, memory, new Date(begin + index * 30 * minute));
    ({ memory } = decision);
    return [...decision.notices];
  });
};

const valueOf = ({ series }: Notice): string => series.dimensions[0]?.value ?? '';
const values: readonly string[] = ['a', 'b', 'c'];
const someEvaluations = fc.array(fc.uniqueArray(fc.constantFrom(...values)), { maxLength: 30 });

describe('a decision', () => {
  it('of a stateless rule fires for every series of every evaluation', () => {
    fc.assert(
      fc.property(someEvaluations, (evaluations) => {
        const notices = play({ autoMitigate: false, evaluationFrequency: 'PT30M' }, evaluations);
        expect(notices.map(valueOf)).toEqual(evaluations.flat());
        expect(new Set(notices.map(({ alertId }) => alertId)).size).toBe(notices.length);
      }),
    );
  });

  it('of a muted rule never speaks twice of a series within that time, and always after it', () => {
    fc.assert(
      fc.property(someEvaluations, (evaluations) => {
        const notices = play({ autoMitigate: false, evaluationFrequency: 'PT30M', muteActionsDuration: 'PT90M' }, evaluations);
        for (const value of values) {
          const seen = evaluations.flatMap((found, index) => (found.includes(value) ? [index] : []));
          const expected: number[] = [];
          for (const index of seen) if (index - (expected.at(-1) ?? -9) >= 3) expected.push(index);
          const times = notices.filter((notice) => valueOf(notice) === value).map(({ at }) => (at.getTime() - begin) / (30 * minute));
          expect(times).toEqual(expected);
        }
      }),
    );
  });

  it('of a stateful rule fires and resolves in turn, under one id, an hour after the last result', () => {
    fc.assert(
      fc.property(someEvaluations, (evaluations) => {
        const notices = play({ autoMitigate: true, evaluationFrequency: 'PT30M' }, evaluations);
        for (const value of values) {
          const own = notices.filter((notice) => valueOf(notice) === value);
          expect(own.map(({ monitorCondition }) => monitorCondition)).toEqual(
            own.map((_, index) => (index % 2 === 0 ? 'Fired' : 'Resolved')),
          );
          for (const [index, { at, alertId, monitorCondition }] of own.entries()) {
            if (monitorCondition !== 'Resolved') continue;
            const evaluation = (at.getTime() - begin) / (30 * minute);
            expect(alertId).toBe(own[index - 1]?.alertId);
            expect(evaluations.slice(evaluation - 2, evaluation + 1).map((found) => found.includes(value))).toEqual([true, false, false]);
          }
        }
      }),
    );
  });
});
