import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clusterId, isReady, operatorUser, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

let stage: Stage;
let team = '';
let everyKind = '';

const value = 'https://hooks.contoso.com/services/T00000000/b0c1d2e3f4a5?sig=a1b2c3d4e5f6';
const changed = 'https://hooks.contoso.com/services/T11111111/99887766554433?sig=ffeeddccbbaa';

beforeAll(async () => {
  stage = await startStage();
  team = await stage.controlPlane.createNamespace('team');
  everyKind = await stage.controlPlane.createNamespace('every-kind');
  await stage.install([
    `receiverSecrets.namespaces={${team},${everyKind}}`,
    `allowedScopes.namespaces.${everyKind}={${clusterId('prod').split('/resourceGroups')[0]}}`,
    `allowedScopes.namespaces.${team}={${clusterId('prod').split('/providers')[0]}}`,
  ]);
});
afterAll(async () => stage?.stop());

const manifest = (name: string, namespace = team, readerScopes = '[ResourceGroup]'): string => `
apiVersion: aks-notifier.dev/v1alpha1
kind: MaintenanceNotification
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  clusterResourceId: ${clusterId('prod')}
  readerScopes: ${readerScopes}
  receivers:
    webhook: [{ name: teams, serviceUriFrom: { secretKeyRef: { name: hooks, key: url } } }]
`;
const putSecret = async (url: string): Promise<void> => {
  await stage.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hooks', namespace: team }, stringData: { url } }),
  );
};
const stalledBy = async (name: string, namespace = team): Promise<string> => {
  const { status } = await stage.waitForStatus(namespace, name, 'Stalled', (object) =>
    (object.status?.conditions ?? []).some(({ type }) => type === 'Stalled'),
  );
  const stalled = status?.conditions?.find(({ type }) => type === 'Stalled');
  return `${stalled?.reason}: ${stalled?.message}`;
};
const lookNow = async (name: string, request: string, namespace = team): Promise<void> => {
  await stage.kubectl(['annotate', 'mn', name, '-n', namespace, '--overwrite', `aks-notifier.dev/reconcile-requested-at=${request}`]);
  await stage.waitForStatus(namespace, name, `the echo of ${request}`, ({ status }) => status?.lastHandledReconcileAt === request);
};
const groups = (): string => JSON.stringify(stage.emulator.resources().actionGroups);

it('the address in a Secret reaches the action group, is followed when it changes, and is told to nobody else', async () => {
  const since = Date.now();
  await putSecret(value);
  await stage.kubectl(['apply', '-f', '-'], manifest('prod'));
  await stage.waitForStatus(team, 'prod', 'Ready', isReady);
  expect(groups()).toContain(value);
  await putSecret(changed);
  await lookNow('prod', 'changed');
  expect(groups()).toContain(changed);
  await waitFor('the event', async () => (await stage.kubectl(['get', 'events', '-n', team])).includes('action group'));

  const told = [
    await stage.kubectl(['get', 'mn', '-n', team, '-o', 'yaml']),
    await stage.kubectl(['get', 'events', '-n', team, '-o', 'yaml']),
    ...stage.kubelet.pods().map((pod) => pod.logs()),
    ...(await Promise.all(stage.kubelet.pods().map(async ({ ip }) => (await fetch(`http://${ip}:8080/metrics`)).text()))),
  ].join('\n');
  expect(told).toContain('prod');
  for (const part of ['hooks.contoso.com', 'T00000000', 'b0c1d2e3f4a5', 'T11111111', '99887766554433', 'ffeeddccbbaa'])
    expect(told).not.toContain(part);
  // Asked for one by one, by the name that the object gives.
  const reads = (await stage.controlPlane.auditEvents({ user: operatorUser, since })).filter(({ resource }) => resource === 'secrets');
  expect(new Set(reads.map(({ verb, namespace, name }) => `${verb} ${namespace}/${name}`))).toEqual(new Set([`get ${team}/hooks`]));
});

it('receivers of every kind, as the example has them, stand in Azure, and no look for drift finds a difference', async () => {
  const example = await readFile(new URL('../../examples/receivers.yaml', import.meta.url), 'utf8');
  const hooks = Object.fromEntries(
    ['chat', 'to-teams', 'calendar', 'scale-out'].map((name) => [name, `https://${name}.contoso.com/?key=K`]),
  );
  const metadata = { name: 'hooks', namespace: everyKind };
  await stage.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: hooks }));
  await stage.kubectl(['apply', '-n', everyKind, '-f', '-'], example);
  const { status } = await stage.waitForStatus(everyKind, 'prod-receivers', 'Ready', isReady);
  const group = stage.emulator.resources().actionGroups.find(({ id }) => id.toLowerCase() === status?.actionGroupId?.toLowerCase());
  const { groupShortName: _, enabled: __, ...lists } = (group?.['properties'] ?? {}) as Readonly<Record<string, readonly object[]>>;
  expect(Object.keys(lists)).toHaveLength(11);
  expect(Object.values(lists).map(({ length }) => length > 0)).toEqual(Object.keys(lists).map(() => true));
  for (const url of Object.values(hooks)) expect(JSON.stringify(lists)).toContain(url);

  stage.emulator.journal.clear();
  await lookNow('prod-receivers', 'quiet', everyKind);
  expect(stage.emulator.journal.calls({ kind: 'arm' }).filter(({ method }) => method !== 'GET')).toEqual([]);
  await stage.kubectl(['delete', 'mn', 'prod-receivers', '-n', everyKind, '--timeout=60s']);
});

it('an object in another namespace gets neither a Secret nor a cluster that is not allowed to it', async () => {
  const other = await stage.controlPlane.createNamespace('other');
  stage.emulator.journal.clear();
  await stage.kubectl(['apply', '-f', '-'], manifest('prod', other));
  expect(await stalledBy('prod', other)).toMatch(
    new RegExp(`^AccessDenied: spec\\.clusterResourceId reaches .*, which --allowed-scopes does not allow to namespace ${other}`),
  );
  expect(stage.emulator.journal.calls({ kind: 'arm' }).filter(({ method }) => method !== 'GET')).toEqual([]);
  await stage.kubectl(['apply', '-f', '-'], manifest('wide', team, '[Subscription]'));
  expect(await stalledBy('wide')).toContain('write spec.readerScopes: [ResourceGroup]');
});

it('without its Role the operator says which is missing', async () => {
  const role = (await stage.kubectl(['get', 'role', '-n', team, '-o', 'jsonpath={.items[*].metadata.name}']))
    .split(' ')
    .find((each) => each.endsWith('receiver-secrets'));
  await stage.kubectl(['delete', 'rolebinding', role ?? '', '-n', team]);
  await waitFor('the end of the right', async () => {
    const { code } = await stage.controlPlane.kubectl(['auth', 'can-i', 'get', 'secrets', '-n', team, `--as=${operatorUser}`]);
    return code !== 0;
  });
  await lookNow('prod', 'without');
  expect(await stalledBy('prod')).toBe(
    `AccessDenied: The API server does not let aks-notifier read the Secret hooks in namespace ${team}: a Role there with get on secrets, bound to its ServiceAccount, is missing. Its Helm chart makes one for each of receiverSecrets.namespaces.`,
  );
  // Nothing of it is needed to go.
  await stage.kubectl(['delete', 'mn', 'prod', '-n', team, '--timeout=60s']);
  expect(groups()).not.toContain('hooks.contoso.com');
});
