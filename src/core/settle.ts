import type { Claim, PartType, Reason } from '../api/condition.ts';
import type { Condition, MaintenanceNotification, MaintenanceNotificationStatus } from '../api/maintenance-notification.ts';
import { reconcileAnnotation } from '../api/names.ts';
import { conditionOf, setConditions, withoutConditions } from './conditions.ts';
import type { Inventory } from './inventory.ts';

type Status = MaintenanceNotificationStatus;

/** What a run found out, as far as it got. */
export interface Draft {
  readonly inventory: Inventory;
  readonly claims: readonly Claim<PartType>[];
  readonly alertRuleId?: string | undefined;
  readonly actionGroupId?: string | undefined;
  readonly receivers: NonNullable<Status['receivers']>;
  readonly principalId?: string | undefined;
  readonly readerAssignments: NonNullable<Status['readerAssignments']>;
  readonly cluster?: Status['cluster'] | undefined;
  readonly testNotification?: Status['testNotification'] | undefined;
}

/** How a run ended, or stands. */
export type Outcome =
  | { readonly kind: 'progressing' }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'deleting' }
  | { readonly kind: 'failed'; readonly reason: Reason; readonly message: string; readonly stalled: boolean; readonly inGrace: boolean }
  | { readonly kind: 'deletionFailed'; readonly reason: Reason; readonly message: string };

/** What the status says before a run has found out anything: the draft that a run starts from. */
export const draftFrom = (status: Status | undefined): Draft => ({
  inventory: status?.resources ?? [],
  claims: [],
  alertRuleId: status?.alertRuleId,
  actionGroupId: status?.actionGroupId,
  receivers: status?.receivers ?? [],
  principalId: status?.principalId,
  readerAssignments: status?.readerAssignments ?? [],
  cluster: status?.cluster,
  testNotification: status?.testNotification,
});

const readyMessage = ({ claims, receivers }: Draft): string => {
  if (claims.some(({ type, status }) => type === 'PrerequisitesMet' && status === 'False'))
    return 'Everything stands in Azure, but Azure will send no notice yet: see PrerequisitesMet.';
  return receivers.length > 0
    ? 'Everything stands in Azure, but Azure sends nothing to some receivers: see ActionGroupReady.'
    : 'Everything stands in Azure: the alert rule watches the cluster and reaches its receivers.';
};

/** The parts that a first run has not come to yet say so, so that every condition is there from the first visit. */
const untouched = (before: readonly Condition[], types: readonly PartType[]): readonly Claim[] =>
  types
    .filter((type) => !conditionOf(before, type))
    .map((type) => ({ type, status: 'Unknown', reason: 'Progressing', message: 'Not looked at yet.' }));

const parts: readonly PartType[] = ['PrerequisitesMet', 'ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'];

/** Conditions that are kept as they were, moved to a newer generation. */
const carried = (conditions: readonly Condition[], generation: number): readonly Condition[] =>
  conditions.map((condition) => ({ ...condition, observedGeneration: generation }));

const ready = (status: Claim['status'], reason: Reason, message: string): Claim => ({ type: 'Ready', status, reason, message });

/** The conditions at the end of a run: the table that kstatus, Flux and Argo CD read. */
const conditionsAt = (
  before: readonly Condition[],
  draft: Draft,
  outcome: Outcome,
  generation: number,
  now: Date,
): readonly Condition[] => {
  const unsaid = parts.filter((type) => !draft.claims.some((claim) => claim.type === type));
  const said = setConditions(before, [...untouched(before, unsaid), ...draft.claims], generation, now);
  const set = (base: readonly Condition[], ...claims: readonly Claim[]): readonly Condition[] =>
    setConditions(base, claims, generation, now);
  const atWork = (claim: Claim, reason: Reason): readonly Condition[] =>
    set(withoutConditions(said, 'Stalled'), claim, { type: 'Reconciling', status: 'True', reason, message: claim.message });
  switch (outcome.kind) {
    case 'progressing':
      return atWork(ready('Unknown', 'Progressing', 'Bringing Azure in line with the spec.'), 'Progressing');
    case 'succeeded':
      return set(withoutConditions(said, 'Reconciling', 'Stalled'), ready('True', 'Succeeded', readyMessage(draft)));
    case 'suspended': {
      const kept = carried(withoutConditions(said, 'Reconciling', 'Stalled'), generation);
      const wasKnown = conditionOf(kept, 'Ready')?.status;
      return wasKnown === 'True' || wasKnown === 'False'
        ? kept
        : set(kept, ready('Unknown', 'Suspended', 'spec.suspend is true: nothing is read or written in Azure.'));
    }
    case 'deleting':
      return atWork(ready('False', 'Deleting', 'Removing what was made in Azure.'), 'Deleting');
    case 'failed': {
      if (outcome.inGrace) return said;
      const failing = ready('False', outcome.reason, outcome.message);
      return outcome.stalled
        ? set(withoutConditions(said, 'Reconciling'), failing, {
            type: 'Stalled',
            status: 'True',
            reason: outcome.reason,
            message: outcome.message,
          })
        : atWork(failing, 'ProgressingWithRetry');
    }
    case 'deletionFailed':
      return atWork(ready('False', outcome.reason, outcome.message), 'ProgressingWithRetry');
  }
};

/** A generation counts as observed once it is carried out, refused for good, or suspended; not while it is being worked on. */
const isObserved = (outcome: Outcome): boolean =>
  outcome.kind === 'succeeded' || outcome.kind === 'suspended' || (outcome.kind === 'failed' && outcome.stalled);

/** The status at the end of a run, or in the middle of one (`progressing`, `deleting`). Absent fields stay absent. */
export const settle = (object: MaintenanceNotification, draft: Draft, outcome: Outcome, now: Date): Status => {
  const before = object.status ?? {};
  const generation = object.metadata.generation;
  const ended = outcome.kind !== 'progressing' && outcome.kind !== 'deleting';
  const handled = ended ? object.metadata.annotations?.[reconcileAnnotation] : undefined;
  const fields: Status = {
    observedGeneration: isObserved(outcome) ? generation : (before.observedGeneration ?? -1),
    conditions: [...conditionsAt(before.conditions ?? [], draft, outcome, generation, now)],
    resources: [...draft.inventory],
    alertRuleId: draft.alertRuleId,
    actionGroupId: draft.actionGroupId,
    receivers: [...draft.receivers],
    principalId: draft.principalId,
    readerAssignments: [...draft.readerAssignments],
    cluster: draft.cluster,
    lastHandledReconcileAt: handled ?? before.lastHandledReconcileAt,
    testNotification: draft.testNotification,
  } as Status;
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  ) as Status;
};

/** True when an object is Ready for its present generation. */
export const isReady = ({ status, metadata }: MaintenanceNotification): boolean => {
  const condition = conditionOf(status?.conditions, 'Ready');
  return condition?.status === 'True' && condition.observedGeneration === metadata.generation;
};

/** True when, besides, everything it made was last seen in place. */
export const wasWhole = (object: MaintenanceNotification): boolean =>
  isReady(object) && (object.status?.resources ?? []).every(({ state }) => state === 'Present');
