import { afterAll, beforeAll, expect, it } from 'vitest';
import { isReady, minimal, operatorNamespace, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

let stage: Stage;
let team = '';
let uid: string | undefined;

beforeAll(async () => {
  stage = await startStage();
  team = await stage.controlPlane.createNamespace('team');
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace, labels } };
  await stage.kubectl(['apply', '-f', '-'], JSON.stringify(namespace));
});
afterAll(async () => stage?.stop());

const helm = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await stage.controlPlane.helm([...args, '--namespace', operatorNamespace]);
  if (code !== 0) throw new Error(`helm ${args.join(' ')} failed:\n${stderr}`);
  return stdout;
};
const chart = new URL('../../charts/aks-notifier', import.meta.url).pathname;
const upgrade = (...args: readonly string[]): Promise<string> =>
  helm('upgrade', 'aks-notifier', chart, '--reuse-values', '--wait', '--timeout', '60s', ...args);

const rolledOut = (): Promise<string> =>
  stage.kubectl(['rollout', 'status', 'deployment/aks-notifier', '-n', operatorNamespace, '--timeout=60s']);

/** The arguments that the pods run with, each once. */
const argsOfPods = async (): Promise<unknown> => {
  const fields = '{range .items[*]}{.spec.containers[0].args}{"\\n"}{end}';
  const lines = await stage.kubectl(['get', 'pods', '-n', operatorNamespace, '-o', `jsonpath=${fields}`]);
  return [...new Set(lines.trim().split('\n'))];
};
const readyPods = () => stage.kubelet.pods().filter(({ ready }) => ready);

/** That the object is the same, is looked after by whoever leads now, and that nothing moved in Azure for it. */
const survives = async (request: string): Promise<void> => {
  await stage.leader();
  await stage.kubectl(['annotate', 'mn', 'prod', '-n', team, '--overwrite', `aks-notifier.dev/reconcile-requested-at=${request}`]);
  const object = await stage.waitForStatus(
    team,
    'prod',
    `the echo of ${request}`,
    ({ status }) => status?.lastHandledReconcileAt === request,
  );
  expect(isReady(object)).toBe(true);
  expect(object.metadata.uid).toBe(uid);
  const calls = stage.emulator.journal.calls({ kind: 'arm' });
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter(({ method }) => method !== 'GET')).toEqual([]);
};

it('helm install --wait ends when both pods are ready, where only restricted ones may run', async () => {
  await stage.install(['networkPolicy.enabled=true', 'metrics.grafanaDashboard.enabled=true']);
  expect(await rolledOut()).toContain('successfully rolled out');
  expect(readyPods()).toHaveLength(2);
  await stage.kubectl(['apply', '-f', '-'], minimal(team));
  const object = await stage.waitForStatus(team, 'prod', 'Ready', isReady);
  ({ uid } = object.metadata);
  expect(uid).toBeDefined();
  stage.emulator.journal.clear();
});

it('helm upgrade --wait replaces both, with what the new values say', async () => {
  await upgrade('--set', 'logLevel=debug', '--set', 'metrics.port=9090', '--set', 'healthPort=9091', '--set', 'hostUsers=false');
  expect(await rolledOut()).toContain('successfully rolled out');
  await waitFor('two pods', () => stage.kubelet.pods().length === 2);
  for (const pod of readyPods()) {
    expect(await (await fetch(`http://${pod.ip}:9091/healthz`)).text()).toContain('ok');
    expect(await (await fetch(`http://${pod.ip}:9090/metrics`)).text()).toContain('aks_notifier_build_info');
    expect(pod.logs()).toContain('"msg":"starting"');
  }
  expect(await argsOfPods()).toEqual([expect.stringContaining('--log-level=debug')]);
  await survives('upgraded');
});

it('an upgrade that can not work leaves the old pods at work', async () => {
  await expect(upgrade('--set', 'logLevel=loud')).rejects.toThrow("at '/logLevel': value must be one of");
  await expect(
    helm('upgrade', 'aks-notifier', chart, '--reuse-values', '--wait', '--timeout', '6s', '--set', 'extraArgs={--no-such-flag}'),
  ).rejects.toThrow(/timeout|deadline|not ready/i);
  expect(stage.kubelet.pods().some((pod) => pod.logs().includes('--no-such-flag is not a flag of aks-notifier'))).toBe(true);
  await survives('not upgraded');
});

it('helm rollback --wait brings the first release back', async () => {
  await helm('rollback', 'aks-notifier', '1', '--wait', '--timeout', '60s');
  expect(await rolledOut()).toContain('successfully rolled out');
  await waitFor('two pods', () => stage.kubelet.pods().length === 2);
  expect(await argsOfPods()).toEqual([expect.stringContaining('--log-level=info')]);
  await survives('rolled back');
});

it('helm uninstall leaves the objects and all that stands in Azure, and the next install takes them up', async () => {
  const before = stage.emulator.resources();
  await helm('uninstall', 'aks-notifier', '--wait', '--timeout', '60s');
  await waitFor('the end of the pods', () => stage.kubelet.pods().length === 0);
  const left = await stage.kubectl(['get', 'all,sa,role,rolebinding,pdb,netpol,cm', '-n', operatorNamespace, '-o', 'name']);
  // The trust in the emulator is the test's own.
  expect(left.trim()).toBe('configmap/emulator-ca');
  const object = await stage.notification(team, 'prod');
  expect(object).toMatchObject({ metadata: { uid, finalizers: ['aks-notifier.dev/azure-cleanup'] } });
  expect(stage.emulator.resources()).toEqual(before);

  await stage.install();
  await survives('installed again');
  await stage.kubectl(['delete', 'mn', 'prod', '-n', team, '--timeout=60s']);
  expect(stage.emulator.resources().alertRules).toEqual([]);
});
