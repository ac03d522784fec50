import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reasons, type Reason } from '../../../src/api/condition.ts';
import { explain, readAzureError, rowOf } from '../../../src/azure/failure.ts';
import { failureTable, type RetryClass } from '../../../src/azure/failure-table.ts';
import type { ReconcileError } from '../../../src/core/failure.ts';

const subscription = '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444';
const shop = `${subscription}/resourceGroups/shop`;
const cluster = `${shop}/providers/Microsoft.ContainerService/managedClusters/prod`;
const rule = `${shop}/providers/Microsoft.Insights/scheduledQueryRules/aks-notifier-prod-0123456789`;
const principal = '33333333-3333-4333-8333-333333333333';
const anId = '0f8fad5b-d9cb-469f-a165-70867728950e';

/** An error as the SDKs throw it. */
const thrown = (status: number | undefined, code: string | undefined, message: string, headers: Record<string, string> = {}): unknown =>
  Object.assign(new Error(message), {
    name: 'RestError',
    statusCode: status,
    code,
    request: { url: `https://management.azure.com${rule}?api-version=2025-01-01-preview` },
    response: { headers: { get: (name: string) => headers[name] } },
  });
const read = (error: unknown): ReconcileError => explain(readAzureError(error), 'write the alert rule x', error);
const sentenceOf = (error: unknown): string => read(error).message.replace('Could not write the alert rule x. ', '');

const unauthorized = (action: string, scope: string): string =>
  `The client '${principal}' with object id '${principal}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`;
const notLinked = (action: string, scope: string): string =>
  `The client '${principal}' with object id '${principal}' has permission to perform action 'Microsoft.Insights/scheduledQueryRules/write' on scope '${rule}'; however, it does not have permission to perform action(s) '${action}' on the linked scope(s) '${scope}' (respectively) or the linked scope(s) are invalid.`;
const conditional = `The client '${principal}' with object id '${principal}' has an authorization with ABAC condition that is not fulfilled to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '${shop}/providers/Microsoft.Authorization/roleAssignments/${anId}'.`;
const lockedAt = (scopes: string): string =>
  `The scope '${rule}' cannot perform delete operation because following scope(s) are locked: '${scopes}'. Please remove the lock and try again.`;

/** What each class means for the queue and for `Stalled`. */
const classes: Readonly<Record<RetryClass, object>> = {
  told: { retry: { kind: 'after', seconds: 17 }, stalls: 'never' },
  fast: { retry: { kind: 'fast' }, stalls: 'never' },
  slow: { retry: { kind: 'slow' }, stalls: 'never' },
  slowThenCrawl: { retry: { kind: 'slow' }, stalls: 'afterTenMinutes' },
  crawl: { retry: { kind: 'crawl' }, stalls: 'atOnce' },
};

/** Every code of Azure's that is known, with Azure's words where they decide. */
const examples: readonly (readonly [status: number | undefined, code: string | undefined, text: string, Reason, RetryClass])[] = [
  [404, 'ResourceGroupNotFound', "Resource group 'shop' could not be found.", 'ResourceGroupNotFound', 'slowThenCrawl'],
  [404, 'SubscriptionNotFound', "The subscription 'x' could not be found.", 'SubscriptionNotFound', 'crawl'],
  [404, 'ParentResourceNotFound', 'Text.', 'DependencyNotReady', 'slow'],
  [400, 'InvalidResourceReference', 'Text.', 'DependencyNotReady', 'slow'],
  [
    400,
    'BadRequest',
    `The provided credentials have insufficient access to perform the requested operation Activity ID: ${anId}.`,
    'WaitingForRole',
    'fast',
  ],
  [400, 'BadRequest', "Scope 'prod' does not exist", 'ScopeNotFound', 'slow'],
  [400, 'BadRequest', 'Scope can not be updated', 'ReplacementNeeded', 'slow'],
  [400, 'BadRequest', 'The "adx" pattern can\'t be used with the current authentication scheme.', 'IdentityMissing', 'slow'],
  [400, 'BadRequest', "The 'adx' pattern can't be used with the current authentication scheme.", 'IdentityMissing', 'slow'],
  ...(
    [
      'BadRequestFormat',
      'InvalidParameter',
      'InvalidParameterValue',
      'MethodNotAllowed',
      'ReservedResourceName',
      'InvalidResourceGroupLocation',
      'RegionIsOfferRestricted',
      'SkuNotAvailable',
      'InvalidRequestContent',
      'InvalidTemplate',
      'InvalidValuesForRequestParameters',
      'InvalidResourceType',
      'MissingRequiredParameter',
      'LocationRequired',
      'PropertyChangeNotAllowed',
    ] as const
  ).map((code) => [400, code, 'Text.', 'Rejected', 'crawl'] as const),
  [400, 'BadRequest', 'The query is wrong.', 'Rejected', 'crawl'],
  [400, 'SomethingNew', 'Text.', 'Rejected', 'crawl'],
  [400, undefined, 'Unexpected status code: 400', 'Rejected', 'crawl'],
  [400, 'NoRegisteredProviderFound', 'Text.', 'ApiNotAvailable', 'crawl'],
  [400, 'InvalidApiVersionParameter', 'Text.', 'ApiNotAvailable', 'crawl'],
  [400, 'PrincipalNotFound', 'Principal 0f8fad5bd9cb469fa16570867728950e does not exist in the directory x.', 'WaitingForIdentity', 'fast'],
  [400, 'RoleAssignmentUpdateNotPermitted', 'Text.', 'RoleAssignmentReplaced', 'slow'],
  [400, 'X', 'A hash conflict was encountered for the role Assignment ID. Please use a new guid.', 'RoleAssignmentPending', 'fast'],
  [409, 'X', 'A hash conflict was encountered for the role Assignment ID. Please use a new guid.', 'RoleAssignmentPending', 'fast'],
  [400, 'RoleAssignmentLimitExceeded', 'No more role assignments can be created.', 'RoleAssignmentLimit', 'crawl'],
  [409, 'RoleAssignmentLimitExceeded', 'No more role assignments can be created.', 'RoleAssignmentLimit', 'crawl'],
  [400, 'FailedIdentityOperation', 'Text.', 'WaitingForIdentity', 'slow'],
  [409, 'FailedIdentityOperation', 'Text.', 'WaitingForIdentity', 'slow'],
  [403, 'AuthorizationFailed', unauthorized('Microsoft.Insights/scheduledQueryRules/write', rule), 'AccessDenied', 'slowThenCrawl'],
  // A name that somebody chose decides nothing.
  [
    403,
    'AuthorizationFailed',
    unauthorized('Microsoft.Insights/scheduledQueryRules/write', '/x/hash conflict/condition'),
    'AccessDenied',
    'slowThenCrawl',
  ],
  [403, 'AuthorizationFailed', conditional, 'AccessDeniedByCondition', 'slowThenCrawl'],
  [403, 'SomethingNew', 'Text.', 'AccessDenied', 'slowThenCrawl'],
  [403, undefined, 'Unexpected status code: 403', 'AccessDenied', 'slowThenCrawl'],
  [
    403,
    'LinkedAuthorizationFailed',
    notLinked('Microsoft.ManagedIdentity/userAssignedIdentities/assign/action', shop),
    'IdentityAssignDenied',
    'slowThenCrawl',
  ],
  [403, 'RequestDisallowedByPolicy', "Resource 'x' was disallowed by policy.", 'DeniedByPolicy', 'crawl'],
  [409, 'ScopeLocked', lockedAt(shop), 'ResourceLocked', 'crawl'],
  [409, 'MissingSubscriptionRegistration', 'Text.', 'ProviderNotRegistered', 'slowThenCrawl'],
  [409, 'MissingRegistrationForLocation', 'Text.', 'ProviderNotRegistered', 'slowThenCrawl'],
  [409, 'SubscriptionNotRegistered', 'Text.', 'ProviderNotRegistered', 'slowThenCrawl'],
  [409, 'InvalidSubscriptionRegistrationState', 'Text.', 'ProviderNotRegistered', 'slowThenCrawl'],
  [409, 'Conflict', "The subscription 'x' is not registered to use microsoft.insights.", 'ProviderNotRegistered', 'slowThenCrawl'],
  [409, 'Conflict', 'Text.', 'Busy', 'fast'],
  [409, 'AnotherOperationInProgress', 'Text.', 'Busy', 'fast'],
  [409, 'AllocationFailed', 'Text.', 'QuotaExceeded', 'crawl'],
  [409, 'ResourceQuotaExceeded', 'Text.', 'QuotaExceeded', 'crawl'],
  [409, 'QuotaExceeded', 'Text.', 'QuotaExceeded', 'crawl'],
  [429, 'SubscriptionRequestsThrottled', "Please try again after '17' seconds.", 'Throttled', 'told'],
  [429, 'ResourceRequestsThrottled', 'Text.', 'Throttled', 'told'],
  [429, 'TooManyRequests', 'Text.', 'Throttled', 'told'],
  [429, 'Conflict', 'Text.', 'Throttled', 'told'],
  [503, 'ServiceUnavailable', 'Text.', 'AzureUnavailable', 'told'],
  [408, 'RequestTimeout', 'Text.', 'AzureUnavailable', 'fast'],
  [500, 'InternalServerError', 'Text.', 'AzureUnavailable', 'fast'],
  [502, undefined, 'Unexpected status code: 502', 'AzureUnavailable', 'fast'],
  [504, 'GatewayTimeout', 'Text.', 'AzureUnavailable', 'fast'],
  [undefined, 'ECONNRESET', 'socket hang up', 'AzureUnavailable', 'fast'],
  [undefined, 'ECONNREFUSED', 'connect ECONNREFUSED', 'AzureUnavailable', 'fast'],
  [undefined, 'ENOTFOUND', 'getaddrinfo ENOTFOUND management.azure.com', 'AzureUnavailable', 'fast'],
  [undefined, 'ETIMEDOUT', 'Text.', 'AzureUnavailable', 'fast'],
  [undefined, undefined, "Cannot read properties of undefined (reading 'x')", 'AzureUnavailable', 'fast'],
  [200, 'PARSE_ERROR', 'Text.', 'AzureUnavailable', 'fast'],
  [401, 'InvalidAuthenticationToken', 'Text.', 'AuthenticationFailed', 'slow'],
  [404, 'ResourceNotFound', 'Text.', 'AzureError', 'slow'],
  [409, 'SomethingNew', 'Text.', 'AzureError', 'slow'],
  [409, 'constructor', 'Text.', 'AzureError', 'slow'],
  [418, undefined, 'Unexpected status code: 418', 'AzureError', 'slow'],
];

describe('the failure table', () => {
  it.each(examples)('%s %s, %s: %s, %s', (status, code, text, reason, retry) => {
    const headers: Record<string, string> = retry === 'told' ? { 'retry-after': '17' } : {};
    expect(read(thrown(status, code, text, headers))).toMatchObject({ reason, ...classes[retry] });
  });

  it('waits a while when it is asked to wait and not told how long; a 503 is then an outage like any other', () => {
    expect(read(thrown(429, 'TooManyRequests', 'Text.'))).toMatchObject({
      reason: 'Throttled',
      retry: { kind: 'afterAWhile' },
      stalls: 'never',
    });
    expect(read(thrown(503, 'ServiceUnavailable', 'Text.'))).toMatchObject({ reason: 'AzureUnavailable', retry: { kind: 'fast' } });
  });

  it('has an example for every row, and for every code of it', () => {
    const used = examples.map(([status, code, text, , retry]) =>
      rowOf(readAzureError(thrown(status, code, text, retry === 'told' ? { 'retry-after': '17' } : {}))),
    );
    expect(failureTable.filter((row) => !used.includes(row))).toEqual([]);
    const codes = new Set(examples.map(([, code]) => code));
    expect(failureTable.flatMap((row) => row.codes ?? []).filter((code) => !codes.has(code))).toEqual([]);
  });

  it('has an answer for whatever comes: a known reason, a steady sentence that a condition has room for, and a next try', () => {
    const status = fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined });
    const code = fc.oneof(fc.string(), fc.constantFrom(...failureTable.flatMap((row) => row.codes ?? [])));
    const text = fc.oneof(fc.string({ maxLength: 3000 }), fc.constantFrom(...examples.map(([, , words]) => words)));
    const idOf = fc.constantFrom(
      (id: string) => `Activity ID: ${id}.`,
      (id: string) => `ActivityId: ${id}`,
      (id: string) => `Correlation ID '${id}'`,
      (id: string) => `Request ID = ${id}`,
      (id: string) => `{"requestId":"${id}"}`,
      (id: string) => `Tracking Id: '${id}'.`,
      (id: string) => `(Trace ID ${id})`,
    );
    fc.assert(
      fc.property(status, code, text, idOf, fc.uuid(), fc.uuid(), fc.option(fc.nat(), { nil: undefined }), (...drawn) => {
        const [someStatus, someCode, words, withId, one, other, wait] = drawn;
        const headers: Record<string, string> = wait === undefined ? {} : { 'retry-after': String(wait) };
        const failureWith = (id: string): ReconcileError => read(thrown(someStatus, someCode, `${withId(id)} ${words}`, headers));
        const failure = failureWith(one);
        expect(reasons).toContain(failure.reason);
        expect(failure.message).toMatch(/^Could not write the alert rule x\. \S/);
        expect(failure.message.length).toBeLessThanOrEqual(1000);
        expect(failure.message).not.toContain(one);
        expect(failure.message).toBe(failureWith(other).message);
        expect(['after', 'afterAWhile', 'fast', 'slow', 'crawl']).toContain(failure.retry.kind);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the sentence for the person who must act', () => {
  const create = (role: string, scope: string): string =>
    `az role assignment create --assignee-object-id ${principal} --assignee-principal-type ServicePrincipal --role "${role}" --scope ${scope}`;

  it.each([
    ['Microsoft.Insights/scheduledQueryRules/write', rule, 'Monitoring Contributor', shop],
    ['Microsoft.Insights/actionGroups/delete', `${shop}/providers/microsoft.insights/actionGroups/x`, 'Monitoring Contributor', shop],
    ['Microsoft.Insights/scheduledQueryRules/read', `${subscription}/providers/Microsoft.Insights`, 'Monitoring Contributor', subscription],
    ['Microsoft.ContainerService/managedClusters/read', cluster, 'Reader', cluster],
    [
      'Microsoft.ContainerService/managedClusters/maintenanceConfigurations/read',
      `${cluster}/maintenanceConfigurations/default`,
      'Reader',
      cluster,
    ],
    [
      'Microsoft.Authorization/roleAssignments/read',
      `${cluster}/providers/Microsoft.Authorization/roleAssignments/${anId}`,
      'Reader',
      cluster,
    ],
  ])('names right, scope, identity and the command that grants it: %s', (action, scope, role, at) => {
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', unauthorized(action, scope)))).toBe(
      `The operator's identity may not do ${action} on ${scope}: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it: ${create(role, at)}`,
    );
  });

  it('says that the right to grant rights may be limited', () => {
    const action = 'Microsoft.Authorization/roleAssignments/write';
    const text = unauthorized(action, `${subscription}/providers/Microsoft.Authorization/roleAssignments/${anId}`);
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', text))).toContain(
      `To grant it (a condition may limit it to Reader for service principals): ${create('Role Based Access Control Administrator', subscription)}`,
    );
  });

  it.each([
    [
      'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
      `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id`,
      'Managed Identity Operator',
    ],
    ['Microsoft.ContainerService/managedClusters/read', cluster, 'Reader'],
    ['Microsoft.Insights/actionGroups/read', `${shop}/providers/Microsoft.Insights/actionGroups/oncall`, 'Reader'],
  ])('names the linked right and scope: %s', (action, scope, role) => {
    expect(sentenceOf(thrown(403, 'LinkedAuthorizationFailed', notLinked(action, scope)))).toBe(
      `The operator's identity may not do ${action} on ${scope}, which the request refers to: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it: ${create(role, scope)}`,
    );
  });

  it('takes the first of several linked rights', () => {
    expect(sentenceOf(thrown(403, 'LinkedAuthorizationFailed', notLinked(`a/read, b/read`, `${cluster}, ${shop}`)))).toContain(
      `may not do a/read on ${cluster},`,
    );
  });

  it('quotes Azure when a refusal names no right', () => {
    for (const code of ['AuthorizationFailed', 'LinkedAuthorizationFailed', 'SomethingNew'])
      expect(sentenceOf(thrown(403, code, 'No.'))).toMatch(/^The operator's identity .*\. Azure says: No\.$/);
  });

  it('leaves a place for a role and an identity that it does not know', () => {
    const text = `Not allowed to perform action 'Contoso.Things/do/action' over scope '${shop}'`;
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', text))).toContain(
      `--assignee-object-id <the object id of the operator's identity> --assignee-principal-type ServicePrincipal --role "<a role with Contoso.Things/do/action>" --scope ${shop}`,
    );
  });

  it('puts into quotes what a shell would read otherwise', () => {
    const text = unauthorized('Microsoft.ContainerService/managedClusters/read', '/subscriptions/x/resourceGroups/shop(old)');
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', text))).toMatch(/--scope '\/subscriptions\/x\/resourceGroups\/shop\(old\)'$/);
  });

  it('says which role and type a condition must allow, and where to see it', () => {
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', conditional))).toBe(
      `The operator's identity may not do Microsoft.Authorization/roleAssignments/write on ${shop}/providers/Microsoft.Authorization/roleAssignments/${anId}: it lacks the right, or a condition on its role assignment forbids it. A condition must allow the role Reader (acdd72a7-3385-48ef-bd42-f606fba81ae7) for principals of type ServicePrincipal. To see both: az role assignment list --all --assignee ${principal}. To grant the right: az role assignment create --assignee-object-id ${principal} --assignee-principal-type ServicePrincipal --role "Role Based Access Control Administrator" --scope ${shop}`,
    );
    expect(sentenceOf(thrown(403, 'AuthorizationFailed', 'An ABAC condition is not fulfilled.'))).toContain(
      'lacks a right, or a condition on its role assignment forbids it. Azure says: An ABAC',
    );
  });

  it.each([
    [shop, shop, `--subscription aaaaaaaa-4444-4444-8444-444444444444 --resource-group shop`],
    [`${subscription},${shop}`, `${subscription} and ${shop}`, `--subscription aaaaaaaa-4444-4444-8444-444444444444`],
  ])('names the locked scopes %s and how to find and remove the lock', (scopes, named, where) => {
    expect(sentenceOf(thrown(409, 'ScopeLocked', lockedAt(scopes)))).toBe(
      `A lock is in the way, at ${named}: remove it, or ask its owner. To find it: az lock list ${where} --query "[].id"; to remove it: az lock delete --ids <id>`,
    );
  });

  it('quotes Azure when a lock names no scope', () => {
    expect(sentenceOf(thrown(409, 'ScopeLocked', "The scope is locked by 'lock'."))).toBe(
      "A lock is in the way: remove it, or ask its owner. Azure says: The scope is locked by 'lock'.",
    );
  });

  it('names the policy that forbids it', () => {
    const text = `Resource 'x' was disallowed by policy. Policy identifiers: '[{"policyAssignment":{"name":"No alerts here","id":"/x"},"policyDefinition":{"name":"Deny","id":"/y"}}]'.`;
    expect(sentenceOf(thrown(403, 'RequestDisallowedByPolicy', text))).toContain(
      'An Azure Policy (assignment "No alerts here") forbids it: ask its owner for an exemption. Azure says: Resource',
    );
    expect(sentenceOf(thrown(403, 'RequestDisallowedByPolicy', 'No.'))).toBe(
      'An Azure Policy forbids it: ask its owner for an exemption. Azure says: No.',
    );
  });

  it.each([
    ["The subscription is not registered to use namespace 'Microsoft.Insights'.", 'Microsoft.Insights'],
    ['The subscription is not registered to use microsoft.insights.', 'microsoft.insights'],
    ['Text.', 'Microsoft.Insights'],
  ])('has the command that registers a provider: %s', (text, namespace) => {
    expect(sentenceOf(thrown(409, 'MissingSubscriptionRegistration', text))).toBe(
      `Register the provider: az provider register --namespace ${namespace} --subscription aaaaaaaa-4444-4444-8444-444444444444. Azure says: ${text}`,
    );
  });

  it('has more to say of a role that spreads for too long', () => {
    const failure = read(thrown(400, 'BadRequest', 'The provided credentials have insufficient access.'));
    expect(failure.message).toContain('roles take some minutes to spread');
    expect(failure.later).toContain('more than ten minutes');
  });

  it('says status and code of what nobody knows', () => {
    expect(sentenceOf(thrown(418, 'Teapot', 'Short and stout.'))).toBe(
      'An answer that the operator does not know (HTTP status 418, Teapot); trying again. Azure says: Short and stout.',
    );
  });

  it('is the same however long Azure asks to wait', () => {
    const after = (seconds: number): string => read(thrown(503, 'X', `Busy. Please retry after ${seconds} seconds.`)).message;
    expect(after(12)).toBe(after(13));
  });

  it('has room for long names', () => {
    const long = `/subscriptions/${anId}/resourceGroups/${'g'.repeat(70)}/providers/Microsoft.Insights/scheduledQueryRules/aks-notifier-${'c'.repeat(63)}-0123456789`;
    const error = readAzureError(thrown(403, 'AuthorizationFailed', unauthorized('Microsoft.Insights/scheduledQueryRules/write', long)));
    const doing = `write the alert rule aks-notifier-${'c'.repeat(63)}-0123456789 in resource group ${'g'.repeat(70)}`;
    expect(explain(error, doing, undefined).message).toMatch(/--scope \/subscriptions\/[\w-]+\/resourceGroups\/g{70}$/);
  });
});
