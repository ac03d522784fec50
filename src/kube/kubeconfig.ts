import { readFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';

/** Thrown when no API server is configured, or what is configured can't be used. The message is for the person who starts the program. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError' as const;
}

/** A kubeconfig as it stands in a file, as far as we look into it; the rest goes through unread. Paths are absolute. */
export interface ConfigContent {
  readonly clusters?: readonly Named<'cluster', ConfigCluster>[] | null;
  readonly users?: readonly Named<'user', ConfigUser>[] | null;
  readonly contexts?: readonly Named<'context', ConfigContext>[] | null;
  readonly 'current-context'?: string;
}
type Named<K extends string, V> = { readonly name: string } & { readonly [key in K]?: V | null };

export interface ConfigCluster {
  readonly server?: string;
  'certificate-authority'?: string;
  /** Base64. */
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
  readonly 'proxy-url'?: string;
}

export interface ConfigUser {
  readonly token?: string;
  tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  'client-certificate'?: string;
  /** Base64. */
  readonly 'client-certificate-data'?: string;
  'client-key'?: string;
  /** Base64. */
  readonly 'client-key-data'?: string;
  readonly as?: string;
  readonly exec?: { command?: string } | null;
  readonly 'auth-provider'?: unknown;
}

interface ConfigContext {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

/** What the current context names. */
export interface CurrentContext {
  readonly userName: string;
  readonly cluster: ConfigCluster & { readonly server: string };
  readonly user: ConfigUser;
  readonly namespace: string | undefined;
}

interface Found {
  /** The files, or `in-cluster`. */
  readonly source: string;
  readonly content: ConfigContent;
}

/**
 * Finds the API server: the files that KUBECONFIG names; else the ServiceAccount of the pod we run in; else ~/.kube/config.
 *
 * Several files are merged as kubectl does it: the first to name a thing wins, and files that don't exist are passed over. (client-node
 * refuses a name that occurs twice, and lets the last `current-context` win.)
 * @throws KubeConfigError when there is none, or a file can't be read
 */
export const findKubeconfig = async (
  environment: Readonly<Record<string, string | undefined>>,
  serviceAccountDirectory: string,
): Promise<Found> => {
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

/**
 * The cluster and the user of the current context.
 * @throws KubeConfigError naming the file when one of them is missing or can't be used
 */
export const currentContext = ({ source, content }: Found): CurrentContext => {
  const contextName = content['current-context'];
  if (!contextName) throw new KubeConfigError(`${source} has no current-context`);
  const context = named(content.contexts, contextName)?.context;
  if (!context) throw new KubeConfigError(`${source}: the current context "${contextName}" isn't defined`);
  const cluster = named(content.clusters, context.cluster)?.cluster;
  if (!cluster) throw new KubeConfigError(`${source}: the current context names a cluster that isn't defined`);
  const user = named(content.users, context.user)?.user;
  if (!user) throw new KubeConfigError(`${source}: the current context names a user that isn't defined`);
  const { server, 'proxy-url': proxyUrl } = cluster;
  if (!server) throw new KubeConfigError(`${source}: the cluster's server is missing`);
  if (!isHttpAddress(server)) throw new KubeConfigError(`${source}: the cluster's server "${server}" isn't an address: write https://…`);
  if (server.startsWith('http:') && !cluster['insecure-skip-tls-verify'])
    throw new KubeConfigError(`${source}: ${server} isn't HTTPS; set insecure-skip-tls-verify: true if you mean it`);
  if (proxyUrl !== undefined && !isHttpAddress(proxyUrl))
    throw new KubeConfigError(`${source}: the proxy-url must begin with http: or https:; other proxies aren't supported`);
  return {
    userName: context.user ?? '',
    cluster: { ...cluster, server: server.replace(/\/+$/, '') },
    user,
    namespace: context.namespace || undefined,
  };
};

const isHttpAddress = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

const named = <T extends { readonly name: string }>(list: readonly T[] | null | undefined, name: string | undefined): T | undefined =>
  list?.find((entry) => entry.name === name);

/** The text of a file; undefined when there is none. @throws KubeConfigError when it can't be read */
export const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new KubeConfigError(`can't read ${path}`, { cause: error });
  }
};
