/** How the operator starts when something it needs is not there yet, and what it does when it may see only a part of the objects. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { provideTool } from '../../tools/provide.ts';
import { type OperatorProcess, type OperatorProcessOptions, prepareOperatorProcesses } from '../support/operator-process.ts';
import { run } from '../support/process.ts';
import { clientId, isReady, minimalObject, operatorNamespace, operatorUser, type Stage, startStage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

const crdName = 'maintenancenotifications.aks-notifier.dev';
const crdFile = fileURLToPath(new URL('../../crds/aks-notifier.dev_maintenancenotifications.yaml', import.meta.url));
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const clusterRole = `${rbac}/clusterroles/${operatorNamespace}:aks-notifier`;
const electionRole = `${rbac}/namespaces/${operatorNamespace}/roles/aks-notifier-leader-election`;

let stage: Stage;
let start: (options: OperatorProcessOptions) => Promise<OperatorProcess>;
const processes: OperatorProcess[] = [];

beforeAll(async () => {
  stage = await startStage();
  const startProcess = await prepareOperatorProcesses(stage);
  start = async (options) => {
    const operator = await startProcess(options);
    processes.push(operator);
    return operator;
  };
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map(async (operator) => operator.stop()));
});

afterAll(async () => {
  await stage?.stop();
});

type Page = { readonly status: number; readonly text: string };

const read = async (operator: OperatorProcess, path: '/readyz' | '/healthz' | '/metrics'): Promise<Page> => {
  const addresses = operator.log().find(({ listening }) => listening !== undefined)?.listening ?? [];
  const answer = await fetch(`http://${addresses[path === '/metrics' ? 1 : 0]}${path}`);
  return { status: answer.status, text: await answer.text() };
};

/** Waits until the operator says this, and is alive all the same. */
const waitsFor = async (operator: OperatorProcess, sentence: RegExp): Promise<void> => {
  const { text } = await waitFor(`${operator.name} to say ${sentence}`, async () => {
    const page = await read(operator, '/readyz');
    if (!sentence.test(page.text)) throw new Error(`it says ${page.status} ${page.text}`);
    return page.status === 503 && page;
  });
  expect(text.trim().split('\n')).toHaveLength(1);
  expect((await read(operator, '/healthz')).status).toBe(200);
};

/** The same process as ever, without help. */
const becomesReady = async (operator: OperatorProcess): Promise<void> => {
  await waitFor(`${operator.name} to be ready`, async () => (await read(operator, '/readyz')).status === 200, 60_000);
  expect(operator.isRunning()).toBe(true);
  expect(operator.log().filter(({ msg }) => msg === 'starting')).toHaveLength(1);
  expect(operator.log().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
};

const endsWell = { code: 0, signal: null };

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const canI = async (...what: string[]): Promise<string> =>
  (await stage.controlPlane.kubectl(['auth', 'can-i', ...what, '--as', operatorUser])).stdout.trim();

/** Changes the rules of a role, waits until that counts, and gives back how to undo it. */
const changeRules = (path: string, change: (rules: readonly Rule[]) => readonly Rule[], gone: readonly string[]) => async () => {
  const { rules } = (await stage.controlPlane.request<{ readonly rules: readonly Rule[] }>('GET', path)).body;
  const put = async (wanted: readonly Rule[]): Promise<void> => {
    expect((await stage.controlPlane.request('PATCH', path, { body: { rules: wanted } })).status).toBe(200);
  };
  await put(change(rules));
  await waitFor(`refusal of ${gone.join(' ')}`, async () => (await canI(...gone)) === 'no');
  return async () => put(rules);
};

const takeCrd = async () => {
  await stage.kubectl(['delete', 'crd', crdName, '--timeout=30s']);
  return async () => {
    await stage.kubectl(['apply', '--server-side', '-f', crdFile]);
  };
};

describe('what is missing at the start', () => {
  it.each<[string, () => Promise<() => Promise<void>>, RegExp]>([
    ['the CRD', takeCrd, new RegExp(`the CRD ${crdName} is not installed: install the chart with crds.enabled, or apply`)],
    [
      'the right to list our kind',
      changeRules(clusterRole, (rules) => rules.map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'list') })), [
        'list',
        crdName,
        '--all-namespaces',
      ]),
      new RegExp(`grant the ServiceAccount \`list\` on ${crdName}`),
    ],
    [
      'the right to see kube-system',
      changeRules(clusterRole, (rules) => rules.filter(({ resources }) => !resources.includes('namespaces')), [
        'get',
        'namespaces/kube-system',
      ]),
      /grant the ServiceAccount `get` on the namespace kube-system, or set --installation-id/,
    ],
    [
      'the right to the lease',
      changeRules(electionRole, () => [], ['get', 'leases.coordination.k8s.io/aks-notifier', '-n', operatorNamespace]),
      /grant the ServiceAccount `get`, `patch` and `create` on leases\.coordination\.k8s\.io in the operator's own namespace/,
    ],
  ])('%s: said in one sentence, waited for, and a stop ends the wait', async (_, take, sentence) => {
    const giveBack = await take();
    try {
      const [patient, stopped] = await Promise.all([start({ name: 'patient' }), start({ name: 'stopped' })]);
      await Promise.all([waitsFor(patient, sentence), waitsFor(stopped, sentence)]);
      expect(await stopped.stop()).toEqual(endsWell);
      await giveBack();
      await becomesReady(patient);
      expect(await patient.stop()).toEqual(endsWell);
    } finally {
      await giveBack();
    }
  });

  it('the API server: the same', async () => {
    let patient: readonly OperatorProcess[] = [];
    await stage.controlPlane.restart('kube-apiserver', async () => {
      const all = await Promise.all([
        start({ name: 'patient' }),
        start({ name: 'stopped' }),
        // These needn't ask for the UID, so they wait for the lease.
        start({ name: 'patient-with-id', args: ['--installation-id=blue'] }),
        start({ name: 'stopped-with-id', args: ['--installation-id=blue'] }),
      ]);
      await Promise.all(all.map(async (operator) => waitsFor(operator, /waiting for the API server/)));
      for (const operator of all.filter(({ name }) => name.startsWith('stopped'))) expect(await operator.stop()).toEqual(endsWell);
      patient = all.filter(({ name }) => name.startsWith('patient'));
    });
    await Promise.all(patient.map(becomesReady));
    expect(await Promise.all(patient.map(async (operator) => operator.stop()))).toEqual([endsWell, endsWell]);
  });
});

const create = async (namespace: string, name: string, labels: Readonly<Record<string, string>> = {}) => {
  const object = minimalObject(namespace, name) as { readonly metadata: object };
  const path = `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications`;
  const body = { ...object, metadata: { ...object.metadata, labels } };
  const answer = await stage.controlPlane.request<{ readonly metadata: { readonly resourceVersion: string } }>('POST', path, { body });
  expect(answer.status).toBe(201);
  return answer.body;
};

const remove = async (namespace: string, name: string): Promise<void> => {
  await stage.kubectl(['delete', 'mn', name, '-n', namespace, '--timeout=30s']);
};

const armWrites = () => stage.emulator.journal.calls({ kind: 'arm' }).filter(({ method }) => method !== 'GET');

describe('the metrics of a leader at work', () => {
  it('are clean by the rules of promtool, know the object, and forget it when it is gone', async () => {
    const promlint = await provideTool('promlint');
    const operator = await start({ name: 'scraped' });
    await becomesReady(operator);
    const namespace = await stage.controlPlane.createNamespace('team');
    await create(namespace, 'prod');
    await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);

    const { text } = await waitFor('the scrape after the run', async () => {
      const page = await read(operator, '/metrics');
      const ready = `aks_notifier_condition{namespace="${namespace}",name="prod",type="Ready",status="True"} 1`;
      return page.text.includes(ready) && page.text.includes('leader_election_master_status{name="aks-notifier"} 1') && page;
    });
    expect(await run(promlint, [], { env: {}, input: text })).toEqual({ code: 0, stdout: '', stderr: '' });

    await remove(namespace, 'prod');
    const after = await waitFor('a scrape without the object', async () => {
      const page = await read(operator, '/metrics');
      return !page.text.includes(namespace) && page;
    });
    expect(await run(promlint, [], { env: {}, input: after.text })).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

/** Ends what is installed, but for the CRD, and lets pods start again. */
const uninstall = async (...releases: string[]): Promise<void> => {
  await stage.kubelet.pause('gracefully');
  for (const release of releases) {
    const { code, stderr } = await stage.controlPlane.helm(['uninstall', release, '--namespace', operatorNamespace]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
  stage.kubelet.resume();
};

const refusals = async (user: string, since: number) =>
  (await stage.controlPlane.auditEvents({ user, since })).filter(({ status }) => status === 403);

describe('--watch-namespaces', () => {
  it('works on the objects of these namespaces, needs no more rights than for them, and leaves the others alone', async () => {
    await uninstall('aks-notifier');
    const since = Date.now();
    const [a, b, c] = [
      await stage.controlPlane.createNamespace('a'),
      await stage.controlPlane.createNamespace('b'),
      await stage.controlPlane.createNamespace('c'),
    ];
    const untouched = await create(c, 'prod');
    stage.emulator.journal.clear();
    await stage.install(['crds.enabled=false', `watchNamespaces={${a},${b}}`]);
    await create(a, 'prod');
    await create(b, 'prod');
    await stage.waitForStatus(a, 'prod', 'Ready', isReady);
    await stage.waitForStatus(b, 'prod', 'Ready', isReady);
    await remove(a, 'prod');
    await remove(b, 'prod');

    expect((await stage.notification(c, 'prod'))?.metadata.resourceVersion).toBe(untouched.metadata.resourceVersion);
    const calls = JSON.stringify(stage.emulator.journal.calls());
    expect(calls).toContain(`${a}/prod`);
    expect(calls).not.toContain(`${c}/prod`);

    const { body } = await stage.controlPlane.request<{ readonly rules: readonly Rule[] }>('GET', clusterRole);
    expect(body.rules).toMatchObject([{ resources: ['namespaces'], verbs: ['get'] }]);
    expect(await canI('list', crdName, '--all-namespaces')).toBe('no');
    expect([await canI('list', crdName, '-n', a), await canI('list', crdName, '-n', b), await canI('list', crdName, '-n', c)]).toEqual([
      'yes',
      'yes',
      'no',
    ]);
    await uninstall('aks-notifier');
    // A watch stands in the log once it has ended, so these are all.
    const events = await stage.controlPlane.auditEvents({ user: operatorUser, verbs: ['list', 'watch'], since });
    expect(new Set(events.map(({ namespace }) => namespace))).toEqual(new Set([a, b]));
    expect(await refusals(operatorUser, since)).toEqual([]);
    await remove(c, 'prod');
  });
});

describe('--watch-label-selector', () => {
  it('lets two releases share the objects, each with a leader of its own, and an object move from one to the other', async () => {
    const other = `system:serviceaccount:${operatorNamespace}:blue-aks-notifier`;
    const { emulator, controlPlane } = stage;
    emulator.world.setFederatedCredentials(
      clientId,
      [operatorUser, other].map((subject) => ({ issuer: controlPlane.issuer, subject, audience: 'api://AzureADTokenExchange' })),
    );
    const leaseOf = (selector: string): string => `aks-notifier-${createHash('sha256').update(selector).digest('hex').slice(0, 10)}`;
    const settings = ['crds.enabled=false', 'replicaCount=1'];
    const since = Date.now();
    const namespace = await controlPlane.createNamespace('team');
    await stage.install([...settings, 'watchLabelSelector=shard=a'], { name: 'aks-notifier', lease: leaseOf('shard=a') });
    await stage.install([...settings, 'watchLabelSelector=shard=b'], { name: 'blue', lease: leaseOf('shard=b') });
    const leaders = [await stage.leader(undefined, leaseOf('shard=a')), await stage.leader(undefined, leaseOf('shard=b'))];
    expect(leaders.map(({ labels }) => labels['app.kubernetes.io/instance'])).toEqual(['aks-notifier', 'blue']);

    await create(namespace, 'left', { shard: 'a' });
    await create(namespace, 'right', { shard: 'b' });
    const nobodys = await create(namespace, 'none');
    await stage.waitForStatus(namespace, 'left', 'Ready', isReady);
    await stage.waitForStatus(namespace, 'right', 'Ready', isReady);
    const writers = async (name: string): Promise<readonly string[]> => {
      const events = await controlPlane.auditEvents({ verbs: ['patch'], since });
      const of = events.filter((event) => event.namespace === namespace && event.name === name && event.user.startsWith('system:'));
      return [...new Set(of.map(({ user }) => user))];
    };
    expect([await writers('left'), await writers('right'), await writers('none')]).toEqual([[operatorUser], [other], []]);

    emulator.journal.clear();
    await stage.kubectl(['label', 'mn', 'left', '-n', namespace, '--overwrite', 'shard=b']);
    // Whatever the former one might still do for the object, an answer to this comes from the one that has it now.
    await stage.kubectl(['annotate', 'mn', 'left', '-n', namespace, 'aks-notifier.dev/reconcile-requested-at=moved']);
    await stage.waitForStatus(namespace, 'left', 'the echo', ({ status }) => status?.lastHandledReconcileAt === 'moved');
    expect(armWrites()).toEqual([]);
    expect(await writers('left')).toEqual([operatorUser, other]);

    const moved = Date.now();
    await stage.kubectl(['patch', 'mn', 'left', '-n', namespace, '--type=merge', '-p', '{"spec":{"alertRule":{"severity":0}}}']);
    await stage.waitForStatus(namespace, 'left', 'Ready for the new spec', isReady);
    expect(armWrites().map(({ method, type }) => `${method} ${type}`)).toEqual(['PUT Microsoft.Insights/scheduledQueryRules']);
    const later = await controlPlane.auditEvents({ user: operatorUser, since: moved });
    expect(later.filter(({ resource }) => resource !== 'leases')).toEqual([]);

    await remove(namespace, 'left');
    await remove(namespace, 'right');
    expect((await stage.notification(namespace, 'none'))?.metadata.resourceVersion).toBe(nobodys.metadata.resourceVersion);
    expect([...(await refusals(operatorUser, since)), ...(await refusals(other, since))]).toEqual([]);
    expect(leaders.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });
});
