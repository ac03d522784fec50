import { isGone, malformedAnswer } from './failure.ts';
import { isComplete, withoutManagedFields } from './object.ts';
import type { KubeList, KubeObject } from './object.ts';
import type { KubeTransport } from './transport.ts';

interface ListRequest {
  readonly path: string;
  /** Selectors. */
  readonly query: Readonly<Record<string, string>>;
  readonly pageSize: number;
  /** For each page. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  readonly onPage: () => void;
  /** A continue token had expired, the list began again. */
  readonly onRestart: () => void;
  /** An item that has no name, uid or resource version. It is skipped. */
  readonly onUnparsable: (error: Error) => void;
}

/** A complete list. */
interface Listed<T> {
  readonly objects: readonly T[];
  readonly pages: number;
  /** From here on a watch tells everything. */
  readonly version: string;
}

/** All pages. A continue token that has expired means that the pages so far belong to a past that can't be completed: from the start again, once. */
export const listAll = async <T extends KubeObject>(transport: KubeTransport, request: ListRequest): Promise<Listed<T>> => {
  const { path, pageSize, timeoutSeconds, signal } = request;
  const objects: T[] = [];
  let token: string | undefined;
  let pages = 0;
  let hasRestarted = false;
  for (;;) {
    const query = { ...request.query, limit: String(pageSize), ...(token === undefined ? {} : { continue: token }) };
    let page: KubeList<T>;
    try {
      page = await transport.request<KubeList<T>>({ method: 'GET', path, query, signal, timeoutSeconds });
    } catch (error) {
      if (token === undefined || hasRestarted || !isGone(error)) throw error;
      request.onRestart();
      hasRestarted = true;
      objects.length = 0;
      token = undefined;
      pages = 0;
      continue;
    }
    request.onPage();
    pages += 1;
    for (const item of page.items ?? []) {
      // The type is what the API promises, not what a broken server sends.
      // Page by page, or a list of thousands would hold them all until its end.
      if (isComplete(item ?? {})) objects.push(withoutManagedFields(item));
      else request.onUnparsable(new Error('an item of the list has no name, uid or resource version'));
    }
    const next = page.metadata?.continue || undefined;
    if (next !== undefined && next === token) throw malformedAnswer(`LIST ${path}`, 'the list goes round in circles');
    token = next;
    if (token !== undefined) continue;
    const version = page.metadata?.resourceVersion;
    if (!version) throw malformedAnswer(`LIST ${path}`, 'the list has no resource version');
    return { objects, pages, version };
  }
};
