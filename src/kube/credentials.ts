import { readFile } from 'node:fs/promises';
import type { Clock } from '../runtime/clock.ts';
import { KubeConfigError, type CurrentContext } from './kubeconfig.ts';

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

/** Gives credentials as they are now, and takes those back that were refused. */
export interface CredentialSource {
  credentials(): Promise<Credentials>;
  reject(credentials: Credentials): void;
}

/** How long credentials are used before files are looked at again. */
const freshMilliseconds = 10_000;
/** A plugin that takes longer than this hangs: the next who asks starts another. */
const readMilliseconds = 60_000;

/** Credentials that are kept fresh; what `credentials` and `reject` promise stands with KubeAccess. */
export const credentialSource = (context: CurrentContext, clock: Clock): CredentialSource => {
  const { exec, 'auth-provider': authProvider } = context.user;
  const makeReader = (): (() => Promise<Credentials>) => (exec || authProvider ? pluginReader(context) : () => readFiles(context));
  let readNow = makeReader();
  let current: { readonly credentials: Credentials; readonly readAt: number } | undefined;
  let rejected: Credentials | undefined;
  let reading: Promise<Credentials> | undefined;

  const read = async (): Promise<Credentials> => {
    try {
      const found = await readNow();
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
      // The exec plugin's answer is cached inside client-node's KubeConfig, without a way to drop it.
      readNow = makeReader();
    },
  };
};

const impersonation = (user: CurrentContext['user']): Readonly<Record<string, string>> => (user.as ? { 'Impersonate-User': user.as } : {});

/** Token, token file, name and password, certificates: all that needs no plugin. Files are read each time. */
const readFiles = async ({ cluster, user }: CurrentContext): Promise<Credentials> => ({
  headers: { ...(await authorization(user)), ...impersonation(user) },
  tls: {
    ca: await pemText(cluster['certificate-authority-data'], cluster['certificate-authority']),
    cert: await pemText(user['client-certificate-data'], user['client-certificate']),
    key: await pemText(user['client-key-data'], user['client-key']),
    servername: cluster['tls-server-name'],
    rejectUnauthorized: cluster['insecure-skip-tls-verify'] ? false : undefined,
  },
});

/** As with kubectl the file wins over the token. */
const authorization = async ({
  tokenFile,
  token,
  username,
  password,
}: CurrentContext['user']): Promise<Readonly<Record<string, string>>> => {
  if (tokenFile) {
    const fromFile = (await readCredentialFile(tokenFile)).trim();
    if (fromFile === '') throw new KubeConfigError(`the token file ${tokenFile} is empty`);
    return { Authorization: `Bearer ${fromFile}` };
  }
  if (token) return { Authorization: `Bearer ${token}` };
  return username ? { Authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` } : {};
};

const pemText = async (data: string | undefined, path: string | undefined): Promise<string | undefined> => {
  if (data) return Buffer.from(data, 'base64').toString();
  return path ? readCredentialFile(path) : undefined;
};

const readCredentialFile = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new KubeConfigError(`can't read ${path}${code}`, { cause: error });
  }
};

/**
 * Exec plugins and the older auth providers are client-node's. It is loaded only for them: with its API models it costs 15 MB and a
 * tenth of a second, and a pod signs in with a token file.
 */
const pluginReader = (context: CurrentContext): (() => Promise<Credentials>) => {
  let signIn: (() => Promise<Credentials>) | undefined;
  return async () => {
    signIn ??= (await import('./plugin-sign-in.ts')).createPluginSignIn(context);
    return signIn();
  };
};

const sameTls = (left: TlsMaterial, right: TlsMaterial): boolean =>
  (['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const).every((field) => left[field] === right[field]);
