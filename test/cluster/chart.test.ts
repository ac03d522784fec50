import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { crdPath } from '../../scripts/generate/crd-template.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { waitFor } from '../support/wait.ts';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'charts/aks-notifier');
const crdName = 'maintenancenotifications.aks-notifier.dev';
const clientId = '00000000-0000-4000-8000-000000000002';

interface Container {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext: unknown;
  readonly [field: string]: unknown;
}

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly { readonly resources: readonly string[]; readonly resourceNames?: readonly string[] }[];
  readonly spec: {
    readonly replicas: number;
    readonly strategy: unknown;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly [Container]; readonly [field: string]: unknown };
    };
  };
}

/** Values that use everything the chart offers. */
const everyValue = {
  azure: {
    clientId,
    tenantId: '00000000-0000-4000-8000-000000000001',
    authorityHost: 'https://login.microsoftonline.us',
    resourceManagerEndpoint: 'https://management.usgovcloudapi.net',
    resourceManagerAudience: 'https://management.usgovcloudapi.net',
  },
  installationId: 'blue',
  allowedScopes: {
    all: [`/subscriptions/${clientId}/resourceGroups/shared`],
    namespaces: { blue: [`/subscriptions/${clientId}/resourceGroups/blue`] },
  },
  admissionPolicy: { enabled: true },
  receiverSecrets: { namespaces: ['default'] },
  image: { repository: 'images.contoso.com/aks-notifier', digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'images' }],
  crds: { enabled: true, keep: false },
  serviceAccount: { annotations: { team: 'platform' }, labels: { team: 'platform' } },
  podAnnotations: { team: 'platform' },
  podLabels: { team: 'platform' },
  extraArgs: ['--log-level=debug'],
  extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/extra-ca/ca.crt' }],
  extraVolumes: [{ name: 'extra-ca', configMap: { name: 'extra-ca' } }],
  extraVolumeMounts: [{ name: 'extra-ca', mountPath: '/etc/extra-ca', readOnly: true }],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.azure.com/mode', operator: 'In', values: ['system'] }] }],
      },
    },
  },
};

let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(async () => plane?.stop());

const flags = (values: object): readonly string[] =>
  Object.entries(values).map(([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`);

const render = async (values: object, release = 'aks-notifier', namespace = 'aks-notifier'): Promise<readonly Rendered[]> => {
  const { code, stdout, stderr } = await plane.helm(['template', release, chart, '--namespace', namespace, ...flags(values)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
};

const only = (objects: readonly Rendered[], kind: string): Rendered => {
  const found = objects.filter((object) => object.kind === kind);
  expect(found).toHaveLength(1);
  return found[0]!;
};

const minimal = { 'azure.clientId': clientId };

/** Without the roles that are for people. */
const forOperator = (objects: readonly Rendered[]): readonly Rendered[] =>
  objects.filter(({ kind, metadata }) => kind !== 'ClusterRole' || !/-(view|edit)$/.test(metadata.name));

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
    // Everything else comes from the webhook, or is the program's own default.
    expect(spec.template.spec.containers[0].env.filter(({ name }) => name.startsWith('AZURE_'))).toEqual([]);

    const all = await render(everyValue);
    expect(only(all, 'ServiceAccount').metadata.annotations).toEqual({
      'azure.workload.identity/client-id': clientId,
      'azure.workload.identity/tenant-id': everyValue.azure.tenantId,
      team: 'platform',
    });
    expect(only(all, 'Deployment').spec.template.spec.containers[0].env.filter(({ name }) => name.startsWith('AZURE_'))).toEqual([
      { name: 'AZURE_AUTHORITY_HOST', value: 'https://login.microsoftonline.us' },
      { name: 'AZURE_RESOURCE_MANAGER_ENDPOINT', value: 'https://management.usgovcloudapi.net' },
      { name: 'AZURE_RESOURCE_MANAGER_AUDIENCE', value: 'https://management.usgovcloudapi.net' },
    ]);
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
    const { imagePullSecrets, nodeSelector, tolerations, affinity } = values;
    expect(spec.template).toMatchObject({
      metadata: { annotations: podAnnotations, labels: podLabels },
      spec: { volumes: extraVolumes, imagePullSecrets, nodeSelector, tolerations, affinity },
    });
    const [container] = spec.template.spec.containers;
    expect(container).toMatchObject({
      image: `images.contoso.com/aks-notifier@sha256:${'0'.repeat(64)}`,
      imagePullPolicy: 'Always',
      volumeMounts: extraVolumeMounts,
    });
    expect(container.args).toContain('--installation-id=blue');
    const groups = `/subscriptions/${clientId}/resourceGroups`;
    expect(container.args).toContain(`--allowed-scopes=${groups}/shared,blue=${groups}/blue`);
    expect(container.args).toContain('--secret-namespaces=default');
    // Last, because the last of a name counts.
    expect(container.args.slice(-extraArgs.length)).toEqual(extraArgs);
    expect(container.env).toEqual(expect.arrayContaining(extraEnv));
  });
});

describe('the API server', () => {
  it.each([
    ['the least', minimal],
    ['everything', everyValue],
  ])('accepts every object, with %s', async (_, values) => {
    const namespace = await plane.createNamespace('dry-run');
    const objects = await render(values, 'aks-notifier', namespace);
    const applied = await plane.kubectl(
      ['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
      objects.map((object) => stringify(object)).join('---\n'),
    );
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(applied.stdout.trim().split('\n')).toHaveLength(objects.length);
  });

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
      await helm('install', 'aks-notifier', chart, ...flags({ ...minimal, 'crds.keep': false }));
    });

    it('takes the CRD along when it goes, if told so', async () => {
      await helm('uninstall', 'aks-notifier');
      expect(await waitFor('end of the CRD', async () => !(await hasCrd()))).toBe(true);
    });
  });
});
