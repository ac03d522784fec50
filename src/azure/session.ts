import { createRestError, getClient, type Client } from '@azure-rest/core-client';
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { MonitorClient } from '@azure/arm-monitor';
import type { TokenCredential } from '@azure/identity';
import { ReconcileError } from '../core/failure.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { WriteRefusedError } from '../runtime/write-gate.ts';
import { explain, readAzureError } from './failure.ts';
import { pace, type Lane } from './pace-policy.ts';
import { createPacer } from './pacer.ts';
import type { Credential } from './sign-in.ts';

export interface SessionOptions {
  readonly credential: TokenCredential & Partial<Credential>;
  /** `https://management.azure.com`, without a slash at the end. */
  readonly endpoint: string;
  /** What tokens are asked for: `<audience>/.default`. */
  readonly audience: string;
  /** In front of the SDKs' own user agent. */
  readonly userAgent: string;
  /**
   * Asked when a write is signed and about to be sent; what it throws is what the call rejects with, and nothing is sent. What it
   * returns is called once the call has ended.
   */
  readonly beforeWrite?: () => () => void;
  /** Called at the end of each call to Azure; for metrics. */
  readonly onCall?: (call: AzureCall) => void;
  /** Called for each call that was not sent because its turn had not come; for metrics. */
  readonly onPaced?: (lane: Lane) => void;
  /** By which the calls are paced. Default: the machine's. */
  readonly clock?: Pick<Clock, 'now' | 'monotonic'>;
}

/** One call to Azure, as metrics count it. */
export interface AzureCall {
  readonly operation: string;
  /** `ok`, the HTTP status of a failure, a socket's error code, or the reason why nobody could sign in. */
  readonly code: string;
  readonly seconds: number;
}

/** Settings that every SDK call takes. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly timeout: number };
}

/** The door to Azure: one set of clients per subscription, and one way to make a call. */
export interface Session {
  monitor(subscriptionId: string): MonitorClient;
  authorization(subscriptionId: string): AuthorizationManagementClient;
  /** A client without a model, for the few reads that need no SDK of their own. */
  readonly raw: Client;
  /**
   * Makes one call, which may be several requests. `operation` is a short constant for metrics, `doing` says for people what was being tried
   * (`create the alert rule x`). A request whose turn hasn't come is not sent: then this rejects with `Throttled` and the time of its turn.
   * @throws ReconcileError for everything that Azure, Entra or the network can answer; WriteRefusedError when `beforeWrite` threw one
   */
  call<Answer>(
    what: { readonly operation: string; readonly doing: string; readonly signal: AbortSignal },
    make: (options: CallOptions) => Promise<Answer>,
  ): Promise<Answer>;
}

interface Request {
  readonly method: string;
}

/** A policy for the pipeline of every SDK: it lets a write pass only when `begin` does. */
const askBeforeWrites = (begin: () => () => void) => ({
  name: 'askBeforeWrites',
  sendRequest: async <Sent extends Request, Answer>(request: Sent, next: (request: Sent) => Promise<Answer>): Promise<Answer> => {
    if (request.method === 'GET') return next(request);
    const end = begin();
    try {
      return await next(request);
    } finally {
      end();
    }
  },
});

/** Writes of rules and groups take about 3 s; the SDKs themselves would wait for ever. */
const timeoutMilliseconds = 45_000;

/**
 * Opens the session. The SDKs never retry by themselves: they would sleep a whole `Retry-After` inside the call; the queue waits
 * instead. Their token scope is set because it doesn't follow the endpoint.
 */
export const createSession = (options: SessionOptions): Session => {
  const { credential, endpoint, audience, userAgent, beforeWrite, onCall, onPaced, clock = systemClock } = options;
  const scope = `${audience}/.default`;
  // One for all clients: the limits are Azure's for one identity.
  const pacing = pace({ pacer: createPacer(), clock, onPaced: (lane) => onPaced?.(lane) });
  const common = {
    endpoint,
    retryOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: userAgent },
    // Behind the policy that fetches a token, which may take a while. A write whose turn hasn't come isn't under way.
    additionalPolicies: [pacing, ...(beforeWrite ? [askBeforeWrites(beforeWrite)] : [])].map((policy) => ({
      policy,
      position: 'perRetry' as const,
    })),
  };
  const monitors = new Map<string, MonitorClient>();
  const authorizations = new Map<string, AuthorizationManagementClient>();
  const once = <Made>(known: Map<string, Made>, subscriptionId: string, make: () => Made): Made => {
    const key = subscriptionId.toLowerCase();
    const made = known.get(key) ?? make();
    known.set(key, made);
    return made;
  };
  return {
    monitor: (subscriptionId) =>
      once(monitors, subscriptionId, () => new MonitorClient(credential, subscriptionId, { ...common, credentials: { scopes: [scope] } })),
    authorization: (subscriptionId) =>
      once(
        authorizations,
        subscriptionId,
        () => new AuthorizationManagementClient(credential, subscriptionId, { ...common, credentialScopes: [scope] }),
      ),
    raw: getClient(endpoint, credential, { ...common, credentials: { scopes: [scope] } }),
    call: async ({ operation, doing, signal }, make) => {
      const started = performance.now();
      const report = (code: string): void => onCall?.({ operation, code, seconds: (performance.now() - started) / 1000 });
      try {
        const answer = await make({ abortSignal: signal, requestOptions: { timeout: timeoutMilliseconds } });
        report('ok');
        return answer;
      } catch (thrown) {
        if (thrown instanceof ReconcileError) {
          // What waits for its turn was no call.
          if (thrown.reason !== 'Throttled') report(thrown.reason);
          throw thrown;
        }
        if (thrown instanceof WriteRefusedError) throw thrown;
        // Our own shutdown or deadline is no answer of Azure's: whoever aborted knows what it means.
        if (signal.aborted) throw thrown;
        const error = readAzureError(thrown);
        report(error.status === undefined ? error.code || 'unreachable' : String(error.status));
        if (error.status === 401) credential.refused?.();
        throw explain(error, doing, thrown);
      }
    },
  };
};

/** One GET of what needs no SDK of its own. */
export const readRaw = <Body>(
  session: Session,
  { path, apiVersion, ...what }: Parameters<Session['call']>[0] & { readonly path: string; readonly apiVersion: string },
  bodyOf: (answer: unknown) => Body,
): Promise<Body> =>
  session.call(what, async ({ abortSignal, requestOptions }) => {
    const answer = await session.raw
      .pathUnchecked(path)
      .get({ queryParameters: { 'api-version': apiVersion }, abortSignal, timeout: requestOptions.timeout });
    if (answer.status !== '200') throw createRestError(answer);
    return bodyOf(answer.body);
  });

/**
 * The resource in an answer. A 200 without one (an empty body, the page of a proxy) is a failure like any other: taken for a thing that
 * doesn't carry our mark it would be forgotten.
 */
export const resourceIn = <Resource extends { readonly id?: string | undefined }>(answer: Resource | undefined): Resource => {
  if (typeof answer?.id !== 'string') throw new TypeError('the answer holds no resource');
  return answer;
};

/** The answer to a GET, or undefined when the thing is not there. A missing subscription or group is told apart by the caller's next write. */
export const absentIfNotFound = async <Answer>(answer: Promise<Answer>): Promise<Answer | undefined> => {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof ReconcileError && isNotFound(thrown.cause)) return undefined;
    throw thrown;
  }
};

const notFoundCodes = new Set(['ResourceNotFound', 'NotFound', 'RoleAssignmentNotFound', 'ResourceGroupNotFound']);

/**
 * True for an answer that says the thing (or the group it was in) is gone. Not for a missing subscription: access to it may merely be lost.
 * Nor for a 404 without one of Azure's words: any proxy on the way can say that.
 */
const isNotFound = (cause: unknown): boolean => {
  const { status, code } = readAzureError(cause);
  return status === 404 && notFoundCodes.has(code);
};
