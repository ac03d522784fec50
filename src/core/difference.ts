import type { ActionGroup } from './action-group.ts';
import type { AlertRule } from './alert-rule.ts';
import { comparableReceiver, mayBeFilledIn } from './receivers.ts';
import { comparableId } from './resource-id.ts';

/** One field that is not as it should be. The values are in the form they are compared in. */
export interface Difference {
  readonly field: string;
  readonly is: string;
  readonly should: string;
}

/** A thing in Azure as flat fields, each in the one form in which it is compared. An absent field is an absent key. */
type Fields = Readonly<Record<string, string>>;

/**
 * Whether tags that we do not ask for count as a difference. They do while a new spec is being carried out (one of them may be a tag that
 * was just taken off the spec); afterwards they don't, because Azure Policy adds tags of its own and would have us write for ever.
 */
export type ForeignTags = 'differ' | 'ignored';

const tagFields = (tags: Readonly<Record<string, string>>): Fields =>
  // Azure compares tag names without regard to case, and tag values with it.
  Object.fromEntries(Object.entries(tags).map(([name, value]) => [`tags.${name.toLowerCase()}`, value]));

/** With the name of the receiver in small letters, as names are compared. */
const smallNamed = (stranger: string): string => stranger.replace(/\[.*\]/s, (name) => name.toLowerCase());

const actionGroupFields = (group: ActionGroup): Fields => ({
  enabled: String(group.enabled),
  shortName: group.shortName,
  ...Object.fromEntries(group.receivers.flatMap((each) => Object.entries(comparableReceiver(each)))),
  ...Object.fromEntries(group.strangers.map((stranger) => [`receivers.${smallNamed(stranger)}`, 'present'])),
  ...tagFields(group.tags),
});

const alertRuleFields = (rule: AlertRule): Fields => ({
  kind: rule.kind.toLowerCase(),
  location: rule.location.toLowerCase().replaceAll(' ', ''),
  scopes: rule.scopes.map(comparableId).toSorted().join(', '),
  enabled: String(rule.enabled),
  displayName: rule.displayName,
  description: rule.description,
  severity: String(rule.severity),
  evaluationFrequency: `${rule.frequencyMinutes}m`,
  windowSize: `${rule.windowMinutes}m`,
  query: rule.query.trimEnd(),
  timeAggregation: rule.timeAggregation.toLowerCase(),
  operator: rule.operator.toLowerCase(),
  threshold: String(rule.threshold),
  failingPeriods: rule.failingPeriods.join(' of '),
  dimensions: rule.dimensions
    .map(({ name, operator, values }) => `${name} ${operator.toLowerCase()} ${values.join('|')}`)
    .toSorted()
    .join(', '),
  autoMitigate: String(rule.autoMitigate),
  muteActionsDuration: `${rule.muteMinutes}m`,
  actionGroups: rule.actionGroupIds.map(comparableId).toSorted().join(', '),
  ...Object.fromEntries(Object.entries(rule.customProperties).map(([key, value]) => [`customProperties.${key}`, value])),
  ...(rule.emailSubject === undefined ? {} : { emailSubject: rule.emailSubject }),
  ...rule.strangers,
  identity: [rule.identityType.toLowerCase(), ...rule.identityIds.map(comparableId).toSorted()].join(' '),
  ...tagFields(rule.tags),
});

/** Whether a field that we are silent about is none of ours. */
const isForeign = (field: string, foreignTags: ForeignTags): boolean =>
  mayBeFilledIn(field) || (foreignTags === 'ignored' && field.startsWith('tags.'));

const compare = (should: Fields, is: Fields, foreignTags: ForeignTags): readonly Difference[] =>
  [...new Set([...Object.keys(should), ...Object.keys(is)])]
    .filter((field) => should[field] !== is[field])
    .filter((field) => should[field] !== undefined || !isForeign(field, foreignTags))
    .map((field) => ({ field, is: is[field] ?? '(absent)', should: should[field] ?? '(absent)' }))
    .toSorted((one, other) => (one.field < other.field ? -1 : 1));

/** What of an action group is not as desired: receivers by name, words without case, status and unknown fields ignored. */
export const actionGroupDifference = (desired: ActionGroup, observed: ActionGroup, foreignTags: ForeignTags): readonly Difference[] => {
  const differences = compare(actionGroupFields(desired), actionGroupFields(observed), foreignTags);
  // Of a receiver that is missing, or one too many, that alone is said.
  const whole = differences.filter(({ is, should }) => is === 'present' || should === 'present').map(({ field }) => `${field}.`);
  return differences.filter(({ field }) => !whole.some((receiver) => field.startsWith(receiver)));
};

/** What of an alert rule is not as desired: ids and words without case, durations by length, numbers by value, lists without order. */
export const alertRuleDifference = (desired: AlertRule, observed: AlertRule, foreignTags: ForeignTags): readonly Difference[] =>
  compare(alertRuleFields(desired), alertRuleFields(observed), foreignTags);

/** The fields that differ and that Azure never lets change: one of them means delete and create. */
export const unchangeable = (differences: readonly Difference[]): readonly string[] =>
  differences.map(({ field }) => field).filter((field) => field === 'scopes' || field === 'location');

/**
 * The fields that had been changed, for a metric: without the names of receivers, tags and the like, of which there is no end. `missing` when
 * the whole thing was gone.
 */
export const driftedFields = (differences: readonly Difference[] | undefined): readonly string[] => [
  ...new Set(
    differences?.map(({ field }) => field.replace(/\[.*\]/s, '').replace(/^(tags|customProperties|actionProperties)\..*/, '$1')) ?? [
      'missing',
    ],
  ),
];
