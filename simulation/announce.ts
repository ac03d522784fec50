import { noticeWindow } from '../src/core/window.ts';
import type { Assumptions } from './assumptions.ts';
import { exponential, randomFrom, seedOf } from './random.ts';
import type { Notice } from './timeline.ts';

/** An alert rule, as far as it decides when a row is taken and what mail follows. */
export interface Rule {
  readonly frequencyMinutes: number;
  readonly settlingMinutes: number;
  readonly overlapMinutes: number;
  /** One alert per record that stays fired while the record is found, instead of one at each evaluation that finds it. */
  readonly stateful?: boolean;
}

export interface World {
  readonly seed: number;
  readonly assumptions: Assumptions;
}

/** No evaluation is later than this many times the mean: it bounds how far to look. */
const latest = 10;

/** When an evaluation is carried out; undefined when it is skipped. */
const carriedOut = (planned: number, seed: number, given: Assumptions): number | undefined => {
  const random = randomFrom(seed);
  if (random() < given.skipped) return undefined;
  const onTime = planned + random() * given.jitter;
  return random() < given.lateShare ? onTime + Math.min(exponential(random, given.late), latest * given.late) : onTime;
};

/** The evaluations that find a row: their numbers, and when. */
const findings = (notice: Notice, rule: Rule, world: World): readonly { readonly evaluation: number; readonly at: number }[] => {
  const { assumptions: given } = world;
  const { fromMinutes, untilMinutes } = noticeWindow(rule);
  const seed = seedOf(world.seed, notice.maintenance, rule.frequencyMinutes);
  const phase = randomFrom(seed)() * rule.frequencyMinutes;
  const slack = given.jitter + latest * given.late;
  const first = Math.floor((notice.stamp + untilMinutes - slack - phase) / rule.frequencyMinutes);
  const last = Math.ceil((notice.stamp + fromMinutes - phase) / rule.frequencyMinutes);
  const found: { evaluation: number; at: number }[] = [];
  for (let evaluation = first; evaluation <= last; evaluation += 1) {
    const planned = phase + evaluation * rule.frequencyMinutes;
    const at = carriedOut(planned, seedOf(seed, evaluation), given);
    if (at === undefined) continue;
    const age = (given.plannedNow ? planned : at) - notice.stamp;
    if (untilMinutes <= age && age <= fromMinutes && notice.visible <= at && at < notice.gone) found.push({ evaluation, at });
  }
  return found;
};

/** After how many evaluations without the record Azure resolves its alert. */
const periodsToResolve = (frequencyMinutes: number): number => {
  if (frequencyMinutes <= 15) return 3;
  return frequencyMinutes < 11 * 60 ? 2 : 1;
};

/** The mails about one notice: how many announce it and how many call it resolved, and when the first came. */
export const announce = (
  notice: Notice,
  rule: Rule,
  world: World,
): { readonly mails: number; readonly resolved: number; readonly at: number } | undefined => {
  const found = findings(notice, rule, world);
  if (found.length === 0) return undefined;
  const at = Math.min(...found.map((each) => each.at));
  if (rule.stateful !== true) return { mails: found.length, resolved: 0, at };
  const absence = periodsToResolve(rule.frequencyMinutes);
  const alerts = found.filter(({ evaluation }, index) => evaluation - (found[index - 1]?.evaluation ?? -Infinity) > absence).length;
  return { mails: alerts, resolved: alerts, at };
};

export const causes = ['row', 'evaluation', 'skipped', 'several'] as const;
export type Cause = (typeof causes)[number];

/** Why a notice was missed: what, had it been otherwise, would have brought it. */
export const causeOf = (notice: Notice, rule: Rule, world: World): Cause => {
  const { assumptions } = world;
  if (announce({ ...notice, visible: Math.min(notice.visible, notice.stamp), gone: Infinity }, rule, world)) return 'row';
  if (announce(notice, rule, { ...world, assumptions: { ...assumptions, skipped: 0 } })) return 'skipped';
  if (announce(notice, rule, { ...world, assumptions: { ...assumptions, jitter: 0, lateShare: 0 } })) return 'evaluation';
  return 'several';
};
