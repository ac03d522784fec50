import type { Reason } from '../api/condition.ts';
import { ReconcileError, type Retry, type Stalls } from '../core/failure.ts';

/** What is known of a failed call to Azure, whichever SDK made it. */
export interface AzureError {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** ARM's error code, or a socket's (`ECONNRESET`); empty when there is none. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

interface Answer {
  readonly reason: Reason;
  readonly stalls: Stalls;
  /** The sentence for the person who must act. `text` is Azure's own, made steady. */
  readonly sentence: (text: string) => string;
}

const says =
  (what: string): Answer['sentence'] =>
  (text) =>
    `${what} Azure says: ${text}`;

const denied: Answer['sentence'] = (text) => {
  const [, action, scope] = /perform action '([^']+)' over scope '([^']+)'/.exec(text) ?? [];
  return action && scope
    ? `The operator's identity may not do ${action} on ${scope}: grant it a role that holds this action there. A new grant takes some minutes to act.`
    : `The operator's identity lacks a right. Azure says: ${text}`;
};

const notRegistered: Answer = {
  reason: 'ProviderNotRegistered',
  stalls: 'afterTenMinutes',
  sentence: says('Register the provider: az provider register --namespace Microsoft.Insights.'),
};

/**
 * ARM's error codes, by what they mean for us. Sources: Azure's troubleshooting pages for Resource Manager, RBAC and Monitor, and
 * the error classifier of Azure Service Operator; unlike there, no code is final.
 */
const byCode: Readonly<Record<string, Answer>> = {
  AuthorizationFailed: { reason: 'AccessDenied', stalls: 'afterTenMinutes', sentence: denied },
  LinkedAuthorizationFailed: {
    reason: 'IdentityAssignDenied',
    stalls: 'afterTenMinutes',
    sentence: says("The operator's identity may not use a resource that the request names."),
  },
  RequestDisallowedByPolicy: {
    reason: 'DeniedByPolicy',
    stalls: 'atOnce',
    sentence: says('An Azure Policy forbids it: ask for an exemption.'),
  },
  ScopeLocked: { reason: 'ResourceLocked', stalls: 'atOnce', sentence: says('A lock is in the way: remove it, or ask its owner.') },
  ResourceGroupNotFound: {
    reason: 'ResourceGroupNotFound',
    stalls: 'afterTenMinutes',
    sentence: says('The resource group does not exist: create it, or name another in spec.placement.resourceGroup.'),
  },
  SubscriptionNotFound: {
    reason: 'SubscriptionNotFound',
    stalls: 'atOnce',
    sentence: says("The subscription does not exist, or the operator's identity can't see it."),
  },
  ParentResourceNotFound: { reason: 'DependencyNotReady', stalls: 'never', sentence: says('Something it needs does not exist yet.') },
  InvalidResourceReference: { reason: 'DependencyNotReady', stalls: 'never', sentence: says('Something it refers to does not exist yet.') },
  PrincipalNotFound: {
    reason: 'WaitingForIdentity',
    stalls: 'never',
    sentence: () => "The alert rule's new identity is not known everywhere in the directory yet: trying again.",
  },
  FailedIdentityOperation: {
    reason: 'WaitingForIdentity',
    stalls: 'never',
    sentence: says("Azure could not set up the rule's identity yet."),
  },
  RoleAssignmentUpdateNotPermitted: {
    reason: 'RoleAssignmentReplaced',
    stalls: 'never',
    sentence: says('A role assignment of our name belongs to another principal.'),
  },
  RoleAssignmentLimitExceeded: {
    reason: 'RoleAssignmentLimit',
    stalls: 'atOnce',
    sentence: says('The subscription has no room for another role assignment: remove unused ones.'),
  },
  MissingSubscriptionRegistration: notRegistered,
  MissingRegistrationForLocation: notRegistered,
  SubscriptionNotRegistered: notRegistered,
  InvalidSubscriptionRegistrationState: notRegistered,
  AnotherOperationInProgress: { reason: 'Busy', stalls: 'never', sentence: says('Somebody else is changing it.') },
  Conflict: { reason: 'Busy', stalls: 'never', sentence: says('Somebody else is changing it.') },
  ResourceQuotaExceeded: { reason: 'QuotaExceeded', stalls: 'atOnce', sentence: says('A quota is used up.') },
  NoRegisteredProviderFound: { reason: 'ApiNotAvailable', stalls: 'atOnce', sentence: says('This API is not offered there.') },
  InvalidApiVersionParameter: { reason: 'ApiNotAvailable', stalls: 'atOnce', sentence: says('This API is not offered there.') },
};

const unavailable: Answer = {
  reason: 'AzureUnavailable',
  stalls: 'never',
  sentence: says('Azure could not be reached or failed; trying again.'),
};
const rejected: Answer = { reason: 'Rejected', stalls: 'atOnce', sentence: says('Azure refuses the request.') };
const unauthorized: Answer = { reason: 'AuthenticationFailed', stalls: 'never', sentence: says("Azure refuses the operator's token.") };
const unknown: Answer = { reason: 'AzureError', stalls: 'never', sentence: says('An unexpected answer; trying again.') };

/** Some meanings stand only in the text of a `BadRequest`. */
const badRequest = (message: string): Answer => {
  if (/insufficient access/i.test(message))
    return {
      reason: 'WaitingForRole',
      stalls: 'never',
      sentence: () => "The rule's identity has no access to what the query reads yet: roles take some minutes to spread.",
    };
  if (/scope .*does not exist/i.test(message))
    return { reason: 'ScopeNotFound', stalls: 'never', sentence: says('The scope of the alert rule does not exist.') };
  if (/scope can not be updated/i.test(message))
    return { reason: 'ReplacementNeeded', stalls: 'never', sentence: says('The scope of an alert rule can not change.') };
  if (/"?adx"? pattern|authentication scheme/i.test(message))
    return { reason: 'IdentityMissing', stalls: 'never', sentence: says('The alert rule has no identity.') };
  return rejected;
};

const answerTo = ({ status, code, message }: AzureError): Answer => {
  if (code === 'AuthorizationFailed' && /\bcondition\b/i.test(message.replaceAll(/'[^']*'/g, '')))
    return {
      reason: 'AccessDeniedByCondition',
      stalls: 'afterTenMinutes',
      sentence: says("A condition on the operator's role assignment forbids it: it must allow Reader for service principals."),
    };
  if (code === 'Conflict' && /not registered/i.test(message)) return notRegistered;
  if (/hash conflict/i.test(message)) return { reason: 'RoleAssignmentPending', stalls: 'never', sentence: says('Trying again.') };
  const known = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  if (known) return known;
  if (status === undefined || status === 408 || status >= 500 || code === 'PARSE_ERROR') return unavailable;
  if (status === 401) return unauthorized;
  if (status === 403) return { reason: 'AccessDenied', stalls: 'afterTenMinutes', sentence: denied };
  if (status === 400) return badRequest(message);
  return unknown;
};

const messageLimit = 500;

/**
 * Azure's text without what changes from call to call (a condition that changes makes a new run, which changes it again) and
 * without what nobody may read there: ids of requests, times, queries of addresses.
 */
export const steadyText = (text: string): string => {
  const steady = text
    .replaceAll(/\b(?:Activity|Correlation|Trace|Request|Tracking)[ -]?ID:?\s*'?[0-9a-f-]{8,}'?\.?/gi, '')
    .replaceAll(/\bTimestamp:?\s*\d{4}-\d\d-\d\d[ T][\d:.]+Z?\.?/gi, '')
    .replaceAll(/\b\d{4}-\d\d-\d\d[ T]\d\d:[\d:.]+Z?/g, '…')
    .replaceAll(/\b\d{1,2}\/\d{1,2}\/\d{4} \d{1,2}:[\d:]+(?: [AP]M)?/g, '…')
    .replaceAll(/(https?:\/\/[^\s?#]*)[?#]\S*/gi, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return steady.length > messageLimit ? `${steady.slice(0, messageLimit - 1)}…` : steady;
};

/** A wait that Azure asked for without saying how long. */
const unnamedWaitSeconds = 30;
/** "At once" is no wait: a busy service that says so would be asked again in the same millisecond. */
const leastWaitSeconds = 1;
const waited = (seconds: number): Retry => ({ kind: 'after', seconds: Math.max(seconds, leastWaitSeconds) });

/** What one failed call means, for the condition and for the queue. `doing` says what was being tried: `create the alert rule`. */
export const explain = (error: AzureError, doing: string, cause: unknown): ReconcileError => {
  if (error.status === 429)
    return new ReconcileError('Throttled', `Could not ${doing}: Azure asks to wait before the next call of this kind.`, {
      retry: waited(error.retryAfterSeconds ?? unnamedWaitSeconds),
      cause,
    });
  const { reason, stalls, sentence } = answerTo(error);
  const retry: Retry | undefined =
    error.status === 503 && error.retryAfterSeconds !== undefined ? waited(error.retryAfterSeconds) : undefined;
  return new ReconcileError(
    reason,
    `Could not ${doing}. ${sentence(steadyText(error.message) || `HTTP status ${error.status ?? 'none'}`)}`,
    {
      ...(retry ? { retry } : {}),
      stalls,
      cause,
    },
  );
};

/** Reads what there is to know from anything that an Azure SDK throws: RestError, a socket's error, a bare TypeError. */
export const readAzureError = (thrown: unknown): AzureError => {
  const error = (thrown ?? {}) as {
    readonly statusCode?: number;
    readonly code?: unknown;
    readonly message?: string;
    readonly response?: { readonly headers?: { get?(name: string): string | undefined } };
  };
  const header = (name: string): string | undefined => error.response?.headers?.get?.(name);
  return {
    status: error.statusCode,
    code: typeof error.code === 'string' ? error.code : '',
    message: error.message ?? String(thrown),
    retryAfterSeconds: retryAfter(header('retry-after'), header('retry-after-ms') ?? header('x-ms-retry-after-ms')),
  };
};

const retryAfter = (seconds: string | undefined, milliseconds: string | undefined): number | undefined => {
  if (milliseconds !== undefined && Number.isFinite(Number(milliseconds))) return Number(milliseconds) / 1000;
  if (seconds === undefined || seconds.trim() === '') return undefined;
  if (Number.isFinite(Number(seconds))) return Number(seconds);
  const until = Date.parse(seconds);
  return Number.isNaN(until) ? undefined : Math.max(0, (until - Date.now()) / 1000);
};

/** What the operator's log says of a failed call: for support tickets the correlation id is worth gold, and it stands only there. */
export const causeForLog = (cause: unknown): Readonly<Record<string, unknown>> => {
  const { status, code, message } = readAzureError(cause);
  const headers = (cause as { readonly response?: { readonly headers?: { get?(name: string): string | undefined } } } | undefined)?.response
    ?.headers;
  return { status, code: code || undefined, error: steadyText(message), correlationId: headers?.get?.('x-ms-correlation-request-id') };
};
