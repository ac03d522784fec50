import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { crdPath } from '../../scripts/generate/crd-template.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { waitFor } from '../support/wait.ts';
import { actionGroupId, clusterId, email, everyField, type Json, namedLists, notification, receivers, right, spec } from './crd-objects.ts';
import { refusals } from './crd-refusals.ts';
import { fieldsOf, leavesIn, leavesOf, oneLine, root } from './crd-schema.ts';

const read = async (path: string): Promise<string> => readFile(join(root, path), 'utf8');

interface Cause {
  readonly field: string;
  readonly message: string;
}

interface Answered {
  readonly metadata: { readonly name: string; readonly generation: number; readonly managedFields: readonly unknown[] };
  readonly spec: Json & { readonly receivers: Json };
  readonly status: Json;
  /** Of a refusal. */
  readonly message?: string;
  readonly details?: { readonly causes?: readonly Cause[] };
}

let plane: ControlPlane;
let namespace: string;

const collection = (): string => `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications`;

/** As kubectl sends it: a field that the schema doesn't know is an error. */
const create = async (name: string, wished: Json, dryRun = true): Promise<{ status: number; body: Answered }> =>
  plane.request<Answered>('POST', `${collection()}?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`, {
    body: notification(name, wished),
  });

const merge = async (name: string, changes: Json, subresource = ''): Promise<{ status: number; body: Answered }> =>
  plane.request<Answered>('PATCH', `${collection()}/${name}${subresource}`, { body: changes });

beforeAll(async () => {
  plane = await startControlPlane();
  await plane.kubectl(['apply', '-f', join(root, crdPath)]);
  namespace = await plane.createNamespace('crd');
  await waitFor('served kind', async () => (await plane.request('GET', collection())).status === 200);
});
afterAll(async () => plane?.stop());

describe('a wrong object', () => {
  it('is described in more than 40 ways', () => {
    expect(refusals.length).toBeGreaterThan(40);
    expect(new Set(refusals.map(({ what, field }) => `${field}: ${what}`)).size).toBe(refusals.length);
  });

  it.each(refusals)('is refused at $field for $what', async ({ spec: wished, field, says }) => {
    const { status, body } = await create('wrong', wished);
    expect({ status, message: body.message }).toMatchObject({ status: 422 });
    expect(body.details?.causes).toContainEqual(expect.objectContaining({ field, message: expect.stringContaining(says) }));
  });

  it.each(namedLists)('is refused for two receivers of %s with one name', async (list) => {
    const { status, body } = await create('wrong', receivers({ [list]: [right[list], right[list]] }));
    expect(status).toBe(422);
    expect(body.message).toContain(`Duplicate value: {"name":"${right[list].name}"}`);
  });

  it.each(namedLists)('is refused for two receivers of %s whose names differ in case only', async (list) => {
    const { status, body } = await create(
      'wrong',
      receivers({ [list]: [right[list], { ...right[list], name: right[list].name.toUpperCase() }] }),
    );
    expect(status).toBe(422);
    expect(body.message).toContain(
      `two receivers of ${list} have names that differ in case only, which Azure takes for one name: rename one of them`,
    );
  });

  it.each(namedLists)('is refused for eleven receivers of %s', async (list) => {
    const eleven = Array.from({ length: 11 }, (_, index) => ({ ...right[list], name: `receiver ${index}` }));
    const { status, body } = await create('wrong', receivers({ [list]: eleven }));
    expect(status).toBe(422);
    expect(body.message).toContain('Too many: 11: must have at most 10 items');
  });

  it('is refused for a name of 64 characters', async () => {
    const { status, body } = await create('n'.repeat(64), spec());
    expect(status).toBe(422);
    expect(body.message).toContain('metadata.name must be at most 63 characters long, because it goes into a tag in Azure');
  });

  it('is refused without a spec', async () => {
    const { spec: _, ...rest } = notification('wrong', {});
    const { status, body } = await plane.request<Answered>('POST', collection(), { body: rest });
    expect(status).toBe(422);
    expect(body.message).toContain('spec: Required value');
  });

  it.each([
    ['recievers', { recievers: { email } }],
    ['receivers.mail', { receivers: { email, mail: email } }],
    ['alertRule.frequency', { alertRule: { frequency: '5m' } }],
  ])('is refused for the unknown field %s', async (field, changes) => {
    const { status, body } = await create('wrong', spec(changes));
    expect(status).toBe(400);
    expect(body.message).toContain(`unknown field "spec.${field}"`);
  });
});

describe('a right object', () => {
  const upper = clusterId
    .replace('/resourceGroups/', '/RESOURCEGROUPS/')
    .replace('Microsoft.ContainerService', 'microsoft.containerservice');
  const rightSpecs: Readonly<Record<string, Json>> = {
    'the least': spec(),
    'every field': everyField,
    'fixed words of the cluster id in other letters': spec({ clusterResourceId: upper.replace('managedClusters', 'managedclusters') }),
    'a resource group with letters of another alphabet': spec({ clusterResourceId: clusterId.replace('shop', 'Läden-und_(Büros).1') }),
    'action groups only': spec({ receivers: undefined, actionGroupIds: [actionGroupId('a')] }),
    'five action groups': spec({ receivers: undefined, actionGroupIds: ['a', 'b', 'c', 'd', 'e'].map(actionGroupId) }),
    'nobody but a role': spec({ receivers: { armRole: [right.armRole] } }),
    'no scopes, since somebody else grants them': spec({ readerScopes: [] }),
    'empty parts': spec({ alertRule: {}, placement: {}, tags: {}, actionGroupIds: [], receivers: { email, sms: [] } }),
    'a webhook without TLS': receivers({ webhook: [{ name: 'inside', serviceUri: 'http://10.0.0.7:8080/hook' }] }),
    'the shortest interval': spec({ interval: '30s' }),
    'the longest interval': spec({ interval: '24h' }),
    'an interval of three units': spec({ interval: '23h59m60s' }),
    'a mail address of 64 characters': spec({ receivers: { email: [{ address: `${'x'.repeat(52)}@contoso.com` }] } }),
    '49 tags': spec({ tags: Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`tag-${index}`, 'x'.repeat(256)])) }),
    // The longest lists there can be: what they cost at admission must stay within what the API server spends on one object.
    'the longest lists': spec({
      receivers: {
        email: Array.from({ length: 1000 }, (_, index) => ({
          address: `${index}@${'x'.repeat(56)}.com`.slice(0, 64),
          name: `${index}`.padEnd(128, 'x'),
        })),
        ...Object.fromEntries(
          namedLists.map((list) => [
            list,
            Array.from({ length: 10 }, (_, index) => ({ ...right[list], name: `${list}${index}`.padEnd(128, 'x') })),
          ]),
        ),
      },
    }),
  };

  it.each(Object.entries(rightSpecs))('is accepted: %s', async (_, wished) => {
    const { status, body } = await create('right', wished);
    expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
  });

  it('is accepted with a name of 63 characters', async () => {
    expect(await create('n'.repeat(63), spec())).toMatchObject({ status: 201 });
  });

  it('is every field of the schema in the case that says so', async () => {
    expect(leavesIn('spec', everyField)).toEqual(await leavesOf('spec'));
  });

  it('gets no field written into its spec', async () => {
    expect((await create('right', spec())).body.spec).toEqual(spec());
  });

  it('begins with the observed generation -1, so that nobody takes it for a finished one', async () => {
    expect((await create('right', spec())).body.status).toEqual({ observedGeneration: -1 });
  });
});

describe('the examples', () => {
  it.each(['examples/minimal.yaml', 'examples/complete.yaml', 'examples/receivers.yaml'])('%s is accepted by kubectl', async (path) => {
    const applied = await plane.kubectl(['apply', '--dry-run=server', '--namespace', namespace, '-f', join(root, path)]);
    expect(applied).toMatchObject({ code: 0, stderr: '' });
  });

  it('says what it has to in twelve lines at most', async () => {
    const lines = (await read('examples/minimal.yaml')).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.some((line) => line.length > 160)).toBe(false);
  });

  it('of docs/receivers.md are accepted, and show every kind', async () => {
    const blocks = [...(await read('docs/receivers.md')).matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = '']) => parse(yaml) as Json);
    const answers = await Promise.all(blocks.map((block, index) => create(`docs-${index}`, spec({ receivers: block }))));
    expect(answers.map(({ status }) => status)).toEqual(blocks.map(() => 201));
    expect(blocks.flatMap(Object.keys).toSorted()).toEqual(['email', ...namedLists].toSorted());
  });

  it('show every field', async () => {
    const specOf = async (path: string): Promise<Json> => (parse(await read(path)) as { spec: Json }).spec;
    const complete = leavesIn('spec', await specOf('examples/complete.yaml'));
    const ofReceivers = leavesIn('spec', await specOf('examples/receivers.yaml'));
    // What stands there in a comment, since it goes with none of the rest.
    const told =
      /^spec\.(identity\.resourceId|receivers\.(logicApp\.callbackUrl|azureFunction\.httpTriggerUrl|automationRunbook\.serviceUri))$/;
    expect([...new Set([...complete, ...ofReceivers])].toSorted()).toEqual(
      (await leavesOf('spec')).filter((path) => !told.test(path)).toSorted(),
    );
  });
});

describe('a change', () => {
  it('of the cluster is refused, in every way', async () => {
    expect(await create('immutable', spec(), false)).toMatchObject({ status: 201 });
    const says = 'clusterResourceId is immutable: create another MaintenanceNotification for the other cluster and delete this one';
    for (const other of [clusterId.replace(/prod$/, 'test'), clusterId.toUpperCase()]) {
      const { status, body } = await merge('immutable', { spec: { clusterResourceId: other } });
      expect(status).toBe(422);
      expect(body.message).toContain(says);
    }
    expect(await merge('immutable', { spec: { clusterResourceId: null } })).toMatchObject({ status: 422 });
  });

  it('of everything else is accepted, there and back', async () => {
    expect(await create('mutable', spec(), false)).toMatchObject({ status: 201 });
    expect(await merge('mutable', { spec: everyField })).toMatchObject({ status: 200 });
    const nothing = Object.fromEntries(Object.keys(everyField).map((field) => [field, null]));
    const back = await merge('mutable', { spec: { ...nothing, ...spec(), receivers: null, actionGroupIds: [actionGroupId('a')] } });
    expect(back).toMatchObject({ status: 200, body: { spec: { clusterResourceId: clusterId, actionGroupIds: [actionGroupId('a')] } } });
    expect(Object.keys(back.body.spec)).toHaveLength(2);
  });

  it('that takes the last receiver away is refused', async () => {
    expect(await create('told', spec(), false)).toMatchObject({ status: 201 });
    expect((await merge('told', { spec: { receivers: { email: [] } } })).body.message).toContain(
      'receivers must hold at least one receiver',
    );
    expect((await merge('told', { spec: { receivers: null } })).body.message).toContain('nobody would be told');
  });

  it('of the deletion policy is accepted while the object is being deleted', async () => {
    expect(await create('going', spec(), false)).toMatchObject({ status: 201 });
    expect(await merge('going', { metadata: { finalizers: ['aks-notifier.dev/azure-cleanup'] } })).toMatchObject({ status: 200 });
    expect(await plane.request('DELETE', `${collection()}/going`)).toMatchObject({ status: 200 });
    const changed = await merge('going', { spec: { deletionPolicy: 'Orphan' } });
    expect(changed).toMatchObject({ status: 200, body: { spec: { deletionPolicy: 'Orphan' } } });
    expect(changed.body.metadata).toHaveProperty('deletionTimestamp');
    expect(await merge('going', { metadata: { finalizers: null } })).toMatchObject({ status: 200 });
    expect(await plane.request('GET', `${collection()}/going`)).toMatchObject({ status: 404 });
  });
});

const now = '2026-01-02T03:04:05Z';
const condition = (type: string, status: string, reason: string, message: string): Json => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: now,
});
const alertRuleId = '/subscriptions/s/resourceGroups/shop/providers/Microsoft.Insights/scheduledQueryRules/aks-prod-0123';
const fullStatus: Json = {
  observedGeneration: 1,
  conditions: [condition('Ready', 'True', 'Succeeded', 'Maintenance of prod is announced.')],
  resources: [
    { kind: 'AlertRule', id: alertRuleId, state: 'Present' },
    { kind: 'ActionGroup', id: actionGroupId('aks-prod-0123'), state: 'Creating' },
    { kind: 'RoleAssignment', id: '/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r', state: 'Deleting' },
  ],
  alertRuleId,
  actionGroupId: '',
  principalId: '00000000-0000-4000-8000-00000000000c',
  receivers: [{ name: 'oncall@contoso.com', kind: 'email', status: 'Disabled' }],
  readerAssignments: [
    {
      id: '/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r',
      scope: '/subscriptions/s',
      roleDefinitionId: 'd',
      ours: true,
    },
  ],
  cluster: {
    name: 'prod',
    location: 'westeurope',
    upgradeChannel: 'stable',
    nodeOSUpgradeChannel: 'NodeImage',
    maintenanceWindows: [{ name: 'default', summary: 'every Sunday at 02:00 +00:00 for 4 hours' }],
  },
  lastHandledReconcileAt: now,
  testNotification: {
    requestedAt: 'please',
    sentAt: now,
    notificationId: '11000001151401',
    state: 'Failed',
    message: 'Azure has not served webhook[teams] (404 Not Found).',
    receivers: [{ kind: 'webhook', name: 'teams', status: 'Failed', detail: '404 Not Found' }],
  },
};

describe('the status', () => {
  it('is written through its subresource only, and leaves the generation alone', async () => {
    expect(await create('status', spec(), false)).toMatchObject({ status: 201 });
    const ignored = await merge('status', { status: fullStatus });
    expect(ignored).toMatchObject({ status: 200, body: { status: { observedGeneration: -1 } } });
    const written = await merge('status', { status: fullStatus, spec: { suspend: true } }, '/status');
    expect(written).toMatchObject({ status: 200, body: { metadata: { generation: 1 }, status: fullStatus } });
    expect(written.body.spec).toEqual(spec());
  });

  it('has room for every mail and SMS receiver, and no more', async () => {
    expect(await create('many', spec(), false)).toMatchObject({ status: 201 });
    const of = (count: number): Json => ({
      status: { receivers: Array.from({ length: count }, (_, index) => ({ name: `r${index}`, kind: 'email', status: 'Disabled' })) },
    });
    expect(await merge('many', of(1010), '/status')).toMatchObject({ status: 200 });
    expect(await merge('many', of(1011), '/status')).toMatchObject({ status: 422 });
  });

  it('is every field of the schema in the test above', async () => {
    expect(leavesIn('status', fullStatus)).toEqual(await leavesOf('status'));
  });

  it.each([
    ['a condition twice', { conditions: [condition('Ready', 'True', 'A', ''), condition('Ready', 'False', 'B', '')] }, 'Duplicate value'],
    ['an unknown condition status', { conditions: [condition('Ready', 'Maybe', 'A', '')] }, 'supported values: "True", "False", "Unknown"'],
    [
      'an unknown kind of resource',
      { resources: [{ kind: 'Vm', id: '/x', state: 'Present' }] },
      'supported values: "ActionGroup", "AlertRule"',
    ],
    [
      'an unknown state',
      { resources: [{ kind: 'AlertRule', id: '/x', state: 'Gone' }] },
      'supported values: "Creating", "Present", "Deleting"',
    ],
    [
      'a number of a test notice that would lead elsewhere',
      { testNotification: { requestedAt: 'please', state: 'Sending', notificationId: '../x' } },
      'status.testNotification.notificationId',
    ],
  ])('is refused with %s', async (_, status, says) => {
    expect(await create('refused-status', spec(), false)).toMatchObject({ status: expect.toBeOneOf([201, 409]) });
    const answer = await merge('refused-status', { status }, '/status');
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain(says);
  });
});

describe('kubectl', () => {
  const table = async (...args: readonly string[]): Promise<readonly (readonly string[])[]> => {
    const { code, stdout } = await plane.kubectl(['get', ...args, '--namespace', namespace]);
    expect(code).toBe(0);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
  };

  beforeAll(async () => {
    await create('columns', spec({ suspend: true }), false);
    await merge('columns', { status: fullStatus }, '/status');
  });

  it('shows how things stand in six columns', async () => {
    const [head, row] = await table('mn', 'columns');
    expect(head).toEqual(['NAME', 'READY', 'REASON', 'CLUSTER', 'SUSPENDED', 'AGE']);
    expect(row).toEqual(['columns', 'True', 'Succeeded', 'prod', 'true', expect.stringMatching(/^\d+s$/)]);
  });

  it('shows the sentence, the rule and the time of the last change in wide output', async () => {
    const [head, row] = await table('mn', 'columns', '--output=wide');
    expect(head).toEqual(['NAME', 'READY', 'REASON', 'CLUSTER', 'SUSPENDED', 'AGE', 'MESSAGE', 'ALERT RULE', 'LAST CHANGE']);
    expect(row?.slice(6, 8)).toEqual(['Maintenance of prod is announced.', alertRuleId]);
    expect(row?.[8]).toMatch(/^\d+[a-z]/);
  });

  it.each(['mn', 'maintenancenotification', 'maintenancenotifications', 'azure'])('finds our objects as %s', async (word) => {
    const { code, stdout } = await plane.kubectl(['get', word, '--namespace', namespace, '--output=name']);
    expect(code).toBe(0);
    expect(stdout).toContain('maintenancenotification.aks-notifier.dev/columns\n');
  });

  it('waits for Ready', async () => {
    const waited = await plane.kubectl(['wait', 'mn/columns', '--for=condition=Ready', '--namespace', namespace, '--timeout=10s']);
    expect(waited).toMatchObject({ code: 0 });
  });

  it('explains every field, beginning with its name and ending as a sentence', async () => {
    const fields = [...(await fieldsOf('spec')), ...(await fieldsOf('status'))];
    expect(fields.length).toBeGreaterThan(100);
    expect(fields.filter(({ name, description }) => !description.startsWith(`${name} `) || !description.endsWith('.'))).toEqual([]);

    // A process per field would take a minute; one per field that holds others prints what those are.
    const parents = [...new Set(fields.map(({ parent }) => parent))];
    const explained = await Promise.all(
      parents.map(async (parent) => {
        const { code, stdout } = await plane.kubectl(['explain', ['mn', ...(parent === '' ? [] : [parent])].join('.')]);
        return [parent, code === 0 ? oneLine(stdout) : ''] as const;
      }),
    );
    const said = new Map(explained);
    expect(
      fields.filter(
        ({ parent, name, description }) => !said.get(parent)?.includes(`${name} <`) || !said.get(parent)?.includes(description),
      ),
    ).toEqual([]);
  });

  it('says of every field of the spec whether it may be absent, and whether it may be changed', async () => {
    const fields = (await fieldsOf('spec')).filter(({ path }) => path !== 'spec');
    expect(fields.filter(({ description }) => !/\b(absent|required|optional)\b/i.test(description))).toEqual([]);
    // The key of a list is changed by another receiver.
    expect(fields.filter(({ description }) => !/\b(mutable|immutable|key of the list)\b/i.test(description))).toEqual([]);
  });
});

describe('server-side apply', () => {
  const apply = async (manager: string, wished: Json): Promise<{ status: number; body: Answered }> =>
    plane.request<Answered>('PATCH', `${collection()}/shared?fieldManager=${manager}&fieldValidation=Strict`, {
      contentType: 'application/apply-patch+yaml',
      body: notification('shared', wished),
    });

  it('lets two managers add receivers to one list without a conflict', async () => {
    const lists = (who: string): Json => ({
      email: [{ address: `${who}@contoso.com` }],
      ...Object.fromEntries(namedLists.map((list) => [list, [{ ...right[list], name: `${list} of ${who}` }]])),
    });
    const scopes = { one: ['Cluster'], two: ['Subscription'] };
    for (const who of ['one', 'two'] as const) {
      const answer = await apply(who, {
        clusterResourceId: clusterId,
        receivers: lists(who),
        readerScopes: scopes[who],
        actionGroupIds: [actionGroupId(who)],
      });
      expect(answer).toMatchObject({ status: who === 'one' ? 201 : 200 });
    }
    const { body } = await plane.request<Answered>('GET', `${collection()}/shared`);
    const counts = Object.entries(body.spec.receivers).map(([list, of]) => [list, Array.isArray(of) ? of.length : 0]);
    expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(['email', ...namedLists].map((list) => [list, 2])));
    expect(body.spec['readerScopes']).toEqual(['Cluster', 'Subscription']);
    expect(body.spec['actionGroupIds']).toHaveLength(2);

    // Who stops to name a receiver takes their own away, and nobody else's.
    expect(await apply('two', { clusterResourceId: clusterId, receivers: { email: [] } })).toMatchObject({ status: 200 });
    const { body: after } = await plane.request<Answered>('GET', `${collection()}/shared`);
    expect(after.spec.receivers['email']).toEqual([{ address: 'one@contoso.com' }]);
    expect(after.spec['readerScopes']).toEqual(['Cluster']);
  });

  it('says who else owns a value that two managers set differently', async () => {
    expect(await apply('three', { clusterResourceId: clusterId, receivers: { email }, interval: '5m' })).toMatchObject({ status: 200 });
    const { status, body } = await apply('four', { clusterResourceId: clusterId, receivers: { email }, interval: '6m' });
    expect(status).toBe(409);
    expect(body.message).toContain('conflict with "three": .spec.interval');
  });
});
