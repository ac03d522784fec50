import type { Status } from './object.ts';

/** Codes of failures that have no HTTP status and that no socket names: ours. */
export type OwnCode =
  /** No complete answer within the time of the request, or a stream outlived its limit. */
  | 'DeadlineExceeded'
  /** A stream brought no byte for longer than its idle limit. */
  | 'IdleTooLong'
  /** An answer that isn't what the API promises: not JSON, a line without an end. */
  | 'MalformedAnswer'
  /** The credentials can't be read: the token file, a certificate, the exec plugin. */
  | 'CredentialsUnavailable'
  /** The server accepted a watch and ended it in the same moment. */
  | 'ShortWatch'
  /** The transport has been closed. */
  | 'Closed';

interface KubeErrorFields {
  /** `GET /api/v1/…`, without the query. */
  readonly operation: string;
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly code?: string | undefined;
}

/**
 * A request to the API server that failed. The message is fit for a condition: it is the server's own sentence, or ours, and never holds
 * headers, bodies or tokens. client-node's ApiException puts all of them into its message, which is why it isn't used.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError' as const;
  /** Method and path, for the log. */
  readonly operation: string;
  /** The HTTP status, or the code of an ERROR event; undefined when no answer arrived. */
  readonly status: number | undefined;
  /** The reason word of the Status object: `NotFound`, `AlreadyExists`, `Expired`, … */
  readonly reason: string | undefined;
  /** When the server said so. */
  readonly retryAfterSeconds: number | undefined;
  /** When no answer arrived: what the socket said (`ECONNREFUSED`, `UND_ERR_SOCKET`, …), or one of ours. */
  readonly code: OwnCode | (string & {}) | undefined;
  constructor(message: string, fields: KubeErrorFields, options?: ErrorOptions) {
    super(message, options);
    this.operation = fields.operation;
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterSeconds = fields.retryAfterSeconds;
    this.code = fields.code;
  }
}

/**
 * The error for a Status object, or for whatever else came with an HTTP status of 400 and above (a proxy's page, nothing at all).
 * @param body the parsed body, if it could be parsed
 * @param retryAfter the header, if there was one: seconds, or a date
 */
export const errorFromStatus = (operation: string, status: number, body: unknown, retryAfter?: string): KubeError => {
  const said: Status = isStatus(body) ? body : {};
  return new KubeError(said.message ?? `the API server answered ${status} to ${operation}`, {
    operation,
    status,
    reason: said.reason,
    retryAfterSeconds: secondsOf(retryAfter) ?? said.details?.retryAfterSeconds,
  });
};

/** The error for a request that got no answer. */
export const errorFromSocket = (operation: string, error: unknown): KubeError => {
  const code = codeOf(error) ?? (error instanceof Error ? error.name : 'Unknown');
  return new KubeError(`the API server can't be reached (${code})`, { operation, code }, { cause: error });
};

/** The error for an answer that isn't what the API promises. */
export const malformedAnswer = (operation: string, message: string, options?: ErrorOptions): KubeError =>
  new KubeError(message, { operation, code: 'MalformedAnswer' }, options);

const isStatus = (body: unknown): body is Status => typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status';

/** A page of something in between may ask for a day, and a date may come from a clock that is wrong: nobody is blind for longer than this. */
const longestRetryAfterSeconds = 300;

const secondsOf = (retryAfter: string | undefined): number | undefined => {
  if (retryAfter === undefined) return undefined;
  const number = Number(retryAfter);
  const seconds = Number.isFinite(number) ? number : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), longestRetryAfterSeconds);
};

// undici wraps what the socket said: look through the causes, the innermost code is the telling one.
const codeOf = (error: unknown): string | undefined => {
  if (typeof error !== 'object' || error === null) return undefined;
  const inner = 'cause' in error ? codeOf(error.cause) : undefined;
  return inner ?? ('code' in error && typeof error.code === 'string' ? error.code : undefined);
};

const hasStatus =
  (...statuses: readonly number[]) =>
  (error: unknown): error is KubeError =>
    error instanceof KubeError && error.status !== undefined && statuses.includes(error.status);

/** 409, somebody else wrote first: read again, then decide again. (AlreadyExists is a 409 as well, but another story.) */
export const isConflict = (error: unknown): error is KubeError => hasStatus(409)(error) && error.reason !== 'AlreadyExists';
/** 409 AlreadyExists: a create met an object of that name. */
export const isAlreadyExists = (error: unknown): error is KubeError => hasStatus(409)(error) && error.reason === 'AlreadyExists';
/** 410: the resource version or the continue token is too old. Arrives as HTTP status and as an ERROR event in a stream of status 200. */
export const isGone = hasStatus(410);
export const isNotFound = hasStatus(404);
/** 401: the credentials aren't valid, or not any more. */
export const isUnauthorized = hasStatus(401);
/** 403: RBAC, or an admission plugin. */
export const isForbidden = hasStatus(403);
/** 422: schema or CEL rules refused it; the message names fields. */
export const isInvalid = hasStatus(422);
/** 429: come back later, `retryAfterSeconds` says when. */
export const isThrottled = hasStatus(429);
/** No answer at all: refused, reset, timed out, TLS, no credentials. What a write has done is unknown. */
export const isUnreachable = (error: unknown): error is KubeError => error instanceof KubeError && error.status === undefined;
/** Likely to go away by itself: no answer, throttled, or the server's own trouble. */
export const isTransient = (error: unknown): error is KubeError =>
  isUnreachable(error) || isThrottled(error) || (error instanceof KubeError && (error.status ?? 0) >= 500);
