import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { chartValues, leavesOf, valuesPath, type ChartValue } from '../../scripts/generate/chart-values.ts';
import { crdPath } from '../../scripts/generate/crd-template.ts';
import { startAzureSetup } from '../support/azure-setup.ts';
import {
  chart,
  clientId,
  everyValue,
  flags,
  minimalValues,
  objectsOf,
  only,
  render as renderChart,
  type Rendered,
} from '../support/chart.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { waitFor } from '../support/wait.ts';

const root = join(import.meta.dirname, '../..');
const crdName = 'maintenancenotifications.aks-notifier.dev';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(async () => plane?.stop());

const render = (values: object, release?: string, namespace?: string): Promise<readonly Rendered[]> =>
  renderChart(plane, values, release, namespace);

const minimal = minimalValues;

const labelsOf = (selector: unknown): object => (selector as { readonly matchLabels: object }).matchLabels;

/** Without the roles that are for people. */
const forOperator = (objects: readonly Rendered[]): readonly Rendered[] =>
  objects.filter(({ kind, metadata }) => kind !== 'ClusterRole' || !/-(view|edit)$/.test(metadata.name));

/** Words of a command, as a shell reads them. */
const wordsOf = (command: string): readonly string[] =>
  execFileSync('sh', ['-c', `helm() { printf '%s\\n' "$@"; }\n${command}`], { encoding: 'utf8' })
    .split('\n')
    .slice(0, -1);

describe('the command that deploy/azure/setup.sh prints', () => {
  const subscriptionId = '00000000-0000-4000-8000-00000000000a';
  const shop = `/subscriptions/${subscriptionId}/resourceGroups/shop(1)`;
  const cluster = `${shop}/providers/Microsoft.ContainerService/managedClusters/prod`;

  it.each([
    [[], 'aks-notifier-system', 'aks-notifier'],
    [['--namespace', 'ops', '--service-account', 'notices', '--scope', shop], 'ops', 'notices'],
  ])('installs the ServiceAccount that may sign in, as the identity that was made: %j', async (words, namespace, name) => {
    await using setup = startAzureSetup({
      tenants: { [subscriptionId]: '00000000-0000-4000-8000-00000000000b' },
      clusters: [{ id: cluster, issuer: 'https://oidc.example/', workloadIdentity: true }],
      registered: [subscriptionId],
      identities: [],
      credentials: [],
      roles: [],
      assignments: [],
    });
    const { out } = await setup.run('--cluster', cluster, ...words);
    const [upgrade, install, release, , ...rest] = wordsOf(/^ {2}helm .*$/mu.exec(out)?.[0] ?? '');
    expect([upgrade, install, release]).toEqual(['upgrade', '--install', 'aks-notifier']);
    const { code, stdout } = await plane.helm(['template', 'aks-notifier', chart, ...rest]);
    expect(code).toBe(0);
    const account = only(objectsOf(stdout), 'ServiceAccount').metadata;
    expect(account).toMatchObject({
      namespace,
      name,
      annotations: {
        'azure.workload.identity/client-id': setup.state.identities[0]?.clientId,
        'azure.workload.identity/tenant-id': '00000000-0000-4000-8000-00000000000b',
      },
    });
    expect(setup.state.credentials).toMatchObject([{ subject: `system:serviceaccount:${namespace}:${name}` }]);
    expect(stdout.includes(`--allowed-scopes=${shop}`)).toBe(words.includes(shop));
  });
});

describe('rendering', () => {
  it.each([
    ['the least', minimal],
    ['everything', everyValue],
  ])('passes lint with %s', async (_, values) => {
    const { code, stdout } = await plane.helm(['lint', '--strict', chart, ...flags(values)]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('1 chart(s) linted, 0 chart(s) failed') });
  });

  it('fails with one clear sentence when the client id is missing', async () => {
    const { code, stdout, stderr } = await plane.helm(['template', 'aks-notifier', chart]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.match(/azure\.clientId is missing: .*/g)).toEqual([
      'azure.clientId is missing: give the client id of the identity that aks-notifier signs in to Azure as, with --set azure.clientId=<id>',
    ]);
  });

  it('refuses a cluster that is too old for the rules of the CRD', async () => {
    const { code, stderr } = await plane.helm(['template', 'aks-notifier', chart, ...flags(minimal), '--kube-version', '1.29.9']);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('chart requires kubeVersion: >=1.30.0-0') });
  });

  it('packs all that the templates read', async () => {
    const { code, stderr } = await plane.helm(['package', chart, '--destination', plane.directory]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const monitors = { 'metrics.prometheusRule.enabled': true, 'metrics.grafanaDashboard.enabled': true };
    const args = ['template', 'aks-notifier', join(plane.directory, 'aks-notifier-0.1.0.tgz'), '--namespace', 'aks-notifier'];
    const packed = await plane.helm([...args, ...flags({ ...minimal, ...monitors })]);
    expect(objectsOf(packed.stdout)).toEqual(await render({ ...minimal, ...monitors }));
  });

  it.each([
    ['the release where it is called as the chart', 'aks-notifier', {}, 'aks-notifier'],
    ['release and chart otherwise', 'blue', {}, 'blue-aks-notifier'],
    ['the release where it holds the name of the chart', 'aks-notifier-blue', {}, 'aks-notifier-blue'],
    ['fullnameOverride', 'blue', { fullnameOverride: 'notices' }, 'notices'],
    ['nameOverride', 'blue', { nameOverride: 'notices' }, 'blue-notices'],
  ])('calls everything after %s', async (_, release, values, name) => {
    const objects = await render({ ...minimal, ...values }, release, 'ops');
    expect(only(objects, 'ServiceAccount').metadata.name).toBe(name);
    expect(only(objects, 'Deployment').metadata.name).toBe(name);
    expect(only(objects, 'Deployment').spec.template.spec['serviceAccountName']).toBe(name);
    const binding = only(objects, 'ClusterRoleBinding');
    expect(binding).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: `ops:${name}` },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'ops' }],
    });
  });

  it('makes just what is needed', async () => {
    const kinds = (await render(minimal)).map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual([
      'ClusterRole',
      'ClusterRole',
      'ClusterRole',
      'ClusterRoleBinding',
      'CustomResourceDefinition',
      'Deployment',
      'PodDisruptionBudget',
      'Role',
      'RoleBinding',
      'ServiceAccount',
    ]);
  });

  it('takes the CRD from crds/ as it is there', async () => {
    const source = parse(await readFile(join(root, crdPath), 'utf8'));
    const { apiVersion, kind, metadata, spec } = only(await render(minimal), 'CustomResourceDefinition');
    expect({ apiVersion, kind, spec, metadata: { name: metadata.name } }).toEqual(source);
    expect(await readdir(chart)).not.toContain('crds');
  });

  it('keeps the CRD when the release goes, unless told otherwise', async () => {
    const annotations = async (values: object): Promise<unknown> =>
      only(await render({ ...minimal, ...values }), 'CustomResourceDefinition').metadata.annotations;
    expect(await annotations({})).toEqual({ 'helm.sh/resource-policy': 'keep' });
    expect(await annotations({ 'crds.keep': false })).toBeUndefined();
    const wave = { 'argocd.argoproj.io/sync-wave': '-1' };
    expect(await annotations({ 'crds.annotations': wave })).toEqual({ 'helm.sh/resource-policy': 'keep', ...wave });
    expect(await annotations({ crds: { keep: false, annotations: wave } })).toEqual(wave);
    const deletes = { 'helm.sh/resource-policy': 'delete' };
    expect(await annotations({ 'crds.annotations': deletes })).toEqual({ 'helm.sh/resource-policy': 'keep' });
    expect(await annotations({ crds: { keep: false, annotations: deletes } })).toEqual(deletes);
  });

  it('leaves the CRD out when somebody else installs it', async () => {
    const kinds = (await render({ ...minimal, 'crds.enabled': false })).map(({ kind }) => kind);
    expect(kinds).not.toContain('CustomResourceDefinition');
  });

  it('tells the workload identity webhook whom to sign in as', async () => {
    const least = await render(minimal);
    expect(only(least, 'ServiceAccount').metadata.annotations).toEqual({ 'azure.workload.identity/client-id': clientId });
    const { spec } = only(least, 'Deployment');
    expect(spec.template.metadata.labels).toMatchObject({ 'azure.workload.identity/use': 'true' });
    const off = { 'azure.workload.identity/use': 'false' };
    const told = only(await render({ ...minimal, podLabels: off, 'global.commonLabels': off }), 'Deployment').spec.template;
    expect(told.metadata.labels).toMatchObject({ 'azure.workload.identity/use': 'true' });
    // Everything else comes from the webhook, or is the program's own default.
    expect(spec.template.spec.containers[0].env.filter(({ name }) => name.startsWith('AZURE_'))).toEqual([]);

    const all = await render(everyValue);
    expect(only(all, 'ServiceAccount').metadata.annotations).toEqual({
      'azure.workload.identity/client-id': clientId,
      'azure.workload.identity/tenant-id': everyValue.azure.tenantId,
      team: 'platform',
    });
    expect(only(all, 'Deployment').spec.template.spec.containers[0].env.filter(({ name }) => name.startsWith('AZURE_'))).toEqual([
      { name: 'AZURE_AUTHORITY_HOST', value: 'https://login.partner.microsoftonline.cn' },
      { name: 'AZURE_RESOURCE_MANAGER_ENDPOINT', value: 'https://management.chinacloudapi.cn' },
      { name: 'AZURE_RESOURCE_MANAGER_AUDIENCE', value: 'https://management.chinacloudapi.cn' },
    ]);
  });

  it("has each annotation of the ServiceAccount once: the chart's own stand in the place of others", async () => {
    const theirs = { 'azure.workload.identity/client-id': 'x', 'azure.workload.identity/tenant-id': 'y', team: 'platform' };
    const annotations = async (values: object): Promise<unknown> =>
      only(await render({ ...minimal, 'serviceAccount.annotations': theirs, ...values }), 'ServiceAccount').metadata.annotations;
    expect(await annotations({})).toEqual({ ...theirs, 'azure.workload.identity/client-id': clientId });
    expect(await annotations({ 'azure.tenantId': 'z' })).toEqual({
      'azure.workload.identity/client-id': clientId,
      'azure.workload.identity/tenant-id': 'z',
      team: 'platform',
    });
  });

  it('runs one container, with flags only, that knows its own name, namespace and address', async () => {
    const { spec } = only(await render(minimal), 'Deployment');
    expect(spec).toMatchObject({ replicas: 2, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } });
    const { containers } = spec.template.spec;
    expect(containers).toHaveLength(1);
    const fieldRef = (fieldPath: string): unknown => ({ fieldRef: { fieldPath } });
    expect(containers[0]).toMatchObject({
      image: 'aks-notifier:0.1.0',
      command: ['node', '/app/aks-notifier.mjs'],
      args: [
        '--health-addr=$(POD_IP):8081',
        '--metrics-addr=$(POD_IP):8080',
        '--concurrency=4',
        '--interval=10m',
        '--log-level=info',
        '--leader-election-lease-duration=15s',
        '--leader-election-renew-deadline=10s',
        '--leader-election-retry-period=2s',
      ],
      env: [
        { name: 'POD_NAME', valueFrom: fieldRef('metadata.name') },
        { name: 'POD_NAMESPACE', valueFrom: fieldRef('metadata.namespace') },
        { name: 'POD_IP', valueFrom: fieldRef('status.podIP') },
        { name: 'NODE_OPTIONS', value: '--max-semi-space-size=1' },
        { name: 'MALLOC_ARENA_MAX', value: '2' },
      ],
      livenessProbe: { httpGet: { path: '/healthz', port: 'health' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
      ports: [
        { name: 'metrics', containerPort: 8080 },
        { name: 'health', containerPort: 8081 },
      ],
    });
    expect(containers[0]).not.toHaveProperty('volumeMounts');
  });

  it('has one pod that goes before the next comes when there is no election, and refuses two', async () => {
    const alone = { ...minimal, replicaCount: 1, leaderElection: { enabled: false } };
    const all = await render(alone);
    const { spec } = only(all, 'Deployment');
    expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(spec.template.spec.containers[0].args).toContain('--enable-leader-election=false');
    expect(all.filter(({ kind }) => kind === 'Role')).toEqual([]);
    const refused = await plane.helm(['template', 'aks-notifier', chart, ...flags({ ...alone, replicaCount: 2 })]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('replicaCount is more than 1 and leaderElection.enabled is false');
  });

  it('has a Role in each watched namespace in place of rights in all, and a lease for each selector', async () => {
    const all = await render({ ...minimal, watchNamespaces: ['blue', 'green'], watchLabelSelector: 'shard in (a, b)' });
    expect(only(all, 'Deployment').spec.template.spec.containers[0].args).toEqual(
      expect.arrayContaining(['--watch-namespaces=blue,green', '--watch-label-selector=shard in (a, b)']),
    );
    const rights = (kind: string) =>
      forOperator(all)
        .filter((each) => each.kind === kind)
        .map(({ metadata, rules }) => [
          metadata.namespace,
          rules?.flatMap(({ resources, resourceNames = [] }) => [...resources, ...resourceNames]),
        ]);
    expect(rights('ClusterRole')).toEqual([[undefined, ['namespaces', 'kube-system']]]);
    const ours = ['maintenancenotifications', 'maintenancenotifications/status', 'events'];
    const lease = `aks-notifier-${createHash('sha256').update('shard in (a, b)').digest('hex').slice(0, 10)}`;
    expect(rights('Role')).toEqual([
      ['blue', ours],
      ['green', ours],
      ['aks-notifier', ['leases', lease, 'leases']],
    ]);
    const quiet = await render({ ...minimal, watchNamespaces: ['blue'], installationId: 'one' });
    expect(forOperator(quiet).filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
  });

  it('has the right to read Secrets only in the namespaces that are named for it, and one by one', async () => {
    const rightsOf = async (values: object): Promise<unknown> =>
      (await render({ ...minimal, ...values }))
        .filter(({ kind, rules }) => kind.endsWith('Role') && JSON.stringify(rules).includes('secrets'))
        .map(({ kind, metadata, rules }) => [kind, metadata.namespace, rules]);
    expect(await rightsOf({})).toEqual([]);
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
    expect(await rightsOf({ 'receiverSecrets.namespaces': ['blue', 'green', 'blue'] })).toEqual([
      ['Role', 'blue', rules],
      ['Role', 'green', rules],
    ]);
  });

  it('limits the admission policy to the watched namespaces', async () => {
    const scoped = { ...minimal, allowedScopes: everyValue.allowedScopes, admissionPolicy: { enabled: true } };
    const policy = async (values: object) => only(await render({ ...scoped, ...values }), 'ValidatingAdmissionPolicy');
    expect(JSON.stringify(await policy({}))).not.toContain('namespaceSelector');
    expect(await policy({ watchNamespaces: ['blue'] })).toMatchObject({
      spec: {
        matchConstraints: {
          namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['blue'] }] },
        },
      },
    });
  });

  it('passes on what it is given', async () => {
    const { spec } = only(await render(everyValue), 'Deployment');
    const { podAnnotations, podLabels, extraArgs, extraEnv, extraVolumes, extraVolumeMounts, ...values } = everyValue;
    const { nodeSelector, tolerations, affinity, priorityClassName, terminationGracePeriodSeconds, hostUsers } = values;
    expect(spec.template).toMatchObject({
      metadata: { annotations: podAnnotations, labels: podLabels },
      spec: {
        volumes: extraVolumes,
        imagePullSecrets: [{ name: 'shared' }, { name: 'images' }],
        serviceAccountName: 'notifier',
        nodeSelector,
        tolerations,
        affinity,
        priorityClassName,
        terminationGracePeriodSeconds,
        hostUsers,
      },
    });
    const [container] = spec.template.spec.containers;
    expect(container).toMatchObject({
      image: `images.contoso.com/aks-notifier@sha256:${'0'.repeat(64)}`,
      imagePullPolicy: 'Always',
      volumeMounts: extraVolumeMounts,
      ports: [
        { name: 'metrics', containerPort: 9090 },
        { name: 'health', containerPort: 9091 },
      ],
      livenessProbe: { periodSeconds: 10, failureThreshold: 10 },
      readinessProbe: { initialDelaySeconds: 1 },
    });
    expect(container.args).toEqual(
      expect.arrayContaining([
        '--metrics-addr=$(POD_IP):9090',
        '--health-addr=$(POD_IP):9091',
        '--concurrency=8',
        '--interval=30m',
        '--log-level=debug',
      ]),
    );
    expect(container.args).toContain('--installation-id=blue');
    const numbered = only(await render({ ...minimal, installationId: 12345678 }), 'Deployment').spec.template.spec.containers[0];
    expect(numbered.args).toContain('--installation-id=12345678');
    const zero = only(await render({ ...minimal, installationId: 0 }), 'Deployment').spec.template.spec.containers[0];
    expect(zero.args).toContain('--installation-id=0');
    const groups = `/subscriptions/${clientId}/resourceGroups`;
    expect(container.args).toContain(`--allowed-scopes=${groups}/shared,blue=${groups}/blue`);
    expect(container.args).toContain('--secret-namespaces=default');
    // Last, because the last of a name counts.
    expect(container.args.slice(-extraArgs.length)).toEqual(extraArgs);
    expect(container.env).toEqual(expect.arrayContaining(extraEnv));
    const objects = (await render(everyValue, 'blue')).filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
    expect(objects).toEqual(expect.arrayContaining(['blue-object', 'blue-text']));
  });
});

describe('the values', () => {
  const refusal = async (values: object): Promise<string> => {
    const { code, stdout, stderr } = await plane.helm(['template', 'aks-notifier', chart, ...flags({ ...minimal, ...values })]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    return stderr;
  };

  it.each([
    ['at the root', { replicas: 2 }, "at '': additional properties 'replicas' not allowed"],
    ['of a group', { 'azure.clientID': 'x' }, "at '/azure': additional properties 'clientID' not allowed"],
    ['further below', { 'metrics.podMonitor.enable': true }, "at '/metrics/podMonitor': additional properties 'enable' not allowed"],
    ['of a probe', { 'livenessProbe.httpGet': {} }, "at '/livenessProbe': additional properties 'httpGet' not allowed"],
  ])('refuse a name that is none, %s', async (_, values, sentence) => {
    expect(await refusal(values)).toContain(sentence);
  });

  it.each([
    ['a text for a number', { replicaCount: 'two' }, "at '/replicaCount': got string, want integer"],
    ['a word that is none', { logLevel: 'loud' }, "at '/logLevel': value must be one of 'trace', 'debug', 'info', 'warn', 'error'"],
    ['a time without a unit', { 'leaderElection.leaseDuration': '15' }, "at '/leaderElection/leaseDuration': '15' does not match pattern"],
    ['nothing for the election', { leaderElection: null }, "at '': missing property 'leaderElection'"],
    ['nothing for the lease', { 'leaderElection.leaseDuration': null }, "at '/leaderElection': missing property 'leaseDuration'"],
    ['nothing for a probe', { livenessProbe: null }, "at '': missing property 'livenessProbe'"],
    ['too little time to end', { terminationGracePeriodSeconds: 5 }, "at '/terminationGracePeriodSeconds': minimum: got 5, want 16"],
    ['a budget that blocks drains', { 'podDisruptionBudget.maxUnavailable': 0 }, "at '/podDisruptionBudget/maxUnavailable'"],
    ['a budget of no percent', { 'podDisruptionBudget.maxUnavailable': '0%' }, "at '/podDisruptionBudget/maxUnavailable'"],
    // Of 1.10 a number would keep 1.1.
    ['a number for a tag', { 'image.tag': 20261123 }, "at '/image/tag': got number, want string"],
    ['a digest that is none', { 'image.digest': 'latest' }, "at '/image/digest': 'latest' does not match pattern"],
    ['a proxy without http', { httpsProxy: 'proxy.contoso.com:3128' }, "at '/httpsProxy': 'proxy.contoso.com:3128' does not match pattern"],
    [
      'no ServiceAccount',
      { 'serviceAccount.create': false },
      'serviceAccount.create is false and serviceAccount.name is empty: name the ServiceAccount that the federated credential is for',
    ],
    [
      'two monitors',
      { 'metrics.podMonitor.enabled': true, 'metrics.serviceMonitor.enabled': true },
      'metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true, and every series would be scraped twice: turn one off',
    ],
    ['no image', { 'image.repository': '' }, "at '/image/repository': minLength: got 0, want 1"],
    ['no address of runbooks', { 'metrics.prometheusRule.runbookBaseUrl': '' }, "at '/metrics/prometheusRule/runbookBaseUrl': minLength"],
    ['a variable without a name', { extraEnv: [{ value: 'x' }] }, "at '/extraEnv/0': missing property 'name'"],
    ['a number for a variable', { extraEnv: [{ name: 'A', value: 1 }] }, "at '/extraEnv/0/value': got number, want string"],
    ['a text for labels', { 'global.commonLabels': 'team' }, 'global.commonLabels must be labels by their names: write --set global.'],
    ['a text for secrets', { 'global.imagePullSecrets': 'images' }, 'global.imagePullSecrets must be a list: write --set'],
    ['an interval too short', { interval: '1s' }, 'interval is 1s: write a time from 30s to 24h'],
    ['an interval too long', { interval: '24h1s' }, 'interval is 24h1s: write a time from 30s to 24h'],
    [
      'a leader that outlives its lease',
      { 'leaderElection.renewDeadline': '14s' },
      'leaderElection.renewDeadline is more than nine tenths of leaderElection.leaseDuration: a leader must have ended before another may begin',
    ],
    [
      'too few renewals',
      { 'leaderElection.retryPeriod': '5.5s' },
      'leaderElection.retryPeriod is more than half of leaderElection.renewDeadline: one renewal that fails would end the leader',
    ],
    ['one port twice', { healthPort: 8080 }, 'metrics.port and healthPort are the same: give each a port of its own'],
  ])('refuse %s', async (_, values, sentence) => {
    expect(await refusal(values)).toContain(sentence);
  });

  it.each([
    ['the least', minimal],
    ['everything', everyValue],
  ])(
    'may each be null, or one clear sentence says what is missing, with %s',
    async (_, values) => {
      const all = chartValues(await readFile(join(root, valuesPath), 'utf8'));
      const groups = (each: readonly ChartValue[]): readonly string[] =>
        each.flatMap(({ path, values: inner }) => (inner ? [path, ...groups(inner)] : []));
      const paths = [...groups(all), ...leavesOf(all).map(({ path }) => path)];
      expect(paths.length).toBeGreaterThan(80);
      const unclear: string[] = [];
      for (const path of paths) {
        const { code, stderr } = await plane.helm(['template', 'aks-notifier', chart, ...flags(values), `--set-json=${path}=null`]);
        if (code !== 0 && !/missing property '|execution error at \(\S+\): [^\n]+\n/.test(stderr)) unclear.push(`${path}: ${stderr}`);
      }
      expect(unclear).toEqual([]);
    },
    120_000,
  );

  it('may be set by a chart around this one, with globals and a condition of its own', async () => {
    const directory = join(plane.directory, 'umbrella');
    await mkdir(join(directory, 'charts'), { recursive: true });
    await cp(chart, join(directory, 'charts/aks-notifier'), { recursive: true });
    const dependencies = [{ name: 'aks-notifier', version: '0.1.0', condition: 'aks-notifier.enabled' }];
    await writeFile(join(directory, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'platform', version: '1.0.0', dependencies }));
    const values = {
      global: {
        imageRegistry: 'images.contoso.com',
        imagePullSecrets: ['images'],
        commonLabels: { team: 'platform', cost: 20261123 },
        other: { deep: 1 },
      },
      'aks-notifier': { enabled: true, azure: { clientId }, imagePullSecrets: [{ name: 'images' }, { name: 'own' }] },
    };
    const template = async (change: object): Promise<readonly Rendered[]> => {
      const { code, stdout, stderr } = await plane.helm(['template', 'platform', directory, ...flags({ ...values, ...change })]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return objectsOf(stdout);
    };
    const objects = await template({});
    expect(objects.map(({ metadata }) => metadata.labels?.['team'])).toEqual(objects.map(() => 'platform'));
    expect(objects.map(({ metadata }) => metadata.labels?.['cost'])).toEqual(objects.map(() => '20261123'));
    const { name, labels } = only(objects, 'Deployment').metadata;
    expect({ name, labels }).toMatchObject({ name: 'platform-aks-notifier', labels: { 'app.kubernetes.io/name': 'aks-notifier' } });
    expect(only(objects, 'Deployment').spec.template.spec['imagePullSecrets']).toEqual([{ name: 'images' }, { name: 'own' }]);
    expect(await template({ 'aks-notifier.enabled': false })).toEqual([]);
  });
});

describe('what may be turned on', () => {
  it('a Service and a ServiceMonitor, or a PodMonitor, that keep the labels of objects', async () => {
    const service = await render({ ...minimal, 'metrics.serviceMonitor.enabled': true, 'metrics.port': 9090 });
    expect(only(service, 'Service').spec).toMatchObject({ clusterIP: 'None', ports: [{ name: 'metrics', port: 9090 }] });
    const { spec, metadata } = only(service, 'ServiceMonitor');
    expect(spec).toMatchObject({
      namespaceSelector: { matchNames: ['aks-notifier'] },
      endpoints: [{ port: 'metrics', path: '/metrics', honorLabels: true }],
    });
    expect(only(service, 'Service').metadata.labels).toMatchObject(labelsOf(spec['selector']));
    expect(metadata.labels).not.toHaveProperty('release');
    const long = await render({
      ...minimal,
      'metrics.serviceMonitor.enabled': true,
      fullnameOverride: `${'a'.repeat(54)}-${'b'.repeat(8)}`,
    });
    expect(only(long, 'Service').metadata.name).toBe(`${'a'.repeat(54)}-metrics`);

    const pods = await render({
      ...minimal,
      metrics: { podMonitor: { enabled: true, labels: { release: 'prometheus' }, interval: '1m' } },
    });
    expect(pods.map(({ kind }) => kind)).not.toContain('Service');
    const monitor = only(pods, 'PodMonitor');
    expect(monitor.spec).toMatchObject({ podMetricsEndpoints: [{ port: 'metrics', path: '/metrics', interval: '1m', honorLabels: true }] });
    expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
    expect(only(pods, 'Deployment').spec.template.metadata.labels).toMatchObject(labelsOf(monitor.spec['selector']));
  });

  it('alerts and a dashboard, as they stand in files/', async () => {
    const file = (name: string): Promise<string> => readFile(join(chart, 'files', name), 'utf8');
    const all = await render({ ...minimal, 'metrics.prometheusRule.enabled': true, 'metrics.grafanaDashboard.enabled': true });
    expect(only(all, 'PrometheusRule').spec).toEqual(parse(await file('alerts.yaml')));
    const { data = {}, metadata } = only(all, 'ConfigMap');
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(JSON.parse(data['aks-notifier.json'] ?? '')).toEqual(JSON.parse(await file('dashboard.json')));
  });

  it('a NetworkPolicy that lets in scrapes and probes, and out to DNS, Azure, the API server and the proxy', async () => {
    const policy = async (values: object): Promise<Rendered['spec']> =>
      only(await render({ ...minimal, 'networkPolicy.enabled': true, ...values }), 'NetworkPolicy').spec;
    const direct = await policy({});
    const pod = only(await render(minimal), 'Deployment').spec.template;
    expect(pod.metadata.labels).toMatchObject(labelsOf(direct['podSelector']));
    expect(direct).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [{ ports: [{ port: 'metrics' }, { port: 'health' }] }] });
    const names = pod.spec.containers[0]['ports'];
    expect(names).toMatchObject([{ name: 'metrics' }, { name: 'health' }]);
    const dns = {
      ports: [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
    };
    const servers = { ports: [{ port: 443 }, { port: 6443 }] };
    expect(direct['egress']).toEqual([dns, servers]);
    const through = async (httpsProxy: string): Promise<unknown> => (await policy({ httpsProxy }))['egress'];
    expect(await through('http://user:secret@proxy:3128')).toEqual([dns, servers, { ports: [{ port: 3128 }] }]);
    expect(await through('http://proxy/')).toEqual([dns, servers, { ports: [{ port: 80 }] }]);
    expect(await through('https://[fd00::1]')).toEqual([dns, servers, { ports: [{ port: 443 }] }]);
    const more = { ports: [{ port: 8443 }] };
    expect((await policy({ 'networkPolicy.extraEgress': [more] }))['egress']).toEqual([dns, servers, more]);
  });
});

describe('the pods', () => {
  it('may go one by one, ready or not, and rather stand on different nodes', async () => {
    const all = await render(minimal);
    const { spec } = only(all, 'PodDisruptionBudget');
    expect(spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(spec).not.toHaveProperty('minAvailable');
    const { template } = only(all, 'Deployment').spec;
    expect(template.metadata.labels).toMatchObject(labelsOf(spec['selector']));
    expect(template.spec['topologySpreadConstraints']).toEqual([
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: labelsOf(spec['selector']) },
      },
    ]);
    expect((await render({ ...minimal, 'podDisruptionBudget.enabled': false })).map(({ kind }) => kind)).not.toContain(
      'PodDisruptionBudget',
    );
  });

  it('call Azure through a proxy when told to', async () => {
    const proxy = async (values: object): Promise<unknown> =>
      only(await render({ ...minimal, ...values }), 'Deployment').spec.template.spec.containers[0].env.filter(({ name }) =>
        /PROXY/i.test(name),
      );
    expect(await proxy({})).toEqual([]);
    expect(await proxy({ httpsProxy: 'http://proxy:3128', noProxy: '.contoso.com,login.microsoftonline.com' })).toEqual([
      { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
      { name: 'NO_PROXY', value: '.contoso.com,login.microsoftonline.com' },
    ]);
  });

  it("have each variable once: one of extraEnv stands in the place of the chart's own", async () => {
    const fromSecret = { name: 'HTTPS_PROXY', valueFrom: { secretKeyRef: { name: 'proxy', key: 'url' } } };
    const extraEnv = [fromSecret, { name: 'NODE_OPTIONS', value: '--use-openssl-ca' }];
    const all = await render({ ...minimal, extraEnv, httpsProxy: 'http://proxy', noProxy: '.contoso.com' });
    const { env } = only(all, 'Deployment').spec.template.spec.containers[0];
    expect(env).toEqual(expect.arrayContaining([...extraEnv, { name: 'NO_PROXY', value: '.contoso.com' }]));
    const names = env.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  it('run as a ServiceAccount of somebody else when told to, with the same roles', async () => {
    const all = await render({ ...minimal, serviceAccount: { create: false, name: 'shared' } });
    expect(all.map(({ kind }) => kind)).not.toContain('ServiceAccount');
    expect(only(all, 'Deployment').spec.template.spec['serviceAccountName']).toBe('shared');
    for (const kind of ['ClusterRoleBinding', 'RoleBinding'])
      expect(only(all, kind)).toMatchObject({ subjects: [{ kind: 'ServiceAccount', name: 'shared', namespace: 'aks-notifier' }] });
  });

  it('get their token whatever the ServiceAccount says of others', async () => {
    const all = await render({ ...minimal, 'serviceAccount.automountServiceAccountToken': false });
    expect(only(all, 'ServiceAccount')).toMatchObject({ automountServiceAccountToken: false });
    expect(only(all, 'Deployment').spec.template.spec).toMatchObject({ automountServiceAccountToken: true });
  });

  it('get no role when somebody else makes them', async () => {
    const kinds = (await render({ ...minimal, 'rbac.create': false, watchNamespaces: ['blue'] })).map(({ kind }) => kind);
    expect(kinds.filter((kind) => /Role/.test(kind))).toEqual([]);
  });
});

describe('the API server', () => {
  it('accepts the pod where only restricted ones may run', async () => {
    const namespace = await plane.createNamespace('restricted');
    const enforce = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } };
    expect(await plane.request('PATCH', `/api/v1/namespaces/${namespace}`, { body: enforce })).toMatchObject({ status: 200 });
    const { template } = only(await render(minimal), 'Deployment').spec;
    const create = async (spec: object): Promise<unknown> =>
      plane.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
        body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', labels: template.metadata.labels }, spec },
      });
    expect(await create(template.spec)).toMatchObject({ status: 201, body: { spec: { enableServiceLinks: false } } });
    expect(template.spec.containers[0].securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    // That the namespace is strict indeed.
    expect(await create({ ...template.spec, securityContext: {} })).toMatchObject({ status: 403 });
  });

  describe('with a release', () => {
    let namespace: string;
    beforeAll(async () => {
      namespace = await plane.createNamespace('release');
    });

    const helm = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await plane.helm([...args, '--namespace', namespace]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const hasCrd = async (): Promise<boolean> =>
      (await plane.request('GET', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crdName}`)).status === 200;

    it('says how to see whether it works', async () => {
      const notes = await helm('install', 'aks-notifier', chart, ...flags(minimal));
      expect(notes).toContain(`kubectl rollout status deployment/aks-notifier -n ${namespace}`);
      expect(notes).toContain(`system:serviceaccount:${namespace}:aks-notifier`);
      expect(notes).toContain(clientId);
      expect(await hasCrd()).toBe(true);
    });

    it.each([
      [
        'whom to federate',
        {},
        ['issuer    what `az aks show', `subject   system:serviceaccount:NAMESPACE:aks-notifier\n`, 'audience  api://Azure'],
      ],
      [
        'what a ServiceAccount of somebody else needs',
        { serviceAccount: { create: false, name: 'shared' } },
        ['system:serviceaccount:NAMESPACE:shared', `annotation\n\n     azure.workload.identity/client-id: ${clientId}\n\n`],
      ],
      [
        'the tenant that it needs',
        { serviceAccount: { create: false, name: 'shared' }, 'azure.tenantId': 'elsewhere' },
        [`annotations\n\n     azure.workload.identity/client-id: ${clientId}\n     azure.workload.identity/tenant-id: elsewhere\n`],
      ],
      [
        'how to see the audience in another cloud',
        { 'azure.resourceManagerEndpoint': 'https://management.chinacloudapi.cn' },
        ["-o jsonpath='{..serviceAccountToken.audience}'"],
      ],
      ['that the image has no registry', {}, ['image.repository is aks-notifier, which names no registry']],
      ['that roles are missing', { 'rbac.create': false }, ['rbac.create is false: ServiceAccount aks-notifier needs its roles']],
      ['what one replica means', { replicaCount: 1 }, ['There is one replica']],
      ['that there is no boundary', {}, ['allowedScopes draws a boundary']],
    ])('says %s', async (_, values, sentences) => {
      const notes = await helm('upgrade', 'aks-notifier', chart, '--dry-run=server', ...flags({ ...minimal, ...values }));
      for (const sentence of sentences) expect(notes).toContain(sentence.replace('NAMESPACE', namespace));
      const quiet = await helm(
        'upgrade',
        'aks-notifier',
        chart,
        '--dry-run=server',
        ...flags({ ...minimal, allowedScopes: everyValue.allowedScopes, 'image.repository': 'images.contoso.com/aks-notifier' }),
      );
      expect(quiet).not.toMatch(/There is one replica|rbac\.create is false|draws a boundary|is not this release's|names no registry/);
    });

    it('lets the operator do what it has to, and nothing else', async () => {
      const may = async (verb: string, resource: string, rest: object = {}): Promise<boolean> => {
        const [group = '', plural = '', subresource] = resource.split('/');
        const { body } = await plane.request<{ status: { allowed: boolean } }>(
          'POST',
          '/apis/authorization.k8s.io/v1/subjectaccessreviews',
          {
            body: {
              apiVersion: 'authorization.k8s.io/v1',
              kind: 'SubjectAccessReview',
              spec: {
                user: `system:serviceaccount:${namespace}:aks-notifier`,
                groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
                resourceAttributes: { verb, group, resource: plural, subresource, namespace: 'anywhere', ...rest },
              },
            },
          },
        );
        return body.status.allowed;
      };
      await waitFor('effect of the role', async () => may('list', 'aks-notifier.dev/maintenancenotifications'));

      const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
      const allowed = async (resource: string, rest?: object): Promise<readonly string[]> => {
        const answers = await Promise.all(verbs.map(async (verb) => ((await may(verb, resource, rest)) ? [verb] : [])));
        return answers.flat();
      };
      expect(await allowed('aks-notifier.dev/maintenancenotifications')).toEqual(['list', 'watch', 'patch']);
      expect(await allowed('aks-notifier.dev/maintenancenotifications/status')).toEqual(['patch']);
      expect(await allowed('/events')).toEqual(['create']);
      expect(await allowed('/namespaces', { name: 'kube-system', namespace: '' })).toEqual(['get']);
      expect(await allowed('/namespaces', { name: 'default', namespace: '' })).toEqual([]);
      expect(await allowed('coordination.k8s.io/leases', { name: 'aks-notifier', namespace })).toEqual(['get', 'create', 'patch']);
      expect(await allowed('coordination.k8s.io/leases', { name: 'other', namespace })).toEqual(['create']);
      const others = ['/secrets', '/configmaps', '/pods', 'coordination.k8s.io/leases', 'apiextensions.k8s.io/customresourcedefinitions'];
      expect(await Promise.all(others.map(async (other) => allowed(other)))).toEqual(others.map(() => []));
    });

    it('brings a changed CRD with an upgrade', async () => {
      const removed = [{ op: 'remove', path: '/spec/versions/0/additionalPrinterColumns' }];
      const crd = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crdName}`;
      expect(await plane.request('PATCH', crd, { body: removed, contentType: 'application/json-patch+json' })).toMatchObject({
        status: 200,
      });
      await helm('upgrade', 'aks-notifier', chart, '--force-conflicts', ...flags(minimal));
      const { body } = await plane.request<{ spec: { versions: readonly { additionalPrinterColumns?: readonly object[] }[] } }>('GET', crd);
      expect(body.spec.versions[0]?.additionalPrinterColumns).toHaveLength(8);
    });

    it('leaves the CRD where it is when it goes, and takes it up again when it comes back', async () => {
      await helm('uninstall', 'aks-notifier');
      expect(await hasCrd()).toBe(true);
      await helm('install', 'aks-notifier', chart, ...flags(minimal));
    });

    it('gives the CRD to a release of another name when that is told to take it', async () => {
      await helm('uninstall', 'aks-notifier');
      const install = ['install', 'other', chart, ...flags({ ...minimal, 'crds.keep': false })];
      expect(await plane.helm([...install, '--namespace', namespace])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('exists and cannot be imported into the current release'),
      });
      await helm(...install, '--take-ownership');
    });

    it('takes the CRD along when it goes, if told so', async () => {
      await helm('uninstall', 'other');
      expect(await waitFor('end of the CRD', async () => !(await hasCrd()))).toBe(true);
    });
  });
});
