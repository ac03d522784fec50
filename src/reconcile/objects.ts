import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer, group, manager, plural, version } from '../api/names.ts';
import { keyOf, resourcePath } from '../kube/object.ts';
import type { KubeTransport } from '../kube/transport.ts';
import type { Store } from '../kube/store.ts';
import type { Objects } from './ports.ts';

/** Our kind, as list-watch and transport name it. */
export const resource = { group, version, plural } as const;

/**
 * Reads from the store and writes to the API server. Each answer goes back into the store, so that the next run sees its own writes
 * even before the watch brings them.
 */
export const createObjects = (transport: KubeTransport, store: Store<MaintenanceNotification>): Objects => {
  const path = ({ metadata }: MaintenanceNotification, subresource?: string): string =>
    resourcePath(resource, metadata.namespace, metadata.name, subresource);
  const query = { fieldManager: manager };

  // A merge patch replaces lists, so it carries the version it was made from: another's finalizer added meanwhile is a conflict, not a loss.
  const patchFinalizers = async (
    object: MaintenanceNotification,
    finalizers: readonly string[],
    signal: AbortSignal,
  ): Promise<MaintenanceNotification> =>
    transport.request<MaintenanceNotification>({
      method: 'PATCH',
      path: path(object),
      query,
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion, finalizers } },
      signal,
    });

  return {
    get: (key) => store.get(key),
    addFinalizer: async (object, signal) => {
      const written = await patchFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer], signal);
      store.putBack(written);
      return written;
    },
    removeFinalizer: async (object, signal) => {
      // Our own status writes moved the version on since the run began; the store holds the newest answer.
      const newest = store.get(keyOf(object)) ?? object;
      await patchFinalizers(
        newest,
        (newest.metadata.finalizers ?? []).filter((each) => each !== finalizer),
        signal,
      );
    },
    writeStatus: async (object, status, signal) => {
      // The whole status is ours. The test keeps a status from landing on a new object of the same name.
      const written = await transport.request<MaintenanceNotification>({
        method: 'PATCH',
        path: path(object, 'status'),
        query,
        contentType: 'application/json-patch+json',
        body: [
          { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
          { op: 'add', path: '/status', value: status },
        ],
        signal,
      });
      store.putBack(written);
      return written;
    },
  };
};
