import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { credentialSource, type Credentials } from './credentials.ts';
import { currentContext, findKubeconfig, readIfThere } from './kubeconfig.ts';

/** The way to one API server, and in. */
export interface KubeAccess {
  /** Origin and perhaps a path, without a slash at the end. */
  readonly server: string;
  readonly proxyUrl: string | undefined;
  /** The context's namespace, else that of the ServiceAccount file, else undefined. */
  readonly namespace: string | undefined;
  /** Where this came from, for the log: the kubeconfig files, or `in-cluster`. */
  readonly source: string;
  /**
   * The credentials as they are now. Files are read again and the exec plugin is asked again after ten seconds at most (the plugin itself answers from its
   * cache until its credential expires), so a rotated token is in use long before the old one ends. While a file can't be read, the last good
   * credentials stay in use; with none yet it rejects with an Error whose message names the file or the plugin.
   */
  credentials(): Promise<Credentials>;
  /** The API server didn't accept these (401): forget them, so that the next call reads files and asks the plugin at once. */
  reject(credentials: Credentials): void;
}

export interface KubeAccessOptions {
  /** KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and HOME are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where the ServiceAccount's files are mounted; only tests have them elsewhere. */
  readonly serviceAccountDirectory?: string;
}

/**
 * Finds the API server and the way in: KUBECONFIG, else the ServiceAccount of the pod, else ~/.kube/config.
 * @throws KubeConfigError when there is none, or it can't be used
 */
export const loadKubeAccess = async (options: KubeAccessOptions): Promise<KubeAccess> => {
  const { environment, clock, serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount' } = options;
  const accountNamespace = await readIfThere(join(serviceAccountDirectory, 'namespace'));
  const found = await findKubeconfig(environment, serviceAccountDirectory);
  const context = currentContext(found);
  return {
    server: context.cluster.server,
    proxyUrl: context.cluster['proxy-url'],
    namespace: context.namespace ?? (accountNamespace?.trim() || undefined),
    source: found.source,
    ...credentialSource(context, clock),
  };
};
