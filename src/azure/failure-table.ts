import type { Reason } from '../api/condition.ts';
import { shellWord } from '../core/shell-word.ts';

/** A failed call, as the sentences speak of it. */
export interface Said {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** ARM's error code, or a socket's (`ECONNRESET`); empty when there is none. */
  readonly code: string;
  /** Azure's own words, made steady. */
  readonly text: string;
  /** The same, cut to what a condition has room for; never empty. */
  readonly quote: string;
  /** Where it happened, as the address of the call says. */
  readonly subscriptionId: string | undefined;
}

/**
 * When to try again.
 * - `told`: when Azure says; 30 s doubling to 5 minutes when it names no time
 * - `fast`: 1 s doubling to 30 s; like `slow` once it has lasted for ten minutes
 * - `slow`: 1 s doubling to 3 minutes
 * - `slowThenCrawl`: like `slow` for ten minutes, which is what grants and new things take to spread; then like `crawl`
 * - `crawl`: a person must act, so the object is Stalled, and looked at again every interval
 */
export type RetryClass = 'told' | 'fast' | 'slow' | 'slowThenCrawl' | 'crawl';

/** One kind of failure: how it is told, what it is called, when to try again, and what to tell the person who must act. */
export interface FailureRow {
  /** `none`: no answer came. Absent: whatever the status. */
  readonly status?: readonly (number | '5xx' | 'none')[];
  /** Absent: whatever the code. */
  readonly codes?: readonly string[];
  /** Looked for in Azure's text, outside of single quotes: inside stand names that people chose. */
  readonly text?: RegExp;
  /** Only an answer that says how long to wait. */
  readonly saysWhen?: true;
  readonly reason: Reason;
  readonly retry: RetryClass;
  readonly sentence: (said: Said) => string;
  /** Added once it has lasted for ten minutes. */
  readonly later?: string;
}

type Sentence = FailureRow['sentence'];

const says =
  (what: string): Sentence =>
  ({ quote }) =>
    `${what} Azure says: ${quote}`;

const always =
  (what: string): Sentence =>
  () =>
    what;

/** The narrowest of Azure's own roles that fits the operator, by the action it lacks. */
const roles: readonly (readonly [RegExp, string])[] = [
  [/^Microsoft\.Authorization\/roleAssignments\/(?:write|delete)$/i, 'Role Based Access Control Administrator'],
  [/\/userAssignedIdentities\/assign\/action$/i, 'Managed Identity Operator'],
  [/^Microsoft\.Insights\//i, 'Monitoring Contributor'],
  [/\/read$/i, 'Reader'],
];

const principalIn = (text: string): string => /object id '([^']+)'/.exec(text)?.[1] ?? "<the object id of the operator's identity>";

/** What may not be done, and where. */
const deniedIn = (text: string): readonly [action: string | undefined, scope: string | undefined] => {
  const [, action, scope] = /perform action '([^']+)' over scope '([^']+)'/.exec(text) ?? [];
  return [action, scope];
};

const grant = (text: string, role: string, scope: string): string =>
  `az role assignment create --assignee-object-id ${principalIn(text)} --assignee-principal-type ServicePrincipal --role "${role}" --scope ${shellWord(scope)}`;

const roleFor = (action: string): string => roles.find(([pattern]) => pattern.test(action))?.[1] ?? `<a role with ${action}>`;

/** Where to grant it: a thing of ours may not exist yet, so the group or scope that it is in. */
const grantScope = (scope: string): string =>
  scope.replace(/\/providers\/Microsoft\.(?:Insights|Authorization)(?:\/.*)?$/i, '').replace(/\/maintenanceConfigurations.*$/i, '');

const denied: Sentence = ({ text, quote }) => {
  const [action, scope] = deniedIn(text);
  if (!action || !scope) return `The operator's identity lacks a right. Azure says: ${quote}`;
  const limit = /roleAssignments\/(?:write|delete)$/i.test(action) ? ' (a condition may limit it to Reader for service principals)' : '';
  return `The operator's identity may not do ${action} on ${scope}: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it${limit}: ${grant(text, roleFor(action), grantScope(scope))}`;
};

/** Azure has one text for a right that is missing and for a condition that isn't fulfilled ("Troubleshoot Azure RBAC"). */
const deniedByCondition: Sentence = ({ text, quote }) => {
  const [action, scope] = deniedIn(text);
  if (!action || !scope)
    return `The operator's identity lacks a right, or a condition on its role assignment forbids it. Azure says: ${quote}`;
  return `The operator's identity may not do ${action} on ${scope}: it lacks the right, or a condition on its role assignment forbids it. A condition must allow the role Reader (acdd72a7-3385-48ef-bd42-f606fba81ae7) for principals of type ServicePrincipal. To see both: az role assignment list --all --assignee ${principalIn(text)}. To grant the right: ${grant(text, roleFor(action), grantScope(scope))}`;
};

/** Azure may name several actions and scopes, in the same order; the first is told, the next comes with the next try. */
const linkDenied: Sentence = ({ text, quote }) => {
  const [, actions, scopes] = /action(?:\(s\))? '([^']+)' on the linked scope(?:\(s\))? '([^']+)'/.exec(text) ?? [];
  const [action, scope] = [actions?.split(',')[0]?.trim(), scopes?.split(',')[0]?.trim()];
  if (!action || !scope) return `The operator's identity may not use a resource that the request names. Azure says: ${quote}`;
  const role = /\/read$/i.test(action) ? 'Reader' : roleFor(action);
  return `The operator's identity may not do ${action} on ${scope}, which the request refers to: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it: ${grant(text, role, scope)}`;
};

const deniedByPolicy: Sentence = ({ text, quote }) => {
  const name = /"policyAssignment":\{"name":"([^"]+)"/.exec(text)?.[1];
  return `An Azure Policy${name ? ` (assignment "${name}")` : ''} forbids it: ask its owner for an exemption. Azure says: ${quote}`;
};

const locked: Sentence = ({ text, quote }) => {
  const scopes = /scope\(s\) are locked: ('[^']+'(?:, ?'[^']+')*)/.exec(text)?.[1]?.replaceAll("'", '').split(/, ?/);
  const [, subscription, group] = /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?/i.exec(scopes?.[0] ?? '') ?? [];
  if (!scopes || !subscription) return `A lock is in the way: remove it, or ask its owner. Azure says: ${quote}`;
  const where = `--subscription ${subscription}${group ? ` --resource-group ${shellWord(group)}` : ''}`;
  return `A lock is in the way, at ${scopes.join(' and ')}: remove it, or ask its owner. To find it: az lock list ${where} --query "[].id"; to remove it: az lock delete --ids <id>`;
};

const notRegistered: Sentence = ({ text, subscriptionId, quote }) => {
  const namespace = /namespace '([\w.]+)'|use (microsoft\.\w+)/i.exec(text);
  const where = subscriptionId ? ` --subscription ${subscriptionId}` : '';
  return `Register the provider: az provider register --namespace ${namespace?.[1] ?? namespace?.[2] ?? 'Microsoft.Insights'}${where}. Azure says: ${quote}`;
};

const unknown: Sentence = ({ status, code, quote }) =>
  `An answer that the operator does not know (HTTP status ${status ?? 'none'}${code ? `, ${code}` : ''}); trying again. Azure says: ${quote}`;

const busy = says('Somebody else is changing it; trying again.');
const rejected = says('Azure refuses the request: change what the text names.');
const unavailable = says('Azure could not be reached or failed; trying again.');

/**
 * What Azure Resource Manager answers when it fails, by what it means for us: the first row that fits counts. Sources: Azure's
 * troubleshooting pages for Resource Manager, RBAC and Monitor, and the error classifier of Azure Service Operator; unlike there, no code
 * is final. What is no failure where it occurs doesn't get here: a thing that isn't there when it is read or deleted, an assignment that
 * exists already. Refused sign-ins are in sign-in.ts.
 */
export const failureTable: readonly FailureRow[] = [
  {
    codes: ['ResourceGroupNotFound'],
    reason: 'ResourceGroupNotFound',
    retry: 'slowThenCrawl',
    sentence: says('The resource group does not exist: create it, or name another in spec.placement.resourceGroup.'),
  },
  {
    codes: ['SubscriptionNotFound'],
    reason: 'SubscriptionNotFound',
    retry: 'crawl',
    sentence: says(
      "The subscription does not exist, or the operator's identity can't see it: check its id, and grant the identity a role in it.",
    ),
  },
  {
    codes: ['ParentResourceNotFound', 'InvalidResourceReference'],
    reason: 'DependencyNotReady',
    retry: 'slow',
    sentence: says('Something it refers to does not exist yet.'),
  },
  {
    status: [400],
    codes: ['BadRequest'],
    text: /insufficient access/i,
    reason: 'WaitingForRole',
    retry: 'fast',
    sentence: always("The rule's identity has no access to what the query reads yet: roles take some minutes to spread."),
    later:
      'That has lasted for more than ten minutes, so it is not the spreading alone: see whether the identity has Reader on the cluster: az role assignment list --all --assignee, with the id in status.principalId.',
  },
  {
    status: [400],
    codes: ['BadRequest'],
    text: /scope .*does not exist/i,
    reason: 'ScopeNotFound',
    retry: 'slow',
    sentence: says('The scope of the alert rule does not exist: is the cluster of spec.clusterResourceId still there?'),
  },
  {
    status: [400],
    codes: ['BadRequest'],
    text: /scope can not be updated/i,
    reason: 'ReplacementNeeded',
    retry: 'slow',
    sentence: says('The scope of an alert rule can not change, so it must be made anew.'),
  },
  {
    status: [400],
    codes: ['BadRequest'],
    text: /"?adx"? pattern|authentication scheme/i,
    reason: 'IdentityMissing',
    retry: 'slow',
    sentence: says('The alert rule has no identity; it is written again with one.'),
  },
  {
    codes: [
      'BadRequestFormat',
      'InvalidParameter',
      'InvalidParameterValue',
      'MethodNotAllowed',
      'ReservedResourceName',
      'InvalidResourceGroupLocation',
      'RegionIsOfferRestricted',
      'SkuNotAvailable',
    ],
    reason: 'Rejected',
    retry: 'crawl',
    sentence: rejected,
  },
  {
    codes: [
      'InvalidRequestContent',
      'InvalidTemplate',
      'InvalidValuesForRequestParameters',
      'InvalidResourceType',
      'MissingRequiredParameter',
      'LocationRequired',
      'PropertyChangeNotAllowed',
    ],
    reason: 'Rejected',
    retry: 'crawl',
    sentence: says(
      'Azure refuses the request as wrong: change what the text names; if the spec is right, it is a mistake of the operator.',
    ),
  },
  {
    codes: ['NoRegisteredProviderFound', 'InvalidApiVersionParameter'],
    reason: 'ApiNotAvailable',
    retry: 'crawl',
    sentence: says('Azure does not offer this API there: choose another place in spec.placement.'),
  },
  {
    codes: ['PrincipalNotFound'],
    reason: 'WaitingForIdentity',
    retry: 'fast',
    sentence: always("The alert rule's new identity is not known everywhere in the directory yet: trying again."),
  },
  {
    codes: ['RoleAssignmentUpdateNotPermitted'],
    reason: 'RoleAssignmentReplaced',
    retry: 'slow',
    sentence: says('A role assignment of our name belongs to another principal.'),
  },
  { text: /hash conflict/i, reason: 'RoleAssignmentPending', retry: 'fast', sentence: says('Trying again.') },
  {
    codes: ['RoleAssignmentLimitExceeded'],
    reason: 'RoleAssignmentLimit',
    retry: 'crawl',
    sentence: says('The subscription has no room for another role assignment: remove unused ones.'),
  },
  {
    codes: ['FailedIdentityOperation'],
    reason: 'WaitingForIdentity',
    retry: 'slow',
    sentence: says("Azure could not set up the rule's identity yet; trying again."),
  },
  {
    codes: ['AuthorizationFailed'],
    text: /\bcondition\b/i,
    reason: 'AccessDeniedByCondition',
    retry: 'slowThenCrawl',
    sentence: deniedByCondition,
  },
  { codes: ['AuthorizationFailed'], reason: 'AccessDenied', retry: 'slowThenCrawl', sentence: denied },
  { codes: ['LinkedAuthorizationFailed'], reason: 'IdentityAssignDenied', retry: 'slowThenCrawl', sentence: linkDenied },
  { codes: ['RequestDisallowedByPolicy'], reason: 'DeniedByPolicy', retry: 'crawl', sentence: deniedByPolicy },
  { codes: ['ScopeLocked'], reason: 'ResourceLocked', retry: 'crawl', sentence: locked },
  {
    codes: [
      'MissingSubscriptionRegistration',
      'MissingRegistrationForLocation',
      'SubscriptionNotRegistered',
      'InvalidSubscriptionRegistrationState',
    ],
    reason: 'ProviderNotRegistered',
    retry: 'slowThenCrawl',
    sentence: notRegistered,
  },
  {
    status: [409],
    codes: ['Conflict'],
    text: /not registered/i,
    reason: 'ProviderNotRegistered',
    retry: 'slowThenCrawl',
    sentence: notRegistered,
  },
  { status: [409], codes: ['Conflict', 'AnotherOperationInProgress'], reason: 'Busy', retry: 'fast', sentence: busy },
  {
    codes: ['AllocationFailed', 'ResourceQuotaExceeded', 'QuotaExceeded'],
    reason: 'QuotaExceeded',
    retry: 'crawl',
    sentence: says('A quota is used up: raise it, or remove what is not needed.'),
  },
  {
    status: [429],
    reason: 'Throttled',
    retry: 'told',
    sentence: always('Azure asks to wait before the next call of this kind; it goes on when Azure says.'),
  },
  { status: [503], saysWhen: true, reason: 'AzureUnavailable', retry: 'told', sentence: unavailable },
  { status: [408, '5xx', 'none'], reason: 'AzureUnavailable', retry: 'fast', sentence: unavailable },
  { codes: ['PARSE_ERROR'], reason: 'AzureUnavailable', retry: 'fast', sentence: unavailable },
  {
    status: [401],
    reason: 'AuthenticationFailed',
    retry: 'slow',
    sentence: says("Azure refuses the operator's token; trying again with a new one."),
  },
  { status: [403], reason: 'AccessDenied', retry: 'slowThenCrawl', sentence: denied },
  { status: [400], reason: 'Rejected', retry: 'crawl', sentence: rejected },
  { reason: 'AzureError', retry: 'slow', sentence: unknown },
];
