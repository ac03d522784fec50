/** A pod's volumes as directories. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Keys, Projection, Volume } from './types.ts';

export interface TokenRequest {
  /** Local path of the file that is to hold the token. */
  readonly file: string;
  /** `undefined`: the API server itself. */
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

/** Where the contents come from. */
export interface Contents {
  /** Contents by key; `undefined` if there is no such object. */
  configMap(name: string): Promise<Readonly<Record<string, Buffer>> | undefined>;
  secret(name: string): Promise<Readonly<Record<string, Buffer>> | undefined>;
  field(fieldPath: string): string;
}

/** Writes a file as a kubelet does: a reader sees the old content or the new one, never a part. */
export const replaceFile = async (file: string, content: string | Buffer): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
};

interface Keyed {
  readonly what: string;
  readonly keys: Omit<Keys, 'name'>;
}

const writeKeys = async (directory: string, contents: Readonly<Record<string, Buffer>> | undefined, keyed: Keyed): Promise<void> => {
  if (!contents) {
    if (keyed.keys.optional) return;
    throw new Error(`${keyed.what} not found`);
  }
  const items = keyed.keys.items ?? Object.keys(contents).map((key) => ({ key, path: key }));
  for (const { key, path } of items) {
    const content = contents[key];
    if (content) await replaceFile(join(directory, path), content);
    else if (!keyed.keys.optional) throw new Error(`${keyed.what} has no key ${key}`);
  }
};

/** One source of a projected volume; a volume that isn't projected is treated as a projected one with one source. */
const writeSource = async (directory: string, source: Projection, contents: Contents): Promise<readonly TokenRequest[]> => {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap?.name) {
    await writeKeys(directory, await contents.configMap(configMap.name), { what: `ConfigMap ${configMap.name}`, keys: configMap });
  }
  if (secret?.name) {
    await writeKeys(directory, await contents.secret(secret.name), { what: `Secret ${secret.name}`, keys: secret });
  }
  for (const { path, fieldRef } of downwardAPI?.items ?? []) {
    await replaceFile(join(directory, path), contents.field(fieldRef?.fieldPath ?? 'of a resource'));
  }
  if (!serviceAccountToken) return [];
  const { path, audience, expirationSeconds = 3600 } = serviceAccountToken;
  return [{ file: join(directory, path), audience, expirationSeconds }];
};

/**
 * Makes the directory of a volume with all that is in it but tokens; those are given back, for the caller to fetch and to renew.
 * @throws Error that names a ConfigMap, Secret or key that isn't there (yet)
 */
export const writeVolume = async (directory: string, volume: Volume, contents: Contents): Promise<readonly TokenRequest[]> => {
  await mkdir(directory, { recursive: true });
  const { configMap, secret, downwardAPI, projected } = volume;
  const tokens: TokenRequest[] = [];
  const sources: Projection[] = [...(projected?.sources ?? [])];
  if (configMap) sources.push({ configMap });
  if (downwardAPI) sources.push({ downwardAPI });
  if (secret) sources.push({ secret: { ...secret, ...(secret.secretName !== undefined && { name: secret.secretName }) } });
  for (const source of sources) tokens.push(...(await writeSource(directory, source, contents)));
  return tokens;
};
