import { randomUUID } from 'node:crypto';
import { signInRefusal } from './entra.ts';
import {
  ArmError,
  authorizationFailed,
  badRequest,
  disallowedByPolicy,
  invalidContent,
  linkedAuthorizationFailed,
  resourceGroupNotFound,
  scopeLocked,
  subscriptionNotFound,
  subscriptionNotRegistered,
} from './errors.ts';
import type { Answer } from './http.ts';
import type { Operation } from './journal.ts';

/** A call that a fault can meet, as far as its address tells. */
export interface FaultableCall {
  readonly kind: 'token' | 'metadata' | 'arm';
  readonly method: string;
  readonly path: string;
  readonly type?: string | undefined;
  readonly operation?: Operation | undefined;
  readonly subscriptionId?: string | undefined;
  readonly resourceGroup?: string | undefined;
  /** The resource's, percent-decoded. */
  readonly id?: string | undefined;
  /** The resource's name; for a token request the client id. Lists have none. */
  readonly name?: string | undefined;
}

/** What the words of an answer are made of; what the call doesn't have is an empty text. */
export type FaultContext = { readonly [Field in keyof FaultableCall]-?: NonNullable<FaultableCall[Field]> } & {
  /** Object id of the caller; empty when it showed no good token. */
  readonly principalId: string;
  readonly tenantId: string;
  readonly url: string;
  readonly now: Date;
};

type Builder = (context: FaultContext) => Answer;

const error = (status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  new ArmError(status, { code, message }, { headers }).answer();

const is =
  (status: number, code: string, message: (context: FaultContext) => string, headers: Readonly<Record<string, string>> = {}): Builder =>
  (context) =>
    error(status, code, message(context), headers);

/** The context of a call whose address may have told little. */
export const faultContext = (
  call: FaultableCall,
  more: Pick<FaultContext, 'tenantId' | 'url' | 'now'> & { principalId: string | undefined },
): FaultContext => ({
  ...more,
  ...call,
  type: call.type ?? '',
  operation: call.operation ?? 'read',
  subscriptionId: call.subscriptionId ?? '',
  resourceGroup: call.resourceGroup ?? '',
  id: call.id ?? call.path,
  name: call.name ?? '',
  principalId: more.principalId ?? '',
});

const flat = ({ status, headers, body }: Answer): Answer => ({
  status,
  ...(headers === undefined ? {} : { headers }),
  body: (body as { error: unknown }).error,
});

const verbs: Readonly<Record<Operation, 'read' | 'write' | 'delete'>> = {
  read: 'read',
  list: 'read',
  write: 'write',
  delete: 'delete',
  action: 'write',
};
const verbOf = ({ operation }: FaultContext): 'read' | 'write' | 'delete' => verbs[operation];
const actionOf = (context: FaultContext): string => `${context.type}/${context.operation === 'action' ? 'action' : verbOf(context)}`;

const linkedScope = ({ subscriptionId, resourceGroup }: FaultContext): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity`;

const throttled = (headers: Readonly<Record<string, string>>): Builder =>
  is(
    429,
    'SubscriptionRequestsThrottled',
    (context) =>
      `Number of '${verbOf(context)}' requests for subscription '${context.subscriptionId}' actor '${context.principalId}' exceeded. ` +
      "Please try again after '17' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
    headers,
  );

const resourceThrottled = (headers: Readonly<Record<string, string>>): Builder =>
  is(
    429,
    'ResourceRequestsThrottled',
    ({ type }) => `Number of requests for resource type '${type}' exceeded. Please try again after '5' seconds.`,
    headers,
  );

const tooMany = (headers: Readonly<Record<string, string>>): Builder =>
  is(429, 'TooManyRequests', () => 'The request is being throttled as the limit has been reached. Please try again later.', headers);

const unavailable = (headers: Readonly<Record<string, string>>): Builder =>
  is(503, 'ServiceUnavailable', () => 'The service is temporarily unavailable. Please try again later.', headers);

const rejected = (code: string, message: (context: FaultContext) => string): Builder => is(400, code, message);

const entra =
  (number: number, message: (context: FaultContext) => string, headers: Readonly<Record<string, string>> = {}): Builder =>
  (context) => ({
    ...signInRefusal(number, message(context), context.now, context.url, randomUUID()),
    headers,
  });

const unregistered = (code: string): Builder =>
  is(
    409,
    code,
    ({ subscriptionId, type }) =>
      `The subscription '${subscriptionId}' is not registered to use namespace '${type.split('/')[0] ?? ''}'. See https://aka.ms/rps-not-found for how to register subscriptions.`,
  );

const htmlPage = (status: number, title: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html' },
  text: `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n`,
});

/** The page that a proxy in front of Azure sends. */
export const badGatewayPage = htmlPage(502, 'Bad Gateway');

/**
 * Asks the client to come back with a token that answers these claims (continuous access evaluation), as after the identity's rights to
 * sign in have changed.
 */
const claimsChallenge: Builder = ({ tenantId, now }) => {
  const claims = { access_token: { nbf: { essential: true, value: String(Math.floor(now.getTime() / 1000)) } } };
  const encoded = Buffer.from(JSON.stringify(claims), 'utf8').toString('base64');
  return error(
    401,
    'AuthenticationFailed',
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp',
    {
      'www-authenticate':
        `Bearer realm="", authorization_uri="https://login.microsoftonline.com/${tenantId}/oauth2/authorize", ` +
        `error="insufficient_claims", claims="${encoded}"`,
      'x-ms-failure-cause': 'gateway',
    },
  );
};

const conflict = is(409, 'Conflict', ({ name }) => `Another write to '${name}' is in progress. Please try again later.`);
const badQuery = rejected(
  'BadRequest',
  () => "The query is not valid: 'SemanticError: SEM0100: 'where' operator: Failed to resolve column'.",
);

/**
 * Every refusal that Azure is known for, by its code; a slash sets variants of one code apart. The words are Azure's where they were
 * seen or are documented. Where only a code is known, they are ours.
 */
export const faultAnswers = {
  // 429 and 503
  SubscriptionRequestsThrottled: throttled({ 'retry-after': '17' }),
  'SubscriptionRequestsThrottled/withoutRetryAfter': throttled({}),
  'SubscriptionRequestsThrottled/fiveMinutes': throttled({ 'retry-after': '300' }),
  'SubscriptionRequestsThrottled/milliseconds': throttled({ 'retry-after-ms': '300' }),
  ResourceRequestsThrottled: resourceThrottled({ 'retry-after': '5' }),
  'ResourceRequestsThrottled/withoutRetryAfter': resourceThrottled({}),
  'ResourceRequestsThrottled/milliseconds': resourceThrottled({ 'x-ms-retry-after-ms': '300' }),
  TooManyRequests: tooMany({ 'retry-after': '10' }),
  'TooManyRequests/withoutRetryAfter': tooMany({}),
  'TooManyRequests/milliseconds': tooMany({ 'retry-after-ms': '300' }),
  ServiceUnavailable: unavailable({ 'retry-after': '5' }),
  'ServiceUnavailable/withoutRetryAfter': unavailable({}),
  ServerTimeout: is(503, 'ServerTimeout', () => 'The request timed out. Please try again later.'),

  // other troubles of Azure
  InternalServerError: is(500, 'InternalServerError', () => 'Encountered internal server error. Please try again later.'),
  'BadGateway/html': () => badGatewayPage,
  'ServiceUnavailable/html': () => htmlPage(503, 'Service Unavailable'),
  GatewayTimeout: is(
    504,
    'GatewayTimeout',
    () => "The gateway did not receive a response from 'Microsoft.Insights' within the specified time period.",
  ),
  RequestTimeout: is(408, 'RequestTimeout', () => 'The request was not received in time.'),

  // 401
  'AuthenticationFailed/claims': claimsChallenge,
  InvalidAuthenticationToken: is(401, 'InvalidAuthenticationToken', () => 'The access token is invalid.', {
    'www-authenticate': 'Bearer error="invalid_token", error_description="The access token is invalid."',
  }),

  // 403
  AuthorizationFailed: (context) => authorizationFailed(context.principalId, actionOf(context), context.id).answer(),
  'AuthorizationFailed/condition': is(
    403,
    'AuthorizationFailed',
    (context) =>
      `The client '${context.principalId}' with object id '${context.principalId}' does not have authorization or an ABAC condition not fulfilled to perform ` +
      `action '${actionOf(context)}' over scope '${context.id}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  ),
  LinkedAuthorizationFailed: (context) =>
    linkedAuthorizationFailed({
      objectId: context.principalId,
      action: actionOf(context),
      scope: context.id,
      linkedAction: 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
      linkedScope: linkedScope(context),
    }).answer(),
  RequestDisallowedByPolicy: ({ name, subscriptionId }) =>
    disallowedByPolicy(name, 'only-approved-alerts', `/subscriptions/${subscriptionId}`).answer(),

  // 404
  ResourceNotFound: is(
    404,
    'ResourceNotFound',
    ({ type, name, resourceGroup }) =>
      `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    { 'x-ms-failure-cause': 'gateway' },
  ),
  NotFound: is(404, 'NotFound', ({ name }) => `The entity '${name}' was not found.`),
  RoleAssignmentNotFound: is(404, 'RoleAssignmentNotFound', ({ name }) => `The role assignment '${name}' is not found.`),
  ResourceGroupNotFound: ({ resourceGroup }) => resourceGroupNotFound(resourceGroup).answer(),
  SubscriptionNotFound: ({ subscriptionId }) => subscriptionNotFound(subscriptionId).answer(),
  ParentResourceNotFound: is(
    404,
    'ParentResourceNotFound',
    (context) =>
      `Failed to perform '${verbOf(context)}' on resource(s) of type '${context.type}', because the parent resource could not be found.`,
  ),
  InvalidResourceReference: rejected(
    'InvalidResourceReference',
    ({ id }) => `Resource referenced by resource '${id}' was not found. Please make sure that the referenced resource exists.`,
  ),

  // 409
  ScopeLocked: ({ id, operation, subscriptionId, resourceGroup }) =>
    scopeLocked(id, operation === 'delete' ? 'delete' : 'write', [
      `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`,
    ]).answer(),
  MissingSubscriptionRegistration: ({ subscriptionId, type }) =>
    subscriptionNotRegistered(subscriptionId, type.split('/')[0] ?? '', false).answer(),
  'Conflict/notRegistered': ({ subscriptionId }) => subscriptionNotRegistered(subscriptionId, 'Microsoft.Insights', true).answer(),
  MissingRegistrationForLocation: unregistered('MissingRegistrationForLocation'),
  SubscriptionNotRegistered: unregistered('SubscriptionNotRegistered'),
  InvalidSubscriptionRegistrationState: unregistered('InvalidSubscriptionRegistrationState'),
  Conflict: conflict,
  'Conflict/flat': (context) => flat(conflict(context)),
  AnotherOperationInProgress: is(
    409,
    'AnotherOperationInProgress',
    ({ id }) => `Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: ${id}.`,
  ),
  RoleAssignmentExists: is(409, 'RoleAssignmentExists', () => 'The role assignment already exists.'),
  AllocationFailed: is(409, 'AllocationFailed', () => 'Allocation failed. Please try again later.'),
  ResourceQuotaExceeded: is(409, 'ResourceQuotaExceeded', ({ type }) => `The quota of resources of type '${type}' is exceeded.`),
  QuotaExceeded: is(409, 'QuotaExceeded', () => 'The number of alert rules in this subscription has reached the quota of 5000.'),

  // role assignments; the statuses of the hash conflict and the limit were not seen
  PrincipalNotFound: rejected(
    'PrincipalNotFound',
    ({ principalId, tenantId }) =>
      `Principal ${principalId.replaceAll('-', '')} does not exist in the directory ${tenantId}. Check that you have the correct principal ID. ` +
      'If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, ' +
      'set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype',
  ),
  RoleAssignmentUpdateNotPermitted: rejected(
    'RoleAssignmentUpdateNotPermitted',
    () => 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
  ),
  HashConflict: is(
    409,
    'HashConflictOnDifferentRoleAssignmentIds',
    () => 'A hash conflict was encountered for the role Assignment ID. Please use a new Guid.',
  ),
  'HashConflict/badRequest': rejected(
    'BadRequest',
    () => 'A hash conflict was encountered for the role Assignment ID. Please use a new Guid.',
  ),
  RoleAssignmentLimitExceeded: rejected(
    'RoleAssignmentLimitExceeded',
    () => 'The role assignment limit for the subscription has been exceeded. No more role assignments can be created.',
  ),
  FailedIdentityOperation: rejected(
    'FailedIdentityOperation',
    ({ name }) =>
      `Identity operation for resource '${name}' failed with error 'Failed to perform resource identity operation. Status: 'InternalServerError'. Response: ''.'`,
  ),

  // 400 of alert rules
  // A function of its own each time: a client that puts the text into a status would write that status for ever.
  'BadRequest/insufficientAccess': () =>
    badRequest(
      `The provided credentials have insufficient access to perform the requested operation Activity ID: ${randomUUID()}.`,
    ).answer(),
  'BadRequest/scopeMissing': rejected('BadRequest', ({ name }) => `Scope '${name}' does not exist`),
  'BadRequest/scopeChanged': rejected('BadRequest', () => 'Scope can not be updated'),
  'BadRequest/noIdentity': rejected(
    'BadRequest',
    () => 'The "adx" pattern can\'t be used with the current authentication scheme. Assign a managed identity to the rule.',
  ),
  BadRequest: badQuery,
  'BadRequest/flat': (context) => flat(badQuery(context)),

  // 400 of Resource Manager
  BadRequestFormat: rejected('BadRequestFormat', () => 'The request format is not valid.'),
  InvalidParameter: rejected('InvalidParameter', () => 'The value of a parameter is invalid.'),
  InvalidParameterValue: rejected('InvalidParameterValue', () => 'The value of a parameter is out of range.'),
  MethodNotAllowed: rejected('MethodNotAllowed', ({ method, type }) => `The method '${method}' is not allowed for '${type}'.`),
  ReservedResourceName: rejected(
    'ReservedResourceName',
    ({ name }) => `The resource name '${name}' or a part of the name is a trademarked or reserved word.`,
  ),
  InvalidResourceGroupLocation: rejected(
    'InvalidResourceGroupLocation',
    ({ resourceGroup }) => `Invalid resource group location. The resource group '${resourceGroup}' already exists in another location.`,
  ),
  RegionIsOfferRestricted: rejected('RegionIsOfferRestricted', () => 'The requested region is restricted for your offer.'),
  SkuNotAvailable: rejected('SkuNotAvailable', () => 'The requested size is currently not available in this location.'),
  InvalidRequestContent: () => invalidContent('Could not find member on object.').answer(),
  InvalidTemplate: rejected('InvalidTemplate', () => 'Deployment template validation failed.'),
  InvalidValuesForRequestParameters: rejected('InvalidValuesForRequestParameters', () => 'Values for request parameters are invalid.'),
  InvalidResourceType: rejected('InvalidResourceType', ({ type }) => `The resource type '${type}' is invalid.`),
  MissingRequiredParameter: rejected('MissingRequiredParameter', () => 'A required parameter is missing.'),
  LocationRequired: rejected('LocationRequired', () => 'The location property is required for this definition.'),
  PropertyChangeNotAllowed: rejected('PropertyChangeNotAllowed', ({ id }) => `Changing a property of '${id}' is not allowed.`),
  NoRegisteredProviderFound: rejected(
    'NoRegisteredProviderFound',
    ({ type }) =>
      `No registered resource provider found for location 'westeurope' and API version '2025-01-01-preview' for type '${type.split('/').slice(1).join('/')}'. ` +
      "The supported api-versions are '2021-08-01, 2023-12-01'. The supported locations are 'westeurope, northeurope'.",
  ),
  InvalidApiVersionParameter: rejected(
    'InvalidApiVersionParameter',
    () => "The api-version '2025-01-01-preview' is invalid. The supported versions are '2021-08-01, 2023-12-01'.",
  ),
  UnknownCode: is(418, 'SomethingNobodyHasSeen', () => 'This code is not in any table.'),
  'UnknownCode/none': (): Answer => ({ status: 418, text: 'short and stout' }),

  // the sign-in service
  AADSTS70021: entra(
    70_021,
    ({ url, tenantId }) =>
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${url}/issuer'. Assertion Subject: 'system:serviceaccount:aks-notifier:aks-notifier'. ` +
      `Assertion Audience: 'api://AzureADTokenExchange'. Tenant: '${tenantId}'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation`,
  ),
  AADSTS700213: entra(
    700_213,
    () =>
      "No matching federated identity record found for presented assertion subject 'system:serviceaccount:aks-notifier:aks-notifier'. Please check your federated " +
      'identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation',
  ),
  AADSTS700016: entra(
    700_016,
    ({ name, tenantId }) => `Application with identifier '${name}' was not found in the directory '${tenantId}'.`,
  ),
  AADSTS700024: entra(700_024, ({ now }) => `Client assertion is not within its valid time range. Current time: ${now.toISOString()}.`),
  AADSTS90061: entra(90_061, () => 'Request to External OIDC endpoint failed.'),
  AADSTS90033: entra(90_033, () => 'A transient error has occurred. Please try again.'),
  AADSTS90055: entra(90_055, () => 'TenantThrottlingError - There are too many incoming requests.', { 'retry-after': '5' }),
  'AADSTS90055/withoutRetryAfter': entra(90_055, () => 'TenantThrottlingError - There are too many incoming requests.'),
} satisfies Readonly<Record<string, Builder>>;

/** A name in `faultAnswers`. */
export type FaultAnswerName = keyof typeof faultAnswers;
