/**
 * The examples for Flux and Argo CD on the real API server, with their CRDs, and by their own code for applying and comparing objects:
 * what we write is never a difference for them.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { provideCrds } from '../../tools/crds.ts';
import { provideTool } from '../../tools/provide.ts';
import { argocdConfigPath, askArgo } from '../support/argocd.ts';
import { expressions } from '../support/flux.ts';
import { type Result, run } from '../support/process.ts';
import { isReady, minimal, minimalObject, operatorNamespace, startStage, type Stage } from '../support/stage.ts';

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples');
const resource = (namespace: string): string => `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications/prod`;

let stage: Stage;
let flux: (args: readonly string[], input: string) => Promise<Result>;
let argo: (args: readonly string[], object: object) => Promise<Result>;

beforeAll(async () => {
  const [fluxParts, argocdParts, crds] = [await provideTool('flux-parts'), await provideTool('argocd-parts'), await provideCrds()];
  stage = await startStage();
  // A home of their own, for what kubectl's code in Argo CD keeps.
  const env = { KUBECONFIG: stage.controlPlane.adminKubeconfig, HOME: stage.controlPlane.directory, PATH: process.env['PATH'] ?? '' };
  flux = async (args, input) => run(fluxParts, args, { env, input });
  argo = async (args, object) => run(argocdParts, args, { env, input: JSON.stringify(object) });
  await stage.kubectl(['apply', '--server-side', '-f', crds]);
  await stage.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  for (const name of ['flux-system', 'argocd', operatorNamespace]) await stage.kubectl(['create', 'namespace', name]);
});

afterAll(async () => {
  await stage?.stop();
});

const dryRun = async (args: readonly string[], input?: string): Promise<Result> =>
  stage.controlPlane.kubectl(['apply', '--server-side', '--dry-run=server', ...args], input);

const filesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(join(examples, folder))).filter((name) => name.endsWith('.yaml')).toSorted();

/** What is read here of the specs of HelmReleases, Kustomizations and Applications. */
interface Spec {
  readonly path?: string;
  readonly values?: unknown;
  readonly source?: { readonly path?: string; readonly helm?: { readonly valuesObject: unknown } };
}

describe('the examples', () => {
  it.each(['flux', 'argocd'])('for %s are what its CRDs allow', async (folder) => {
    const files = await filesIn(folder);
    expect(files).toHaveLength(3);
    for (const file of files) expect(await dryRun(['-f', join(examples, folder, file)])).toMatchObject({ code: 0, stderr: '' });
  });

  it('for Flux bring chart and release as its CRDs allow', async () => {
    expect(await dryRun(['-k', join(examples, 'flux/operator')])).toMatchObject({ code: 0, stderr: '' });
  });

  it('point at folders that are there', async () => {
    const path = async (file: string): Promise<unknown> => {
      const { spec } = parse(await readFile(join(examples, file), 'utf8')) as { spec: Spec };
      return join(root, spec.path ?? spec.source?.path ?? '');
    };
    expect([await path('flux/operator.yaml'), await path('flux/notifications.yaml'), await path('argocd/notifications.yaml')]).toEqual([
      join(examples, 'flux/operator'),
      join(examples, 'flux/notifications'),
      join(examples, 'argocd/notifications'),
    ]);
  });

  it('add to the settings of Argo CD, and take nothing from them', async () => {
    await stage.kubectl(['create', 'configmap', 'argocd-cm', '-n', 'argocd', '--from-literal=url=https://argocd.contoso.com']);
    await stage.kubectl(['patch', 'configmap', 'argocd-cm', '-n', 'argocd', '--patch-file', argocdConfigPath]);
    const { data } = JSON.parse(await stage.kubectl(['get', 'configmap', 'argocd-cm', '-n', 'argocd', '-o', 'json'])) as { data: object };
    expect(Object.keys(data).toSorted()).toEqual([
      'resource.customizations.actions.aks-notifier.dev_MaintenanceNotification',
      'resource.customizations.health.aks-notifier.dev_MaintenanceNotification',
      'url',
    ]);
  });

  it('have the same objects for both', async () => {
    expect(await filesIn('argocd/notifications')).toEqual(['namespace.yaml', 'prod.yaml']);
    for (const file of await filesIn('argocd/notifications'))
      expect(await readFile(join(examples, 'argocd/notifications', file), 'utf8')).toBe(
        await readFile(join(examples, 'flux/notifications', file), 'utf8'),
      );
  });

  it('give the chart values that it takes', async () => {
    const valuesOf = async (file: string, pick: (spec: Spec) => unknown): Promise<string> =>
      stringify(pick((parse(await readFile(join(examples, file), 'utf8')) as { spec: Spec }).spec));
    const values = await valuesOf('flux/operator/release.yaml', (spec) => spec.values);
    expect(await valuesOf('argocd/operator.yaml', (spec) => spec.source?.helm?.valuesObject)).toBe(values);

    const file = join(stage.controlPlane.directory, 'values.yaml');
    await writeFile(file, values);
    const args = ['template', 'aks-notifier', join(root, 'charts/aks-notifier'), '-n', operatorNamespace, '-f', file];
    const { code, stdout, stderr } = await stage.controlPlane.helm(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('--installation-id=prod-westeurope');
  });
});

const entry = (namespace: string): string => `MaintenanceNotification/${namespace}/prod`;
const diff = async (namespace: string): Promise<unknown> => {
  const { stdout, stderr } = await argo(['diff', argocdConfigPath], minimalObject(namespace, 'prod'));
  return stdout === '' ? stderr : JSON.parse(stdout);
};
const synced = { clientSide: 'Synced', structuredMerge: 'Synced', serverSide: 'Synced' };
const live = async (namespace: string): Promise<object> => (await stage.controlPlane.request<object>('GET', resource(namespace))).body;

describe('an object in Git', () => {
  const namespaces = { flux: '', clientSide: '', serverSide: '' };

  it('waits for the CRD', async () => {
    for (const name of ['flux', 'clientSide', 'serverSide'] as const) namespaces[name] = await stage.controlPlane.createNamespace('team');
    const { code, stderr } = await flux(['apply'], minimal(namespaces.flux));
    expect(code).toBe(1);
    expect(stderr).toContain('no matches for kind "MaintenanceNotification"');
  });

  it('is no difference before the operator runs', async () => {
    await stage.kubectl(['apply', '-f', join(root, 'crds')]);
    await stage.kubectl(['wait', '--for=condition=Established', 'crd/maintenancenotifications.aks-notifier.dev']);
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} created\n`);
    expect(await argo(['sync'], minimalObject(namespaces.clientSide, 'prod'))).toMatchObject({ code: 0 });
    expect(await argo(['sync', '--server-side'], minimalObject(namespaces.serverSide, 'prod'))).toMatchObject({ code: 0 });
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} unchanged\n`);
    for (const each of [namespaces.clientSide, namespaces.serverSide]) expect(await diff(each)).toEqual(synced);
  });

  it('nor when the operator has written finalizer and status', async () => {
    await stage.install(['crds.enabled=false']);
    for (const each of Object.values(namespaces)) await stage.waitForStatus(each, 'prod', 'Ready', isReady);
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} unchanged\n`);
    for (const each of [namespaces.clientSide, namespaces.serverSide]) expect(await diff(each)).toEqual(synced);
  });

  it('nor when somebody suspends it, or asks for a run; but Flux takes back what was done with kubectl under its own name', async () => {
    const act = async (namespace: string, ...as: readonly string[]): Promise<void> => {
      await stage.kubectl(['annotate', 'mn', 'prod', '-n', namespace, '--overwrite', 'aks-notifier.dev/reconcile-requested-at=now', ...as]);
      await stage.kubectl(['patch', 'mn', 'prod', '-n', namespace, '--type=merge', '-p', '{"spec":{"suspend":true}}', ...as]);
      await stage.waitForStatus(
        namespace,
        'prod',
        'suspended',
        ({ metadata, status }) => status?.observedGeneration === metadata.generation,
      );
    };
    for (const each of Object.values(namespaces)) await act(each);
    for (const each of [namespaces.clientSide, namespaces.serverSide]) expect(await diff(each)).toEqual(synced);
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} configured\n`);
    expect(await live(namespaces.flux)).not.toHaveProperty('spec.suspend');

    await act(namespaces.flux, '--field-manager=flux-client-side-apply');
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} unchanged\n`);
    expect(await live(namespaces.flux)).toHaveProperty('spec.suspend', true);
  });

  it('is one when somebody changes what Git says', async () => {
    const change = JSON.stringify({ spec: { receivers: { email: [{ address: 'somebody@contoso.com' }] } } });
    for (const each of Object.values(namespaces)) await stage.kubectl(['patch', 'mn', 'prod', '-n', each, '--type=merge', '-p', change]);
    const outOfSync = { clientSide: 'OutOfSync', structuredMerge: 'OutOfSync', serverSide: 'OutOfSync' };
    for (const each of [namespaces.clientSide, namespaces.serverSide]) expect(await diff(each)).toEqual(outOfSync);
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} configured\n`);
    expect((await flux(['apply'], minimal(namespaces.flux))).stdout).toBe(`${entry(namespaces.flux)} unchanged\n`);
  });
});

describe('a Kustomization that waits', () => {
  const made = (): readonly string[] => {
    const { actionGroups, alertRules, roleAssignments } = stage.emulator.resources();
    return [...actionGroups, ...alertRules, ...roleAssignments]
      .map((each) => JSON.stringify(each))
      .filter((text) => text.includes('/maintenance-notifications/prod"'));
  };

  it('is ready with the objects of the example, and its deletion ends when nothing of them is left in Azure', async () => {
    const manifests = await stage.kubectl(['kustomize', join(examples, 'flux/notifications')]);
    expect(await flux(['apply'], manifests)).toEqual({
      code: 0,
      stdout: `Namespace/maintenance-notifications created\n${entry('maintenance-notifications')} created\n`,
      stderr: '',
    });
    expect(await flux(['wait', await expressions(), '60s'], manifests)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(made()).toHaveLength(4);

    // Without the namespace: nobody ends the deletion of one here.
    const object = manifests.split('---\n').find((each) => each.includes('kind: MaintenanceNotification')) ?? '';
    expect(await flux(['prune', '60s'], object)).toEqual({
      code: 0,
      stdout: `${entry('maintenance-notifications')} deleted\n`,
      stderr: '',
    });
    expect(made()).toEqual([]);
  });

  it('fails at once when a person must act, and says of which object', async () => {
    const namespace = await stage.controlPlane.createNamespace('team');
    const contradictory = `${minimal(namespace)}  tags: { a: '1', A: '2' }\n`;
    await flux(['apply'], contradictory);
    const { code, stderr } = await flux(['wait', await expressions(), '10m'], contradictory);
    expect(code).toBe(1);
    expect(stderr).toContain('failed early due to stalled resources');
    expect(stderr).toContain(entry(namespace));
  });
});

describe('a HelmRelease', () => {
  it('finds no drift in what the operator and the cluster have made of its release', async () => {
    const { stdout } = await stage.controlPlane.helm(['get', 'manifest', 'aks-notifier', '-n', operatorNamespace]);
    expect(parseAllDocuments(stdout).length).toBeGreaterThan(4);
    expect(await flux(['drift', operatorNamespace, 'aks-notifier'], stdout)).toEqual({ code: 0, stdout: '', stderr: '' });
    await stage.kubectl(['scale', 'deployment/aks-notifier', '-n', operatorNamespace, '--replicas=1']);
    expect((await flux(['drift', operatorNamespace, 'aks-notifier'], stdout)).stdout).toMatch(
      /^update Deployment aks-notifier: .*replicas/,
    );
  });
});

describe('the actions for Argo CD', () => {
  it('do to a live object what they promise, and make no difference', async () => {
    const namespace = await stage.controlPlane.createNamespace('team');
    await argo(['sync', '--server-side'], minimalObject(namespace, 'prod'));
    await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
    const act = async (action: string): Promise<void> => {
      const [answer] = await askArgo([{ object: await live(namespace), action }]);
      const { status } = await stage.controlPlane.request('PUT', resource(namespace), { body: answer?.result });
      expect(status).toBe(200);
      expect(await diff(namespace)).toEqual(synced);
    };
    const health = async (): Promise<unknown> => (await askArgo([{ object: await live(namespace) }]))[0]?.health.status;
    expect(await health()).toBe('Healthy');

    await act('reconcile');
    await stage.waitForStatus(namespace, 'prod', 'the run that was asked for', ({ status }) =>
      String(status?.lastHandledReconcileAt).startsWith('By Argo CD at: '),
    );
    await act('suspend');
    expect(await health()).toBe('Suspended');
    await act('resume');
    await stage.waitForStatus(namespace, 'prod', 'Ready again', isReady);
    expect(await health()).toBe('Healthy');
    expect(JSON.stringify(await live(namespace))).not.toContain('"suspend":');
  });
});
