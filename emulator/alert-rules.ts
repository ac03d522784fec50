import { randomUUID } from 'node:crypto';
import { readsResourceGraph, ruleFault } from './alert-rule-limits.ts';
import { isAllowed } from './authorization.ts';
import { echoed } from './echo.ts';
import { badRequest, linkedAuthorizationFailed, locationConflict, resourceNotFound } from './errors.ts';
import type { Answer } from './http.ts';
import {
  checkAssignable,
  dropIdentity,
  identityAsSent,
  identityToWire,
  principalsAfter,
  settleIdentity,
  type IdentityBody,
  type StoredIdentity,
} from './identity.ts';
import { below, page } from './page.ts';
import { grantsOf, may, type ArmRequest, type Azure, type ResourceProvider, type WireResource } from './provider.ts';
import { idKey, isGuid, lastSegment, whereIs } from './resource-id.ts';
import { checkedBody, schemas } from './schema.ts';
import { withSevenDigits } from './time.ts';
import { isClusterId } from './world.ts';

/** A column that the results of a condition are split by. */
export interface Dimension {
  readonly name: string;
  readonly operator: string;
  /** `*` stands for every value. */
  readonly values: readonly string[];
}

/** The part of a condition that the emulator itself reads. */
export interface Condition {
  readonly criterionType?: string;
  readonly query?: string;
  readonly timeAggregation?: string;
  readonly operator?: string;
  readonly threshold?: number;
  readonly dimensions?: readonly Dimension[];
  readonly failingPeriods?: { readonly numberOfEvaluationPeriods?: number; readonly minFailingPeriodsToAlert?: number };
}

/** The part of a rule's properties that the emulator itself reads; everything else goes through as it came. */
export interface RuleProperties {
  readonly [property: string]: unknown;
  readonly severity?: number;
  readonly enabled?: boolean;
  readonly description?: string;
  readonly scopes?: readonly string[];
  readonly evaluationFrequency?: string;
  readonly windowSize?: string;
  readonly overrideQueryTimeRange?: string;
  readonly muteActionsDuration?: string;
  readonly autoMitigate?: boolean;
  readonly actions?: {
    readonly actionGroups?: readonly string[];
    readonly customProperties?: Readonly<Record<string, string>>;
    readonly actionProperties?: Readonly<Record<string, string>>;
  };
  readonly criteria?: { readonly allOf?: readonly Condition[] };
}

/** The body of a PUT, read-only properties taken out. */
export interface RuleBody {
  readonly location: string;
  readonly kind?: string;
  readonly tags?: Readonly<Record<string, string>> | null;
  readonly identity?: IdentityBody;
  readonly properties: RuleProperties;
}

/** A rule as it is kept. */
export interface StoredAlertRule {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly body: Omit<RuleBody, 'identity'>;
  readonly identity?: StoredIdentity;
  readonly createdWithApiVersion: string;
  readonly etag: string;
  /** Whether a client has written it again since it was made. */
  readonly isUpdated: boolean;
  readonly created: { readonly by: string; readonly at: Date };
  readonly modified: { readonly by: string; readonly at: Date };
}

const type = 'Microsoft.Insights/scheduledQueryRules';
const writeAction = `${type}/write`;

/** Versions that the service was seen to offer and the operator might call. */
const apiVersions = ['2023-12-01', '2025-01-01-preview'];

const shortLocation = (location: string): string => location.toLowerCase().replaceAll(' ', '');

/** Applications are named by their client id, people by their address. */
const kindOfAuthor = (by: string): string => (isGuid(by) ? 'Application' : 'User');

const conditionWithDefaults = (condition: Condition): Condition => ({
  criterionType: 'StaticThresholdCriterion',
  dimensions: [],
  ...condition,
  failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1, ...condition.failingPeriods },
});

/** A rule's body with the defaults that the settings add. A scope's type is what the portal's exports show as `targetResourceTypes`. */
const withDefaults = (defaults: Azure['settings']['defaults'], { kind, properties }: StoredAlertRule['body']) => {
  if (defaults === 'none') return { kind, properties };
  if (defaults === 'recorded') return { kind, properties: { enabled: true, ...properties } };
  const allOf = (properties.criteria?.allOf ?? []).map(conditionWithDefaults);
  return {
    kind: kind ?? 'LogAlert',
    properties: {
      enabled: true,
      autoMitigate: true,
      skipQueryValidation: false,
      checkWorkspaceAlertsStorageConfigured: false,
      muteActionsDuration: null,
      overrideQueryTimeRange: null,
      targetResourceTypes: (properties.scopes ?? []).filter(isClusterId).map(() => 'microsoft.containerservice/managedclusters'),
      ...properties,
      criteria: { ...properties.criteria, allOf },
      actions: { actionGroups: [], customProperties: {}, actionProperties: {}, ...properties.actions },
    },
  };
};

/**
 * A rule as answers show it. What the client didn't send isn't echoed, but for `enabled`; ids and types have the casing that the service
 * was seen to answer with, which isn't the one that clients send.
 */
export const alertRuleToWire = (azure: Azure, rule: StoredAlertRule): WireResource => {
  const { tags, location } = rule.body;
  const { kind, properties } = withDefaults(azure.settings.defaults, rule.body);
  const typeInId = azure.settings.alertRuleIds === 'lowerCase' ? type.toLowerCase() : type;
  return echoed(azure.settings, {
    id: `/subscriptions/${rule.subscriptionId}/resourceGroups/${rule.resourceGroup}/providers/${typeInId}/${rule.name}`,
    name: rule.name,
    type,
    location: shortLocation(location),
    ...(kind === undefined ? {} : { kind }),
    ...(tags === undefined || tags === null ? {} : { tags }),
    ...(rule.identity === undefined ? {} : { identity: identityToWire(azure, rule.identity) }),
    etag: `"${rule.etag}"`,
    properties: { ...properties, createdWithApiVersion: rule.createdWithApiVersion },
    systemData: {
      createdBy: rule.created.by,
      createdByType: kindOfAuthor(rule.created.by),
      createdAt: withSevenDigits(rule.created.at),
      lastModifiedBy: rule.modified.by,
      lastModifiedByType: kindOfAuthor(rule.modified.by),
      lastModifiedAt: withSevenDigits(rule.modified.at),
    },
  });
};

/** What a rule refers to must be readable for whoever writes it, as Azure Monitor's documentation on creating alerts says. */
const checkLinks = (azure: Azure, request: ArmRequest, { scopes = [], actions = {} }: RuleProperties): void => {
  const { objectId } = request.caller;
  const links = [
    ...scopes.map((scope) => ({ linkedScope: scope, linkedAction: readAction(scope) })),
    ...(actions.actionGroups ?? []).map((group) => ({ linkedScope: group, linkedAction: 'Microsoft.Insights/actionGroups/read' })),
  ];
  for (const link of links) {
    if (!may(azure, objectId, link.linkedAction, link.linkedScope)) {
      throw linkedAuthorizationFailed({ objectId, action: writeAction, scope: request.path.id, ...link });
    }
  }
};

/** The action that reads whatever an id names: a subscription, a resource group, or a resource by its type. */
const readAction = (id: string): string => {
  const segments = id.split('/').filter((segment) => segment !== '');
  const providers = segments.findLastIndex((segment) => segment.toLowerCase() === 'providers');
  if (providers === -1)
    return segments.length > 2 ? 'Microsoft.Resources/subscriptions/resourceGroups/read' : 'Microsoft.Resources/subscriptions/read';
  const [namespace, ...rest] = segments.slice(providers + 1);
  return [namespace, ...rest.filter((_, index) => index % 2 === 0), 'read'].join('/');
};

/** Whether a scope is there. Resources of kinds that the emulator doesn't have are given the benefit of the doubt. */
const scopeExists = ({ state }: Azure, scope: string): boolean => {
  const { subscriptionId = '', resourceGroup } = whereIs(scope);
  const subscription = state.subscriptions.get(subscriptionId.toLowerCase());
  if (subscription === undefined) return false;
  if (resourceGroup !== undefined && !subscription.resourceGroups.has(resourceGroup.toLowerCase())) return false;
  return isClusterId(scope) ? state.clusters.has(idKey(scope)) : true;
};

const checkScope = (azure: Azure, { scopes = [] }: RuleProperties, existing: StoredAlertRule | undefined): void => {
  const [scope = ''] = scopes;
  const [before = scope] = existing?.body.properties.scopes ?? [];
  if (idKey(before) !== idKey(scope)) throw badRequest('Scope can not be updated');
  if (azure.settings.scopesMustExist && !scopeExists(azure, scope)) throw badRequest(`Scope '${lastSegment(scope)}' does not exist`);
};

/**
 * Only so many rules that read Resource Graph may share an identity. The limit is documented; code and sentence are ours, since nobody has
 * reported what the service answers.
 */
const checkIdentityLimit = ({ state, settings }: Azure, request: ArmRequest, { identity, properties }: RuleBody): void => {
  if (!readsResourceGraph(properties)) return;
  for (const id of Object.keys(identity?.userAssignedIdentities ?? {})) {
    const others = [...state.alertRules].filter(
      ([key, rule]) =>
        key !== idKey(request.path.id) &&
        (rule.identity?.userAssigned ?? []).some((assigned) => idKey(assigned.id) === idKey(id)) &&
        readsResourceGraph(rule.body.properties),
    );
    if (others.length >= settings.rulesPerIdentity) {
      const most = settings.rulesPerIdentity;
      throw badRequest(
        `The managed identity '${id}' is used by ${most} log alert rules that query Azure Resource Graph; that is the limit`,
      );
    }
  }
};

/**
 * Where it is switched on: the service tries the query with the rights of the rule's identity. A system-assigned identity that the write itself
 * makes can't have any yet, so that isn't held against it.
 */
const checkAccess = (azure: Azure, wanted: RuleBody, existing: StoredAlertRule | undefined): void => {
  const { insufficientAccess } = azure.settings;
  if (insufficientAccess === 'never') return;
  const isTried = {
    create: existing === undefined,
    update: existing !== undefined,
    updateAfterCreate: existing?.isUpdated === false,
  }[insufficientAccess.on];
  const principals = principalsAfter(azure, wanted.identity, existing?.identity);
  const [scope = ''] = wanted.properties.scopes ?? [];
  const hasAccess = principals.some((principalId) =>
    isAllowed(grantsOf(azure, principalId, insufficientAccess.seconds), azure.state.roles, readAction(scope), scope),
  );
  if (!isTried || principals.length === 0 || hasAccess) return;
  throw badRequest(`The provided credentials have insufficient access to perform the requested operation Activity ID: ${randomUUID()}.`);
};

/** Alert rules: PUT replaces everything, PATCH replaces what it names, and nothing takes longer than the call. */
export const alertRules = (azure: Azure): ResourceProvider => {
  const rules = azure.state.alertRules;
  const find = ({ path }: ArmRequest): StoredAlertRule => {
    const rule = rules.get(idKey(path.id));
    if (rule === undefined) throw resourceNotFound(`${type.toLowerCase()}/${path.names[0] ?? ''}`, path.resourceGroup ?? '');
    return rule;
  };

  const store = (request: ArmRequest, wanted: RuleBody, existing: StoredAlertRule | undefined): Answer => {
    const { path, caller } = request;
    const [name = ''] = path.names;
    checkLinks(azure, request, wanted.properties);
    const fault = ruleFault(wanted, name);
    if (fault !== undefined) throw fault;
    if (existing !== undefined && shortLocation(existing.body.location) !== shortLocation(wanted.location)) {
      throw locationConflict(name, path.resourceGroup ?? '', shortLocation(existing.body.location), shortLocation(wanted.location));
    }
    checkScope(azure, wanted.properties, existing);
    checkIdentityLimit(azure, request, wanted);
    checkAccess(azure, wanted, existing);

    const { identity: wantedIdentity, ...body } = wanted;
    const identity = settleIdentity(azure, wantedIdentity, existing?.identity);
    const now = { by: caller.clientId, at: azure.clock() };
    const rule: StoredAlertRule = {
      subscriptionId: existing?.subscriptionId ?? path.subscriptionId,
      resourceGroup: existing?.resourceGroup ?? path.resourceGroup ?? '',
      name: existing?.name ?? name,
      body,
      ...(identity === undefined ? {} : { identity }),
      createdWithApiVersion: existing?.createdWithApiVersion ?? request.apiVersion,
      etag: randomUUID(),
      isUpdated: existing !== undefined,
      created: existing?.created ?? now,
      modified: now,
    };
    rules.set(idKey(path.id), rule);
    return { status: existing === undefined ? 201 : 200, body: alertRuleToWire(azure, rule) };
  };

  return {
    type,
    apiVersions,
    placement: 'resourceGroup',
    verbs: {
      GET: (request) => ({ status: 200, body: alertRuleToWire(azure, find(request)) }),
      LIST: (request) => page(azure, request, below(rules, request.path.scope), (rule) => alertRuleToWire(azure, rule)),
      PUT: (request) => {
        const wanted = checkedBody(schemas.alertRule, request.body);
        checkAssignable(azure, request, writeAction, wanted.identity);
        return store(request, wanted, rules.get(idKey(request.path.id)));
      },
      PATCH: (request) => {
        const existing = find(request);
        const { properties, identity, ...change } = checkedBody(schemas.alertRulePatch, request.body);
        checkAssignable(azure, request, writeAction, identity);
        const kept = identity ?? identityAsSent(existing.identity);
        const wanted: RuleBody = {
          ...existing.body,
          ...change,
          ...(kept === undefined ? {} : { identity: kept }),
          properties: { ...existing.body.properties, ...properties },
        };
        return store(request, wanted, existing);
      },
      DELETE: ({ path }) => {
        const rule = rules.get(idKey(path.id));
        if (rule === undefined) return { status: 204 };
        rules.delete(idKey(path.id));
        dropIdentity(azure, rule.identity);
        return { status: 200 };
      },
    },
  };
};
