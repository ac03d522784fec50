import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { clusterId, isReady, onlyRelease, operatorNamespace, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

const earlier = fileURLToPath(new URL('../upgrade/issue-6/', import.meta.url));
const program = '/app/aks-notifier.mjs';
const present = fileURLToPath(new URL('../../dist/aks-notifier.mjs', import.meta.url));

const objects = {
  minimal: { receivers: { email: [{ address: 'oncall@contoso.com' }] } },
  rich: {
    upgradeTypes: ['NodeOSUpgrade'],
    statuses: ['Scheduled', 'Failed'],
    endOfSupportNotices: true,
    receivers: {
      email: [{ address: 'oncall@contoso.com', name: 'on call' }],
      sms: [{ name: 'duty', countryCode: '49', phoneNumber: '1701234567' }],
      webhook: [{ name: 'chat', serviceUri: 'https://chat.contoso.com/hooks/aks' }],
      eventHub: [{ name: 'hub', eventHubNameSpace: 'events', eventHubName: 'aks', subscriptionId: '00000000-0000-4000-8000-00000000000a' }],
    },
    alertRule: { severity: 1, evaluationFrequency: '1h', settlingTime: '10m', overlap: '2m', customProperties: { team: 'shop' } },
    readerScopes: ['Cluster'],
    tags: { 'cost-center': '4711' },
    interval: '1h',
  },
  suspended: { receivers: { email: [{ address: 'oncall@contoso.com' }] } },
} as const;
const names = Object.keys(objects);

let stage: Stage;
let team = '';
let directory = '';
/** Which local file stands for the program in the image: what a new pod runs. */
const files: Record<string, string> = {};
let before: unknown;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aks-notifier-upgrade-'));
  const old = join(directory, 'aks-notifier.mjs');
  await writeFile(old, brotliDecompressSync(await readFile(`${earlier}aks-notifier.mjs.br`)));
  files[program] = old;
  stage = await startStage({ kubelet: { files } });
  team = await stage.controlPlane.createNamespace('team');
});
afterAll(async () => {
  await stage?.stop();
  await rm(directory, { recursive: true, force: true });
});

const all = async (): Promise<readonly MaintenanceNotification[]> =>
  (await Promise.all(names.map((name) => stage.notification(team, name)))).filter((each) => each !== undefined);

/** Asks for every object to be looked at, and waits until it was. */
const lookAtAll = async (request: string): Promise<void> => {
  await stage.leader();
  const annotation = `aks-notifier.dev/reconcile-requested-at=${request}`;
  await stage.kubectl(['annotate', 'mn', '--all', '-n', team, '--overwrite', annotation]);
  for (const name of names)
    await stage.waitForStatus(team, name, `the echo of ${request}`, ({ status }) => status?.lastHandledReconcileAt === request);
};

/** Of an object what must not move: all but the traces of asking. */
const standing = ({ metadata, spec, status }: MaintenanceNotification) => ({
  uid: metadata.uid,
  generation: metadata.generation,
  finalizers: metadata.finalizers,
  spec,
  resources: status?.resources,
  readerAssignments: status?.readerAssignments,
  observedGeneration: status?.observedGeneration,
  conditions: status?.conditions?.map(({ type, status: word, reason, lastTransitionTime }) => ({ type, word, reason, lastTransitionTime })),
});

/** What was written to Azure since the journal was cleared, what stands there, and how the objects stand. */
const state = async () => {
  const calls = stage.emulator.journal.calls({ kind: 'arm' });
  if (calls.length === 0) throw new Error('nobody looked at Azure');
  return {
    writes: calls.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`),
    azure: stage.emulator.resources(),
    objects: (await all()).map(standing),
  };
};

const helm = async (...args: readonly string[]): Promise<void> => {
  const { code, stderr } = await stage.controlPlane.helm([...args, '--namespace', operatorNamespace, '--wait', '--timeout', '60s']);
  if (code !== 0) throw new Error(`helm ${args.join(' ')} failed:\n${stderr}`);
  await waitFor('the old pods to be gone', () => stage.kubelet.pods().length === 2);
};

const upgradeToPresent = async (): Promise<void> => {
  files[program] = present;
  const chart = fileURLToPath(new URL('../../charts/aks-notifier', import.meta.url));
  await helm('upgrade', onlyRelease.name, chart, '--reset-then-reuse-values');
};

it('an earlier version is at work', async () => {
  await stage.install([], { ...onlyRelease, chart: `${earlier}aks-notifier-0.1.0.tgz` });
  for (const [name, spec] of Object.entries(objects)) {
    const object = {
      apiVersion: 'aks-notifier.dev/v1alpha1',
      kind: 'MaintenanceNotification',
      metadata: { name, namespace: team },
      spec: { clusterResourceId: clusterId('prod'), ...spec },
    };
    await stage.kubectl(['apply', '-f', '-'], JSON.stringify(object));
    await stage.waitForStatus(team, name, 'Ready', isReady);
  }
  await stage.kubectl(['patch', 'mn', 'suspended', '-n', team, '--type=merge', '-p', '{"spec":{"suspend":true}}']);
  await stage.waitForStatus(
    team,
    'suspended',
    'suspended',
    ({ metadata, status }) => metadata.generation === 2 && status?.observedGeneration === 2,
  );
  await lookAtAll('earlier');
  before = { ...(await state()), writes: [] };
  expect(stage.emulator.resources().alertRules).toHaveLength(names.length);
  stage.emulator.journal.clear();
});

it('after helm upgrade the present version works on the same objects, and nothing moves in Azure', async () => {
  await upgradeToPresent();
  await lookAtAll('upgraded');
  expect(await state()).toEqual(before);
});

it('nor after helm rollback, nor after the next upgrade', async () => {
  files[program] = join(directory, 'aks-notifier.mjs');
  await helm('rollback', onlyRelease.name, '1');
  await lookAtAll('rolled back');
  expect(await state()).toEqual(before);

  await upgradeToPresent();
  await lookAtAll('upgraded again');
  expect(await state()).toEqual(before);
});

it('what the earlier version made, the present one takes away', async () => {
  await stage.kubectl(['delete', 'mn', '--all', '-n', team, '--timeout=60s']);
  const { actionGroups, alertRules, roleAssignments } = stage.emulator.resources();
  expect([actionGroups, alertRules, roleAssignments.filter(({ isSeed }) => !isSeed)]).toEqual([[], [], []]);
});
