import { KubeError, errorFromStatus } from './failure.ts';
import { isComplete } from './object.ts';
import type { KubeObject, Status } from './object.ts';
import type { KubeTransport } from './transport.ts';

/** What a watch says. A bookmark only carries the resource version up to which everything has been told. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchRequest {
  readonly path: string;
  /** Selectors. */
  readonly query: Readonly<Record<string, string>>;
  readonly resourceVersion: string;
  /** After this time the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  /** The longest wait until the server has accepted the watch. */
  readonly openSeconds: number;
  /** The socket is destroyed when it is silent for this long, or older than `timeoutSeconds` plus this. */
  readonly idleSeconds: number;
  readonly slackSeconds: number;
  readonly signal: AbortSignal;
  /** A line that isn't an event: not JSON, or without an object that has a name, a uid and a resource version. It is skipped. */
  readonly onUnparsable: (error: Error) => void;
}

/**
 * Opens one watch. Resolves when the server has accepted it; the events end when the server ends it. Throws KubeError, with status 410 for
 * a resource version that is too old: that comes as HTTP status, or, usually, as an ERROR event in an answer of status 200.
 */
export const openWatch = async <T extends KubeObject>(
  transport: KubeTransport,
  request: WatchRequest,
): Promise<AsyncIterable<WatchEvent<T>>> => {
  const { path, query, resourceVersion, timeoutSeconds, openSeconds, idleSeconds, slackSeconds, signal } = request;
  const { lines } = await transport.stream({
    path,
    query: { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(timeoutSeconds), resourceVersion },
    signal,
    timeoutSeconds: openSeconds,
    idleSeconds,
    totalSeconds: timeoutSeconds + slackSeconds,
  });
  return eventsOf<T>(`WATCH ${path}`, lines, request.onUnparsable);
};

async function* eventsOf<T extends KubeObject>(
  operation: string,
  lines: AsyncIterable<string>,
  onUnparsable: (error: Error) => void,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  for await (const line of lines) {
    let event: WatchEvent<T> | KubeError;
    try {
      event = eventOf<T>(operation, line);
    } catch (error) {
      onUnparsable(error instanceof Error ? error : new Error('not an event'));
      continue;
    }
    if (event instanceof KubeError) throw event;
    yield event;
  }
}

/** The event of one line; the error it stands for if it is an ERROR event. Throws if it is neither. */
const eventOf = <T extends KubeObject>(operation: string, line: string): WatchEvent<T> | KubeError => {
  const { type, object }: { type: string; object: (T & Status) | undefined } = JSON.parse(line);
  if (type === 'ERROR') return errorFromStatus(operation, object?.code ?? 500, object);
  const resourceVersion = object?.metadata?.resourceVersion;
  if (type === 'BOOKMARK' && resourceVersion) return { type, resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw new Error('an event of a type unknown to us');
  if (!object || !isComplete(object)) throw new Error('an event whose object has no name, uid or resource version');
  return { type, object };
};
