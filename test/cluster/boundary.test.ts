import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { readConfig } from '../../src/config.ts';
import { outsideBoundary, type AllowedScopes } from '../../src/core/boundary.ts';
import { loadKubeAccess } from '../../src/kube/config.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { createSecrets } from '../../src/reconcile/secrets.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { minimalSpec, specWith, subscriptionId } from '../support/notification.ts';
import { waitFor } from '../support/wait.ts';

const chart = join(import.meta.dirname, '../../charts/aks-notifier');
const clientId = '00000000-0000-4000-8000-000000000002';
const otherId = 'bbbbbbbb-4444-4444-8444-444444444444';
const subscription = `/subscriptions/${subscriptionId}`;
const shop = `${subscription}/resourceGroups/shop`;
const ops = `${subscription}/resourceGroups/ops`;
const other = `/subscriptions/${otherId}`;

let plane: ControlPlane;
const names = { a: '', b: '', c: '', operator: '' };

const flags = (values: object): readonly string[] =>
  Object.entries(values).map(([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`);
const values = () => ({
  'azure.clientId': clientId,
  allowedScopes: {
    all: [`${other}/resourceGroups/shared/`],
    namespaces: { [names.a]: [shop.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions')], [names.b]: [subscription, ops] },
  },
  admissionPolicy: { enabled: true },
  receiverSecrets: { namespaces: [names.a] },
});
const helm = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await plane.helm([...args, '--namespace', names.operator]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

beforeAll(async () => {
  plane = await startControlPlane();
  names.a = await plane.createNamespace('team-a');
  names.b = await plane.createNamespace('team-b');
  names.c = await plane.createNamespace('team-c');
  names.operator = await plane.createNamespace('operator');
  await helm('install', 'aks-notifier', chart, ...flags(values()));
});
afterAll(async () => plane?.stop());

const path = (namespace: string, name = ''): string =>
  `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications/${name}`;
interface Said {
  readonly message?: string;
}
const send = async (namespace: string, spec: MaintenanceNotificationSpec, name = 'prod', query = '?dryRun=All') =>
  plane.request<Said>('POST', `${path(namespace)}${query}`.replace('/?', '?'), {
    body: { apiVersion: 'aks-notifier.dev/v1alpha1', kind: 'MaintenanceNotification', metadata: { name }, spec },
  });

const identityIn = (group: string) => ({
  identity: { type: 'UserAssigned' as const, resourceId: `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader` },
});
const groupsIn = (...groups: readonly string[]) => ({
  actionGroupIds: groups.map((group) => `${group}/providers/Microsoft.Insights/actionGroups/On Call #1`),
});
const onlyGroup = { readerScopes: ['ResourceGroup' as const] };
const webhookOf = `${ops}/providers/Microsoft.Automation/automationAccounts/x`;

/** Specs that the schema takes, whoever writes them. */
const table: readonly (readonly [string, MaintenanceNotificationSpec])[] = [
  ['the least', minimalSpec],
  ['Reader at the group', specWith(onlyGroup)],
  ['Reader at the cluster', specWith({ readerScopes: ['Cluster'] })],
  ['Reader nowhere', specWith({ readerScopes: [] })],
  ['Reader at group and subscription', specWith({ readerScopes: ['ResourceGroup', 'Subscription'] })],
  [
    'another letter case',
    specWith({ ...onlyGroup, clusterResourceId: minimalSpec.clusterResourceId.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions') }),
  ],
  [
    'a group whose name begins the same',
    specWith({ ...onlyGroup, clusterResourceId: minimalSpec.clusterResourceId.replace('/shop/', '/shopping/') }),
  ],
  ['a group named ..', specWith({ ...onlyGroup, clusterResourceId: minimalSpec.clusterResourceId.replace('/shop/', '/.._/') })],
  ['a placement in another group', specWith({ ...onlyGroup, placement: { resourceGroup: 'ops' } })],
  ['a placement in the same group of another subscription', specWith({ ...onlyGroup, placement: { subscriptionId: otherId } })],
  ['a placement that all may reach', specWith({ ...onlyGroup, placement: { subscriptionId: otherId, resourceGroup: 'Shared' } })],
  ['a placement that only names its region', specWith({ ...onlyGroup, placement: { location: 'westeurope' } })],
  ['groups inside', specWith({ ...onlyGroup, ...groupsIn(shop, `${other}/resourceGroups/shared`) })],
  ['groups, of which one is outside', specWith({ ...onlyGroup, ...groupsIn(shop, ops) })],
  ['a group named .', specWith({ ...onlyGroup, actionGroupIds: [`${shop}/providers/Microsoft.Insights/actionGroups/.`] })],
  ['a group named ..#', specWith({ ...onlyGroup, actionGroupIds: [`${shop}/providers/Microsoft.Insights/actionGroups/..#`] })],
  ['an identity inside', specWith({ ...onlyGroup, ...identityIn(shop) })],
  ['an identity outside', specWith({ ...onlyGroup, ...identityIn(ops) })],
  ['no identity by id', specWith({ ...onlyGroup, identity: { type: 'SystemAssigned' } })],
  [
    'a logic app outside',
    specWith({
      ...onlyGroup,
      receivers: { logicApp: [{ name: 'x', resourceId: `${ops}/providers/Microsoft.Logic/workflows/x`, callbackUrl: 'https://x' }] },
    }),
  ],
  [
    'a logic app inside',
    specWith({
      ...onlyGroup,
      receivers: { logicApp: [{ name: 'x', resourceId: `${shop}/providers/Microsoft.Logic/workflows/x`, callbackUrl: 'https://x' }] },
    }),
  ],
  [
    'a logic app with a way out',
    specWith({
      ...onlyGroup,
      receivers: {
        logicApp: [{ name: 'x', resourceId: `${shop}/providers/Microsoft.Web/sites/../../../../ops/x/y`, callbackUrl: 'https://x' }],
      },
    }),
  ],
  [
    'a function outside',
    specWith({
      ...onlyGroup,
      receivers: {
        azureFunction: [
          { name: 'x', functionAppResourceId: `${ops}/providers/Microsoft.Web/sites/x`, functionName: 'x', httpTriggerUrl: 'https://x' },
        ],
      },
    }),
  ],
  [
    'a runbook whose webhook is outside',
    specWith({
      ...onlyGroup,
      receivers: {
        automationRunbook: [
          {
            name: 'x',
            automationAccountId: webhookOf.replace('/ops/', '/shop/'),
            runbookName: 'x',
            webhookResourceId: `${webhookOf}/webhooks/x`,
            isGlobalRunbook: false,
          },
        ],
      },
    }),
  ],
  [
    'an event hub',
    specWith({ ...onlyGroup, receivers: { eventHub: [{ name: 'x', eventHubNameSpace: 'xxxxxx', eventHubName: 'x', subscriptionId }] } }),
  ],
  [
    'a service desk',
    specWith({
      ...onlyGroup,
      receivers: {
        itsm: [
          {
            name: 'x',
            workspaceId: `${subscriptionId}|${subscriptionId}`,
            connectionId: 'x',
            ticketConfiguration: '{}',
            region: 'westeurope',
          },
        ],
      },
    }),
  ],
  [
    'a cluster that nobody may reach',
    specWith({ ...onlyGroup, clusterResourceId: minimalSpec.clusterResourceId.replace(subscriptionId, otherId) }),
  ],
];

/** As the operator that the chart starts reads it. */
const allowedByFlag = async (): Promise<AllowedScopes> => {
  const manifest = await helm('template', 'aks-notifier', chart, ...flags(values()));
  const args = [...manifest.matchAll(/- "?(--(?:allowed-scopes|secret-namespaces)=[^"\n]*)"?$/gm)].map(([, arg]) => arg ?? '');
  const config = readConfig(args, { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: 'x', AZURE_FEDERATED_TOKEN_FILE: 'x' });
  if (typeof config === 'string') throw new Error('help was asked for');
  expect(config.secretNamespaces).toEqual([names.a]);
  return config.allowedScopes;
};

describe('the admission policy', () => {
  beforeAll(async () => {
    await waitFor('the policy to act', async () => (await send(names.c, minimalSpec)).status === 422);
  });

  it('gives every spec the verdict that the operator gives it, and names the fix', async () => {
    const allowed = await allowedByFlag();
    const answers: { readonly who: string; readonly policy: number; readonly says: string; readonly operator: string | undefined }[] = [];
    for (const namespace of [names.a, names.b, names.c])
      for (const [what, spec] of table) {
        const { status, body } = await send(namespace, spec);
        const operator = outsideBoundary(spec, namespace, allowed);
        answers.push({ who: `${namespace}: ${what}`, policy: status, says: body.message ?? '', operator });
      }
    expect(answers.map(({ who, policy }) => [who, policy])).toEqual(
      answers.map(({ who, operator }) => [who, operator === undefined ? 201 : 422]),
    );
    const refused = answers.flatMap(({ says, operator }) => (operator === undefined ? [] : [{ says, operator }]));
    for (const { says, operator } of refused) {
      expect(says).toMatch(
        / is not allowed to namespace team-.*: .*, or have it allowed \(allowedScopes in the Helm chart of aks-notifier\)$/,
      );
      // The same fix in both, as far as the policy can work it out.
      expect(says).toContain(/Azure was not called: ([^:,[]*)/.exec(operator)?.[1] ?? '');
    }
    expect([refused.length, answers.length - refused.length].every((count) => count > 20)).toBe(true);
  });

  it('lets what stood before be labelled and let go, but not changed to something else outside', async () => {
    const name = 'before';
    await helm('upgrade', 'aks-notifier', chart, ...flags({ ...values(), admissionPolicy: { enabled: false } }));
    await waitFor('the policy to be gone', async () => (await send(names.c, minimalSpec, name)).status === 201);
    expect(await send(names.c, minimalSpec, name, '')).toMatchObject({ status: 201 });
    await helm('upgrade', 'aks-notifier', chart, ...flags(values()));
    await waitFor('the policy to act', async () => (await send(names.c, minimalSpec)).status === 422);
    const patch = async (body: object) => plane.request<Said>('PATCH', path(names.c, name), { body });
    expect(await patch({ metadata: { labels: { team: 'c' }, finalizers: ['aks-notifier.dev/azure-cleanup'] } })).toMatchObject({
      status: 200,
    });
    expect(await patch({ spec: { suspend: true, interval: '1h' } })).toMatchObject({ status: 200 });
    expect(await patch({ spec: { deletionPolicy: 'Orphan' } })).toMatchObject({ status: 200 });
    for (const wider of [
      { placement: { resourceGroup: 'ops' } },
      groupsIn(ops),
      identityIn(ops),
      onlyGroup,
      { receivers: { eventHub: [{ name: 'x', eventHubNameSpace: 'xxxxxx', eventHubName: 'x', subscriptionId }] } },
    ])
      expect(await patch({ spec: { suspend: false, ...wider } })).toMatchObject({ status: 422 });
    await plane.request('DELETE', path(names.c, name));
    expect(await patch({ spec: { deletionPolicy: 'Delete' } })).toMatchObject({ status: 200 });
    expect(await patch({ spec: { deletionPolicy: 'Orphan' } })).toMatchObject({ status: 200 });
    expect(await patch({ metadata: { finalizers: null } })).toMatchObject({ status: 200 });
    expect(await plane.request('GET', path(names.c, name))).toMatchObject({ status: 404 });
  });
});

describe('a boundary of many namespaces', () => {
  const many = (count: number, last: string) => {
    const { allowedScopes, ...rest } = values();
    const others = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`namespace-${index}`, [`${other}/resourceGroups/x${index}`]]),
    );
    return { ...rest, allowedScopes: { ...allowedScopes, namespaces: { ...others, [last]: [subscription] } } };
  };

  it('still gives a verdict', async () => {
    await helm('upgrade', 'aks-notifier', chart, ...flags(many(1000, names.c)));
    await waitFor('the new boundary to act', async () => (await send(names.c, minimalSpec)).status === 201);
    const { status, body } = await send(names.a, minimalSpec);
    expect({ status, said: body.message }).toEqual({ status: 422, said: expect.stringContaining('is not allowed to namespace') });
    await helm('upgrade', 'aks-notifier', chart, ...flags(values()));
  });

  it('is refused where CEL has no room for it, with the way out', async () => {
    const { code, stderr } = await plane.helm(['template', 'aks-notifier', chart, ...flags(many(1400, names.c))]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /allowedScopes makes an expression of \d+ characters, and the API server takes 100000: .*turn admissionPolicy.enabled off/,
      ),
    });
    await helm('template', 'aks-notifier', chart, ...flags({ ...many(1400, names.c), admissionPolicy: { enabled: false } }));
  });
});

describe('Secrets of receivers', () => {
  it('can be read where the chart makes a Role, one by one, and nowhere else', async () => {
    for (const namespace of [names.a, names.b, names.operator])
      await plane.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
        body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hooks' }, stringData: { url: `https://example.com/${namespace}` } },
      });
    const token = await plane.serviceAccountToken(names.operator, 'aks-notifier');
    const kubeconfig = await plane.kubeconfigFor({ directory: plane.directory, token });
    const access = await loadKubeAccess({ environment: { KUBECONFIG: kubeconfig }, clock: systemClock });
    const transport = createTransport(access);
    const secrets = createSecrets(transport);
    const { signal } = new AbortController();
    const read = async (namespace: string, name = 'hooks') => secrets.read(namespace, name, signal);
    await waitFor('effect of the Role', async () => read(names.a).catch(() => undefined));
    expect(await read(names.a)).toEqual(new Map([['url', `https://example.com/${names.a}`]]));
    expect(await read(names.a, 'none')).toBeUndefined();
    await expect(read(names.b)).rejects.toMatchObject({ status: 403 });
    await expect(read(names.operator)).rejects.toMatchObject({ status: 403 });
    const list = (query: Record<string, string>) =>
      transport.request({ method: 'GET', path: `/api/v1/namespaces/${names.a}/secrets`, query, signal });
    await expect(list({})).rejects.toMatchObject({ status: 403 });
    await expect(list({ watch: 'true' })).rejects.toMatchObject({ status: 403 });

    await helm('upgrade', 'aks-notifier', chart, ...flags({ ...values(), receiverSecrets: { namespaces: [] } }));
    await waitFor('end of the Role', async () =>
      read(names.a).then(
        () => false,
        () => true,
      ),
    );
    await expect(read(names.a)).rejects.toMatchObject({ status: 403 });
    await transport.close();
  });
});

describe('the chart refuses', () => {
  it.each<[string, object, string]>([
    [
      'a policy with nothing to say',
      { admissionPolicy: { enabled: true } },
      'admissionPolicy.enabled is true and allowedScopes lists nothing',
    ],
    ['a namespace without a scope', { allowedScopes: { namespaces: { blue: [] } } }, 'allowedScopes.namespaces.blue lists nothing'],
    [
      'what is no id',
      { allowedScopes: { all: ['shop'] }, admissionPolicy: { enabled: true } },
      'allowedScopes.all lists "shop", which is no ARM id',
    ],
    ...[
      '',
      ' ',
      null,
      `${shop},${ops}`,
      `${shop} ${ops}`,
      ` ${shop}`,
      `${shop}/..`,
      `${subscription}/resourceGroups/...`,
      `${subscription}/shop`,
    ].flatMap((entry): readonly [string, object, string][] => [
      [
        `${JSON.stringify(entry)} as a scope of all`,
        { allowedScopes: { all: [shop, entry] } },
        `allowedScopes.all lists ${JSON.stringify(entry)}, which is no ARM id`,
      ],
      [
        `${JSON.stringify(entry)} as a scope of a namespace`,
        { allowedScopes: { namespaces: { blue: [shop, entry] } } },
        `allowedScopes.namespaces.blue lists ${JSON.stringify(entry)}, which is no ARM id`,
      ],
    ]),
    ...['', ' ', null, 'blue,green', 'blue green', 'Blue', '*'].flatMap((entry): readonly [string, object, string][] =>
      ['receiverSecrets.namespaces', 'watchNamespaces'].map((field) => [
        `${JSON.stringify(entry)} in ${field}`,
        { [field]: ['blue', entry] },
        `${field} lists ${JSON.stringify(entry)}, which can't be a namespace`,
      ]),
    ),
    ['a scope that is no list', { 'allowedScopes.all': shop }, 'allowedScopes.all must be a list'],
    ['an empty scope that is no list', { 'allowedScopes.all': '' }, 'allowedScopes.all must be a list'],
    ['a scope of a namespace that is no list', { 'allowedScopes.namespaces.blue': shop }, 'allowedScopes.namespaces.blue must be a list'],
    ['scopes of namespaces without their names', { 'allowedScopes.namespaces': [shop] }, 'allowedScopes.namespaces must say'],
    [
      "scopes of what can't be a namespace",
      { 'allowedScopes.namespaces.Blue': [shop] },
      'allowedScopes.namespaces lists "Blue", which can\'t',
    ],
    ['an empty part of the boundary', { 'allowedScopes.all': null }, 'allowedScopes.all must be a list'],
    ['another empty part of the boundary', { 'allowedScopes.namespaces': null }, 'allowedScopes.namespaces must say'],
    ['an empty boundary', { allowedScopes: null }, 'allowedScopes must have'],
    ['no namespaces of Secrets', { receiverSecrets: null }, 'receiverSecrets must have'],
    ['namespaces of Secrets that are null', { 'receiverSecrets.namespaces': null }, 'receiverSecrets.namespaces must be a list'],
    ['watched namespaces that are null', { watchNamespaces: null }, 'watchNamespaces must be a list'],
    [
      'a misspelt part of the boundary',
      { 'allowedScopes.namespace.blue': [shop] },
      "at '/allowedScopes': additional properties 'namespace' not allowed",
    ],
    ['watched namespaces that are no list', { watchNamespaces: 'blue' }, 'watchNamespaces must be a list'],
    ['namespaces of Secrets that are no list', { receiverSecrets: { namespaces: 'blue' } }, 'receiverSecrets.namespaces must be a list'],
  ])('%s', async (_, wrong, said) => {
    const { code, stderr } = await plane.helm(['template', 'aks-notifier', chart, ...flags({ 'azure.clientId': clientId, ...wrong })]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(said) });
    // Nothing that Helm or its templates say of themselves.
    expect(stderr).not.toMatch(/range can't iterate|wrong type|nil pointer/);
  });
});
