import { isNewer, keyOf, withoutManagedFields } from './object.ts';
import type { KubeObject } from './object.ts';

/**
 * Something that the API server told: by list or by watch. `previous` is what the server told before, not what `get` gave in between: an
 * answer of our own write that was put back is no news, so a filter that compares `previous` with `object` sees every change of others,
 * even one that our own answer had already shown.
 */
export type Change<T> =
  | { readonly kind: 'added'; readonly key: string; readonly object: T }
  | { readonly kind: 'updated'; readonly key: string; readonly object: T; readonly previous: T }
  | { readonly kind: 'deleted'; readonly key: string; readonly previous: T };

/** The read side: what reconciles get. Objects are shared, so never change them. */
interface StoreReader<T> {
  get(key: string): T | undefined;
  list(): readonly T[];
  readonly size: number;
}

/** The objects of one kind as last seen, by `namespace/name`, without managedFields. */
export interface Store<T> extends StoreReader<T> {
  /** Takes a complete list as the truth, for one namespace or for all, and returns what is different from before. */
  replace(objects: readonly T[], namespace?: string): readonly Change<T>[];
  /** Takes an ADDED or MODIFIED event of a watch. An object of the same name with another uid is a deletion and a creation. */
  apply(object: T): readonly Change<T>[];
  /** Takes a DELETED event of a watch. */
  remove(object: T): readonly Change<T>[];
  /**
   * Puts the answer of our own write where `get` finds it at once, if it is newer than what is there, and says whether it was. Tells
   * nobody. An object that isn't there isn't added: the answer to the write that took the last finalizer off must not raise the dead.
   */
  putBack(object: T): boolean;
}

interface Entry<T> {
  /** What `get` gives: what the server told, or a newer answer of our own. */
  readonly current: T;
  /** What the server told last. Usually the same object as `current`. */
  readonly told: T;
}

export const createStore = <T extends KubeObject>(): Store<T> => {
  const entries = new Map<string, Entry<T>>();

  const apply = (received: T): readonly Change<T>[] => {
    const object = withoutManagedFields(received);
    const key = keyOf(object);
    const entry = entries.get(key);
    if (entry === undefined) {
      entries.set(key, { current: object, told: object });
      return [{ kind: 'added', key, object }];
    }
    if (entry.told.metadata.uid !== object.metadata.uid) return [...drop(key, entry), ...apply(object)];
    if (entry.told.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    const current = isOlder(object, entry.current) && entry.current !== entry.told ? entry.current : object;
    entries.set(key, { current, told: object });
    return [{ kind: 'updated', key, object, previous: entry.told }];
  };

  const drop = (key: string, { told }: Entry<T>): readonly Change<T>[] => {
    entries.delete(key);
    return [{ kind: 'deleted', key, previous: told }];
  };

  return {
    get: (key) => entries.get(key)?.current,
    list: () => Array.from(entries.values(), ({ current }) => current),
    get size() {
      return entries.size;
    },
    replace: (objects, namespace) => {
      const listed = new Set(objects.map((object) => keyOf(object)));
      const gone = [...entries].filter(
        ([key, { told }]) => !listed.has(key) && (namespace === undefined || told.metadata.namespace === namespace),
      );
      return [...gone.flatMap(([key, entry]) => drop(key, entry)), ...objects.flatMap((object) => apply(object))];
    },
    apply,
    remove: (object) => {
      const key = keyOf(object);
      const entry = entries.get(key);
      return entry?.told.metadata.uid === object.metadata.uid ? drop(key, entry) : [];
    },
    putBack: (received) => {
      const object = withoutManagedFields(received);
      const key = keyOf(object);
      const entry = entries.get(key);
      if (entry?.current.metadata.uid !== object.metadata.uid || !isOlder(entry.current, object)) return false;
      entries.set(key, { current: object, told: entry.told });
      return true;
    },
  };
};

const isOlder = (left: KubeObject, right: KubeObject): boolean => isNewer(right.metadata.resourceVersion, left.metadata.resourceVersion);
