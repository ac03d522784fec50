import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { startConnectProxy, type ConnectProxy } from '../support/connect-proxy.ts';
import { isReady, minimal, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

const password = 'swordfish-4711';

let stage: Stage;
let proxy: ConnectProxy;

beforeAll(async () => {
  stage = await startStage();
  proxy = await startConnectProxy(`operator:${password}`);
});

afterAll(async () => {
  await stage?.stop();
  await proxy?.stop();
});

/** `host:port` of the emulator, in the place of Azure and of Entra. */
const azure = (): string => new URL(stage.emulator.url).host;

const through = (credentials: string, noProxy = ''): readonly string[] => [
  `httpsProxy=http://${credentials}@${proxy.address}`,
  `noProxy=${noProxy}`,
  // One pod, so that what it writes is all there is to read.
  'replicaCount=1',
];

const calls = (): readonly string[] => stage.emulator.journal.calls().map(({ kind }) => kind);

const apply = async (): Promise<string> => {
  const namespace = await stage.controlPlane.createNamespace('team');
  await stage.kubectl(['apply', '-f', '-'], minimal(namespace));
  return namespace;
};

const messageOf = ({ status }: MaintenanceNotification): string =>
  (status?.conditions ?? []).find(({ type, status: word }) => type === 'Ready' && word === 'False')?.message ?? '';

/** Everything that a person may read of an object and of the pods. */
const everythingSaid = async (namespace: string): Promise<string> =>
  [await stage.kubectl(['get', 'mn,events', '-n', namespace, '-o', 'yaml']), ...stage.kubelet.pods().map((pod) => pod.logs())].join('\n');

it('every call to Azure and Entra goes through the proxy, and none to the API server', async () => {
  await stage.install(through(`operator:${password}`));
  const namespace = await apply();
  await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
  expect(new Set(calls())).toEqual(new Set(['metadata', 'token', 'arm']));
  expect(proxy.targets().length).toBeGreaterThan(5);
  expect(new Set(proxy.targets())).toEqual(new Set([azure()]));

  // Without the proxy nothing arrives, while the API server is as near as ever.
  proxy.refuse();
  stage.emulator.journal.clear();
  const other = await apply();
  await stage.waitForStatus(other, 'prod', 'a failure', (object) => messageOf(object) !== '');
  expect(calls()).toEqual([]);
  proxy.accept();
  await stage.waitForStatus(other, 'prod', 'Ready', isReady);
  const said = await everythingSaid(other);
  expect(said).toContain(`"proxy":"http://${proxy.address}"`);
  expect(said).not.toContain(password);
});

it('a proxy that wants another password is said to, and the password is said to nobody', async () => {
  await stage.install(through(`operator:${password}-wrong`));
  const namespace = await apply();
  const failed = await stage.waitForStatus(namespace, 'prod', 'a failure', (object) => messageOf(object) !== '');
  expect(messageOf(failed)).toContain('The proxy on the way to Azure asks for another user or password (407)');
  const said = await everythingSaid(namespace);
  expect(said).not.toContain(password);
  expect(said).not.toContain(Buffer.from(`operator:${password}-wrong`).toString('base64'));
});

it('a host of NO_PROXY is called directly', async () => {
  await stage.install(through('nobody:at-all', 'management.azure.com\\,127.0.0.1'));
  proxy.clear();
  const namespace = await apply();
  await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
  await waitFor('calls to Azure', () => calls().length > 0);
  expect(proxy.targets()).toEqual([]);
});
