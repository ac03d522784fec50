import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startModule } from '../support/child.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type PocketKubelet, type PocketKubeletOptions, type PodProcess, startPocketKubelet } from '../support/pocket-kubelet.ts';
import { isAlive, removeDirectory, temporaryDirectory } from '../support/process.ts';
import { waitFor } from '../support/wait.ts';

/** What runs in the pods: says what it was given, answers probes, ends politely. */
const program = `
  import { createServer } from 'node:http';
  process.on('SIGTERM', () => { console.log('told to end'); setTimeout(() => process.exit(0), 50); });
  console.log(JSON.stringify({ env: process.env, args: process.argv.slice(2), node: process.version }));
  let status = 200;
  createServer((request, response) => {
    if (request.url.startsWith('/set/')) status = Number(request.url.slice(5));
    response.writeHead(request.url === '/ready' ? status : 200).end();
  }).listen(8080, process.env.POD_IP);`;

interface Told {
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly node: string;
}

const told = async (pod: PodProcess): Promise<Told> =>
  waitFor(`words of ${pod.name}`, () => {
    const line = pod.logs().split('\n').at(0);
    return line?.endsWith('}') && JSON.parse(line);
  });

/** Ready means that it listens, and so that it can be told to end. */
const readinessProbe = { httpGet: { path: '/ready', port: 8080 } };
const podIp = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };

/** A Deployment of the program. What is given replaces what it has by default. */
const deployment = (changes: {
  readonly spec?: object;
  readonly labels?: object;
  readonly pod?: object;
  readonly container?: object;
}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    ...changes.spec,
    template: {
      metadata: { labels: { app: 'web', ...changes.labels } },
      spec: {
        serviceAccountName: 'web',
        terminationGracePeriodSeconds: 5,
        containers: [
          { name: 'main', image: 'none', command: ['node', '/app/web.mjs'], env: [podIp], readinessProbe, ...changes.container },
        ],
        ...changes.pod,
      },
    },
  },
});

let files: string;
let plane: ControlPlane;

beforeAll(async () => {
  files = temporaryDirectory('container');
  await writeFile(join(files, 'web.mjs'), program);
  plane = await startControlPlane();
});
afterAll(async () => {
  await plane?.stop();
  await removeDirectory(files);
});

describe('the pocket kubelet', () => {
  let namespace: string;
  let kubelet: PocketKubelet;

  const start = (options: PocketKubeletOptions = {}): PocketKubelet => {
    kubelet = startPocketKubelet(plane, {
      namespace,
      files: { '/app/web.mjs': join(files, 'web.mjs') },
      azureTenantId: 'tenant-of-the-webhook',
      azureAuthorityHost: 'https://127.0.0.1:1/',
      ...options,
    });
    return kubelet;
  };
  const apply = async (object: object): Promise<void> => {
    expect(await plane.kubectl(['apply', '-n', namespace, '-f', '-'], JSON.stringify(object))).toMatchObject({ code: 0 });
  };
  const rolledOut = async (): Promise<unknown> => plane.kubectl(['rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=20s']);
  const serviceAccount = (annotations: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'web', annotations },
  });
  const podsInApi = async (template: string): Promise<readonly string[]> => {
    const { stdout } = await plane.kubectl(['get', 'pods', '-n', namespace, '-o', `jsonpath={range .items[*]}${template}{"\\n"}{end}`]);
    return stdout.split('\n').filter(Boolean);
  };

  beforeEach(async () => {
    namespace = await plane.createNamespace('pods');
    await apply(serviceAccount());
  });
  afterEach(async () => kubelet?.stop());

  it('runs a Deployment until kubectl and the API say that it stands', async () => {
    start();
    await apply(deployment({ spec: { replicas: 2 } }));
    expect(await rolledOut()).toMatchObject({ code: 0, stdout: expect.stringContaining('successfully rolled out') });
    const pods = kubelet.pods();
    expect(pods).toHaveLength(2);
    expect(new Set(pods.map(({ ip }) => ip)).size).toBe(2);
    expect(pods.every(({ ip }) => ip.startsWith('127.') && ip !== '127.0.0.1')).toBe(true);
    const seen = await podsInApi('{.metadata.name} {.status.phase} {.status.podIP} {.metadata.ownerReferences[0].name}');
    expect(seen.toSorted()).toEqual(pods.map(({ name, ip }) => `${name} Running ${ip} web`).toSorted());
    expect(await told(pods[0]!)).toMatchObject({ node: process.version });
  });

  it('gives the container its own variables, and none of ours', async () => {
    process.env['OF_THE_TEST'] = 'leak';
    const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    start();
    await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { 'one.txt': 'first' } });
    await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { key: 'secret' } });
    await apply(
      deployment({
        container: {
          args: ['--name=$(POD_NAME)', '--dollar=$$(POD_NAME)', '--unknown=$(NOBODY)', '--file=$(SETTINGS)'],
          env: [
            podIp,
            field('POD_NAME', 'metadata.name'),
            field('POD_NAMESPACE', 'metadata.namespace'),
            field('ACCOUNT', 'spec.serviceAccountName'),
            { name: 'WHO', value: '$(ACCOUNT)@$(POD_NAMESPACE)' },
            { name: 'SETTINGS', value: '/etc/settings/one.txt' },
            { name: 'KEY', value: '/etc/keys/key' },
            { name: 'SCRATCH', value: '/tmp/scratch' },
            { name: 'ELSEWHERE', value: '/etc/settings-not' },
          ],
          volumeMounts: [
            { name: 'settings', mountPath: '/etc/settings/' },
            { name: 'keys', mountPath: '/etc/keys' },
            { name: 'scratch', mountPath: '/tmp/scratch' },
          ],
        },
        pod: {
          volumes: [
            { name: 'settings', configMap: { name: 'settings' } },
            { name: 'keys', secret: { secretName: 'keys' } },
            { name: 'scratch', emptyDir: {} },
          ],
        },
      }),
    );
    const pod = await kubelet.waitForPod();
    const { env, args } = await told(pod);
    const settings = pod.localPath('/etc/settings/one.txt')!;
    expect(env).toEqual({
      PATH: expect.any(String),
      HOME: expect.any(String),
      KUBECONFIG: expect.any(String),
      POD_IP: pod.ip,
      POD_NAME: pod.name,
      POD_NAMESPACE: namespace,
      ACCOUNT: 'web',
      WHO: `web@${namespace}`,
      SETTINGS: settings,
      KEY: pod.localPath('/etc/keys/key'),
      SCRATCH: pod.localPath('/tmp/scratch'),
      ELSEWHERE: '/etc/settings-not',
    });
    expect(args).toEqual([`--name=${pod.name}`, '--dollar=$(POD_NAME)', '--unknown=$(NOBODY)', `--file=${settings}`]);
    expect(await readFile(settings, 'utf8')).toBe('first');
    expect(await readFile(env['KEY']!, 'utf8')).toBe('secret');
    expect(existsSync(env['SCRATCH']!)).toBe(true);
  });

  it('signs the pod in to Kubernetes as its ServiceAccount, with a token that is bound to it', async () => {
    start();
    await apply(deployment({}));
    const pod = await kubelet.waitForPod();
    const { KUBECONFIG: kubeconfig } = (await told(pod)).env;
    const whoami = await plane.kubectl(['auth', 'whoami', '--kubeconfig', kubeconfig!, '-o', 'jsonpath={.status.userInfo}']);
    expect(JSON.parse(whoami.stdout)).toMatchObject({
      username: `system:serviceaccount:${namespace}:web`,
      extra: { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] },
    });
    const context = await plane.kubectl(['config', 'view', '--minify', '--kubeconfig', kubeconfig!, '-o', 'jsonpath={..namespace}']);
    expect(context.stdout).toBe(namespace);
  });

  describe('as the workload identity webhook', () => {
    const labels = { 'azure.workload.identity/use': 'true' };
    const annotations = {
      'azure.workload.identity/client-id': 'client-of-the-account',
      'azure.workload.identity/service-account-token-expiration': '7200',
    };

    it('gives a pod with its label the four variables and a token for Entra', async () => {
      start();
      await apply(serviceAccount(annotations));
      await apply(deployment({ labels }));
      const { env } = await told(await kubelet.waitForPod());
      expect(env).toMatchObject({
        AZURE_CLIENT_ID: 'client-of-the-account',
        AZURE_TENANT_ID: 'tenant-of-the-webhook',
        AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1/',
      });
      const token = decodeJwt(await readFile(env['AZURE_FEDERATED_TOKEN_FILE']!, 'utf8'));
      expect(token).toMatchObject({
        iss: plane.issuer,
        sub: `system:serviceaccount:${namespace}:web`,
        aud: ['api://AzureADTokenExchange'],
      });
      expect(token.exp! - token.iat!).toBe(7200);
    });

    it('leaves alone what the template sets, and takes the tenant of the ServiceAccount', async () => {
      start();
      await apply(serviceAccount({ ...annotations, 'azure.workload.identity/tenant-id': 'tenant-of-the-account' }));
      await apply(deployment({ labels, container: { env: [podIp, { name: 'AZURE_CLIENT_ID', value: 'client-of-the-template' }] } }));
      const { env } = await told(await kubelet.waitForPod());
      expect(env).toMatchObject({ AZURE_CLIENT_ID: 'client-of-the-template', AZURE_TENANT_ID: 'tenant-of-the-account' });
    });

    it.each([
      ['label', {}, annotations],
      ['client id', labels, {}],
    ])('does nothing without the %s', async (_what, withLabels, withAnnotations) => {
      start();
      await apply(serviceAccount(withAnnotations));
      await apply(deployment({ labels: withLabels }));
      const { env } = await told(await kubelet.waitForPod());
      expect(Object.keys(env).filter((name) => name.startsWith('AZURE_'))).toEqual([]);
    });

    it("writes a test's own token, and another one when told to", async () => {
      let count = 0;
      start({ azureToken: async ({ serviceAccount: account }) => `token ${(count += 1)} of ${account}` });
      await apply(serviceAccount(annotations));
      await apply(deployment({ labels }));
      const pod = await kubelet.waitForPod();
      const file = (await told(pod)).env['AZURE_FEDERATED_TOKEN_FILE']!;
      expect(await readFile(file, 'utf8')).toBe('token 1 of web');
      await pod.refreshTokens();
      expect(await readFile(file, 'utf8')).toBe('token 2 of web');
    });
  });

  it('takes a pod for ready when its probe says so, and only as long', async () => {
    start();
    const quick = { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 1 };
    await apply(deployment({ container: { ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: quick } }));
    const pod = await kubelet.waitForPod();
    expect(await rolledOut()).toMatchObject({ code: 0 });

    await fetch(`http://${pod.ip}:8080/set/503`);
    await waitFor('unreadiness', () => !pod.ready);
    const available = async (): Promise<string> =>
      (
        await plane.kubectl([
          'get',
          'deployment',
          'web',
          '-n',
          namespace,
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Available")].status}',
        ])
      ).stdout;
    expect(await waitFor('word of it in the Deployment', async () => (await available()) === 'False')).toBe(true);
    await fetch(`http://${pod.ip}:8080/set/200`);
    expect(await waitFor('word of it in the Deployment', async () => (await available()) === 'True')).toBe(true);
    expect(pod.restarts).toBe(0);
  });

  it('starts a container again that ended, or whose liveness probe fails', async () => {
    start();
    const livenessProbe = { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, failureThreshold: 1 };
    await apply(deployment({ container: { livenessProbe } }));
    const pod = await kubelet.waitForPod();
    const first = pod.pid!;
    pod.kill('SIGKILL');
    await waitFor('restart', () => pod.restarts === 1 && pod.ready);
    expect(pod.pid).not.toBe(first);
    expect(
      await waitFor('restart in the API', async () => (await podsInApi('{.status.containerStatuses[0].restartCount}'))[0] === '1'),
    ).toBe(true);
    await waitFor('answer', async () => (await fetch(`http://${pod.ip}:8080/set/503`)).ok);
    await waitFor('second restart', () => pod.restarts === 2 && pod.ready);
    expect(pod.logs()).toContain('told to end');
  });

  it.each(['Recreate', 'RollingUpdate'])('replaces pods when the template changes: %s', async (type) => {
    start();
    const spec = { strategy: { type } };
    await apply(deployment({ spec }));
    const before = await kubelet.waitForPod();
    await apply(deployment({ spec, container: { env: [podIp, { name: 'VERSION', value: '2' }] } }));
    expect(await rolledOut()).toMatchObject({ code: 0 });
    await waitFor('one pod', () => kubelet.pods().length === 1);
    const [after] = kubelet.pods();
    expect((await told(after!)).env['VERSION']).toBe('2');
    expect(before.logs()).toContain('told to end');
    expect(await waitFor('one pod in the API', async () => (await podsInApi('{.metadata.name}')).join() === after?.name)).toBe(true);
  });

  it('follows the number of replicas, and replaces a pod that somebody deletes', async () => {
    start();
    await apply(deployment({ spec: { replicas: 3 } }));
    expect(await rolledOut()).toMatchObject({ code: 0 });
    await plane.kubectl(['scale', 'deployment/web', '--replicas=1', '-n', namespace]);
    await waitFor('one pod', () => kubelet.pods().length === 1);
    const [last] = kubelet.pods();
    expect(await plane.kubectl(['delete', 'pod', last!.name, '-n', namespace])).toMatchObject({ code: 0 });
    expect(last!.logs()).toContain('told to end');
    const next = await kubelet.waitForPod((pod) => pod.ready && pod.uid !== last!.uid);
    await plane.kubectl(['delete', 'pod', next.name, '-n', namespace, '--force', '--grace-period=0']);
    await waitFor('end of its process', () => next.pid === undefined);
    await kubelet.waitForPod((pod) => pod.ready && pod.uid !== next.uid);
  });

  it('ends the pods of a Deployment that is deleted', async () => {
    start();
    await apply(deployment({}));
    const pod = await kubelet.waitForPod();
    const pid = pod.pid!;
    await plane.kubectl(['delete', 'deployment', 'web', '-n', namespace]);
    await waitFor('end of the pod', () => kubelet.pods().length === 0);
    expect(isAlive(pid)).toBe(false);
    expect(pod.logs()).toContain('told to end');
    expect(await podsInApi('{.metadata.name}')).toEqual([]);
  });

  it.each(['gracefully', 'at once'] as const)('takes the pods away for a while: %s', async (how) => {
    start();
    await apply(deployment({}));
    const pod = await kubelet.waitForPod();
    await kubelet.pause(how);
    expect(kubelet.pods()).toEqual([]);
    expect(await podsInApi('{.metadata.name}')).toEqual([]);
    expect(pod.logs().includes('told to end')).toBe(how === 'gracefully');
    kubelet.resume();
    expect((await kubelet.waitForPod()).uid).not.toBe(pod.uid);
  });

  it.each([
    ['initContainers', { pod: { initContainers: [{ name: 'first', image: 'none' }] } }, 'spec.initContainers'],
    [
      'a second container',
      {
        pod: {
          containers: [
            { name: 'main', image: 'none' },
            { name: 'side', image: 'none' },
          ],
        },
      },
      'spec.containers side',
    ],
    ['envFrom', { container: { envFrom: [{ configMapRef: { name: 'x' } }] } }, 'container main.envFrom'],
    [
      'a secret in a variable',
      { container: { env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }] } },
      'variable PASSWORD.valueFrom.secretKeyRef',
    ],
    ['another field', { container: { env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] } }, 'spec.nodeName'],
    ['a host path', { pod: { volumes: [{ name: 'host', hostPath: { path: '/' } }] } }, 'volume host.hostPath'],
    ['a file that nobody maps', { container: { command: ['node', '/app/other.mjs'] } }, '/app/other.mjs'],
    ['a program that is not there', { container: { command: ['sh', '-c', 'true'] } }, 'sh of the image'],
    ['a port that has no such name', { container: { readinessProbe: { httpGet: { port: 'http' } } } }, 'no port called http'],
  ])('refuses %s by name, and lets nobody wait for it', async (_what, changes, name) => {
    start();
    await apply(deployment(changes));
    await expect(kubelet.waitForPod()).rejects.toThrow(name);
    expect(await rolledOut()).toMatchObject({ code: 1, stderr: expect.stringContaining('exceeded its progress deadline') });
    const { stdout } = await plane.kubectl(['describe', 'deployment', 'web', '-n', namespace]);
    expect(stdout).toContain('FailedCreate');
    expect(kubelet.pods()).toEqual([]);
  });

  it('waits for a ServiceAccount and a ConfigMap that come later', async () => {
    start();
    await plane.kubectl(['delete', 'serviceaccount', 'web', '-n', namespace]);
    const pod = { volumes: [{ name: 'settings', configMap: { name: 'late' } }] };
    await apply(deployment({ pod }));
    await expect(kubelet.waitForPod(undefined, 500)).rejects.toThrow(`ServiceAccount ${namespace}/web not found`);
    await apply(serviceAccount());
    const reason = await waitFor('reason', async () => (await podsInApi('{..waiting.message}'))[0]);
    expect(reason).toBe('ConfigMap late not found');
    await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } });
    await kubelet.waitForPod();
  });

  it('survives a restart of the API server', async () => {
    start();
    await apply(deployment({}));
    const pod = await kubelet.waitForPod();
    await plane.restart('kube-apiserver');
    expect(pod.ready).toBe(true);
    await plane.kubectl(['scale', 'deployment/web', '--replicas=2', '-n', namespace]);
    await kubelet.waitForPod(({ uid, ready }) => ready && uid !== pod.uid);
    expect(pod.restarts).toBe(0);
  });

  it('lets helm install wait for it, and uninstall too', async () => {
    start();
    const chart = join(files, namespace);
    await mkdir(join(chart, 'templates'), { recursive: true });
    await writeFile(join(chart, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'web', version: '1.0.0' }));
    await writeFile(join(chart, 'templates', 'deployment.yaml'), stringify(deployment({})));
    const installed = await plane.helm(['install', 'web', chart, '-n', namespace, '--wait', '--timeout', '20s']);
    expect(installed).toMatchObject({ code: 0 });
    expect(kubelet.pods().filter(({ ready }) => ready)).toHaveLength(1);
    expect(await plane.helm(['uninstall', 'web', '-n', namespace, '--wait', '--timeout', '20s'])).toMatchObject({ code: 0 });
    await waitFor('end of the pod', () => kubelet.pods().length === 0);
  });

  it('is told apart in the audit log, and writes nothing while nothing changes', async () => {
    start();
    await apply(deployment({}));
    await kubelet.waitForPod();
    await rolledOut();
    const since = Date.now();
    await waitFor('ten looks at the Deployments', async () => {
      const looks = await plane.auditEvents({ user: 'pocket-kubelet', verbs: ['list'], since });
      return looks.length >= 20;
    });
    const writes = await plane.auditEvents({ user: 'pocket-kubelet', verbs: ['create', 'update', 'patch', 'delete'], since });
    expect(writes).toEqual([]);
    expect(await plane.auditEvents({ user: `system:serviceaccount:${namespace}:web` })).toEqual([]);
  });
});

it('leaves no pod behind when the process of the pocket kubelet is killed', async () => {
  const support = join(dirname(import.meta.dirname), 'support');
  const parentProgram = `
    const { startControlPlane } = await import('${support}/control-plane.ts');
    const { startPocketKubelet } = await import('${support}/pocket-kubelet.ts');
    const plane = await startControlPlane();
    const kubelet = startPocketKubelet(plane, { files: { '/app/web.mjs': '${join(files, 'web.mjs')}' } });
    const namespace = await plane.createNamespace('crash');
    const [account, deployment] = ${JSON.stringify([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web' } },
      deployment({ spec: { replicas: 2 } }),
    ])};
    await plane.request('POST', '/api/v1/namespaces/' + namespace + '/serviceaccounts', { body: account });
    await plane.request('POST', '/apis/apps/v1/namespaces/' + namespace + '/deployments', { body: deployment });
    await kubelet.waitForPod(() => kubelet.pods().filter((pod) => pod.ready).length === 2);
    console.log(JSON.stringify({ pids: kubelet.pods().map((pod) => pod.pid), directory: plane.directory }));`;
  const parent = await startModule(`${parentProgram}\nsetInterval(() => undefined, 1000);`);
  const { pids, directory } = parent.said as { pids: readonly number[]; directory: string };
  expect(pids.filter(isAlive)).toHaveLength(2);
  parent.kill('SIGKILL');
  expect(await waitFor('end of all pods', () => !pids.some(isAlive) && !existsSync(directory) && 'nothing left')).toBe('nothing left');
});
