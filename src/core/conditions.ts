import { conditionTypes, type Claim, type ConditionType } from '../api/condition.ts';
import type { Condition } from '../api/maintenance-notification.ts';

/** Room for a sentence or two; Kubernetes itself allows 32,768 characters. */
export const messageLimit = 1024;

const order = (type: string): number => conditionTypes.findIndex((each) => each === type);

/** RFC 3339 with whole seconds, the form that metav1.Time has. */
const timestamp = (now: Date): string => now.toISOString().replace(/\.\d+Z$/, 'Z');

/** The condition of that type, if it is there. */
export const conditionOf = (conditions: readonly Condition[] | undefined, type: ConditionType): Condition | undefined =>
  conditions?.find((condition) => condition.type === type);

/**
 * Puts claims among conditions: each replaces the one of its type. `lastTransitionTime` moves only when the status word changes
 * (Kubernetes API conventions); order and length of messages are settled here and nowhere else.
 */
export const setConditions = (
  before: readonly Condition[],
  claims: readonly Claim[],
  observedGeneration: number,
  now: Date,
): readonly Condition[] => {
  const claimed = claims.map(({ type, status, reason, message }): Condition => {
    const last = conditionOf(before, type);
    return {
      type,
      status,
      reason,
      message: message.length > messageLimit ? `${message.slice(0, messageLimit - 1)}…` : message,
      observedGeneration,
      lastTransitionTime: last?.status === status ? last.lastTransitionTime : timestamp(now),
    };
  });
  const kept = before.filter(({ type }) => !claims.some((claim) => claim.type === type));
  return [...kept, ...claimed].toSorted((one, other) => order(one.type) - order(other.type));
};

export const withoutConditions = (conditions: readonly Condition[], ...types: readonly ConditionType[]): readonly Condition[] =>
  conditions.filter(({ type }) => !types.some((each) => each === type));
