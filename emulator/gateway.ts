import { ArmError, invalidContent, resourceGroupNotFound, subscriptionNotFound } from './errors.ts';
import type { Answer, Incoming } from './http.ts';
import type { Operation } from './journal.ts';
import { authorize, type Azure, type Providers, type ResourceProvider, type Verb } from './provider.ts';
import type { RateLimits } from './rate-limits.ts';
import { checkLocks, checkPolicies, checkRegistered } from './restrictions.ts';
import { parentId, parseArmPath, type ArmPath } from './resource-id.ts';
import type { Caller, TokenFault, Tokens } from './tokens.ts';
import { withSevenDigits } from './time.ts';

/** An answer with what journal and headers want to know of the request, as far as the gateway got. */
export interface GatewayAnswer {
  readonly answer: Answer;
  /** What is left of the rate limits that the request was counted against. */
  readonly limitHeaders?: Readonly<Record<string, string>>;
  readonly caller?: Caller;
  readonly path?: ArmPath;
  /** Canonical casing when the emulator has the type. */
  readonly type?: string;
  readonly operation?: Operation | undefined;
  readonly apiVersion?: string;
  readonly requestBody?: unknown;
}

const unauthorized = (tenantId: string, code: string, message: string): ArmError =>
  new ArmError(
    401,
    { code, message },
    {
      headers: {
        'www-authenticate': `Bearer authorization_uri="https://login.windows.net/${tenantId}", error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
        'x-ms-failure-cause': 'gateway',
      },
    },
  );

const bearerOf = ({ headers }: Incoming): string | undefined =>
  /^Bearer (?<token>\S+)$/iu.exec(headers.authorization ?? '')?.groups?.['token'];

/** Who signed in, or nothing when the token isn't a good one. */
export const callerOf = async (incoming: Incoming, tokens: Tokens, audiences: readonly string[]): Promise<Caller | undefined> => {
  const result = await tokens.verify(bearerOf(incoming) ?? '', audiences);
  return 'fault' in result ? undefined : result;
};

const signedInCaller = async (incoming: Incoming, azure: Azure, tokens: Tokens, audiences: readonly string[]): Promise<Caller> => {
  const { tenantId } = azure.state;
  const { authorization } = incoming.headers;
  if (authorization === undefined)
    throw unauthorized(tenantId, 'AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.");
  const token = bearerOf(incoming);
  if (token === undefined) {
    throw unauthorized(
      tenantId,
      'AuthenticationFailedInvalidHeader',
      "Authentication failed. The 'Authorization' header is provided in an invalid format.",
    );
  }
  const result = await tokens.verify(token, audiences);
  if (!('fault' in result)) return result;
  throw tokenRefusal(result, azure, audiences);
};

const tokenRefusal = (fault: TokenFault, { state: { tenantId }, clock }: Azure, audiences: readonly string[]): ArmError => {
  if (fault.fault === 'malformed') return unauthorized(tenantId, 'InvalidAuthenticationToken', 'The access token is invalid.');
  if (fault.fault === 'expired') {
    const [expiry, now] = [withSevenDigits(fault.expiredAt), withSevenDigits(clock())];
    const message = `The access token expiry UTC time '${expiry}' is earlier than current UTC time '${now}'.`;
    return unauthorized(tenantId, 'ExpiredAuthenticationToken', message);
  }
  const message =
    `The access token has been obtained for wrong audience or resource '${fault.audience}'. ` +
    `It should exactly match with one of the allowed audiences '${audiences.join(',')}'.`;
  return unauthorized(tenantId, 'InvalidAuthenticationTokenAudience', message);
};

const findProvider = (path: ArmPath, providers: readonly ResourceProvider[]): ResourceProvider | undefined =>
  providers.find(({ type }) => type.toLowerCase() === path.type.toLowerCase());

const providerOf = (path: ArmPath, providers: readonly ResourceProvider[]): ResourceProvider => {
  const provider = findProvider(path, providers);
  if (provider !== undefined) return provider;
  const [namespace = '', ...rest] = path.type.split('/');
  const isKnownNamespace = providers.some(({ type }) => type.split('/')[0]?.toLowerCase() === namespace.toLowerCase());
  throw isKnownNamespace
    ? new ArmError(404, {
        code: 'InvalidResourceType',
        message: `The resource type '${rest.join('/')}' could not be found in the namespace '${namespace}'.`,
      })
    : new ArmError(404, { code: 'InvalidResourceNamespace', message: `The resource namespace '${namespace}' is invalid.` });
};

const offeredVersion = (incoming: Incoming, { type, apiVersions }: Pick<ResourceProvider, 'type' | 'apiVersions'>): string => {
  const asked = [...incoming.query].find(([name]) => name.toLowerCase() === 'api-version')?.[1] ?? '';
  const supported = apiVersions.join(', ');
  if (asked === '') {
    throw new ArmError(400, {
      code: 'MissingApiVersionParameter',
      message: 'The api-version query parameter (?api-version=) is required for all requests.',
    });
  }
  if (apiVersions.includes(asked)) return asked;
  if (!/^\d{4}-\d{2}-\d{2}(?:-[a-z]+)?$/u.test(asked)) {
    throw new ArmError(400, {
      code: 'InvalidApiVersionParameter',
      message: `The api-version '${asked}' is invalid. The supported versions are '${supported}'.`,
    });
  }
  throw new ArmError(400, {
    code: 'NoRegisteredProviderFound',
    message:
      `No registered resource provider found for location 'global' and API version '${asked}' for type '${type.split('/').slice(1).join('/')}'. ` +
      `The supported api-versions are '${supported}'. The supported locations are 'global'.`,
  });
};

const verbOf = (method: string, path: ArmPath): Verb | undefined => {
  if (path.isCollection) return method === 'GET' ? 'LIST' : (['POST'] as const).find((verb) => verb === method);
  return (['GET', 'PUT', 'PATCH', 'DELETE'] as const).find((verb) => verb === method);
};

const operations: Readonly<Record<Verb, Operation>> = {
  GET: 'read',
  LIST: 'list',
  PUT: 'write',
  PATCH: 'write',
  DELETE: 'delete',
  POST: 'action',
};
const actionNames: Readonly<Record<Operation, string>> = { read: 'read', list: 'read', write: 'write', delete: 'delete', action: 'action' };

/** Where the caller needs the right: at the resource, at the scope that is listed, or at the resource whose part is listed or that is to act. */
const placeOf = ({ id, scope, names, isCollection }: ArmPath): string => {
  if (!isCollection) return id;
  return names.length === 0 ? scope : parentId(id);
};

const methodNotAllowed = (method: string, type: string, place: string): ArmError =>
  new ArmError(405, { code: 'MethodNotAllowed', message: `The emulator has no ${method} for ${type} at '${place}'.` });

/** Missing places are told only to those who may ask: a caller without a right gets 403 first. Assumed to be ARM's order. */
const checkPlace = ({ state }: Azure, { subscriptionId, resourceGroup }: ArmPath): void => {
  const groups = state.subscriptions.get(subscriptionId.toLowerCase())?.resourceGroups;
  if (resourceGroup !== undefined && groups?.has(resourceGroup.toLowerCase()) === false) throw resourceGroupNotFound(resourceGroup);
};

const parsedBody = ({ method, body }: Incoming): unknown => {
  if (method !== 'PUT' && method !== 'PATCH' && method !== 'POST') return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Refused below, like a body that is JSON but no object.
  }
  throw invalidContent('The request body is not a JSON object.');
};

/** What a request is about, as far as its address tells. Throws a `URIError` for a broken `%` sequence. */
export const aboutAddress = (
  { method, path: given }: Incoming,
  { ofResources, ofTenant }: Providers,
): Pick<GatewayAnswer, 'path' | 'type' | 'operation'> => {
  const path = parseArmPath(given);
  if (path === undefined) {
    const provider = ofTenant.find(({ type }) => `/providers/${type}`.toLowerCase() === given.replace(/\/$/u, '').toLowerCase());
    return provider === undefined ? {} : { type: provider.type, operation: 'read' };
  }
  const verb = verbOf(method, path);
  return { path, type: findProvider(path, ofResources)?.type ?? path.type, operation: verb && operations[verb] };
};

/** The name of the resource that a request is about; lists have none. */
export const nameIn = (path: ArmPath | undefined, operation: Operation | undefined): string | undefined =>
  path?.isCollection === false || operation === 'action' ? path?.names.at(-1) : undefined;

interface GatewayParts {
  readonly tokens: Tokens;
  readonly audiences: () => readonly string[];
  readonly limits: RateLimits;
}

/**
 * The gateway of Azure Resource Manager: everything that is checked before a resource provider sees a request. In this order: sign-in,
 * rate limit, type, api-version, subscription, method, right, registration, resource group, locks, body, policies, the service's own rate
 * limit. Outside `/subscriptions/…` there is only what the tenant's providers answer: after sign-in, api-version, method, body and the service's
 * own rate limit.
 */
export const createGateway =
  (azure: Azure, providers: Providers, { tokens, audiences, limits }: GatewayParts) =>
  async (incoming: Incoming): Promise<GatewayAnswer> => {
    let known: Omit<GatewayAnswer, 'answer'> = {};
    try {
      // Known before anything is refused, so that the journal can count refusals by what they were about.
      known = aboutAddress(incoming, providers);
      const { path } = known;
      const caller = await signedInCaller(incoming, azure, tokens, audiences());
      known = { ...known, caller };
      const tenantProvider = providers.ofTenant.find(({ type }) => path === undefined && type === known.type);
      if (tenantProvider !== undefined) {
        const apiVersion = offeredVersion(incoming, tenantProvider);
        known = { ...known, apiVersion };
        if (incoming.method !== 'POST') throw methodNotAllowed(incoming.method, tenantProvider.type, '/');
        const body = parsedBody(incoming);
        known = { ...known, requestBody: body };
        known = { ...known, limitHeaders: limits.countQuery({ principalId: caller.objectId }) };
        return { ...known, answer: tenantProvider.post({ caller, body }) };
      }
      if (path === undefined)
        throw new ArmError(404, { code: 'InvalidResource', message: `The emulator doesn't have '${incoming.path}'.` });
      const limited = {
        method: incoming.method,
        subscriptionId: path.subscriptionId,
        principalId: caller.objectId,
        type: known.type ?? path.type,
      };
      known = { ...known, limitHeaders: limits.countAtGateway(limited) };
      const provider = providerOf(path, providers.ofResources);
      const verb = verbOf(incoming.method, path);
      const apiVersion = offeredVersion(incoming, provider);
      known = { ...known, apiVersion };

      if (!azure.state.subscriptions.has(path.subscriptionId.toLowerCase())) throw subscriptionNotFound(path.subscriptionId);
      const handle = verb === undefined ? undefined : provider.verbs[verb];
      const isMisplaced = provider.placement === 'resourceGroup' && path.names.length > 0 && path.resourceGroup === undefined;
      if (verb === undefined || handle === undefined || isMisplaced) throw methodNotAllowed(incoming.method, provider.type, path.scope);
      authorize(azure, caller, `${provider.type}/${actionNames[operations[verb]]}`, placeOf(path));
      const { restrictions } = azure.state;
      checkRegistered(restrictions, path, provider.type);
      checkPlace(azure, path);
      checkLocks(restrictions, path, operations[verb]);
      const body = parsedBody(incoming);
      known = { ...known, requestBody: body };
      checkPolicies(restrictions, path, provider.type, operations[verb]);
      known = { ...known, limitHeaders: { ...known.limitHeaders, ...limits.countAtProvider(limited) } };
      return { ...known, answer: handle({ incoming, path, apiVersion, caller, body }) };
    } catch (error) {
      if (error instanceof ArmError) return { ...known, answer: error.answer() };
      if (error instanceof URIError)
        return { ...known, answer: new ArmError(400, { code: 'BadRequest', message: 'The path is not well encoded.' }).answer() };
      throw error;
    }
  };
