import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { ReconcileError, retold } from '../core/failure.ts';
import { secretReferences, withSecrets, type SecretReference } from '../core/receiver-secrets.ts';
import { addressesOf, receiversOf } from '../core/receivers.ts';
import { redact } from '../core/redact.ts';
import { isForbidden, isNotFound, KubeError } from '../kube/failure.ts';
import { resourcePath } from '../kube/object.ts';
import type { KubeTransport } from '../kube/transport.ts';
import type { Run } from './run.ts';

/** Secrets of Kubernetes: each is read when it is needed, and none is kept. */
export interface Secrets {
  /** The values by their keys; undefined when there is no such Secret. Rejects as the transport does. */
  read(namespace: string, name: string, signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined>;
}

const resource = { group: '', version: 'v1', plural: 'secrets' } as const;

export const createSecrets = (transport: KubeTransport): Secrets => ({
  read: async (namespace, name, signal) => {
    try {
      const path = resourcePath(resource, namespace, name);
      const secret = await transport.request<{ readonly data?: Readonly<Record<string, string>> } | undefined>({
        method: 'GET',
        path,
        signal,
      });
      return new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  },
});

/**
 * The spec with the values of its Secrets in place. These and the addresses that it holds itself are noted in the run, so that nothing it
 * says shows them.
 */
export const resolveSecrets = async (run: Run): Promise<MaintenanceNotificationSpec> => {
  const { spec } = run.object;
  const references = secretReferences(spec);
  const read = new Map<string, ReadonlyMap<string, string>>();
  for (const reference of references) if (!read.has(reference.name)) read.set(reference.name, await readSecret(run, reference));
  const values = new Map(references.map((reference) => [reference.field, valueIn(read.get(reference.name), reference)]));
  const resolved = withSecrets(spec, ({ field }) => values.get(field) ?? '');
  run.secrets.push(...receiversOf(resolved).flatMap(addressesOf));
  return resolved;
};

const readSecret = async (run: Run, { field, name }: SecretReference): Promise<ReadonlyMap<string, string>> => {
  const { namespace } = run.object.metadata;
  if (!run.deps.settings.secretNamespaces.includes(namespace))
    throw new ReconcileError(
      'AccessDenied',
      `${field} points at the Secret ${name}, but aks-notifier is not allowed to read Secrets in namespace ${namespace}: have the namespace listed in receiverSecrets.namespaces of its Helm chart (--secret-namespaces).`,
      { stalls: 'atOnce' },
    );
  const secret = await run.deps.secrets.read(namespace, name, run.signal).catch((error: unknown) => {
    if (isForbidden(error))
      throw new ReconcileError(
        'AccessDenied',
        `The API server does not let aks-notifier read the Secret ${name} in namespace ${namespace}: a Role there with get on secrets, bound to its ServiceAccount, is missing. Its Helm chart makes one for each of receiverSecrets.namespaces.`,
        { stalls: 'atOnce', cause: error },
      );
    if (!(error instanceof KubeError)) throw error;
    throw new ReconcileError(
      'DependencyNotReady',
      `${field} points at the Secret ${name}, which the API server does not hand out in namespace ${namespace}; it says: ${error.message}`,
      { stalls: 'afterTenMinutes', cause: error },
    );
  });
  if (secret) return secret;
  throw new ReconcileError(
    'DependencyNotReady',
    `${field} points at the Secret ${name}, which does not exist in namespace ${namespace}: create it, or point at another one.`,
    { stalls: 'afterTenMinutes' },
  );
};

const valueIn = (secret: ReadonlyMap<string, string> | undefined, { field, name, key }: SecretReference): string => {
  // Files, and `kubectl create secret --from-file` after them, end with a line end.
  const value = secret?.get(key)?.trim();
  if (value === undefined)
    throw new ReconcileError(
      'DependencyNotReady',
      `${field} points at the key ${key} of the Secret ${name}, which holds no such key: add it, or point at another one.`,
      { stalls: 'afterTenMinutes' },
    );
  const wrong = wrongWith(value);
  if (wrong !== undefined)
    throw new ReconcileError(
      'InvalidSpec',
      `${field} points at the key ${key} of the Secret ${name}, whose value (not shown here) ${wrong} and nothing else.`,
      { stalls: 'atOnce' },
    );
  return value;
};

/** As the schema has it for a URL in the spec. */
const longestUrl = 2048;

const wrongWith = (value: string): string | undefined => {
  if (value.length > longestUrl) return `is longer than the ${longestUrl} characters that a URL may have: put a URL there`;
  // What was no UTF-8 has become U+FFFD.
  const isUrl = /^https?:\/\/[^\s/?#]+([/?#]\S*)?$/.test(value) && !/[\p{Cc}\uFFFD]/u.test(value) && URL.canParse(value);
  return isUrl ? undefined : 'is no URL that begins with https:// or http://: put the URL there';
};

type Knows = Pick<Run, 'secrets'>;

/** A failure without the addresses of the run's receivers: Azure repeats in its answers what it was sent. */
export const failureWithoutSecrets = (run: Knows, failure: ReconcileError): ReconcileError => {
  if (run.secrets.length === 0) return failure;
  return retold(failure, { message: redact(failure.message, run.secrets), cause: errorWithoutSecrets(run, failure.cause) });
};

/** The same for any error. Of one that an SDK threw only what the log tells is left: it holds the whole request, and with it the value. */
export const errorWithoutSecrets = (run: Knows, thrown: unknown): unknown => {
  if (run.secrets.length === 0 || !(thrown instanceof Error)) return thrown;
  const { statusCode, code, response } = thrown as {
    readonly statusCode?: unknown;
    readonly code?: unknown;
    readonly response?: { readonly headers?: unknown };
  };
  const told = new Error(redact(thrown.message, run.secrets));
  told.name = thrown.name;
  told.stack = redact(thrown.stack ?? '', run.secrets);
  return Object.assign(told, { statusCode, code, response: { headers: response?.headers } });
};
