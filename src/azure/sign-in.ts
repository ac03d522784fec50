import { readFile } from 'node:fs/promises';
import { ClientAssertionCredential, type AccessToken, type GetTokenOptions, type TokenCredential } from '@azure/identity';
import { ReconcileError, retold, type Retry, type Stalls } from '../core/failure.ts';
import type { Reason } from '../api/condition.ts';
import { abortable } from '../runtime/abortable.ts';
import { steadyText } from './failure.ts';
import { askedWait } from './retry-after.ts';

/** What the workload identity webhook puts into the pod. */
export interface SignInOptions {
  readonly clientId: string;
  readonly tenantId: string;
  readonly tokenFile: string;
  /** `https://login.microsoftonline.com`, without a slash at the end. */
  readonly authorityHost: string;
}

/** Authorities that Azure's own instance discovery knows. Any other host would be looked up there in vain. */
const publicAuthorities = new Set([
  'login.microsoftonline.com',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
  'login.microsoftonline.us',
]);

/** The claims by which Entra picks a federated credential. They are no secret; the token is. */
const claimsOf = (token: string): { readonly issuer: string; readonly subject: string; readonly audience: string } => {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
    const audience = claims['aud'];
    return {
      issuer: String(claims['iss']),
      subject: String(claims['sub']),
      audience: Array.isArray(audience) ? audience.join(', ') : String(audience),
    };
  } catch {
    return { issuer: '(unreadable)', subject: '(unreadable)', audience: '(unreadable)' };
  }
};

/** AADSTS codes by what a person must look at. Microsoft may change them, so they decide words and never whether to go on. */
const mismatchCodes = ['70021', '700211', '700212', '700213', '700214', '700223', '90061', '50166'];
const expiredCodes = ['700024', '700027'];

/** Entra answers within a second or two, or not at all. */
const timeoutMilliseconds = 30_000;
/** How long before its end a token is renewed. */
const renewMilliseconds = 5 * 60_000;
/** What Entra is given to breathe when it says 429 without a time. MSAL itself refuses to ask for about as long. */
const throttledSeconds = 60;

/** A token younger than this is asked for anew by nobody: a thousand refused calls are one question to Entra. */
const youngMilliseconds = 60_000;

/** A credential that hears what Azure thinks of its tokens. */
export interface Credential extends TokenCredential {
  /** Azure refused the last token: the next call asks for a new one. */
  readonly refused: () => void;
}

/**
 * A credential that trades the pod's projected ServiceAccount token for an Azure token. Unlike the SDK's own
 * WorkloadIdentityCredential it reads the token file at each request (that one keeps it for five minutes, and a rotated
 * token is then refused with AADSTS700024), asks once for many callers, gives up on an Entra that never answers, and starts afresh
 * after a failure (MSAL answers from memory for a minute after one 503). Only a 429 it remembers, with its Retry-After. A token is kept,
 * and renewed five minutes before its end.
 */
export const createCredential = (options: SignInOptions): Credential => {
  const fresh = (): Attempt => {
    const attempt: Attempt = {
      retryAfterSeconds: undefined,
      isRefusedByProxy: false,
      credential: new ClientAssertionCredential(
        options.tenantId,
        options.clientId,
        async () => (await readFile(options.tokenFile, 'utf8')).trim(),
        {
          authorityHost: options.authorityHost,
          disableInstanceDiscovery: !publicAuthorities.has(new URL(options.authorityHost).hostname),
          retryOptions: { maxRetries: 0 },
          // MSAL keeps the headers of an answer to itself, and the status of a proxy.
          additionalPolicies: [
            {
              position: 'perCall',
              policy: {
                name: 'rememberWhatMsalForgets',
                sendRequest: async (request, next) => {
                  const response = await next(request);
                  if (response.status === 429)
                    attempt.retryAfterSeconds = (askedWait(response.headers, Date.now()) ?? 0) / 1000 || throttledSeconds;
                  if (response.status === 407) attempt.isRefusedByProxy = true;
                  return response;
                },
              },
            },
          ],
        },
      ),
    };
    return attempt;
  };
  let attempt = fresh();
  let throttled: { readonly until: number; readonly error: (seconds: number) => ReconcileError } | undefined;
  const tokens = new Map<string, AccessToken>();
  let renewedAt = 0;
  let isRefused = false;
  const underWay = new Map<string, Promise<AccessToken>>();

  const ask = async (key: string, scopes: string | string[], request: GetTokenOptions): Promise<AccessToken> => {
    const secondsLeft = throttled ? (throttled.until - performance.now()) / 1000 : 0;
    if (throttled && secondsLeft > 0) throw throttled.error(secondsLeft);
    const deadline = AbortSignal.timeout(timeoutMilliseconds);
    const asking = attempt;
    try {
      const token = await abortable(asking.credential.getToken(scopes, { ...request, abortSignal: deadline }), deadline);
      tokens.set(key, token);
      renewedAt = performance.now();
      isRefused = false;
      return token;
    } catch (thrown) {
      const { retryAfterSeconds } = asking;
      attempt = fresh();
      const explained = asking.isRefusedByProxy ? refusedByProxy(thrown) : await explainSignIn(thrown, options);
      if (retryAfterSeconds === undefined) throw explained;
      const error = (seconds: number): ReconcileError => retold(explained, { retry: { kind: 'after', seconds } });
      throttled = { until: performance.now() + retryAfterSeconds * 1000, error };
      throw error(retryAfterSeconds);
    }
  };

  /** A new token in good time; while Entra is away the old one serves until its end. */
  const renew = async (key: string, scopes: string | string[], request: GetTokenOptions): Promise<AccessToken> => {
    try {
      return await ask(key, scopes, request);
    } catch (error) {
      const last = tokens.get(key);
      // A challenge with claims means that Azure no longer takes the last one.
      if (last && request.claims === undefined && last.expiresOnTimestamp > Date.now()) return last;
      throw error;
    }
  };

  const getToken = (scopes: string | string[], request: GetTokenOptions): Promise<AccessToken> => {
    const key = `${[scopes].flat().join(' ')} ${request.tenantId ?? ''}`;
    const last = tokens.get(key);
    if (last && !isRefused && request.claims === undefined && last.expiresOnTimestamp - renewMilliseconds > Date.now())
      return Promise.resolve(last);
    // One answer serves all who ask at the same time; who leaves early leaves the others their answer.
    // A challenge is another question: the token that the others wait for may be the one it refuses.
    const question = `${key} ${request.claims ?? ''}`;
    const asking = underWay.get(question) ?? renew(key, scopes, request).finally(() => underWay.delete(question));
    underWay.set(question, asking);
    return request.abortSignal ? abortable(asking, request.abortSignal as AbortSignal) : asking;
  };

  return {
    // Given out as good for this moment only: the SDKs would otherwise renew it by themselves two minutes before its end, every three
    // seconds, in a promise that nobody awaits, and an Entra that is away at that time would end the process.
    refused: () => {
      if (isRefused || performance.now() - renewedAt < youngMilliseconds) return;
      isRefused = true;
      // MSAL would answer with the refused one from its own memory.
      attempt = fresh();
    },
    getToken: async (scopes, request = {}) => ({ token: (await getToken(scopes, request)).token, expiresOnTimestamp: Date.now() }),
  };
};

interface Attempt {
  readonly credential: ClientAssertionCredential;
  /** What the last 429 asked for. */
  retryAfterSeconds: number | undefined;
  isRefusedByProxy: boolean;
}

const refusedByProxy = (cause: unknown): ReconcileError =>
  new ReconcileError(
    'AuthenticationUnavailable',
    'The proxy on the way to Azure asks for another user or password (407): put them into the URL in HTTPS_PROXY, as http://user:password@host:port.',
    { stalls: 'afterTenMinutes', cause },
  );

interface SignInFailure {
  readonly message?: string;
  readonly cause?: { readonly errorNo?: string | number; readonly status?: number };
}

/** What a refused sign-in means, in words that name issuer, subject and audience, and where to compare them. */
const explainSignIn = async (thrown: unknown, options: SignInOptions): Promise<ReconcileError> => {
  const error = thrown as SignInFailure;
  const text = error.message ?? String(thrown);
  const failure = (reason: Reason, message: string, stalls: Stalls, retry?: Retry): ReconcileError =>
    new ReconcileError(reason, message, { stalls, ...(retry ? { retry } : {}), cause: thrown });

  if (/ENOENT|EACCES/.test(text))
    return failure(
      'CredentialUnavailable',
      `The ServiceAccount token file named by AZURE_FEDERATED_TOKEN_FILE can't be read: is the pod labelled azure.workload.identity/use: "true", and is the workload identity webhook running?`,
      'never',
    );
  // MSAL declares a text here and gives a number.
  const code = String(error.cause?.errorNo ?? /AADSTS(\d+)/.exec(text)?.[1] ?? /Error\(s\): (\d+)/.exec(text)?.[1] ?? '');
  const token = await readFile(options.tokenFile, 'utf8').catch(() => '');
  const { issuer, subject, audience } = claimsOf(token.trim());
  const presented = `issuer ${issuer}, subject ${subject}, audience ${audience}`;
  if (mismatchCodes.includes(code))
    return failure(
      'FederatedCredentialMismatch',
      `Entra does not accept the operator's ServiceAccount token (AADSTS${code}): no federated credential of client ${options.clientId} in tenant ${options.tenantId} has exactly ${presented}. Compare them with: az identity federated-credential list.`,
      'afterTenMinutes',
    );
  if (expiredCodes.includes(code))
    return failure(
      'AuthenticationFailed',
      `Entra refuses the operator's ServiceAccount token as expired, not valid yet or wrongly signed (AADSTS${code}; ${presented}): check the clocks of the nodes, and that the token file is still renewed.`,
      'never',
      { kind: 'fast' },
    );
  if (code === '700016' || code === '90002')
    return failure(
      'AuthenticationFailed',
      `Entra knows no application ${options.clientId} in tenant ${options.tenantId} (AADSTS${code}): check azure.clientId and azure.tenantId.`,
      'afterTenMinutes',
    );
  if (code === '' || (error.cause?.status ?? 0) >= 429)
    return failure(
      'AuthenticationUnavailable',
      `No Azure token could be had from ${options.authorityHost}; trying again. The answer: ${steadyText(text)}`,
      'never',
    );
  return failure(
    'AuthenticationFailed',
    `Entra refuses the operator's sign-in (AADSTS${code}; ${presented}). Entra says: ${steadyText(text)}`,
    'afterTenMinutes',
  );
};
