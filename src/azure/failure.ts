import { ReconcileError, type Retry, type Stalls } from '../core/failure.ts';
import { failureTable, type FailureRow } from './failure-table.ts';
import { askedWait } from './retry-after.ts';

/** What is known of a failed call to Azure, whichever SDK made it. */
export interface AzureError {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** ARM's error code, or a socket's (`ECONNRESET`); empty when there is none. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
  /** Of the address that was called. */
  readonly subscriptionId?: string | undefined;
}

/** Of Azure's own words, in a condition. */
const quoteLimit = 500;
/** Of a whole message; a condition holds 1,024. */
const messageLimit = 1000;

const cut = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

/** Without what changes from call to call: a condition that changes makes a new run, which changes it again. */
const steady = (text: string): string =>
  text
    .replaceAll(/\b(?:Activity|Correlation|Trace|Request|Tracking)[ -]?ID\b["']?\s*[:=]?\s*["']?[0-9a-f-]{8,}["']?\.?/gi, '')
    .replaceAll(/\bTimestamp:?\s*\d{4}-\d\d-\d\d[ T][\d:.]+Z?\.?/gi, '')
    .replaceAll(/\b\d{4}-\d\d-\d\d[ T]\d\d:[\d:.]+Z?/g, '…')
    .replaceAll(/\b\d{1,2}\/\d{1,2}\/\d{4} \d{1,2}:[\d:]+(?: [AP]M)?/g, '…')
    .replaceAll(/\b(after|in) '?\d+(?:\.\d+)?'? (second|minute)/gi, '$1 some $2')
    .replaceAll(/(https?:\/\/[^\s?#]*)[?#]\S*/gi, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim();

/**
 * Azure's text without what changes from call to call and without what nobody may read there: ids of requests, times, queries of
 * addresses. Cut to what a condition has room for.
 */
export const steadyText = (text: string): string => cut(steady(text), quoteLimit);

/** "At once" is no wait: a busy service that says so would be asked again in the same millisecond. */
const leastWaitSeconds = 1;

/** What the class of a row means for the queue, and for `Stalled`. */
const nextTry = ({ retry }: FailureRow, { retryAfterSeconds }: AzureError): { readonly retry: Retry; readonly stalls: Stalls } => {
  switch (retry) {
    case 'told':
      return {
        retry:
          retryAfterSeconds === undefined
            ? { kind: 'afterAWhile' }
            : { kind: 'after', seconds: Math.max(retryAfterSeconds, leastWaitSeconds) },
        stalls: 'never',
      };
    case 'fast':
    case 'slow':
      return { retry: { kind: retry }, stalls: 'never' };
    case 'slowThenCrawl':
      return { retry: { kind: 'slow' }, stalls: 'afterTenMinutes' };
    case 'crawl':
      return { retry: { kind: 'crawl' }, stalls: 'atOnce' };
  }
};

const hasStatus = (wanted: FailureRow['status'], status: number | undefined): boolean =>
  wanted === undefined ||
  wanted.some((each) =>
    each === '5xx' ? status !== undefined && status >= 500 && status < 600 : status === (each === 'none' ? undefined : each),
  );

/** The row of the table that a failure belongs to. */
export const rowOf = ({ status, code, message, retryAfterSeconds }: AzureError): FailureRow => {
  // An apostrophe inside a word opens no quote.
  const unquoted = message.replaceAll(/(?<!\w)'[^']*'/g, '');
  const row = failureTable.find(
    (each) =>
      hasStatus(each.status, status) &&
      (each.codes?.includes(code) ?? true) &&
      (each.text?.test(unquoted) ?? true) &&
      (each.saysWhen === undefined || retryAfterSeconds !== undefined),
  );
  if (!row) throw new TypeError('the last row of the table fits everything');
  return row;
};

/** What one failed call means, for the condition and for the queue. `doing` says what was being tried: `create the alert rule`. */
export const explain = (error: AzureError, doing: string, cause: unknown): ReconcileError => {
  const row = rowOf(error);
  const text = steady(error.message);
  const sentence = row.sentence({
    status: error.status,
    code: error.code,
    text,
    quote: cut(text, quoteLimit) || `HTTP status ${error.status ?? 'none'}`,
    subscriptionId: error.subscriptionId,
  });
  return new ReconcileError(row.reason, cut(`Could not ${doing}. ${sentence}`, messageLimit), {
    ...nextTry(row, error),
    ...(row.later === undefined ? {} : { later: row.later }),
    cause,
  });
};

/** Reads what there is to know from anything that an Azure SDK throws: RestError, a socket's error, a bare TypeError. */
export const readAzureError = (thrown: unknown): AzureError => {
  const error = (thrown ?? {}) as {
    readonly statusCode?: number;
    readonly code?: unknown;
    readonly message?: string;
    readonly request?: { readonly url?: string };
    readonly response?: { readonly headers?: { get?(name: string): string | undefined } };
  };
  const wait = askedWait({ get: (name) => error.response?.headers?.get?.(name) }, Date.now());
  return {
    status: error.statusCode,
    code: typeof error.code === 'string' ? error.code : '',
    // The SDKs put the whole answer into the message, with the addresses of webhooks in it.
    message: error.code === 'PARSE_ERROR' ? 'the answer is not JSON' : (error.message ?? String(thrown)),
    retryAfterSeconds: wait === undefined ? undefined : wait / 1000,
    subscriptionId: /\/subscriptions\/([\w-]+)/i.exec(error.request?.url ?? '')?.[1],
  };
};

/** What the operator's log says of a failed call: for support tickets the correlation id is worth gold, and it stands only there. */
export const causeForLog = (cause: unknown): Readonly<Record<string, unknown>> => {
  const { status, code, message } = readAzureError(cause);
  const headers = (cause as { readonly response?: { readonly headers?: { get?(name: string): string | undefined } } } | undefined)?.response
    ?.headers;
  return { status, code: code || undefined, error: steadyText(message), correlationId: headers?.get?.('x-ms-correlation-request-id') };
};
