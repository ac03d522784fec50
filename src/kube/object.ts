/** What every object of the Kubernetes API has, as far as this corner needs it. Read from the wire, so dates are strings. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent on what belongs to no namespace. */
  readonly namespace?: string;
  /** Tells an object from a later one of the same name. */
  readonly uid: string;
  /** Grows with every write. A decimal integer (KEP-5504); compare with `isNewer`, never as text. */
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The answer to a list: one page. */
export interface KubeList<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items?: readonly T[] | null;
}

/** The body the API server sends with every error, and inside an ERROR event of a watch. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** Whether something from the wire has what a store lives by. */
export const isComplete = (object: { readonly metadata?: Partial<ObjectMeta> }): boolean =>
  Boolean(object.metadata?.name && object.metadata.uid && object.metadata.resourceVersion);

/** `namespace/name`, or the name alone of what belongs to no namespace: the key of stores and queues. */
export const keyOf = ({ metadata: { namespace, name } }: KubeObject): string => (namespace ? `${namespace}/${name}` : name);

/** The way back from a key. */
export const splitKey = (key: string): { readonly namespace: string | undefined; readonly name: string } => {
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: undefined, name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};

/**
 * Whether resource version `left` is later than `right`. Both are decimal integers of up to 64 bits or more (KEP-5504 makes that a promise), so
 * a longer one is larger. Something else compares as newer: then the one who sends it knows better than we do.
 */
export const isNewer = (left: string, right: string): boolean => {
  if (!/^[0-9]+$/.test(left) || !/^[0-9]+$/.test(right)) return left !== right;
  return left.length === right.length ? left > right : left.length > right.length;
};

/** A collection of one kind, in one namespace or in all. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** The path of a collection, or with a name of one object, or with a subresource of that part of it. */
export const resourcePath = ({ group, version, plural }: Resource, namespace?: string, name?: string, subresource?: string): string =>
  [
    group === '' ? '/api' : `/apis/${group}`,
    version,
    ...(namespace === undefined ? [] : ['namespaces', encodeURIComponent(namespace)]),
    plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join('/');

/** managedFields are often larger than the rest of an object, and nobody here reads them. */
export const withoutManagedFields = <T extends KubeObject>(object: T): T => {
  if (!('managedFields' in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
};
