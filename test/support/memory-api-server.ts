import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { MaintenanceNotification, MaintenanceNotificationSpec, ObjectMeta } from '../../src/api/maintenance-notification.ts';
import { KubeError } from '../../src/kube/failure.ts';
import { keyOf } from '../../src/kube/object.ts';
import type { KubeRequest, KubeTransport } from '../../src/kube/transport.ts';
import { notification } from './notification.ts';

/** One write that changed something, as it was stored. */
export interface KubernetesWrite {
  readonly what: 'finalizer' | 'status';
  readonly object: MaintenanceNotification;
}

/**
 * The objects of our kind as an API server keeps them, in memory: uid, generation, resourceVersion, finalizers, the status subresource, the
 * default of the status, and the two patches that the operator sends. Everything else is refused, so that a new kind of write is noticed.
 */
export interface MemoryApiServer {
  readonly transport: { -readonly [Member in keyof KubeTransport]: KubeTransport[Member] };
  /** Every write of the operator that changed something, oldest first. */
  readonly writes: readonly KubernetesWrite[];
  readonly get: (key: string) => MaintenanceNotification | undefined;
  readonly list: () => readonly MaintenanceNotification[];
  /** What `kubectl apply` does: creates the object or gives it this spec. */
  readonly apply: (spec: MaintenanceNotificationSpec, name?: string, namespace?: string) => MaintenanceNotification;
  readonly annotate: (key: string, annotations: Readonly<Record<string, string>>) => void;
  /** What `kubectl delete --wait=false` does. */
  readonly delete: (key: string) => void;
  /** The Secrets that there are, by `namespace/name`; what is read of them is counted in `secretReads`. */
  readonly secrets: Map<string, Readonly<Record<string, string>>>;
  readonly secretReads: string[];
  /** What somebody with `kubectl edit` could do to anything else. */
  readonly tamper: (key: string, change: (object: MaintenanceNotification) => MaintenanceNotification) => void;
  /** Called after each stored write of the operator, before it hears of it; what it throws is what the operator gets instead of an answer. */
  onWrite: ((write: KubernetesWrite) => void) | undefined;
}

const refuse = (status: number, reason: string, message: string): KubeError =>
  new KubeError(message, { operation: 'PATCH', status, reason });

interface JsonPatchStep {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

const pathPattern = /^\/apis\/aks-notifier\.dev\/v1alpha1\/namespaces\/([^/]+)\/maintenancenotifications\/([^/]+)(\/status)?$/;
const secretPattern = /^\/api\/v1\/namespaces\/([^/]+)\/secrets\/([^/]+)$/;

export const createMemoryApiServer = (): MemoryApiServer => {
  const objects = new Map<string, MaintenanceNotification>();
  const writes: KubernetesWrite[] = [];
  let version = 100;

  const store = (object: MaintenanceNotification): MaintenanceNotification => {
    const stored = structuredClone({ ...object, metadata: { ...object.metadata, resourceVersion: String((version += 1)) } });
    objects.set(keyOf(stored), stored);
    return stored;
  };
  const existing = (key: string): MaintenanceNotification => {
    const object = objects.get(key);
    if (!object) throw refuse(404, 'NotFound', `maintenancenotifications.aks-notifier.dev "${key}" not found`);
    return object;
  };
  /** An object without finalizers that is to be deleted is gone. */
  const storeOrCollect = (object: MaintenanceNotification): MaintenanceNotification => {
    const stored = store(object);
    if (stored.metadata.deletionTimestamp && (stored.metadata.finalizers ?? []).length === 0) objects.delete(keyOf(stored));
    return stored;
  };
  const recorded = (what: KubernetesWrite['what'], before: MaintenanceNotification, after: MaintenanceNotification): unknown => {
    if (JSON.stringify(before) === JSON.stringify(after)) return structuredClone(before);
    const object = storeOrCollect(after);
    const write: KubernetesWrite = { what, object: structuredClone(object) };
    writes.push(write);
    api.onWrite?.(write);
    return structuredClone(object);
  };

  const patchMetadata = (key: string, body: unknown): unknown => {
    const { metadata } = body as { readonly metadata: Partial<ObjectMeta> };
    const before = existing(key);
    if (metadata.uid !== before.metadata.uid || metadata.resourceVersion !== before.metadata.resourceVersion)
      throw refuse(409, 'Conflict', 'the object has been modified');
    return recorded('finalizer', before, { ...before, metadata: { ...before.metadata, finalizers: metadata.finalizers ?? [] } });
  };

  const patchStatus = (key: string, body: unknown): unknown => {
    const steps = body as readonly JsonPatchStep[];
    const add = steps.at(-1);
    const before = existing(key);
    if (add?.op !== 'add' || add.path !== '/status') throw refuse(422, 'Invalid', 'not the patch that this server knows');
    for (const { op, path, value } of steps.slice(0, -1)) {
      const is = { '/metadata/uid': before.metadata.uid, '/status': before.status }[path];
      // In the words of a real one, which gives no details.
      if (op !== 'test' || !isDeepStrictEqual(is, value))
        throw refuse(422, 'Invalid', 'the server rejected our request due to an error in our request');
    }
    const status = add.value as NonNullable<MaintenanceNotification['status']>;
    const types = (status.conditions ?? []).map(({ type }) => type);
    if (new Set(types).size < types.length) throw refuse(422, 'Invalid', 'status.conditions: Duplicate value');
    // A status without observedGeneration gets the default of the schema.
    return recorded('status', before, { ...before, status: { observedGeneration: -1, ...status } });
  };

  const getSecret = (path: string): unknown => {
    const [, namespace, name] = secretPattern.exec(path) ?? [];
    api.secretReads.push(`${namespace}/${name}`);
    const secret = api.secrets.get(`${namespace}/${name}`);
    if (!secret) throw refuse(404, 'NotFound', `secrets "${name}" not found`);
    return { data: Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, Buffer.from(value).toString('base64')])) };
  };

  const transport: MemoryApiServer['transport'] = {
    request: <T>({ method, path, query, body, contentType, signal }: KubeRequest): Promise<T> =>
      Promise.resolve().then(() => {
        signal.throwIfAborted();
        if (method === 'GET' && secretPattern.test(path)) return getSecret(path) as T;
        const [, namespace, name, subresource] = pathPattern.exec(path) ?? [];
        if (method !== 'PATCH' || query?.['fieldManager'] !== 'aks-notifier') throw refuse(405, 'MethodNotAllowed', `${method} ${path}`);
        const key = `${namespace}/${name}`;
        if (subresource === undefined && contentType === 'application/merge-patch+json') return patchMetadata(key, body) as T;
        if (subresource !== undefined && contentType === 'application/json-patch+json') return patchStatus(key, body) as T;
        throw refuse(415, 'UnsupportedMediaType', String(contentType));
      }),
    stream: () => Promise.reject(new Error('nothing is watched here')),
    close: () => Promise.resolve(),
  };

  const api: MemoryApiServer = {
    transport,
    writes,
    onWrite: undefined,
    secrets: new Map(),
    secretReads: [],
    get: (key) => structuredClone(objects.get(key)),
    // As they are stored: they are replaced and never changed, and a copy of a thousand for each run takes minutes.
    list: () => [...objects.values()],
    apply: (spec, name = 'prod', namespace = 'platform') => {
      const before = objects.get(`${namespace}/${name}`);
      if (!before)
        return store(notification({ metadata: { name, namespace, uid: randomUUID() }, spec, status: { observedGeneration: -1 } }));
      if (JSON.stringify(before.spec) === JSON.stringify(spec)) return before;
      return store({ ...before, spec, metadata: { ...before.metadata, generation: before.metadata.generation + 1 } });
    },
    annotate: (key, annotations) => {
      const before = existing(key);
      store({ ...before, metadata: { ...before.metadata, annotations } });
    },
    delete: (key) => {
      const before = existing(key);
      if (before.metadata.deletionTimestamp) return;
      const { generation } = before.metadata;
      // The API server counts the request for a deletion as a change.
      storeOrCollect({
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', generation: generation + 1 },
      });
    },
    tamper: (key, change) => void storeOrCollect(change(existing(key))),
  };
  return api;
};
