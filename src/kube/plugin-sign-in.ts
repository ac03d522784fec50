import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Credentials } from './credentials.ts';
import { KubeConfigError, type CurrentContext } from './kubeconfig.ts';

/**
 * Signs in by an exec plugin or an auth provider, as client-node does it. Its KubeConfig caches a plugin's credential until that expires
 * and has no way to drop it: to forget one, make another.
 */
export const createPluginSignIn = ({ userName, cluster, user }: CurrentContext): (() => Promise<Credentials>) => {
  const content = {
    'current-context': 'current',
    contexts: [{ name: 'current', context: { cluster: 'current', user: userName } }],
    clusters: [{ name: 'current', cluster }],
    users: [{ name: userName, user }],
  };
  const kubeConfig = new KubeConfig();
  // JSON is YAML.
  kubeConfig.loadFromString(JSON.stringify(content));
  return async () => {
    // The one public method of client-node that applies every kind of sign-in. It also makes an https.Agent, once per KubeConfig; that one is never used.
    const options: RequestOptions = {};
    try {
      await kubeConfig.applyToHTTPSOptions(options);
    } catch (error) {
      // What a plugin wrote to its standard error may hold anything, so it stays in the cause.
      const what = user.exec
        ? `the exec plugin ${String(user.exec.command)} of user ${userName} failed`
        : `can't sign in as user ${userName}`;
      throw new KubeConfigError(what, { cause: error });
    }
    return {
      headers: Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)])),
      tls: {
        ca: textOf(options.ca),
        cert: textOf(options.cert),
        key: textOf(options.key),
        servername: options.servername,
        rejectUnauthorized: options.rejectUnauthorized,
      },
    };
  };
};

/** PEM as text, so that two readings can be compared. client-node gives Buffers for files and data, strings for the exec plugin. */
const textOf = (pem: unknown): string | undefined => {
  if (typeof pem === 'string') return pem;
  return Buffer.isBuffer(pem) ? pem.toString() : undefined;
};
