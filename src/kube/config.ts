import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { User } from '@kubernetes/client-node';
import type { Clock } from '../runtime/clock.ts';

/** What a request needs to be let in. Two answers with the same `tls` object have the same TLS material. */
export interface Credentials {
  /** Authorization, and Impersonate-User where the kubeconfig asks for it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
  readonly rejectUnauthorized: boolean | undefined;
}

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

/** Thrown when no API server is configured, or what is configured can't be used. The message is for the person who starts the program. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError' as const;
}

export interface KubeAccessOptions {
  /** KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and HOME are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where the ServiceAccount's files are mounted; only tests have them elsewhere. */
  readonly serviceAccountDirectory?: string;
}

/**
 * Finds the API server: the files that KUBECONFIG names; else the ServiceAccount of the pod we run in; else ~/.kube/config.
 *
 * Several files are merged as kubectl does it: the first to name a thing wins, and files that don't exist are passed over. (client-node
 * refuses a name that occurs twice, and lets the last `current-context` win.)
 */
export const loadKubeAccess = async (options: KubeAccessOptions): Promise<KubeAccess> => {
  const { environment, clock, serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount' } = options;
  const accountNamespace = await readIfThere(join(serviceAccountDirectory, 'namespace'));
  const { source, content } = await findConfig(environment, serviceAccountDirectory);
  const kubeConfig = toKubeConfig(source, content);
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new KubeConfigError(`${source}: the current context names a cluster that isn't defined`);
  if (!kubeConfig.getCurrentUser()) throw new KubeConfigError(`${source}: the current context names a user that isn't defined`);
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw new KubeConfigError(`${source}: ${cluster.server} isn't HTTPS; set insecure-skip-tls-verify: true if you mean it`);
  }
  if (cluster.proxyUrl !== undefined && !/^https?:/.test(cluster.proxyUrl)) {
    throw new KubeConfigError(`${source}: the proxy-url must begin with http: or https:; other proxies aren't supported`);
  }
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    namespace: kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace || accountNamespace?.trim() || undefined,
    source,
    ...credentialSource(() => toKubeConfig(source, content), clock),
  };
};

/** A kubeconfig as it stands in a file, as far as we look into it; the rest goes through unread. */
interface ConfigContent {
  readonly clusters?: readonly Named<'cluster', { 'certificate-authority'?: string }>[] | null;
  readonly users?: readonly Named<'user', ConfigUser>[] | null;
  readonly contexts?: readonly Named<'context', object>[] | null;
  readonly 'current-context'?: string;
}
type Named<K extends string, V> = { readonly name: string } & { readonly [key in K]?: V | null };
interface ConfigUser {
  readonly token?: string;
  tokenFile?: string;
  'client-certificate'?: string;
  'client-key'?: string;
  readonly exec?: { command?: string } | null;
  readonly 'auth-provider'?: unknown;
}

interface Found {
  readonly source: string;
  readonly content: ConfigContent;
}

const findConfig = async (environment: KubeAccessOptions['environment'], serviceAccountDirectory: string): Promise<Found> => {
  const named = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (named.length > 0) {
    const found = await readConfigs(named);
    if (found) return found;
    throw new KubeConfigError(`KUBECONFIG names ${named.join(', ')}, and no such file exists`);
  }
  const host = environment['KUBERNETES_SERVICE_HOST'];
  if (host && (await readIfThere(join(serviceAccountDirectory, 'token'))) !== undefined) {
    return { source: 'in-cluster', content: inCluster(host, environment['KUBERNETES_SERVICE_PORT'] || '443', serviceAccountDirectory) };
  }
  const home = environment['HOME'];
  const found = home ? await readConfigs([join(home, '.kube', 'config')]) : undefined;
  if (found) return found;
  throw new KubeConfigError(
    'no Kubernetes API server is configured: set KUBECONFIG to a kubeconfig file, or run in a pod with a ServiceAccount token',
  );
};

const inCluster = (host: string, port: string, directory: string): ConfigContent => {
  const cluster = {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    'certificate-authority': join(directory, 'ca.crt'),
  };
  return {
    clusters: [{ name: 'in-cluster', cluster }],
    users: [{ name: 'in-cluster', user: { tokenFile: join(directory, 'token') } }],
    contexts: [{ name: 'in-cluster', context: { cluster: 'in-cluster', user: 'in-cluster' } }],
    'current-context': 'in-cluster',
  };
};

const readConfigs = async (paths: readonly string[]): Promise<Found | undefined> => {
  const contents: ConfigContent[] = [];
  const read: string[] = [];
  for (const path of paths) {
    const text = await readIfThere(path);
    if (text === undefined) continue;
    contents.push(makePathsAbsolute(await parse(path, text), dirname(path)));
    read.push(path);
  }
  if (read.length === 0) return undefined;
  const currentContext = contents.map((content) => content['current-context']).find((context) => context);
  return {
    source: read.join(delimiter),
    content: {
      clusters: first(contents.map(({ clusters }) => clusters)),
      users: first(contents.map(({ users }) => users)),
      contexts: first(contents.map(({ contexts }) => contexts)),
      ...(currentContext === undefined ? {} : { 'current-context': currentContext }),
    },
  };
};

/** All entries of the lists; of those with the same name the first. */
const first = <T extends { readonly name: string }>(lists: readonly (readonly T[] | null | undefined)[]): readonly T[] => [
  ...new Map(
    lists
      .flatMap((list) => list ?? [])
      .toReversed()
      .map((entry) => [entry.name, entry]),
  ).values(),
];

const parse = async (path: string, text: string): Promise<ConfigContent> => {
  // Loaded only here: in a cluster nobody needs a YAML parser.
  const { parse: parseYaml } = await import('yaml');
  let content: ConfigContent | null;
  try {
    content = parseYaml(text);
  } catch (error) {
    throw new KubeConfigError(`${path} isn't YAML`, { cause: error });
  }
  if (!Array.isArray(content?.clusters)) throw new KubeConfigError(`${path} isn't a kubeconfig: it has no list of clusters`);
  return content;
};

/** Relative paths in a kubeconfig are relative to its own directory. A command is a path only if it has a slash. Changes `content`. */
const makePathsAbsolute = (content: ConfigContent, directory: string): ConfigContent => {
  for (const { cluster } of content.clusters ?? []) makeAbsolute(cluster, 'certificate-authority', directory);
  for (const { user } of content.users ?? []) {
    makeAbsolute(user, 'tokenFile', directory);
    makeAbsolute(user, 'client-certificate', directory);
    makeAbsolute(user, 'client-key', directory);
    if (user?.exec?.command?.includes('/')) makeAbsolute(user.exec, 'command', directory);
  }
  return content;
};

const makeAbsolute = <K extends string>(owner: { [key in K]?: string } | null | undefined, field: K, directory: string): void => {
  const path = owner?.[field];
  if (owner && path && !isAbsolute(path)) owner[field] = join(directory, path);
};

const toKubeConfig = (source: string, content: ConfigContent): KubeConfig => {
  const kubeConfig = new KubeConfig();
  kubeConfig.addAuthenticator(new TokenFile());
  try {
    // JSON is YAML. The users go in with their tokenFile under another name, because client-node drops the field without a word.
    kubeConfig.loadFromString(JSON.stringify({ ...content, users: (content.users ?? []).map(withTokenFile) }));
  } catch (error) {
    throw new KubeConfigError(`${source}: ${error instanceof Error ? error.message : 'not a kubeconfig'}`, { cause: error });
  }
  const context = kubeConfig.getCurrentContext();
  if (!context) throw new KubeConfigError(`${source} has no current-context`);
  if (!kubeConfig.getContextObject(context)) throw new KubeConfigError(`${source}: the current context "${context}" isn't defined`);
  return kubeConfig;
};

const tokenFileProvider = 'token-file';

const withTokenFile = (entry: Named<'user', ConfigUser>): Named<'user', ConfigUser> => {
  if (!entry.user?.tokenFile) return entry;
  // client-node would let a token win over any authenticator; kubectl lets the file win, and so do we.
  const { tokenFile, token: _, ...user } = entry.user;
  return { ...entry, user: { ...user, 'auth-provider': { name: tokenFileProvider, config: { path: tokenFile } } } };
};

/** Stands in for client-node's own FileAuth, in a cluster too: that one keeps the newline at the end of a file, which no header may hold. */
class TokenFile {
  isAuthProvider(user: User): boolean {
    return user.authProvider?.name === tokenFileProvider;
  }
  async applyAuthentication(user: User, options: RequestOptions): Promise<void> {
    const path: string = user.authProvider.config.path;
    const token = (await readFile(path, 'utf8')).trim();
    if (token === '') throw new KubeConfigError(`the token file ${path} is empty`);
    Object.assign((options.headers ??= {}), { Authorization: `Bearer ${token}` });
  }
}

/** How long credentials are used before files are looked at again. */
const freshMilliseconds = 10_000;
/** A plugin that takes longer than this hangs: the next who asks starts another. */
const readMilliseconds = 60_000;

const credentialSource = (load: () => KubeConfig, clock: Clock): Pick<KubeAccess, 'credentials' | 'reject'> => {
  let kubeConfig = load();
  let current: { readonly credentials: Credentials; readonly readAt: number } | undefined;
  let rejected: Credentials | undefined;
  let reading: Promise<Credentials> | undefined;

  const read = async (): Promise<Credentials> => {
    try {
      const found = await readCredentials(kubeConfig);
      const credentials = current && sameTls(current.credentials.tls, found.tls) ? { ...found, tls: current.credentials.tls } : found;
      current = { credentials, readAt: clock.monotonic() };
      rejected = undefined;
      return credentials;
    } catch (error) {
      // A file that is being replaced is gone for a moment; what was good a moment ago still is.
      if (current && current.credentials !== rejected) return current.credentials;
      throw error;
    }
  };

  return {
    credentials: () => {
      const isFresh = current && current.credentials !== rejected && clock.monotonic() - current.readAt < freshMilliseconds;
      if (current && isFresh) return Promise.resolve(current.credentials);
      // One reading for all who ask meanwhile: an exec plugin may take seconds.
      if (reading) return reading;
      const limit = Promise.withResolvers<never>();
      const timer = clock.setTimer(readMilliseconds, () =>
        limit.reject(new KubeConfigError(`signing in took longer than ${readMilliseconds / 1000} s`)),
      );
      reading = Promise.race([read(), limit.promise]).finally(() => {
        timer.clear();
        reading = undefined;
      });
      return reading;
    },
    reject: (credentials) => {
      // Others may have used the same and come here too, after a new reading has begun.
      if (credentials !== current?.credentials || credentials === rejected) return;
      rejected = credentials;
      // The exec plugin's answer is cached inside the KubeConfig, without a way to drop it.
      kubeConfig = load();
    },
  };
};

const readCredentials = async (kubeConfig: KubeConfig): Promise<Credentials> => {
  // The one public method of client-node that applies every kind of sign-in. It also makes an https.Agent, once per KubeConfig; that one is never used.
  const options: RequestOptions = {};
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (error) {
    throw new KubeConfigError(signInFailure(kubeConfig, error), { cause: error });
  }
  const { headers = {}, auth } = options;
  return {
    headers: {
      ...(auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    },
    tls: {
      ca: textOf(options.ca),
      cert: textOf(options.cert),
      key: textOf(options.key),
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized,
    },
  };
};

/** PEM as text, so that two readings can be compared. client-node gives Buffers for files and data, strings for the exec plugin. */
const textOf = (pem: unknown): string | undefined => {
  if (typeof pem === 'string') return pem;
  return Buffer.isBuffer(pem) ? pem.toString() : undefined;
};

/** Names what couldn't be read. What an exec plugin wrote to its standard error may hold anything, so it stays in the cause. */
const signInFailure = (kubeConfig: KubeConfig, error: unknown): string => {
  if (error instanceof KubeConfigError) return error.message;
  if (error instanceof Error && 'path' in error && 'code' in error) return `can't read ${String(error.path)} (${String(error.code)})`;
  const user = kubeConfig.getCurrentUser();
  return user?.exec ? `the exec plugin ${String(user.exec.command)} of user ${user.name} failed` : `can't sign in as user ${user?.name}`;
};

const sameTls = (left: TlsMaterial, right: TlsMaterial): boolean =>
  (['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const).every((field) => left[field] === right[field]);

const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new KubeConfigError(`can't read ${path}`, { cause: error });
  }
};
