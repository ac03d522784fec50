import { randomUUID } from 'node:crypto';
import { claimsOf, type AssertionClaims, type AssertionVerifier } from './assertion.ts';
import type { Answer, Incoming } from './http.ts';
import type { Application, FederatedCredential } from './world.ts';
import type { Tokens } from './tokens.ts';
import { timestamp, withSevenDigits } from './time.ts';

/** What the sign-in service works with. */
export interface EntraContext {
  readonly tenantId: string;
  readonly url: string;
  readonly applications: ReadonlyMap<string, Application>;
  readonly tokens: Tokens;
  readonly assertions: AssertionVerifier;
  readonly clock: () => Date;
  readonly accessTokenSeconds: number;
  /** Resources that tokens are given out for, without a trailing slash. */
  readonly resources: readonly string[];
  readonly federationErrors: 'detailed' | 'general';
}

/** An answer of the sign-in service, with what the journal wants to know of it. */
export interface EntraAnswer extends Answer {
  readonly kind: 'token' | 'metadata';
  readonly clientId?: string | undefined;
  readonly principalId?: string | undefined;
  readonly errorCode?: string | undefined;
}

const documentation = 'https://learn.microsoft.com/entra/workload-id/workload-identity-federation';

/** The OAuth error word and HTTP status that Entra sends with each number, as public bug reports show them. */
const errorWords: Readonly<Record<number, readonly [status: number, error: string]>> = {
  50_027: [400, 'invalid_request'], // assumed: a client assertion that is no JWT
  70_003: [400, 'unsupported_grant_type'],
  70_021: [400, 'invalid_request'],
  90_002: [400, 'invalid_request'],
  90_014: [400, 'invalid_request'],
  90_033: [503, 'temporarily_unavailable'],
  90_055: [429, 'temporarily_unavailable'],
  90_061: [400, 'invalid_request'],
  500_011: [400, 'invalid_resource'],
  700_016: [400, 'unauthorized_client'],
  700_024: [401, 'invalid_client'],
  700_027: [401, 'invalid_client'],
  700_211: [401, 'invalid_client'],
  700_212: [401, 'invalid_client'],
  700_213: [401, 'invalid_client'],
  1_002_012: [400, 'invalid_scope'],
  7_000_218: [401, 'invalid_client'],
};

class EntraError extends Error {
  override readonly name = 'EntraError' as const;
  readonly number: number;
  constructor(number: number, message: string) {
    super(message);
    this.number = number;
  }
}

/** An error of the sign-in service as it is sent, except for numbers that `errorWords` doesn't have: 400 `invalid_request`. */
export const signInRefusal = (number: number, message: string, at: Date, url: string, correlationId: string): Answer => {
  const [status, word] = errorWords[number] ?? [400, 'invalid_request'];
  const traceId = randomUUID();
  const timestampText = timestamp(at);
  return {
    status,
    body: {
      error: word,
      error_description: `AADSTS${number}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestampText}`,
      error_codes: [number],
      timestamp: timestampText,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `${url}/error?code=${number}`,
    },
  };
};

const noMatch = (part: string, value: string): string =>
  `No matching federated identity record found for presented assertion ${part} '${value}'. Please check your federated identity credential ` +
  `Subject, Audience and Issuer against the presented assertion. ${documentation}`;

/** The credential that the assertion's claims fit, compared letter by letter. Refuses by the first part that fits none. */
const matchingCredential = (application: Application, claims: AssertionClaims, general: boolean): FederatedCredential => {
  const { issuer, subject, audiences } = claims;
  const audience = audiences.join(', ');
  const all = application.federatedCredentials;
  const ofIssuer = all.filter((credential) => credential.issuer === issuer);
  const ofSubject = ofIssuer.filter((credential) => credential.subject === subject);
  const match = ofSubject.find((credential) => audiences.length === 1 && audiences[0] === credential.audience);
  if (match !== undefined) return match;
  // The older form names no part; the newer ones came later and are what Entra answers by now.
  if (general || all.length === 0) {
    throw new EntraError(
      70_021,
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${issuer}'. Assertion Subject: '${subject}'. ` +
        `Assertion Audience: '${audience}'. ${documentation}`,
    );
  }
  if (ofIssuer.length === 0) throw new EntraError(700_211, noMatch('issuer', issuer));
  if (ofSubject.length === 0) throw new EntraError(700_213, noMatch('subject', subject));
  throw new EntraError(700_212, noMatch('audience', audience));
};

const required = (form: URLSearchParams, field: string): string => {
  const value = form.get(field);
  if (value === null || value === '') throw new EntraError(90_014, `The required field '${field}' is missing from the credential.`);
  return value;
};

const resourceOf = (scope: string, context: EntraContext): string => {
  if (!scope.endsWith('/.default')) {
    throw new EntraError(
      1_002_012,
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    );
  }
  const resource = scope.slice(0, -'/.default'.length).replace(/\/$/u, '');
  if (!context.resources.includes(resource)) {
    throw new EntraError(500_011, `The resource principal named ${resource} was not found in the tenant named ${context.tenantId}.`);
  }
  return resource;
};

const verifyAssertion = async (assertion: string, issuer: string, context: EntraContext): Promise<void> => {
  const fault = await context.assertions.verify(assertion, issuer);
  if (fault === undefined) return;
  if (fault === 'unreachable') throw new EntraError(90_061, 'Request to External OIDC endpoint failed.');
  if (fault === 'signature') {
    // Entra adds a bracketed reason with key thumbprints here; its text for external issuers wasn't seen, so this one is assumed.
    throw new EntraError(
      700_027,
      'The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found or the signature did not match.]',
    );
  }
  throw new EntraError(
    700_024,
    `Client assertion is not within its valid time range. Current time: ${withSevenDigits(context.clock())}, assertion valid from ` +
      `${withSevenDigits(fault.notBefore)}, expiry time of assertion ${withSevenDigits(fault.expires)}. Review the documentation at ` +
      'https://learn.microsoft.com/entra/identity-platform/certificate-credentials .',
  );
};

const signIn = async (tenant: string, form: URLSearchParams, context: EntraContext): Promise<EntraAnswer> => {
  if (tenant.toLowerCase() !== context.tenantId.toLowerCase()) {
    throw new EntraError(
      90_002,
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    );
  }
  const grant = required(form, 'grant_type');
  if (grant !== 'client_credentials') throw new EntraError(70_003, `The app requested an unsupported grant type '${grant}'.`);
  const clientId = required(form, 'client_id');
  const scope = required(form, 'scope');
  const application = context.applications.get(clientId.toLowerCase());
  if (application === undefined) {
    throw new EntraError(
      700_016,
      `Application with identifier '${clientId}' was not found in the directory '${context.tenantId}'. This can happen if the application has not been ` +
        'installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.',
    );
  }
  const assertion = form.get('client_assertion');
  if (assertion === null) {
    throw new EntraError(7_000_218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.");
  }
  const claims = claimsOf(assertion);
  if (claims === undefined) throw new EntraError(50_027, 'JWT token is invalid or malformed.');

  // Only after this may the issuer's address be fetched: it is one that the world names, not one that a stranger sent.
  const credential = matchingCredential(application, claims, context.federationErrors === 'general');
  await verifyAssertion(assertion, credential.issuer, context);

  const resource = resourceOf(scope, context);
  const token = await context.tokens.mint(application, resource, context.accessTokenSeconds);
  return {
    kind: 'token',
    clientId,
    principalId: application.objectId,
    status: 200,
    body: { token_type: 'Bearer', expires_in: context.accessTokenSeconds, ext_expires_in: context.accessTokenSeconds, access_token: token },
  };
};

const metadata = (tenant: string, context: EntraContext): EntraAnswer => {
  const base = `${context.url}/${tenant}`;
  return {
    kind: 'metadata',
    status: 200,
    body: {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'tid', 'ver'],
      tenant_region_scope: 'EU',
    },
  };
};

const places: Readonly<Record<string, 'configuration' | 'keys' | 'token'>> = {
  'GET v2.0/.well-known/openid-configuration': 'configuration',
  'GET discovery/v2.0/keys': 'keys',
  'POST oauth2/v2.0/token': 'token',
};

const placeOf = ({ method, path }: Incoming) => {
  const [, , ...rest] = path.split('/');
  return places[`${method} ${rest.join('/').toLowerCase()}`];
};

/** What of the sign-in service a request is for, and the client id that it names; nothing for any other path. */
export const aboutSignIn = (incoming: Incoming): { kind: 'token' | 'metadata'; name: string | undefined } | undefined => {
  const place = placeOf(incoming);
  if (place === undefined) return undefined;
  if (place !== 'token') return { kind: 'metadata', name: undefined };
  return { kind: 'token', name: new URLSearchParams(incoming.body).get('client_id') ?? undefined };
};

/**
 * Answers a request of the sign-in service: OpenID Connect metadata, this tenant's public keys, and tokens for client credentials with a
 * federated assertion. Says nothing for any other path.
 */
export const answerEntra = async (incoming: Incoming, context: EntraContext): Promise<EntraAnswer | undefined> => {
  const [, tenant = ''] = incoming.path.split('/');
  const place = placeOf(incoming);
  if (place === 'configuration') return metadata(tenant, context);
  if (place === 'keys') return { kind: 'metadata', status: 200, body: { keys: [context.tokens.jwk] } };
  if (place === undefined) return undefined;

  const form = new URLSearchParams(incoming.body);
  const clientId = form.get('client_id') ?? undefined;
  try {
    return await signIn(tenant, form, context);
  } catch (error) {
    if (!(error instanceof EntraError)) throw error;
    const correlationId = incoming.query.get('client-request-id') ?? form.get('client-request-id') ?? randomUUID();
    const refusal = signInRefusal(error.number, error.message, context.clock(), context.url, correlationId);
    return { ...refusal, kind: 'token', errorCode: `AADSTS${error.number}`, clientId };
  }
};
