import type { ScheduledQueryRuleResource } from '@azure/arm-monitor';
import type { AlertRule } from '../core/alert-rule.ts';
import { isoMinutes, toIso } from '../core/duration.ts';
import { resourceIdOf } from '../core/resource-id.ts';
import { listScopeId, readList, type Listing, type ListScope } from './listing.ts';
import { absentIfNotFound, resourceIn, type Session } from './session.ts';

/** What Azure has of a rule: the rule in our words, and the principal of its identity. */
export interface ObservedAlertRule {
  readonly rule: AlertRule;
  /** Of the rule's identity, whichever type it is of; undefined when the rule has none. */
  readonly principalId: string | undefined;
}

/** Log alert rules in Azure: read, replace, delete. Every call throws ReconcileError, and nothing else, for what Azure can answer. */
export interface AlertRules {
  observe(id: string, signal: AbortSignal): Promise<ObservedAlertRule | undefined>;
  list(scope: ListScope, signal: AbortSignal): Promise<Listing<ObservedAlertRule>>;
  put(rule: AlertRule, signal: AbortSignal): Promise<ObservedAlertRule>;
  /** A rule that isn't there is no error. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

/** A duration that can't be read is a difference, not a crash. */
const minutes = (duration: string | undefined): number => isoMinutes(duration ?? '') ?? Number.NaN;

/** The mail subject's key among the action properties (Azure Monitor: "Customize log search alert email subjects"). */
const emailSubjectKey = 'Email.Subject';

type AzureCondition = NonNullable<NonNullable<ScheduledQueryRuleResource['criteria']>['allOf']>[number];

const conditionFrom = ({ query, timeAggregation, operator, threshold, dimensions, failingPeriods }: Partial<AzureCondition>) => ({
  query: query ?? '',
  timeAggregation: timeAggregation ?? '',
  operator: operator ?? '',
  threshold: threshold ?? Number.NaN,
  dimensions: (dimensions ?? []).map((each) => ({ name: each.name, operator: each.operator, values: each.values })),
  failingPeriods: [failingPeriods?.minFailingPeriodsToAlert ?? 1, failingPeriods?.numberOfEvaluationPeriods ?? 1] as const,
});

const actionsFrom = ({ actionGroups, customProperties, actionProperties }: NonNullable<ScheduledQueryRuleResource['actions']>) => ({
  actionGroupIds: actionGroups ?? [],
  customProperties: customProperties ?? {},
  emailSubject: actionProperties?.[emailSubjectKey],
});

/** What somebody set that we never set, as far as it changes what the rule sees or sends. Azure's own defaults are no strangers. */
const strangersIn = ({ criteria, overrideQueryTimeRange, actions }: ScheduledQueryRuleResource): AlertRule['strangers'] => {
  const [first, ...others] = criteria?.allOf ?? [];
  const further = Object.entries(actions?.actionProperties ?? {}).filter(([name]) => name !== emailSubjectKey);
  const found = {
    conditions: others.length > 0 ? String(others.length + 1) : undefined,
    overrideQueryTimeRange,
    metricMeasureColumn: first?.metricMeasureColumn,
    resourceIdColumn: first?.resourceIdColumn,
    criterionType: first?.criterionType?.toLowerCase() === 'staticthresholdcriterion' ? undefined : first?.criterionType,
    ...Object.fromEntries(further.map(([name, value]) => [`actionProperties.${name}`, value])),
  };
  return Object.fromEntries(Object.entries(found).flatMap(([field, value]) => (value ? [[field, value]] : [])));
};

/** A rule has one identity: of its own, or one that is shared, whose principal stands beneath its id. */
const principalOf = (identity: ScheduledQueryRuleResource['identity']): string | undefined =>
  identity?.principalId ?? Object.values(identity?.userAssignedIdentities ?? {})[0]?.principalId;

/** Azure's answer in our own words: only what we own is taken over, absent means Azure's documented default. */
export const fromAzure = (rule: ScheduledQueryRuleResource, id: string): ObservedAlertRule => ({
  principalId: principalOf(rule.identity),
  rule: {
    id: rule.id ?? id,
    // Azure doesn't echo a kind that is its default.
    kind: rule.kind ?? 'LogAlert',
    location: rule.location,
    scopes: rule.scopes ?? [],
    enabled: rule.enabled ?? true,
    displayName: rule.displayName ?? '',
    description: rule.description ?? '',
    severity: rule.severity ?? -1,
    frequencyMinutes: minutes(rule.evaluationFrequency),
    windowMinutes: minutes(rule.windowSize),
    ...conditionFrom(rule.criteria?.allOf?.[0] ?? {}),
    // Azure's default is true; it doesn't echo what was not sent.
    autoMitigate: rule.autoMitigate ?? true,
    muteMinutes: minutes(rule.muteActionsDuration ?? 'PT0M'),
    ...actionsFrom(rule.actions ?? {}),
    identityType: rule.identity?.type ?? 'None',
    identityIds: Object.keys(rule.identity?.userAssignedIdentities ?? {}),
    strangers: strangersIn(rule),
    tags: rule.tags ?? {},
  },
});

/** The body of a PUT. A PUT replaces everything, so it always holds the whole of what we want. */
export const toAzure = (rule: AlertRule): ScheduledQueryRuleResource => ({
  location: rule.location,
  kind: rule.kind,
  identity: {
    type: rule.identityType === 'UserAssigned' ? 'UserAssigned' : 'SystemAssigned',
    ...(rule.identityIds.length > 0 ? { userAssignedIdentities: Object.fromEntries(rule.identityIds.map((id) => [id, {}])) } : {}),
  },
  tags: { ...rule.tags },
  displayName: rule.displayName,
  description: rule.description,
  severity: rule.severity,
  enabled: rule.enabled,
  scopes: [...rule.scopes],
  evaluationFrequency: toIso(rule.frequencyMinutes),
  windowSize: toIso(rule.windowMinutes),
  criteria: {
    allOf: [
      {
        query: rule.query,
        timeAggregation: rule.timeAggregation,
        operator: rule.operator,
        threshold: rule.threshold,
        dimensions: rule.dimensions.map(({ name, operator, values }) => ({ name, operator, values: [...values] })),
        failingPeriods: { minFailingPeriodsToAlert: rule.failingPeriods[0], numberOfEvaluationPeriods: rule.failingPeriods[1] },
      },
    ],
  },
  autoMitigate: rule.autoMitigate,
  actions: {
    actionGroups: [...rule.actionGroupIds],
    customProperties: { ...rule.customProperties },
    ...(rule.emailSubject === undefined ? {} : { actionProperties: { [emailSubjectKey]: rule.emailSubject } }),
  },
});

export const createAlertRules = (session: Session): AlertRules => {
  const at = (id: string) => {
    const { subscriptionId, resourceGroup, name } = resourceIdOf(id);
    return { rules: session.monitor(subscriptionId).scheduledQueryRules, resourceGroup, name };
  };
  return {
    observe: async (id, signal) => {
      const { rules, resourceGroup, name } = at(id);
      const what = { operation: 'scheduledQueryRules.get', doing: `read the alert rule ${name}`, signal };
      const found = await absentIfNotFound(
        session.call(what, async (options) => resourceIn(await rules.get(resourceGroup, name, options))),
      );
      return found && fromAzure(found, id);
    },
    list: async (scope, signal) => {
      const rules = session.monitor(scope.subscriptionId).scheduledQueryRules;
      const what = { operation: 'scheduledQueryRules.list', doing: `list the alert rules of ${listScopeId(scope)}`, signal };
      const { items, pages } = await readList(session, what, (options) =>
        scope.resourceGroup === undefined ? rules.listBySubscription(options) : rules.listByResourceGroup(scope.resourceGroup, options),
      );
      return { items: items.map((each) => fromAzure(each, each.id ?? '')), pages };
    },
    put: async (rule, signal) => {
      const { rules, resourceGroup, name } = at(rule.id);
      const what = {
        operation: 'scheduledQueryRules.put',
        doing: `write the alert rule ${name} in resource group ${resourceGroup}`,
        signal,
      };
      return fromAzure(await session.call(what, (options) => rules.createOrUpdate(resourceGroup, name, toAzure(rule), options)), rule.id);
    },
    remove: async (id, signal) => {
      const { rules, resourceGroup, name } = at(id);
      const what = {
        operation: 'scheduledQueryRules.delete',
        doing: `delete the alert rule ${name} in resource group ${resourceGroup}`,
        signal,
      };
      await absentIfNotFound(session.call(what, (options) => rules.delete(resourceGroup, name, options)));
    },
  };
};
