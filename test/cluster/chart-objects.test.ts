import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { providePrometheusOperator, provideTool } from '../../tools/provide.ts';
import { chart, everyValue, flags, minimalValues, objectsOf, only, render, type Rendered } from '../support/chart.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { writeKubeSchemas } from '../support/kube-schemas.ts';
import { run, type Result } from '../support/process.ts';
import { waitFor } from '../support/wait.ts';

let plane: ControlPlane;
let kubeconform: string;
let schemas: string;

const monitoring = ['servicemonitors', 'podmonitors', 'prometheusrules'];

beforeAll(async () => {
  plane = await startControlPlane();
  const operator = await providePrometheusOperator();
  const files = monitoring.flatMap((each) => ['-f', join(operator, `example/prometheus-operator-crd/monitoring.coreos.com_${each}.yaml`)]);
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', ...files]);
  if (code !== 0) throw new Error(stderr);
  await waitFor('the kinds of Prometheus operator', async () => {
    const { body } = await plane.request<{ definitions: object }>('GET', '/openapi/v2');
    return ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'].every((kind) => `com.coreos.monitoring.v1.${kind}` in body.definitions);
  });
  schemas = await writeKubeSchemas(plane, join(plane.directory, 'schemas'));
  kubeconform = await provideTool('kubeconform');
});
afterAll(async () => plane?.stop());

const yamlOf = (objects: readonly object[]): string => objects.map((object) => stringify(object)).join('---\n');

const conform = (objects: readonly object[]): Promise<Result> =>
  run(kubeconform, ['-strict', '-summary', '-schema-location', schemas, '-'], { env: {}, input: yamlOf(objects) });

const least = minimalValues;
const on = { enabled: true };

describe('every object', () => {
  it.each([
    ['the least', least],
    ['everything', everyValue],
    ['a PodMonitor', { ...least, metrics: { podMonitor: { ...on, interval: '1m' }, prometheusRule: on, grafanaDashboard: on } }],
    ['a ServiceMonitor', { ...least, 'metrics.serviceMonitor.enabled': true }],
    ['some namespaces', { ...least, installationId: 'blue', watchNamespaces: ['default'], 'receiverSecrets.namespaces': ['default'] }],
    ['a shard', { ...least, watchLabelSelector: 'shard in (a, b)', 'crds.enabled': false }],
    ['one replica without election', { ...least, replicaCount: 1, 'leaderElection.enabled': false }],
    ['roles and ServiceAccount of somebody else', { ...least, 'rbac.create': false, serviceAccount: { create: false, name: 'default' } }],
    ['roles for people that are bound by hand', { ...least, 'rbac.aggregateToView': false }],
    ['a proxy behind a NetworkPolicy', { ...least, httpsProxy: 'https://proxy.contoso.com', 'networkPolicy.enabled': true }],
    [
      'as little in the pod as can be',
      {
        ...least,
        resources: null,
        topologySpreadConstraints: [],
        podSecurityContext: null,
        securityContext: null,
        'podDisruptionBudget.enabled': false,
      },
    ],
    ['an image by tag', { ...least, image: { repository: 'images.contoso.com:5000/aks-notifier', tag: '20261123' } }],
  ])('conforms strictly and is accepted by the API server, with %s', async (_, values) => {
    const namespace = await plane.createNamespace('dry-run');
    const objects = await render(plane, values, 'aks-notifier', namespace);
    const { code, stdout } = await conform(objects);
    expect({ code, stdout: stdout.trim() }).toEqual({
      code: 0,
      stdout: expect.stringMatching(`Valid: ${objects.length}, Invalid: 0, Errors: 0, Skipped: 0$`),
    });
    const applied = await plane.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], yamlOf(objects));
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(applied.stdout.trim().split('\n')).toHaveLength(objects.length);
  });

  it.each([
    ['numbers', '456', { nameOverride: '123' }],
    ['a fraction', '12', { fullnameOverride: '1e3' }],
    ['words of YAML', 'true', { nameOverride: 'on' }],
  ])('stays itself where names are %s', async (_, name, values) => {
    const { status } = await plane.request('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    });
    expect(status).toBe(201);
    const more = {
      watchNamespaces: [name],
      'receiverSecrets.namespaces': [name],
      allowedScopes: { all: everyValue.allowedScopes.all, namespaces: { [name]: everyValue.allowedScopes.all } },
      'admissionPolicy.enabled': true,
      'metrics.podMonitor.enabled': true,
      'metrics.prometheusRule.enabled': true,
      'metrics.grafanaDashboard.enabled': true,
      'networkPolicy.enabled': true,
      'global.commonLabels': { cost: 4711, late: true },
    };
    const all = { ...least, ...more, ...values };
    // As text: kubectl takes more words for something else than a parser of YAML 1.2 does.
    const { stdout } = await plane.helm(['template', name, chart, '--namespace', name, ...flags(all)]);
    const applied = await plane.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], stdout);
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(applied.stdout.trim().split('\n')).toHaveLength(objectsOf(stdout).length);
  });

  it('that is wrong would be noticed', async () => {
    const deployment = only(await render(plane, least), 'Deployment');
    const misspelt = { ...deployment, spec: { ...deployment.spec, replicaCount: 2 } };
    const { code, stdout } = await conform([misspelt, { ...deployment, spec: { ...deployment.spec, replicas: 'two' } }]);
    expect(code).toBe(1);
    // It looks at several at once, so they come in any order.
    for (const words of ["properties 'replicaCount' not allowed", "'/spec/replicas': got string", 'Valid: 0, Invalid: 2'])
      expect(stdout).toContain(words);
  });
});

describe('roles for people', () => {
  const may = async (user: string, verb: string, resource: string, namespace: string): Promise<boolean> => {
    const [plural, subresource] = resource.split('/');
    const { body } = await plane.request<{ status: { allowed: boolean } }>('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, resourceAttributes: { verb, group: 'aks-notifier.dev', resource: plural, subresource, namespace } },
      },
    });
    return body.status.allowed;
  };

  const peopleRoles = (objects: readonly Rendered[]): readonly Rendered[] =>
    objects.filter(({ kind, metadata }) => kind === 'ClusterRole' && /-(view|edit)$/.test(metadata.name));
  const aggregation = (role: Rendered): readonly string[] =>
    Object.entries(role.metadata.labels ?? {}).flatMap(([name, value]) =>
      name.startsWith('rbac.authorization.k8s.io/') && value === 'true' ? [name.replace(/.*aggregate-to-/, '')] : [],
    );

  it.each([
    [
      'by default',
      {},
      [
        ['view', 'edit', 'admin'],
        ['edit', 'admin'],
      ],
    ],
    [
      'without view',
      { 'rbac.aggregateToView': false },
      [
        ['edit', 'admin'],
        ['edit', 'admin'],
      ],
    ],
    ['without edit', { 'rbac.aggregateToEdit': false }, [['view', 'admin'], ['admin']]],
    ['without any', { 'rbac.aggregateToView': false, 'rbac.aggregateToEdit': false, 'rbac.aggregateToAdmin': false }, []],
    ['without roles at all', { 'rbac.create': false }, []],
  ])('are taken up by the roles that every cluster has, %s', async (_, values, expected) => {
    const roles = peopleRoles(await render(plane, { ...least, ...values }));
    expect(roles.map(aggregation)).toEqual(expected);
  });

  it('are chosen by the labels that the aggregating ClusterRoles look for', async () => {
    for (const name of ['view', 'edit', 'admin']) {
      const { body } = await plane.request<{ aggregationRule: { clusterRoleSelectors: readonly { matchLabels: object }[] } }>(
        'GET',
        `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`,
      );
      expect(body.aggregationRule.clusterRoleSelectors.map(({ matchLabels }) => matchLabels)).toContainEqual({
        [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true',
      });
    }
  });

  it('let a viewer look and an editor write objects, where they are bound, and nobody write a status', async () => {
    const namespace = await plane.createNamespace('people');
    const roles = peopleRoles(await render(plane, least, 'aks-notifier', namespace));
    const binding = (user: string, role: string): object => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `${user}-${role.replace(/.*-/, '')}`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' }],
    });
    const [view, edit] = roles.map(({ metadata }) => metadata.name);
    // As aggregation does: whoever edits has both.
    const bindings = [binding('vera', view!), binding('edda', view!), binding('edda', edit!)];
    expect(await plane.kubectl(['apply', '-f', '-'], yamlOf([...roles, ...bindings]))).toMatchObject({ code: 0 });
    await waitFor('effect of the roles', async () => may('edda', 'create', 'maintenancenotifications', namespace));

    const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
    const allowed = async (user: string, resource: string, where = namespace): Promise<readonly string[]> => {
      const answers = await Promise.all(verbs.map(async (verb) => ((await may(user, verb, resource, where)) ? [verb] : [])));
      return answers.flat();
    };
    expect(await allowed('vera', 'maintenancenotifications')).toEqual(['get', 'list', 'watch']);
    expect(await allowed('vera', 'maintenancenotifications/status')).toEqual(['get', 'list', 'watch']);
    expect(await allowed('edda', 'maintenancenotifications')).toEqual(verbs);
    expect(await allowed('edda', 'maintenancenotifications/status')).toEqual(['get', 'list', 'watch']);
    expect(await allowed('edda', 'maintenancenotifications', 'default')).toEqual([]);
  });
});
