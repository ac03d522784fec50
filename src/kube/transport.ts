import type { Dispatcher } from 'undici';
import { abortable } from '../runtime/abortable.ts';
import type { Clock } from '../runtime/clock.ts';
import { systemClock } from '../runtime/clock.ts';
import { DeadlineError, startDeadline } from '../runtime/deadline.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { WriteRefusedError } from '../runtime/write-gate.ts';
import { askBeforeWrites } from './ask-before-writes.ts';
import type { KubeAccess } from './config.ts';
import type { Credentials, TlsMaterial } from './credentials.ts';
import { KubeError, errorFromSocket, errorFromStatus, malformedAnswer } from './failure.ts';
import { socketsFor } from './sockets.ts';
import type { Purpose, Sockets } from './sockets.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** From the leading slash, without a query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/merge-patch+json` for a PATCH, `application/json` otherwise. */
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** From the start to the last byte of the answer. Default 15. */
  readonly timeoutSeconds?: number;
}

interface StreamRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The longest wait for the head of the answer. Default 15. */
  readonly timeoutSeconds?: number;
  /** The stream fails when no byte has come for this long. */
  readonly idleSeconds: number;
  /** The stream fails when it is older than this. */
  readonly totalSeconds: number;
}

interface LineStream {
  /**
   * The lines of the answer without their ends; what follows the last line end too, if anything does. Ends when the server ends it; throws KubeError for anything else, and the signal's
   * reason when the signal aborts. To be read once.
   */
  readonly lines: AsyncIterable<string>;
  /** Destroys the socket. Harmless when all is over. */
  close(): void;
}

/**
 * The one door to the API server. Both calls reject with a KubeError, with the signal's reason when the signal aborts (after that, what a
 * write has done is unknown), or with a WriteRefusedError when `beforeWrite` threw one.
 */
export interface KubeTransport {
  /** Sends one request and returns the parsed answer (undefined when it is empty). */
  request<T>(request: KubeRequest): Promise<T>;
  /** Opens a long answer of lines: a watch. */
  stream(request: StreamRequest): Promise<LineStream>;
  /** Destroys all sockets, at once. */
  close(): Promise<void>;
}

/** One finished request, or one opened stream; for metrics. */
export interface RequestReport {
  readonly method: string;
  readonly path: string;
  readonly milliseconds: number;
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly error: KubeError | undefined;
}

export interface TransportOptions {
  readonly userAgent?: string;
  /** The most sockets for requests; each watch has one of its own. Default 4. What must never wait behind others (a lease) makes a transport of its own. */
  readonly connections?: number;
  /** Default 5. */
  readonly connectTimeoutSeconds?: number;
  readonly clock?: Clock;
  /** Called at the end of every request; what it throws is ignored. */
  readonly onRequest?: (report: RequestReport) => void;
  /**
   * Asked when a write has its socket and is about to be sent; what it throws is what the request rejects with, and nothing is sent.
   * What it returns is called once the request has ended.
   */
  readonly beforeWrite?: () => () => void;
}

/**
 * Makes the transport. Nothing is sent before the first request.
 *
 * client-node would build a new undici Agent for every request as soon as a CA is set, which is always (its cache for
 * kubernetes-client/javascript#2893 covers only the old https.Agent), so only its credentials are used.
 */
export const createTransport = (access: KubeAccess, options: TransportOptions = {}): KubeTransport => {
  const { userAgent = 'kube-transport', connections = 4, connectTimeoutSeconds = 5, clock = systemClock } = options;
  const base = new URL(access.server);
  /** All that have sockets: the pool, former ones whose requests are still under way, and one for each watch. */
  const open = new Set<Sockets>();
  let pool: { readonly tls: TlsMaterial; readonly sockets: Sockets } | undefined;
  let isClosed = false;

  const openSockets = (operation: string, tls: TlsMaterial, purpose: Purpose): Sockets => {
    // Asked here, not only at the start of a request: signing in may have taken a while.
    if (isClosed) throw closedError(operation);
    const made = socketsFor(access, tls, connectTimeoutSeconds, purpose, clock);
    const { beforeWrite } = options;
    const sockets = beforeWrite ? { ...made, dispatcher: made.dispatcher.compose(askBeforeWrites(beforeWrite)) } : made;
    open.add(sockets);
    return sockets;
  };

  const destroy = (sockets: Sockets): Promise<void> => {
    open.delete(sockets);
    return sockets.destroy();
  };

  const poolFor = (operation: string, tls: TlsMaterial): Dispatcher => {
    if (pool?.tls !== tls) {
      const former = pool?.sockets;
      // Requests under way finish on the old sockets.
      former?.dispatcher.close().then(
        () => open.delete(former),
        () => undefined,
      );
      pool = { tls, sockets: openSockets(operation, tls, { connections }) };
    }
    if (isClosed) throw closedError(operation);
    return pool.sockets.dispatcher;
  };

  const head = (credentials: Credentials, path: string, query: Readonly<Record<string, string>> | undefined) => ({
    origin: base.origin,
    path: `${base.pathname.replace(/\/$/, '')}${path}${query ? `?${new URLSearchParams(query).toString()}` : ''}`,
    headers: { ...credentials.headers, accept: 'application/json', 'user-agent': userAgent },
  });

  /** Sends, and if the answer is 401 reads the credentials again at once: if they are others now, sends once more (a 401 means nothing was done). */
  const withCredentials = async <T>(
    operation: string,
    signal: AbortSignal,
    attempt: (credentials: Credentials) => Promise<T>,
  ): Promise<T> => {
    const credentials = await readCredentials(operation, access, signal);
    try {
      return await attempt(credentials);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 401) throw error;
      access.reject(credentials);
      const renewed = await readCredentials(operation, access, signal);
      if (renewed.tls === credentials.tls && renewed.headers['Authorization'] === credentials.headers['Authorization']) throw error;
      return attempt(renewed);
    }
  };

  /** Runs one exchange within its deadline, turns what it throws into our errors, and tells the observer. */
  const observed = async <T>(
    { method, path, signal, timeoutSeconds = 15 }: { readonly method: string } & Pick<KubeRequest, 'path' | 'signal' | 'timeoutSeconds'>,
    exchange: (operation: string, deadline: Deadline) => Promise<Answer<T>>,
  ): Promise<T> => {
    signal.throwIfAborted();
    const operation = `${method} ${path}`;
    if (isClosed) throw closedError(operation);
    const started = clock.monotonic();
    const deadline = startDeadline(clock, timeoutSeconds * 1000, signal);
    const report = (status: number | undefined, error?: KubeError): void => {
      try {
        options.onRequest?.({ method, path, milliseconds: clock.monotonic() - started, status, error });
      } catch {
        // Watching must not change what is watched.
      }
    };
    try {
      // Raced, because undici looks at the signal of a request only when it is on a socket, not while it waits for one.
      const { status, value } = await abortable(exchange(operation, deadline), deadline.signal);
      report(status);
      return value;
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof WriteRefusedError) throw thrown;
      const error = toKubeError(operation, thrown);
      report(error.status, error);
      throw error;
    } finally {
      deadline.clear();
    }
  };

  const request = <T>({ method, path, query, body, contentType, ...rest }: KubeRequest): Promise<T> =>
    observed({ method, path, ...rest }, (operation, { signal }) =>
      withCredentials(operation, signal, async (credentials) => {
        const { headers, ...target } = head(credentials, path, query);
        const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
        const answer = await poolFor(operation, credentials.tls).request({
          ...target,
          method,
          headers: body === undefined ? headers : { ...headers, 'content-type': type },
          body: body === undefined ? null : JSON.stringify(body),
          signal,
        });
        return parseAnswer<T>(operation, answer);
      }),
    );

  const stream = ({ path, query, idleSeconds, totalSeconds, ...rest }: StreamRequest): Promise<LineStream> =>
    observed({ method: 'GET', path, ...rest }, (operation, opening) =>
      withCredentials(operation, opening.signal, async (credentials) => {
        // A dispatcher of its own for every watch: a watch lives for minutes, so a new connection costs nothing, and one that a load
        // balancer has silently dropped (kubernetes-client/javascript#589) is never used again.
        const sockets = openSockets(operation, credentials.tls, { idleSeconds });
        const close = (): void => {
          total.clear();
          opening.signal.removeEventListener('abort', close);
          destroy(sockets).catch(() => undefined);
        };
        const total = startDeadline(clock, totalSeconds * 1000, rest.signal);
        opening.signal.addEventListener('abort', close, { once: true });
        try {
          const answer = await sockets.dispatcher.request({ ...head(credentials, path, query), method: 'GET', signal: total.signal });
          if (answer.statusCode !== 200) await parseAnswer(operation, answer);
          opening.signal.removeEventListener('abort', close);
          // Behind undici's own listener, so that readers get the signal's reason.
          total.signal.addEventListener('abort', close, { once: true });
          return { status: answer.statusCode, value: { lines: linesOf(operation, answer.body, rest.signal, close), close } };
        } catch (error) {
          close();
          throw error;
        }
      }),
    );

  return {
    request,
    stream,
    close: async () => {
      isClosed = true;
      await Promise.all(Array.from(open, destroy));
    },
  };
};

const closedError = (operation: string): KubeError => new KubeError('the transport is closed', { operation, code: 'Closed' });

/** Credentials, or a KubeError; waits no longer than the signal allows, because an exec plugin may hang. */
const readCredentials = async (operation: string, access: KubeAccess, signal: AbortSignal): Promise<Credentials> => {
  try {
    const credentials = await abortable(access.credentials(), signal);
    // It may have aborted in this very moment: nobody would own the watch that is opened next.
    signal.throwIfAborted();
    return credentials;
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : "can't sign in";
    throw new KubeError(message, { operation, code: 'CredentialsUnavailable' }, { cause: error });
  }
};

interface Answer<T> {
  readonly status: number;
  readonly value: T;
}

/** The parsed answer, taken at its word to be a T; anything but a 2xx is thrown. */
const parseAnswer = async <T>(operation: string, { statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<Answer<T>> => {
  const text = await body.text();
  let parsed;
  try {
    parsed = text === '' ? undefined : JSON.parse(text);
  } catch (error) {
    if (status < 400) throw malformedAnswer(operation, `the answer to ${operation} isn't JSON`, { cause: error });
  }
  if (status >= 200 && status < 300) return { status, value: parsed };
  const retryAfter = headers['retry-after'];
  throw errorFromStatus(operation, status, parsed, Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
};

const toKubeError = (operation: string, thrown: unknown): KubeError => {
  if (thrown instanceof KubeError) return thrown;
  if (thrown instanceof DeadlineError) {
    return new KubeError(`the API server gave no answer within ${thrown.milliseconds / 1000} s`, { operation, code: 'DeadlineExceeded' });
  }
  const error = errorFromSocket(operation, thrown);
  return error.code === 'UND_ERR_BODY_TIMEOUT'
    ? new KubeError('the stream was silent for too long', { operation, code: 'IdleTooLong' })
    : error;
};

/** No object of the API is larger than a few megabytes; a line that is longer means that the stream isn't what we think it is. */
const longestLine = 32 * 1024 * 1024;

async function* linesOf(
  operation: string,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  close: () => void,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  // The beginning of a line whose end hasn't come. Kept in pieces, so that a line of megabytes isn't searched again with every piece.
  let held: string[] = [];
  let heldLength = 0;
  try {
    for await (const chunk of body) {
      const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
      held.push(first);
      heldLength += first.length;
      if (heldLength > longestLine) throw malformedAnswer(operation, 'the stream has a line without an end');
      const last = others.pop();
      if (last === undefined) continue;
      yield held.join('');
      yield* others;
      held = [last];
      heldLength = last.length;
    }
    const rest = held.join('') + decoder.decode();
    if (rest !== '') yield rest;
  } catch (error) {
    signal.throwIfAborted();
    throw toKubeError(operation, error);
  } finally {
    close();
  }
}
