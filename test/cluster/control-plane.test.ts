import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type JSONWebKeySet, SignJWT, createLocalJWKSet, importPKCS8, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { provideTools } from '../../tools/provide.ts';
import { startModule } from '../support/child.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { isAlive, removeDirectory, temporaryDirectory } from '../support/process.ts';
import { waitFor } from '../support/wait.ts';

interface Named {
  readonly metadata: { readonly name: string; readonly uid: string };
}

describe('a control plane', () => {
  let plane: ControlPlane;
  let namespace: string;

  beforeAll(async () => {
    plane = await startControlPlane();
    namespace = await plane.createNamespace('ground');
  });
  afterAll(async () => plane?.stop());

  it('lets a ServiceAccount do what RBAC grants, and nothing else', async () => {
    const token = await plane.serviceAccountToken(namespace, 'default');
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    expect((await plane.request('GET', path)).status).toBe(200);
    expect((await plane.request('GET', path, { token })).status).toBe(403);

    const rules = ['create', 'role', 'reader', '--verb=list', '--resource=configmaps', '-n', namespace];
    const binding = ['create', 'rolebinding', 'reader', '--role=reader', `--serviceaccount=${namespace}:default`, '-n', namespace];
    expect(await plane.kubectl(rules)).toMatchObject({ code: 0 });
    expect(await plane.kubectl(binding)).toMatchObject({ code: 0 });
    const granted = await waitFor('effect of the new role', async () => {
      const { status } = await plane.request('GET', path, { token });
      return status === 200 && status;
    });
    expect(granted).toBe(200);
    expect((await plane.request('GET', '/api/v1/secrets', { token })).status).toBe(403);
  });

  it('shows its issuer and keys to anyone, and signs tokens with the key that it gives to tests', async () => {
    const anyone = { token: '' };
    const discovery = await plane.request('GET', '/.well-known/openid-configuration', anyone);
    expect(discovery).toMatchObject({ status: 200, body: { issuer: plane.issuer, jwks_uri: plane.jwksUri } });
    const keys = await plane.request<JSONWebKeySet>('GET', new URL(plane.jwksUri).pathname, anyone);
    expect(keys.body.keys.map(({ kid }) => kid)).toEqual([plane.signingKeyId]);
    const keySet = createLocalJWKSet(keys.body);

    const audience = 'api://AzureADTokenExchange';
    const minted = await plane.serviceAccountToken(namespace, 'default', { audiences: [audience], expirationSeconds: 600 });
    const { payload } = await jwtVerify(minted, keySet, { issuer: plane.issuer, audience });
    expect(payload.sub).toBe(`system:serviceaccount:${namespace}:default`);
    expect(payload.exp! - payload.iat!).toBe(600);

    const key = await importPKCS8(plane.signingKey, 'RS256');
    const ours = await new SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: plane.signingKeyId }).setIssuer(plane.issuer).sign(key);
    await expect(jwtVerify(ours, keySet, { issuer: plane.issuer })).resolves.toBeDefined();
  });

  it('ends a token with the pod that it is bound to', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'short-lived' },
      spec: { serviceAccountName: 'default', containers: [{ name: 'main', image: 'none' }] },
    };
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const { body } = await plane.request<Named>('POST', path, { body: pod });
    const bound = { pod: { name: 'short-lived', uid: body.metadata.uid } };
    // Two tokens, since the API server remembers for ten seconds whose a token is that it has seen; it hears of the end of a pod a moment later, too.
    const early = await plane.serviceAccountToken(namespace, 'default', bound);
    const late = await plane.serviceAccountToken(namespace, 'default', bound);
    expect((await plane.request('GET', path, { token: early })).status).toBe(403);
    await plane.request('DELETE', `${path}/short-lived`);
    await waitFor('the end of the token', async () => (await plane.request('GET', path, { token: late })).status === 401);
    expect((await plane.request('GET', path, { token: late })).status).toBe(401);
  });

  it('says why it mints no token', async () => {
    await expect(plane.serviceAccountToken(namespace, 'nobody')).rejects.toThrow(`${namespace}/nobody: 404`);
  });

  it('counts every request in the audit log, by user, verb and time', async () => {
    const user = `system:serviceaccount:${namespace}:default`;
    const token = await plane.serviceAccountToken(namespace, 'default');
    const since = Date.now();
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    for (let count = 0; count < 20; count += 1) await plane.request('GET', `${path}/none-${count}`, { token });
    await plane.request('POST', path, { token, body: { metadata: { name: 'refused' } } });

    const reads = await plane.auditEvents({ user, since, verbs: ['get'] });
    expect(reads).toHaveLength(20);
    const writes = await plane.auditEvents({ user, since, verbs: ['create', 'update', 'patch', 'delete'] });
    expect(writes).toMatchObject([{ user, verb: 'create', resource: 'secrets', namespace, status: 403, uri: path }]);
    expect(await plane.auditEvents({ since: Date.now() })).toEqual([]);
  });

  it('runs kubectl and helm', async () => {
    const applied = await plane.kubectl(
      ['apply', '-n', namespace, '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'by-kubectl' } }),
    );
    expect(applied).toEqual({ code: 0, stdout: 'configmap/by-kubectl created\n', stderr: '' });
    expect(await plane.kubectl(['get', 'configmap', 'none', '-n', namespace])).toMatchObject({ code: 1, stdout: '' });
    expect(await plane.helm(['list', '-n', namespace, '--output', 'json'])).toMatchObject({ code: 0, stdout: '[]\n' });
  });

  it('signs in with a kubeconfig that names a token file', async () => {
    const tokenFile = join(plane.directory, 'token');
    await writeFile(tokenFile, await plane.serviceAccountToken(namespace, 'default'));
    const kubeconfig = await plane.kubeconfigFor({ tokenFile, namespace, directory: plane.directory });
    const { stdout } = await plane.kubectl(['auth', 'whoami', '--kubeconfig', kubeconfig, '-o', 'jsonpath={.status.userInfo.username}']);
    expect(stdout).toBe(`system:serviceaccount:${namespace}:default`);
  });

  it.each(['etcd', 'kube-apiserver'] as const)('keeps address, certificate and objects through a restart of %s', async (part) => {
    const before = plane.pids();
    const statusOf = async (): Promise<unknown> =>
      plane.request('GET', '/readyz').then(
        ({ status }) => status,
        () => 'nobody there',
      );
    const seen: unknown[] = [];
    await plane.restart(part, async () => {
      // While etcd is away the API server answers for a moment as if nothing had happened.
      seen.push(
        await waitFor(`absence of ${part}`, async () => {
          const status = await statusOf();
          return status !== 200 && status;
        }),
      );
    });
    seen.push(await statusOf());
    expect(seen).toEqual([part === 'etcd' ? 500 : 'nobody there', 200]);
    expect(plane.pids()[part]).not.toBe(before[part]);
    expect((await plane.request<Named>('GET', `/api/v1/namespaces/${namespace}`)).body.metadata.name).toBe(namespace);
  });

  it('shares nothing with another one beside it', async () => {
    const other = await startControlPlane();
    try {
      expect(other.server).not.toBe(plane.server);
      expect((await other.request('GET', `/api/v1/namespaces/${namespace}`)).status).toBe(404);
      expect((await other.request('GET', '/api/v1/namespaces', { token: plane.adminToken })).status).toBe(401);
    } finally {
      await other.stop();
    }
    expect(existsSync(other.directory)).toBe(false);
    expect(Object.values(other.pids()).filter(isAlive)).toEqual([]);
  });
});

describe('starting a control plane', () => {
  /** A folder as setup-envtest makes it, with a shell script in the API server's place, and a temporary directory of its own. */
  const pretend = async (script: (real: string) => string): Promise<{ readonly temporary: string }> => {
    const tools = await provideTools();
    const assets = temporaryDirectory('assets');
    cleanup.push(assets);
    await symlink(tools.etcd, join(assets, 'etcd'));
    await symlink(tools.kubectl, join(assets, 'kubectl'));
    await writeFile(join(assets, 'kube-apiserver'), `#!/bin/sh\n${script(tools.kubeApiserver)}\n`, { mode: 0o755 });
    const temporary = join(assets, 'tmp');
    await mkdir(temporary);
    vi.stubEnv('KUBEBUILDER_ASSETS', assets);
    vi.stubEnv('TMPDIR', temporary);
    return { temporary };
  };
  const cleanup: string[] = [];
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const directory of cleanup.splice(0)) await removeDirectory(directory);
  });

  it('fails with the name of the program and its last words, and leaves nothing', async () => {
    const { temporary } = await pretend(() => 'echo "no such flag: --whatever"; exit 3');
    await expect(startControlPlane()).rejects.toThrow(/kube-apiserver ended while it started.*\nno such flag: --whatever$/);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('takes another port when somebody was faster to take the first', async () => {
    const taken = 'echo "listen tcp 127.0.0.1:$port: bind: address already in use"; exit 1';
    await pretend(
      (real) => `port=$(echo "$*" | sed 's/.*--secure-port=\\([0-9]*\\).*/\\1/')
        if [ ! -e "$PWD/second" ]; then touch "$PWD/second"; ${taken}; fi
        exec ${real} "$@"`,
    );
    const plane = await startControlPlane();
    expect((await plane.request('GET', '/readyz')).status).toBe(200);
    await plane.stop();
  });

  const leaving = `
    const { startControlPlane } = await import('${join(dirname(import.meta.dirname), 'support', 'control-plane.ts')}');
    const { directory, pids } = await startControlPlane();
    console.log(JSON.stringify({ directory, pids: Object.values(pids()) }));`;
  interface Left {
    readonly directory: string;
    readonly pids: readonly number[];
  }
  const untilNothingIsLeft = async ({ directory, pids }: Left): Promise<true> =>
    waitFor('end of etcd, kube-apiserver and their directory', () => !pids.some(isAlive) && !existsSync(directory));

  it('leaves neither processes nor files behind when its process is killed', async () => {
    const parent = await startModule(`${leaving}\nsetInterval(() => undefined, 1000);`);
    const left = parent.said as Left;
    expect(existsSync(left.directory)).toBe(true);
    expect(left.pids.filter(isAlive)).toHaveLength(2);
    parent.kill('SIGKILL');
    expect(await untilNothingIsLeft(left)).toBe(true);
  });

  it('leaves nothing behind either when its process ends without stopping it', async () => {
    const parent = await startModule(leaving);
    expect(await parent.exited).toBe(0);
    expect(await untilNothingIsLeft(parent.said as Left)).toBe(true);
  });
});
