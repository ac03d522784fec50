import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer, group, manager, plural, version } from '../api/names.ts';
import { isInvalid, KubeError } from '../kube/failure.ts';
import { keyOf, resourcePath } from '../kube/object.ts';
import type { KubeTransport } from '../kube/transport.ts';
import type { Store } from '../kube/store.ts';
import type { Objects } from './ports.ts';

/**
 * Whether a test of a JSON patch failed. The API server (1.36) answers it with 422 and a sentence that names nothing, while a status that
 * the schema refuses is named: `MaintenanceNotification.aks-notifier.dev "x" is invalid: …`.
 */
const isFailedTest = (error: unknown): error is KubeError =>
  isInvalid(error) && error.message.startsWith('the server rejected our request');

const conflictOn = ({ metadata: { namespace, name } }: MaintenanceNotification, cause: KubeError): KubeError =>
  new KubeError(
    `${namespace}/${name} or its status has been changed by somebody else`,
    { operation: cause.operation, status: 409, reason: 'Conflict' },
    { cause },
  );

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
    list: () => store.list(),
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
    writeStatus: async (object, known, status, signal) => {
      const tests = [
        { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
        ...(known === undefined ? [] : [{ op: 'test', path: '/status', value: known }]),
      ];
      const written = await transport
        .request<MaintenanceNotification>({
          method: 'PATCH',
          path: path(object, 'status'),
          query,
          contentType: 'application/json-patch+json',
          // The whole status is ours, so it is replaced. Metadata and spec may change meanwhile: what they ask for comes with the next run.
          body: [...tests, { op: 'add', path: '/status', value: status }],
          signal,
        })
        .catch((error: unknown) => {
          throw isFailedTest(error) ? conflictOn(object, error) : error;
        });
      store.putBack(written);
      return written;
    },
  };
};
