import type { KubeObject } from './object.ts';
import { startListWatch } from './list-watch.ts';
import type { ListWatch, ListWatchOptions } from './list-watch.ts';

export interface ListWatches extends ListWatch {
  /** Resolves after the first complete list of any: what can be seen is worked on, though a namespace may be refused. */
  readonly anySynced: Promise<void>;
}

/** One list-watch for each namespace, or one for all when none is named; into one store, and seen from outside as one. */
export const startListWatches = <T extends KubeObject>(
  namespaces: readonly string[],
  {
    newObserver,
    ...options
  }: Omit<ListWatchOptions<T>, 'namespace' | 'observer'> & { readonly newObserver: () => ListWatchOptions<T>['observer'] },
): ListWatches => {
  const start = (namespace?: string): ListWatch => {
    const observer = newObserver();
    return startListWatch({ ...options, ...(namespace === undefined ? {} : { namespace }), ...(observer ? { observer } : {}) });
  };
  const all = namespaces.length === 0 ? [start()] : namespaces.map((namespace) => start(namespace));
  const together = async (promises: readonly Promise<void>[]): Promise<void> => {
    await Promise.all(promises);
  };
  return {
    anySynced: Promise.race(all.map(({ synced }) => synced)),
    synced: together(all.map(({ synced }) => synced)),
    hasSynced: () => all.every(({ hasSynced }) => hasSynced()),
    // One that is silent is enough to be blind.
    silentMilliseconds: () => Math.max(...all.map(({ silentMilliseconds }) => silentMilliseconds())),
    refresh: () => together(all.map(({ refresh }) => refresh())),
    stop: () => together(all.map(({ stop }) => stop())),
  };
};
