import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterId, isReady, operatorNamespace, operatorUser, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** One verb of one rule, and where the role is. */
interface Right {
  readonly path: string;
  readonly what: string;
  readonly rule: number;
  readonly verb: string;
}

let stage: Stage;
let team = '';
let runs = 0;

beforeAll(async () => {
  stage = await startStage();
  team = await stage.controlPlane.createNamespace('team');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hooks', namespace: team },
    stringData: { url: 'https://hooks.contoso.com/a/b' },
  };
  await stage.kubectl(['apply', '-f', '-'], JSON.stringify(secret));
  // One pod, so that it is the one that meets what is missing.
  await stage.install(['replicaCount=1', `receiverSecrets.namespaces={${team}}`]);
});
afterAll(async () => stage?.stop());

const manifest = (name: string): string => `
apiVersion: aks-notifier.dev/v1alpha1
kind: MaintenanceNotification
metadata: { name: ${name}, namespace: ${team} }
spec:
  clusterResourceId: ${clusterId('prod')}
  receivers:
    webhook: [{ name: chat, serviceUriFrom: { secretKeyRef: { name: hooks, key: url } } }]
`;

const roles = '/apis/rbac.authorization.k8s.io/v1';

/** Every verb of every rule that the operator's ServiceAccount has, from the API server. */
const allRights = async (): Promise<readonly Right[]> => {
  const ours = 'labelSelector=app.kubernetes.io/instance%3Daks-notifier';
  const found = await Promise.all(
    ['clusterroles', 'roles'].map(async (kind) => {
      const { body } = await stage.controlPlane.request<{
        readonly items: readonly {
          readonly metadata: { readonly name: string; readonly namespace?: string };
          readonly rules: readonly Rule[];
        }[];
      }>('GET', `${roles}/${kind}?${ours}`);
      return body.items
        .filter(({ metadata }) => !/-(view|edit)$/.test(metadata.name))
        .flatMap(({ metadata: { name, namespace }, rules }) =>
          rules.flatMap((rule, index) =>
            rule.verbs.map((verb) => ({
              path: `${roles}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${kind}/${name}`,
              what: `${verb} ${rule.resources.join(' ')}`,
              rule: index,
              verb,
            })),
          ),
        );
    }),
  );
  return found.flat();
};

/** Starts the operator, as after a rollout, with an object that it hasn't seen. */
const begin = async (): Promise<string> => {
  await stage.controlPlane.request('DELETE', `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/aks-notifier`);
  const name = `run-${(runs += 1)}`;
  await stage.kubectl(['apply', '-f', '-'], manifest(name));
  stage.kubelet.resume();
  return name;
};

const refused = async (since: number): Promise<readonly string[]> =>
  (await stage.controlPlane.auditEvents({ user: operatorUser, since }))
    .filter(({ status }) => status === 403)
    .map(({ verb, resource, subresource }) => `${verb} ${[resource, subresource].filter(Boolean).join('/')}`);

/** All that the operator says: at its probe, in its log, in the object. */
const said = async (name: string): Promise<string> => {
  const [pod] = stage.kubelet.pods();
  if (!pod) throw new Error('there is no pod');
  const page = await fetch(`http://${pod.ip}:8081/readyz`).then(
    (answer) => answer.text(),
    () => '',
  );
  const conditions = (await stage.notification(team, name))?.status?.conditions ?? [];
  return [page, pod.logs(), ...conditions.map(({ type, message }) => `${type}: ${message}`)].join('\n');
};

const rulesOf = async (path: string): Promise<readonly Rule[]> =>
  (await stage.controlPlane.request<{ readonly rules: readonly Rule[] }>('GET', path)).body.rules;
const writeRules = async (path: string, rules: readonly Rule[]): Promise<void> => {
  const { status } = await stage.controlPlane.request('PATCH', path, { body: { rules } });
  if (status !== 200) throw new Error(`the API server answered ${status} to the change of ${path}`);
};

const electing = 'could not look at the lease';

/** What a person sees when one right is taken away. */
const consequences: readonly (readonly [right: string, sees: RegExp])[] = [
  ['list maintenancenotifications', /cannot list .*: grant the ServiceAccount `list` on maintenancenotifications\.aks-notifier\.dev/],
  ['watch maintenancenotifications', /cannot watch .*: grant the ServiceAccount `watch` on .*"watch interrupted; going on by itself"/],
  ['patch maintenancenotifications', /addFinalizer.*"run failed unexpectedly"/],
  ['patch maintenancenotifications/status', /writeStatus.*"run failed unexpectedly"/],
  ['create events', /cannot create resource \\"events\\".*"dropped an event"/],
  ['get namespaces', /grant the ServiceAccount `get` on the namespace kube-system, or set --installation-id/],
  ['get leases', new RegExp(`cannot get resource .*leases.*: grant the ServiceAccount .*${electing}`)],
  ['patch leases', new RegExp(`cannot patch resource .*leases.*: grant the ServiceAccount .*${electing}`)],
  ['create leases', new RegExp(`cannot create resource .*leases.*: grant the ServiceAccount .*${electing}`)],
  ['get secrets', /Ready: The API server does not let aks-notifier read the Secret hooks in namespace team-.*receiverSecrets\.namespaces/],
];

describe("the operator's rights", () => {
  it('are these and no others', async () => {
    const rights = (await allRights()).map(({ what }) => what);
    expect(rights.toSorted()).toEqual(consequences.map(([what]) => what).toSorted());
  });

  it.each(consequences)('need: %s', async (what, sees) => {
    const right = (await allRights()).find((each) => each.what === what);
    if (!right) throw new Error(`no rule gives ${what}`);
    await stage.kubelet.pause('gracefully');
    const before = await rulesOf(right.path);
    const verbsOf = ({ verbs }: Rule, index: number): readonly string[] =>
      index === right.rule ? verbs.filter((verb) => verb !== right.verb) : verbs;
    const less = before.map((rule, index) => ({ ...rule, verbs: verbsOf(rule, index) })).filter(({ verbs }) => verbs.length > 0);
    await writeRules(right.path, less);
    const since = Date.now();
    try {
      const name = await begin();
      await waitFor(`what comes of it without ${what}`, async () => sees.test(await said(name)));
      expect(new Set(await refused(since))).toEqual(new Set([what]));
    } finally {
      await writeRules(right.path, before);
    }
  });

  it('are enough from the first look to the last, without one refusal', async () => {
    await stage.kubelet.pause('gracefully');
    const since = Date.now();
    const name = await begin();
    await stage.waitForStatus(team, name, 'Ready', isReady);
    await stage.kubectl(['patch', 'mn', name, '-n', team, '--type=merge', '-p', '{"spec":{"readerScopes":["ResourceGroup"]}}']);
    await stage.waitForStatus(team, name, 'Ready for the new spec', isReady);
    await waitFor('an Event', async () => (await stage.kubectl(['get', 'events', '-n', team, '-o', 'name'])) !== '');
    await stage.kubectl(['delete', 'mn', name, '-n', team, '--timeout=60s']);
    expect(await refused(since)).toEqual([]);
  });
});
