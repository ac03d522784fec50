import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provideTools } from '../../tools/provide.ts';
import { commandPages, commandsOf } from '../support/commands.ts';
import { repository } from '../support/markdown.ts';
import { removeDirectory, run, temporaryDirectory } from '../support/process.ts';
import { clientId, isReady, minimal, operatorNamespace, startStage, tenantId, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

/** Where pages presuppose an object `prod` of the minimal kind; those of Flux and Argo CD have a namespace of their own. */
const namespaces = ['platform', 'maintenance-notifications'];

/** Pages that begin on a cluster without the operator, in this order; then those that leave one without it come last. */
const first = ['charts/aks-notifier/README.md', 'README.md', 'docs/install.md'];
const last = ['docs/moving.md', 'docs/upgrade.md'];

const turn = (path: string): number => (first.includes(path) ? first.indexOf(path) - first.length : last.indexOf(path) + 1);

// Runbooks have a test of their own: test/cluster/monitoring.test.ts.
const pages = commandPages()
  .filter(({ path }) => !path.startsWith('docs/runbooks/'))
  .map((page) => ({ path: page.path, commands: commandsOf(page, clientId, tenantId) }))
  .filter(({ commands }) => commands.length > 0)
  .toSorted((one, other) => turn(one.path) - turn(other.path));

let stage: Stage;
let home = '';

/** A folder like a clone, and kubectl and helm as somebody has them whose cluster this is. */
beforeAll(async () => {
  stage = await startStage();
  home = temporaryDirectory('docs');
  const { kubectl, helm } = await provideTools();
  const values = (await stage.prepare()).map((each) => `'${each}'`).join(' ');
  const clone = join(home, 'clone');
  await Promise.all([mkdir(clone), mkdir(join(home, 'bin'))]);
  for (const each of ['charts', 'examples', 'deploy']) await symlink(join(repository, each), join(clone, each));
  const program = async (name: string, script: string): Promise<void> => {
    await writeFile(join(home, 'bin', name), `#!/bin/sh\n${script}\n`);
    await chmod(join(home, 'bin', name), 0o755);
  };
  await program('kubectl', `exec '${kubectl}' "$@"`);
  // Azure is where the emulator is. A leader whose rights are uninstalled can't give its lease back: the next one would have to wait, as it has not on
  // the other cluster that a page means, or a minute later.
  const lease = `'${kubectl}' delete lease --all -n ${operatorNamespace}`;
  await program(
    'helm',
    `case $1 in install|upgrade) set -- "$@" ${values} ;; esac\n'${helm}' "$@" || exit\n[ "$1" != uninstall ] || ${lease} >&2`,
  );
});

afterAll(async () => {
  await stage?.stop();
  if (home !== '') await removeDirectory(home);
});

const type = async (script: string): Promise<string> => {
  const { environment } = stage.controlPlane;
  // An editor that is closed at once.
  const env = { ...environment, PATH: `${join(home, 'bin')}:${environment['PATH']}`, KUBE_EDITOR: 'true' };
  const { code, stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', `cd '${home}/clone'\n${script}`], { env });
  if (code !== 0) throw new Error(`ended with ${code}:\n${script}\n${stdout}${stderr}`);
  return stdout;
};

const exists = async (path: string): Promise<boolean> => (await stage.controlPlane.request('GET', path)).status === 200;
const deployment = `/apis/apps/v1/namespaces/${operatorNamespace}/deployments/aks-notifier`;
const isInstalled = (): Promise<boolean> => exists(deployment);

/** Nobody ends a namespace's deletion here, so it is done by hand. */
const removeNamespace = async (name: string): Promise<void> => {
  const path = `/api/v1/namespaces/${name}`;
  if (!(await exists(path))) return;
  await stage.controlPlane.request('DELETE', path);
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } };
  await stage.controlPlane.request('PUT', `${path}/finalize`, { body });
};

/** A cluster on which the operator never was. */
const clean = async (): Promise<void> => {
  if (await isInstalled()) {
    await stage.kubectl(['delete', 'mn', '--all', '-A', '--timeout=60s']);
    await type(`helm uninstall aks-notifier --namespace ${operatorNamespace}`);
    await waitFor('the end of the pods', () => stage.kubelet.pods().length === 0);
  }
  for (const namespace of [...namespaces, operatorNamespace]) await removeNamespace(namespace);
  await stage.prepare();
};

/** The operator at work, and the objects as they were made, whatever an earlier page did to them. */
const installed = async (): Promise<void> => {
  if (await isInstalled()) {
    await stage.controlPlane.request('PATCH', `${deployment}/scale`, { body: { spec: { replicas: 2 } } });
    await stage.leader();
  } else await stage.install();
  for (const namespace of namespaces) {
    await stage.controlPlane.request('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    });
    const object = await stage.notification(namespace, 'prod');
    if (object && Object.keys(object.spec).length === 2) continue;
    if (object) await stage.kubectl(['delete', 'mn', 'prod', '-n', namespace, '--timeout=60s']);
    await stage.kubectl(['apply', '-f', '-'], minimal(namespace));
    await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
  }
};

type Azure = ReturnType<Stage['emulator']['resources']>;

/** What a page promises to leave in Azure, by what stood there before it. */
const promised: Readonly<Record<string, (before: Azure) => Partial<Azure>>> = {
  'docs/moving.md': (before) => before,
  'docs/upgrade.md': () => ({ actionGroups: [], alertRules: [] }),
};

describe('what a new user types', () => {
  it('is found in the pages', () => {
    expect(pages.map(({ path }) => path)).toEqual(expect.arrayContaining([...first, ...last, 'docs/troubleshooting.md']));
    expect(pages.flatMap(({ commands }) => commands).length).toBeGreaterThan(45);
  });

  it.each(pages)('$path', async ({ path, commands }) => {
    await (first.includes(path) ? clean() : installed());
    const before = stage.emulator.resources();
    for (const { at, script, shown } of commands) {
      const output = await type(script).catch((error: unknown) => {
        throw new Error(`${at} ${error instanceof Error ? error.message : String(error)}`);
      });
      expect({ at, output }).toEqual({ at, output: expect.stringMatching(shown) });
    }
    expect(stage.emulator.resources()).toMatchObject(promised[path]?.(before) ?? {});
  });
});

describe('examples/', () => {
  const names = ['prod', 'prod-complete', 'prod-receivers'];

  beforeAll(async () => {
    await clean();
    await type('kubectl create namespace platform');
    const keys = ['chat', 'to-teams', 'calendar', 'scale-out'].map((key) => `--from-literal=${key}=https://hooks.contoso.com/${key}`);
    await type(`kubectl create secret generic hooks -n platform ${keys.join(' ')}`);
    await stage.makeActionGroup('shop', 'night-shift');
    await stage.install(['receiverSecrets.namespaces={platform}']);
  });

  it('are accepted, applied and come true, all of them at once', async () => {
    await type('kubectl apply -n platform -f examples/ --dry-run=server');
    await type('kubectl apply -n platform -f examples/');
    const output = await type('kubectl wait -n platform mn --all --for=condition=Ready --timeout=60s');
    expect(output.trim().split('\n').toSorted()).toEqual(
      names.map((name) => `maintenancenotification.aks-notifier.dev/${name} condition met`),
    );
    // Nothing in them is of a kind that the API server fills in, so a second look finds nothing to change.
    expect(await type('kubectl apply -n platform -f examples/')).not.toMatch(/configured|created/);
    await type('kubectl diff -n platform -f examples/');
  });

  it('show what a person wants to know in kubectl get', async () => {
    const columns = (text: string): readonly string[] =>
      text
        .split('\n')[0]!
        .trim()
        .split(/\s{2,}/);
    expect(columns(await type('kubectl get mn -n platform'))).toEqual(['NAME', 'READY', 'REASON', 'CLUSTER', 'SUSPENDED', 'AGE']);
    const wide = await type('kubectl get mn -n platform -o wide');
    expect(columns(wide).slice(6)).toEqual(['MESSAGE', 'ALERT RULE', 'LAST CHANGE']);
    for (const name of names)
      expect(wide).toMatch(new RegExp(`^${name} +True +Succeeded +prod .*/scheduledQueryRules/aks-notifier-prod-`, 'm'));
    expect((await type('kubectl get azure -n platform -o name')).trim().split('\n')).toHaveLength(names.length);
  });

  it('use fields that kubectl explain describes', async () => {
    const { properties } = JSON.parse(
      await type(
        'kubectl get crd maintenancenotifications.aks-notifier.dev -o jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec}',
      ),
    ) as {
      readonly properties: Readonly<Record<string, { readonly description: string }>>;
    };
    const fields = Object.entries(properties);
    expect(fields.length).toBeGreaterThan(12);
    const output = await type(fields.map(([field]) => `kubectl explain mn.spec.${field}`).join('\n'));
    const plain = output.replaceAll(/\s+/g, ' ');
    for (const [, { description }] of fields) expect(plain).toContain(description);
  });
});
