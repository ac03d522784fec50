import type { Reason } from '../api/condition.ts';
import {
  always,
  denied,
  deniedByCondition,
  deniedByPolicy,
  linkDenied,
  locked,
  notRegistered,
  says,
  unknown,
  type Sentence,
} from './failure-sentences.ts';

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
  readonly sentence: Sentence;
  /** Added once it has lasted for ten minutes. */
  readonly later?: string;
}

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
