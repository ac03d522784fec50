import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeAccess } from '../../../src/kube/config.ts';
import type { KubeAccess } from '../../../src/kube/config.ts';
import { KubeConfigError } from '../../../src/kube/kubeconfig.ts';
import { createTransport } from '../../../src/kube/transport.ts';
import { faults, selfSigned, startFakeApiServer } from '../../support/fake-api-server.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';

let directory: string;
let clock: FakeClock;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kube-config-'));
  clock = createFakeClock();
});

afterEach(() => rm(directory, { recursive: true }));

const write = async (name: string, content: string): Promise<string> => {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  return path;
};

const kubeconfig = (user: object, cluster: object = {}, context: object = {}): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api.test:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });

const load = (environment: Record<string, string>): Promise<KubeAccess> =>
  loadKubeAccess({ environment, clock, serviceAccountDirectory: join(directory, 'account') });

const loadUser = async (user: object, cluster: object = {}): Promise<KubeAccess> =>
  load({ KUBECONFIG: await write('config', kubeconfig(user, cluster)) });

const authorization = async (access: KubeAccess): Promise<string | undefined> => (await access.credentials()).headers['Authorization'];

const account = async (): Promise<void> => {
  await write('account/token', 'account-token\n');
  await write('account/ca.crt', 'account-ca');
  await write('account/namespace', 'account-namespace\n');
};

const inCluster = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

describe('where the API server is found', () => {
  it('is the ServiceAccount in a cluster', async () => {
    await account();
    const access = await load(inCluster);
    expect(access).toMatchObject({ server: 'https://10.0.0.1:443', namespace: 'account-namespace', source: 'in-cluster' });
    expect(await access.credentials()).toMatchObject({ headers: { Authorization: 'Bearer account-token' }, tls: { ca: 'account-ca' } });
  });

  it('is the ServiceAccount in a cluster of IPv6 as well', async () => {
    await account();
    expect((await load({ KUBERNETES_SERVICE_HOST: 'fd00::1' })).server).toBe('https://[fd00::1]:443');
  });

  it('is KUBECONFIG, wherever we run', async () => {
    await account();
    const access = await load({ ...inCluster, KUBECONFIG: await write('config', kubeconfig({ token: 'x' })) });
    expect(access).toMatchObject({ server: 'https://api.test:6443', source: join(directory, 'config') });
    // The context names no namespace, so the ServiceAccount's counts.
    expect(access.namespace).toBe('account-namespace');
  });

  it('is ~/.kube/config in the end', async () => {
    await write('.kube/config', kubeconfig({ token: 'x' }, {}, { namespace: 'mine' }));
    expect(await load({ HOME: directory })).toMatchObject({ server: 'https://api.test:6443', namespace: 'mine' });
  });

  it('merges the files of KUBECONFIG as kubectl does: the first to name a thing wins', async () => {
    const first = await write('first/config', kubeconfig({ token: 'first' }));
    const second = await write(
      'second/config',
      stringify({
        'current-context': 'there',
        clusters: [{ name: 'c', cluster: { server: 'https://other.test' } }],
        contexts: [{ name: 'there', context: { cluster: 'c', user: 'v' } }],
        users: [{ name: 'u', user: { token: 'second' } }],
      }),
    );
    const missing = join(directory, 'missing');
    const access = await load({ KUBECONFIG: `${missing}:${first}:${second}` });
    expect(access).toMatchObject({ server: 'https://api.test:6443', source: `${first}:${second}` });
    expect(await authorization(access)).toBe('Bearer first');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['nothing', {}, /^no Kubernetes API server is configured: set KUBECONFIG/],
    ['a cluster without a token', inCluster, /^no Kubernetes API server is configured/],
    ["a file that doesn't exist", { KUBECONFIG: '/nowhere/config' }, /^KUBECONFIG names \/nowhere\/config, and no such file exists$/],
  ])('is an error with the way out: %s', async (_, environment, message) => {
    await expect(load(environment)).rejects.toThrow(message);
    await expect(load(environment)).rejects.toBeInstanceOf(KubeConfigError);
  });

  it.each<[string, string, RegExp]>([
    ['no YAML', '{', /isn't YAML$/],
    ['something else', 'hello: world', /isn't a kubeconfig/],
    ['no current context', stringify({ clusters: [], contexts: [], users: [] }), /has no current-context/],
    [
      'a context that is nowhere',
      stringify({ 'current-context': 'x', clusters: [], contexts: [], users: [] }),
      /context "x" isn't defined/,
    ],
    ['a cluster that is nowhere', kubeconfig({}, {}, { cluster: 'x' }), /names a cluster that isn't defined/],
    ['a user that is nowhere', kubeconfig({}, {}, { user: 'x' }), /names a user that isn't defined/],
    ['plain HTTP', kubeconfig({}, { server: 'http://api.test' }), /isn't HTTPS/],
    ['a proxy of another kind', kubeconfig({}, { 'proxy-url': 'socks5://proxy.test' }), /must begin with http: or https:/],
    ['a server without a scheme', kubeconfig({}, { server: '10.0.0.1:6443' }), /isn't an address: write https/],
    ['a server with a name for a scheme', kubeconfig({}, { server: 'localhost:6443' }), /isn't an address: write https/],
    ['a cluster without a server', kubeconfig({}, { server: undefined }), /server is missing/],
  ])('is an error that names the file: %s', async (_, content, message) => {
    const path = await write('config', content);
    await expect(load({ KUBECONFIG: path })).rejects.toThrow(message);
    await expect(load({ KUBECONFIG: path })).rejects.toThrow(path);
  });
});

describe('signing in', () => {
  it('works with a token', async () => {
    expect(await authorization(await loadUser({ token: 'plain' }))).toBe('Bearer plain');
  });

  it('works with name and password', async () => {
    expect(await authorization(await loadUser({ username: 'me', password: 'pw' }))).toBe('Basic bWU6cHc=');
  });

  it('works with certificates from files beside the kubeconfig', async () => {
    await write('ca.pem', 'the ca');
    await write('me.pem', 'the certificate');
    await write('me.key', 'the key');
    const access = await loadUser(
      { 'client-certificate': 'me.pem', 'client-key': './me.key' },
      { 'certificate-authority': 'ca.pem', 'tls-server-name': 'api.internal' },
    );
    expect(await access.credentials()).toEqual({
      headers: {},
      tls: { ca: 'the ca', cert: 'the certificate', key: 'the key', servername: 'api.internal', rejectUnauthorized: undefined },
    });
  });

  it('works with certificates in the kubeconfig, and without verification where that is wanted', async () => {
    const data = (text: string): string => Buffer.from(text).toString('base64');
    const access = await loadUser(
      { 'client-certificate-data': data('cert'), 'client-key-data': data('key'), as: 'somebody' },
      { 'insecure-skip-tls-verify': true },
    );
    expect(await access.credentials()).toMatchObject({
      headers: { 'Impersonate-User': 'somebody' },
      tls: { cert: 'cert', key: 'key', rejectUnauthorized: false },
    });
  });

  it('works with a plugin beside the kubeconfig, which is asked again when its credential is rejected', async () => {
    const script = `#!${process.execPath}
      const fs = require('node:fs');
      const n = fs.existsSync('${directory}/count') ? Number(fs.readFileSync('${directory}/count')) + 1 : 1;
      fs.writeFileSync('${directory}/count', String(n));
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: process.env.PREFIX + n } }));`;
    const path = await write('bin/plugin.cjs', script);
    await (await import('node:fs/promises')).chmod(path, 0o755);
    const access = await loadUser({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: './bin/plugin.cjs',
        env: [{ name: 'PREFIX', value: 'token-' }],
        interactiveMode: 'Never',
      },
    });
    const [first, second] = await Promise.all([access.credentials(), access.credentials()]);
    expect(first.headers).toEqual({ Authorization: 'Bearer token-1' });
    expect(second).toBe(first);
    clock.advanceSync(3_600_000);
    expect(await authorization(access)).toBe('Bearer token-1');
    access.reject(await access.credentials());
    expect(await authorization(access)).toBe('Bearer token-2');
  });

  it('asks a new plugin when one hangs', async () => {
    const args = [
      '-e',
      `setTimeout(() => {}, require('node:fs').existsSync('${directory}/hang') ? 3000 : 0); console.log('{"status":{"token":"x"}}')`,
    ];
    await write('hang', '');
    const access = await loadUser({ exec: { command: process.execPath, args } });
    const hanging = access.credentials();
    await Promise.all([expect(hanging).rejects.toThrow('signing in took longer than 60 s'), clock.advance(60_000)]);
    await rm(join(directory, 'hang'));
    expect(await authorization(access)).toBe('Bearer x');
    expect(clock.pendingTimers()).toBe(0);
  });

  it('names a plugin that fails, and keeps what it said to itself', async () => {
    const access = await loadUser({ exec: { command: process.execPath, args: ['-e', 'console.error("secret"); process.exit(1)'] } });
    const failure = await access.credentials().catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: `the exec plugin ${process.execPath} of user u failed` });
  });
});

describe('a token file', () => {
  it('is used, although client-node drops the field, and wins over a token', async () => {
    await write('token', 'from-file\n');
    expect(await authorization(await loadUser({ tokenFile: 'token', token: 'literal' }))).toBe('Bearer from-file');
  });

  it('is read again within a minute', async () => {
    await write('token', 'one');
    const access = await loadUser({ tokenFile: 'token' });
    const before = await access.credentials();
    await write('token', 'two');
    expect(await access.credentials()).toBe(before);
    clock.advanceSync(60_000);
    const after = await access.credentials();
    expect(after.headers).toEqual({ Authorization: 'Bearer two' });
    // The same object: nobody needs a new connection for a new token.
    expect(after.tls).toBe(before.tls);
  });

  it('is read again at once when its token is rejected, once for all who come with the same', async () => {
    await write('token', 'one');
    const access = await loadUser({ tokenFile: 'token' });
    const old = await access.credentials();
    await write('token', 'two');
    access.reject(old);
    access.reject(old);
    const fresh = await access.credentials();
    expect(fresh.headers).toEqual({ Authorization: 'Bearer two' });
    access.reject(old);
    expect(await access.credentials()).toBe(fresh);
  });

  it('that is away for a moment leaves the last token in use, unless that was rejected', async () => {
    const path = await write('token', 'one');
    const access = await loadUser({ tokenFile: 'token' });
    const old = await access.credentials();
    await rm(path);
    clock.advanceSync(60_000);
    expect(await authorization(access)).toBe('Bearer one');
    access.reject(old);
    await expect(access.credentials()).rejects.toThrow(`can't read ${path} (ENOENT)`);
    await write('token', '\n');
    await expect(access.credentials()).rejects.toThrow(`the token file ${path} is empty`);
    await write('token', 'two');
    expect(await authorization(access)).toBe('Bearer two');
  });

  it('that was rotated on disk reaches the server after a 401, without a failure', async () => {
    const server = await startFakeApiServer();
    await write('ca.pem', server.ca);
    await write('token', 'one');
    const transport = createTransport(await loadUser({ tokenFile: 'token' }, { server: server.url, 'certificate-authority': 'ca.pem' }));
    const signal = new AbortController().signal;
    await transport.request({ method: 'GET', path: '/', signal });
    await write('token', 'two');
    server.fail('other', faults.status(401, 'Unauthorized'));
    await transport.request({ method: 'GET', path: '/', signal });
    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer one', 'Bearer one', 'Bearer two']);
    await transport.close();
    await server.close();
  });
});

describe('certificates', () => {
  it('that change on disk are used, and make new TLS material', async () => {
    const { certificate } = await selfSigned();
    await write('ca.pem', certificate);
    const access = await loadUser({ token: 'x' }, { 'certificate-authority': 'ca.pem' });
    const before = await access.credentials();
    clock.advanceSync(60_000);
    expect((await access.credentials()).tls).toBe(before.tls);
    await write('ca.pem', `${certificate}\n${certificate}`);
    clock.advanceSync(60_000);
    const after = await access.credentials();
    expect(after.tls).not.toBe(before.tls);
    expect(after.tls.ca).toBe(`${certificate}\n${certificate}`);
  });
});
