import type { RuleBody, RuleProperties } from './alert-rules.ts';
import { badRequest, invalidContent, type ArmError } from './errors.ts';
import { minutesOf } from './time.ts';

const frequencies = [1, 5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440];
const windows = [...frequencies, 2880];
const reaches = windows.filter((minutes) => minutes >= 5);

/** Kinds of queries that may not run every minute: cross-service ones, and some operators. */
const slowPattern = /\b(?:adx|arg)\s*\(|\bingestion_time\s*\(|\b(?:search|union|take)\b/iu;

/** A query that reads Azure Resource Graph or Azure Data Explorer, for which the rule must have an identity. */
const crossServicePattern = /\b(?:adx|arg)\s*\(/iu;

/** Whether a rule reads Azure Resource Graph; only so many of these may share an identity. */
export const readsResourceGraph = (properties: RuleProperties): boolean =>
  queriesOf(properties).some((query) => /\barg\s*\(/iu.test(query));

const name = /^[^#<>%&:?/{}*\\\p{Cc}]{1,260}$/u;

type Check = (rule: RuleBody, ruleName: string) => ArmError | undefined;

const queriesOf = (properties: RuleProperties): string[] => (properties.criteria?.allOf ?? []).map(({ query }) => query ?? '');
const hasIdentity = ({ identity }: RuleBody): boolean => identity !== undefined && identity !== null && identity.type !== 'None';

/** The service's own sentence for durations, seen for `MuteActionsDuration`; the other fields are taken to use the same one. */
const notSupported = (field: string, value: string | undefined, allowed: readonly number[]): ArmError | undefined => {
  if (value === undefined || allowed.includes(minutesOf(value))) return undefined;
  return invalidContent(`${field} of ${minutesOf(value)} minutes is not supported. Supported values are: ${allowed.join(', ')}`);
};

/**
 * What the alert rule service refuses although the shape is right, by its documentation and by what people reported; the first that applies
 * is answered. Where no report shows the text it is ours, and the code is the plain `BadRequest`.
 */
const checks: readonly Check[] = [
  (_rule, ruleName) =>
    name.test(ruleName) && !/[ .]$/u.test(ruleName) ? undefined : badRequest(`The alert rule name '${ruleName}' is not valid.`),
  (rule, ruleName) =>
    ruleName.includes(';') && hasIdentity(rule)
      ? badRequest(`The name '${ruleName}' of an alert rule with a managed identity must not contain ';'.`)
      : undefined,
  ({ properties: { scopes = [] } }) =>
    scopes.length === 1 ? undefined : invalidContent(`Exactly one scope is expected, but there are ${scopes.length}`),
  ({ kind = 'LogAlert', properties }) => {
    if (kind !== 'LogAlert') return undefined;
    const [condition] = properties.criteria?.allOf ?? [];
    const missing = [
      properties.severity === undefined ? 'severity' : '',
      properties.evaluationFrequency === undefined ? 'evaluationFrequency' : '',
      properties.windowSize === undefined ? 'windowSize' : '',
      condition === undefined ? 'criteria.allOf' : '',
      ...(['query', 'timeAggregation', 'operator', 'threshold'] as const).map((field) =>
        condition !== undefined && condition[field] === undefined ? `criteria.allOf[0].${field}` : '',
      ),
    ].filter((field) => field !== '');
    return missing.length === 0 ? undefined : badRequest(`A rule of kind LogAlert needs properties.${missing.join(', properties.')}`);
  },
  ({ properties }) => notSupported('EvaluationFrequency', properties.evaluationFrequency, frequencies),
  ({ properties }) => notSupported('WindowSize', properties.windowSize, windows),
  ({ properties }) => notSupported('OverrideQueryTimeRange', properties.overrideQueryTimeRange, reaches),
  ({ properties }) => notSupported('MuteActionsDuration', properties.muteActionsDuration, reaches),
  ({ properties: { muteActionsDuration, evaluationFrequency = 'PT1M' } }) =>
    muteActionsDuration !== undefined && minutesOf(muteActionsDuration) < minutesOf(evaluationFrequency)
      ? invalidContent('EvaluationFrequency cannot be greater than MuteActionsDuration')
      : undefined,
  ({ properties: { muteActionsDuration, autoMitigate = true } }) =>
    muteActionsDuration !== undefined && autoMitigate
      ? badRequest('Auto mitigation must be disabled when action suppression is set')
      : undefined,
  ({ properties }) => {
    const wrong = (properties.criteria?.allOf ?? [])
      .map(({ failingPeriods }) => ({
        number: failingPeriods?.numberOfEvaluationPeriods ?? 1,
        least: failingPeriods?.minFailingPeriodsToAlert ?? 1,
      }))
      .some(({ number, least }) => number < 1 || number > 6 || least < 1 || least > number);
    return wrong
      ? badRequest('failingPeriods: both numbers lie between 1 and 6, and minFailingPeriodsToAlert is not the greater one')
      : undefined;
  },
  ({ properties }) =>
    properties.evaluationFrequency !== undefined &&
    minutesOf(properties.evaluationFrequency) === 1 &&
    queriesOf(properties).some((query) => slowPattern.test(query))
      ? badRequest('The query uses a pattern that is not supported with an evaluation frequency of one minute')
      : undefined,
  (rule) =>
    queriesOf(rule.properties).some((query) => crossServicePattern.test(query)) && !hasIdentity(rule)
      ? badRequest('The "adx" pattern can\'t be used with the current authentication scheme. Assign a managed identity to the rule')
      : undefined,
  ({ properties }) =>
    (properties.actions?.actionGroups ?? []).length > 5 ? badRequest('An alert rule can have at most 5 action groups') : undefined,
  ({ properties }) =>
    (properties.criteria?.allOf ?? []).some(({ dimensions = [] }) => dimensions.length > 6)
      ? badRequest('A condition can have at most 6 dimensions')
      : undefined,
  ({ properties }) =>
    (properties.description ?? '').length > 4096 ? badRequest('The description is longer than 4096 characters') : undefined,
  ({ properties }) =>
    Buffer.byteLength(JSON.stringify(properties)) > 64 * 1024 ? badRequest('The properties of the rule are larger than 64 KB') : undefined,
  ({ identity }) =>
    identity?.type === 'UserAssigned' && Object.keys(identity.userAssignedIdentities ?? {}).length === 0
      ? badRequest('An identity of type UserAssigned must name a user-assigned identity')
      : undefined,
];

/** The first thing that the service would refuse about a rule of this name, if any. The body's shape has been checked before. */
export const ruleFault = (rule: RuleBody, ruleName: string): ArmError | undefined => {
  for (const check of checks) {
    const fault = check(rule, ruleName);
    if (fault !== undefined) return fault;
  }
  return undefined;
};
