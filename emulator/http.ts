import type { IncomingHttpHeaders } from 'node:http';

/** One request as the emulator's parts see it: read whole, address taken apart, nothing decoded yet. */
export interface Incoming {
  readonly method: string;
  /** The path as it was sent, percent-encoding and all; repeated slashes are folded, since clients do send `//subscriptions/…`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One answer. A `body` is sent as JSON; `text` as plain text, unless `headers` say otherwise; with neither the answer is empty. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly text?: string;
}

/** What a client gets: an answer, a connection that is cut instead of one, or nothing for as long as it waits. */
export type Outcome = Answer | 'reset' | 'hang';

// Node 22 and later have this; the compiler's library does not describe it yet.
declare global {
  interface JSON {
    rawJSON: (text: string) => unknown;
  }
}

/**
 * Writes an answer's body as JSON text. Whole `threshold` numbers keep a fraction (`10.0`), as the alert rule service writes them: a
 * client that compares JSON text instead of numbers sees drift where there is none.
 */
export const toJson = (body: unknown): string =>
  JSON.stringify(body, (key, value: unknown) =>
    key === 'threshold' && Number.isInteger(value) ? JSON.rawJSON(`${String(value)}.0`) : value,
  );

/** The parsed body of a request, or nothing when it isn't JSON. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Takes a request target such as `//subscriptions/x?api-version=1` apart. Not with `new URL`, which would read `//subscriptions` as a host. */
export const splitTarget = (target: string): { path: string; query: URLSearchParams } => {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  const query = question === -1 ? '' : target.slice(question + 1);
  return { path: path.replaceAll(/\/{2,}/gu, '/'), query: new URLSearchParams(query) };
};
