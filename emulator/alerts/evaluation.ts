import { randomUUID } from 'node:crypto';
import type { Condition, RuleProperties } from '../alert-rules.ts';
import { minutesOf } from '../time.ts';
import { seriesKey, type Series } from './series.ts';

/** That an alert has fired, or is over. */
export interface Notice {
  readonly alertId: string;
  readonly monitorCondition: 'Fired' | 'Resolved';
  readonly series: Series;
  readonly firedAt: Date;
  /** When this was found out: the moment of the evaluation. */
  readonly at: Date;
}

interface SeriesMemory {
  readonly series: Series;
  /** Whether the last evaluations exceeded the threshold, newest last. */
  readonly recent: readonly boolean[];
  /** The alert of a stateful rule, as long as it isn't resolved. */
  readonly firing?: { readonly alertId: string; readonly firedAt: Date; readonly lastMetAt: Date };
  readonly mutedUntil?: Date;
}

/** What a rule remembers from one evaluation to the next, by series. */
export type Memory = ReadonlyMap<string, SeriesMemory>;

/** What one evaluation comes to. */
interface Decision {
  readonly notices: readonly Notice[];
  readonly memory: Memory;
}

/** How many alerts of a stateful rule may fire at one evaluation, and be fired at all. Stateless ones have room for more than a query can answer. */
const mostPerEvaluation = 300;
const mostFired = 5000;

const comparisons: Readonly<Record<string, (count: number, threshold: number) => boolean>> = {
  Equals: (count, threshold) => count === threshold,
  GreaterThan: (count, threshold) => count > threshold,
  GreaterThanOrEqual: (count, threshold) => count >= threshold,
  LessThan: (count, threshold) => count < threshold,
  LessThanOrEqual: (count, threshold) => count <= threshold,
};

/** What of a condition the emulator doesn't have, if anything. */
export const conditionFault = ({ criterionType = 'StaticThresholdCriterion', timeAggregation = '', operator = '' }: Condition) => {
  if (criterionType !== 'StaticThresholdCriterion') return `The emulator doesn't have conditions of type '${criterionType}'.`;
  if (timeAggregation !== 'Count') return `The emulator doesn't have the aggregation '${timeAggregation}'.`;
  return Object.hasOwn(comparisons, operator) ? undefined : `The emulator doesn't have the operator '${operator}'.`;
};

/** How long there must be no result before a stateful alert is resolved, in minutes, by how often its rule is evaluated. */
const resolveMinutes = (frequency: number): number => {
  if (frequency < 5) return 10;
  if (frequency <= 15) return 3 * frequency;
  if (frequency <= 11 * 60) return 2 * frequency;
  return frequency <= 12 * 60 ? frequency : Number.POSITIVE_INFINITY;
};

const minutesLater = (at: Date, minutes: number): Date => new Date(at.getTime() + minutes * 60_000);

/** What is to be remembered of a series, and the notice that it gives. */
type Outcome = Pick<SeriesMemory, 'firing' | 'mutedUntil'> & { readonly notice?: Notice };

const newlyFired = (series: Series, now: Date): Notice => ({
  alertId: randomUUID(),
  monitorCondition: 'Fired',
  series,
  firedAt: now,
  at: now,
});

/** Fires whenever the condition is met, unless that is muted. */
const stateless = (series: Series, isMet: boolean, { mutedUntil }: Partial<SeriesMemory>, now: Date, rule: RuleProperties): Outcome => {
  if (mutedUntil !== undefined && mutedUntil > now) return { mutedUntil };
  if (!isMet) return {};
  const { muteActionsDuration } = rule;
  const muted = muteActionsDuration === undefined ? {} : { mutedUntil: minutesLater(now, minutesOf(muteActionsDuration)) };
  return { notice: newlyFired(series, now), ...muted };
};

/** Fires once, and is over when the condition hasn't been met for long enough. */
const stateful = (series: Series, isMet: boolean, { firing }: Partial<SeriesMemory>, now: Date, rule: RuleProperties): Outcome => {
  if (firing === undefined) {
    if (!isMet) return {};
    const notice = newlyFired(series, now);
    return { notice, firing: { alertId: notice.alertId, firedAt: now, lastMetAt: now } };
  }
  if (isMet) return { firing: { ...firing, lastMetAt: now } };
  if (minutesLater(firing.lastMetAt, resolveMinutes(minutesOf(rule.evaluationFrequency ?? ''))) > now) return { firing };
  const { alertId, firedAt } = firing;
  return { notice: { alertId, monitorCondition: 'Resolved', series, firedAt, at: now } };
};

/**
 * Decides which alerts of a rule fire and which are over. A stateless rule fires at each evaluation that meets its condition, unless
 * it is muted; a stateful one fires once for each series, until that has been resolved.
 */
export const decide = (rule: RuleProperties, condition: Condition, found: readonly Series[], before: Memory, now: Date): Decision => {
  const { numberOfEvaluationPeriods = 1, minFailingPeriodsToAlert = 1 } = condition.failingPeriods ?? {};
  const exceeds = comparisons[condition.operator ?? ''] ?? (() => false);
  const judge = (rule.autoMitigate ?? true) ? stateful : stateless;
  const current = new Map(
    found.map((series) => [seriesKey(series), { series, isExceeded: exceeds(series.count, condition.threshold ?? 0) }]),
  );
  const gone = [...before].filter(([key]) => !current.has(key));
  for (const [key, { series }] of gone) current.set(key, { series: { dimensions: series.dimensions, count: 0 }, isExceeded: false });

  const notices: Notice[] = [];
  const memory = new Map<string, SeriesMemory>();
  let room = mostFired - [...before.values()].filter(({ firing }) => firing !== undefined).length;
  for (const [key, { series, isExceeded }] of current) {
    const known: Partial<SeriesMemory> = before.get(key) ?? {};
    const recent = [...(known.recent ?? []), isExceeded].slice(-numberOfEvaluationPeriods);
    const isMet = recent.filter(Boolean).length >= minFailingPeriodsToAlert;
    const { notice, ...kept } = judge(series, isMet, known, now, rule);
    const isNew = kept.firing !== undefined && notice !== undefined;
    if (isNew && (room <= 0 || notices.length >= mostPerEvaluation)) continue;
    if (isNew) room -= 1;
    if (notice !== undefined) notices.push(notice);
    if (recent.includes(true) || Object.keys(kept).length > 0) memory.set(key, { series, recent, ...kept });
  }
  return { notices, memory };
};
