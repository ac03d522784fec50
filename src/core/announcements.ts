import type { MaintenanceNotificationStatus } from '../api/maintenance-notification.ts';
import { conditionOf } from './conditions.ts';
import type { Difference } from './difference.ts';
import { isConfidential } from './receivers.ts';
import type { Outcome } from './settle.ts';

/** One change that a run made in Azure. */
export interface Action {
  readonly verb: 'Created' | 'Updated' | 'Replaced' | 'Adopted' | 'Deleted' | 'HandedOver' | 'DriftCorrected';
  readonly part: 'ActionGroup' | 'AlertRule' | 'ReaderAccess';
  /** What it was done to: an ARM id, or the scope of an assignment; of one that was handed over, to whom besides. */
  readonly target: string;
  readonly differences?: readonly Difference[];
}

/** A Kubernetes Event to be: short, constant reason, and a sentence. */
export interface Announcement {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const short = (value: string): string => {
  const line = value.replaceAll(/\s+/g, ' ');
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
};

/** `severity: 3 → 1; enabled: false → true`, long values cut, and confidential ones left out. */
const describe = (differences: readonly Difference[]): string =>
  differences
    .map((each) => (isConfidential(each.field) ? each.field : `${each.field}: ${short(each.is)} → ${short(each.should)}`))
    .join('; ');

const labels: Readonly<Record<Action['part'], string>> = {
  ActionGroup: 'action group',
  AlertRule: 'alert rule',
  ReaderAccess: 'Reader assignment at',
};

const sentence = (verb: Action['verb'], part: Action['part'], actions: readonly Action[]): string => {
  const targets = actions.map(({ target }) => target).join(' and ');
  const detail = actions.flatMap(({ differences }) => differences ?? []);
  const changed = detail.length > 0 ? ` (${describe(detail)})` : '';
  const verbs = {
    Created: 'Created',
    Updated: 'Updated',
    Replaced: 'Replaced',
    Adopted: 'Took over',
    HandedOver: 'Handed over',
    Deleted: 'Deleted',
    DriftCorrected: 'Somebody had changed',
  };
  // Azure Monitor: a rule that fails for a week is switched off by the service.
  const bySomebodyElse =
    verb === 'DriftCorrected' && part === 'AlertRule' && detail.some(({ field }) => field === 'enabled')
      ? ' Azure itself switches off a rule whose query has failed for a week.'
      : '';
  return verb === 'DriftCorrected' && detail.length === 0
    ? `The ${labels[part]} ${targets} was missing and was made again.`
    : `${verbs[verb]} the ${labels[part]} ${targets}${changed}${verb === 'DriftCorrected' ? ': put right' : ''}.${bySomebodyElse}`;
};

const eventReason = ({ verb, part }: Action): string => (verb === 'DriftCorrected' ? verb : `${verb}${part}`);

/** Told of by conditions alone: nobody has to act. */
const silent: readonly string[] = ['Deleting', 'Throttled'];

/** True when something was reported as failing; a warning about prerequisites is none. */
const wasFailing = (status: MaintenanceNotificationStatus | undefined): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: word, reason }) => type !== 'PrerequisitesMet' && word === 'False' && !silent.includes(reason),
  );

const needsNoWord = (
  before: MaintenanceNotificationStatus | undefined,
  outcome: { readonly reason: string; readonly message: string },
): boolean =>
  silent.includes(outcome.reason) ||
  (before?.conditions ?? []).some(
    ({ type, status, reason, message }) =>
      type !== 'Stalled' &&
      reason === outcome.reason &&
      // What could not be read is Unknown, and that alone holds nothing back: only the very same words were told.
      (status === 'False' || (status === 'Unknown' && message === outcome.message)),
  );

/**
 * What people are told of a run: each change in Azure, the first time something fails for which somebody may have to act, that it is Stalled, and that it works again.
 * A quiet run and a repeated failure say nothing.
 */
export const announcements = (
  before: MaintenanceNotificationStatus | undefined,
  after: MaintenanceNotificationStatus,
  outcome: Outcome,
  actions: readonly Action[],
): readonly Announcement[] => {
  const grouped = Map.groupBy(actions, (action) => `${action.verb} ${action.part}`);
  const changes = [...grouped.values()].flatMap((group): readonly Announcement[] => {
    const [first] = group;
    return first ? [{ type: 'Normal', reason: eventReason(first), message: sentence(first.verb, first.part, group) }] : [];
  });
  return [...changes, ...turns(before, after, outcome)];
};

const turns = (
  before: MaintenanceNotificationStatus | undefined,
  after: MaintenanceNotificationStatus,
  outcome: Outcome,
): readonly Announcement[] => {
  switch (outcome.kind) {
    case 'succeeded':
      return wasFailing(before)
        ? [{ type: 'Normal', reason: 'Recovered', message: 'What failed before works: everything stands in Azure.' }]
        : [];
    case 'failed':
      if (outcome.stalled && !conditionOf(before?.conditions, 'Stalled'))
        return [{ type: 'Warning', reason: 'Stalled', message: `${outcome.reason}: ${outcome.message}` }];
      return needsNoWord(before, outcome)
        ? []
        : [{ type: 'Warning', reason: 'ReconcileFailed', message: `${outcome.reason}: ${outcome.message}` }];
    case 'deletionFailed':
      return needsNoWord(before, outcome)
        ? []
        : [{ type: 'Warning', reason: 'DeletionBlocked', message: `${outcome.reason}: ${outcome.message}` }];
    case 'suspended':
      return before?.observedGeneration === after.observedGeneration
        ? []
        : [{ type: 'Normal', reason: 'Suspended', message: 'spec.suspend is true: nothing is read or written in Azure.' }];
    case 'progressing':
    case 'deleting':
      return [];
  }
};
