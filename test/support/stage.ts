import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../emulator/emulator.ts';
import type { World } from '../../emulator/world.ts';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { setUpRights } from './azure-rights.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { startPocketKubelet, type PocketKubelet, type PocketKubeletOptions, type PodProcess } from './pocket-kubelet.ts';
import { waitFor } from './wait.ts';

/** Where the operator is installed, and the user that the API server sees. */
export const operatorNamespace = 'aks-notifier-system';
export const operatorUser = `system:serviceaccount:${operatorNamespace}:aks-notifier`;

const leases = `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases`;

/** What is installed: by default one release called as the chart, without a label selector. */
export interface Release {
  readonly name: string;
  readonly lease: string;
  /** A chart other than the repository's own: a folder or a package. */
  readonly chart?: string;
}

export const onlyRelease: Release = { name: 'aks-notifier', lease: 'aks-notifier' };

const subscriptionId = '00000000-0000-4000-8000-00000000000a';
export const tenantId = '72f988bf-86f1-41af-91ab-2d7cd011db47';
export const clientId = '6a4c1f2e-9d3b-4e57-8c20-5b7d9e1f3a64';
const objectId = 'd1c2b3a4-5f6e-4789-9abc-def012345678';

/** The id of a cluster in the world's resource group `shop`. */
export const clusterId = (name: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/${name}`;

const weekly = (dayOfWeek: string) => ({
  maintenanceWindow: { schedule: { weekly: { intervalWeeks: 1, dayOfWeek } }, durationHours: 4, startTime: '02:00', utcOffset: '+01:00' },
});

/** One subscription, two resource groups, two clusters with similar names, and the operator's identity, which trusts `issuer`. */
export const exampleWorld = (issuer: string): World => ({
  tenantId,
  applications: [
    {
      clientId,
      objectId,
      displayName: 'aks-notifier',
      federatedCredentials: [{ issuer, subject: operatorUser, audience: 'api://AzureADTokenExchange' }],
    },
  ],
  subscriptions: [
    {
      subscriptionId,
      resourceGroups: [
        { name: 'shop', location: 'westeurope' },
        { name: 'monitoring', location: 'northeurope' },
      ],
    },
  ],
  ...setUpRights(`/subscriptions/${subscriptionId}`, objectId),
  clusters: ['prod', 'prod-2'].map((name) => ({
    id: clusterId(name),
    location: 'westeurope',
    upgradeChannel: 'stable',
    nodeOSUpgradeChannel: 'NodeImage',
    maintenanceConfigurations: { aksManagedAutoUpgradeSchedule: weekly('Sunday'), aksManagedNodeOSUpgradeSchedule: weekly('Saturday') },
  })),
});

export interface StageOptions {
  readonly world?: (issuer: string) => World;
  readonly emulator?: Partial<Omit<EmulatorOptions, 'world'>>;
  readonly kubelet?: Partial<PocketKubeletOptions>;
}

/** Control plane, Azure emulator and pocket kubelet: all that an installation of the chart needs. */
export interface Stage {
  readonly controlPlane: ControlPlane;
  readonly emulator: Emulator;
  readonly kubelet: PocketKubelet;
  /** Makes the operator's namespace with what trusts in the emulator, and gives back the `--set` values that point the chart at it. */
  prepare(): Promise<readonly string[]>;
  /** Installs the chart with the real helm, as the README says; `set` are further `--set` values. Waits until a pod is the leader. */
  install(set?: readonly string[], release?: Release): Promise<PodProcess>;
  /** Waits until the holder of the lease is a pod that runs and is ready, and that the test accepts. */
  leader(accept?: (pod: PodProcess) => boolean, lease?: string): Promise<PodProcess>;
  /** Runs kubectl. @throws Error with what it said when it fails */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Reads one object. */
  notification(namespace: string, name: string): Promise<MaintenanceNotification | undefined>;
  /** Waits until an object's status is as asked. */
  waitForStatus(
    namespace: string,
    name: string,
    what: string,
    test: (object: MaintenanceNotification) => boolean,
    timeoutMilliseconds?: number,
  ): Promise<MaintenanceNotification>;
  /** Makes an action group by hand, as somebody with the portal would. */
  makeActionGroup(resourceGroup: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Starts all three; what has been started is stopped again when one of them fails. */
export const startStage = async (options: StageOptions = {}): Promise<Stage> => {
  const controlPlane = await startControlPlane();
  const started: (() => Promise<void>)[] = [() => controlPlane.stop()];
  const stop = async (): Promise<void> => {
    // One that fails to stop must not keep the others alive.
    const failures: unknown[] = [];
    for (const end of started.toReversed()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const emulator = await startEmulator({
      ...options.emulator,
      issuerCa: controlPlane.ca,
      world: (options.world ?? exampleWorld)(controlPlane.issuer),
    });
    started.push(() => emulator.stop());
    const kubelet = startPocketKubelet(controlPlane, {
      namespace: operatorNamespace,
      files: { '/app/aks-notifier.mjs': `${repository}dist/aks-notifier.mjs` },
      azureTenantId: tenantId,
      azureAuthorityHost: emulator.url,
      ...options.kubelet,
    });
    started.push(() => kubelet.stop());
    return { controlPlane, emulator, kubelet, ...actions(controlPlane, emulator, kubelet), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const actions = (
  controlPlane: ControlPlane,
  emulator: Emulator,
  kubelet: PocketKubelet,
): Pick<Stage, 'prepare' | 'install' | 'leader' | 'kubectl' | 'notification' | 'waitForStatus' | 'makeActionGroup'> => {
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await controlPlane.kubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed:\n${stderr}`);
    return stdout;
  };
  const notification = async (namespace: string, name: string): Promise<MaintenanceNotification | undefined> => {
    const answer = await controlPlane.request<MaintenanceNotification>(
      'GET',
      `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications/${name}`,
    );
    return answer.status === 200 ? answer.body : undefined;
  };
  const leader = async (accept: (pod: PodProcess) => boolean = () => true, lease = onlyRelease.lease): Promise<PodProcess> =>
    waitFor('a leader', async () => {
      const { body } = await controlPlane.request<{ readonly spec?: { readonly holderIdentity?: string } }>('GET', `${leases}/${lease}`);
      const holder = body.spec?.holderIdentity?.split('_')[0];
      return kubelet.pods().find((pod) => pod.ready && pod.name === holder && accept(pod));
    });
  const prepare = async (): Promise<readonly string[]> => {
    await controlPlane.request('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } },
    });
    await kubectl(['apply', '-f', '-'], trustInEmulator(emulator.ca));
    return emulatorValues(emulator.url);
  };
  return {
    kubectl,
    notification,
    prepare,
    install: async (set = [], release = onlyRelease) => {
      const values = await prepare();
      const args = [
        'upgrade',
        '--install',
        release.name,
        release.chart ?? `${repository}charts/aks-notifier`,
        '--namespace',
        operatorNamespace,
        '--wait',
        '--timeout',
        '60s',
      ];
      const { code, stdout, stderr } = await controlPlane.helm([...args, ...values, ...set.flatMap((each) => ['--set', each])]);
      if (code !== 0)
        throw new Error(
          `helm install failed:\n${stdout}${stderr}\n${kubelet
            .pods()
            .map((pod) => pod.logs())
            .join('\n')}`,
        );
      return leader(undefined, release.lease);
    },
    leader,
    makeActionGroup: async (resourceGroup, name) => {
      const path = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Insights/actionGroups/${name}`;
      const authority = new Agent({ connect: { ca: emulator.ca } });
      const { statusCode } = await request(`${emulator.url}${path}?api-version=2024-10-01-preview`, {
        method: 'PUT',
        dispatcher: authority,
        headers: { authorization: `Bearer ${await emulator.mintToken(clientId)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ location: 'Global', properties: { groupShortName: name.slice(0, 12), enabled: true } }),
      });
      await authority.close();
      if (statusCode >= 300) throw new Error(`the emulator answered ${statusCode} to the PUT of ${path}`);
    },
    waitForStatus: async (namespace, name, what, test, timeoutMilliseconds) =>
      waitFor(
        `${namespace}/${name}: ${what}`,
        async () => {
          const object = await notification(namespace, name);
          return object && test(object) ? object : undefined;
        },
        timeoutMilliseconds,
      ),
  };
};

/** The emulator's CA, where the pod can mount it. Azure itself needs nothing of the kind. */
const trustInEmulator = (ca: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'emulator-ca', namespace: operatorNamespace },
    data: { 'ca.crt': ca },
  });

/** The values that point the operator at the emulator in place of Azure. */
const emulatorValues = (url: string): readonly string[] =>
  [
    `azure.clientId=${clientId}`,
    `azure.tenantId=${tenantId}`,
    `azure.authorityHost=${url}`,
    `azure.resourceManagerEndpoint=${url}`,
    'extraEnv[0].name=NODE_EXTRA_CA_CERTS',
    'extraEnv[0].value=/etc/emulator-ca/ca.crt',
    'extraVolumes[0].name=emulator-ca',
    'extraVolumes[0].configMap.name=emulator-ca',
    'extraVolumeMounts[0].name=emulator-ca',
    'extraVolumeMounts[0].mountPath=/etc/emulator-ca',
    'extraVolumeMounts[0].readOnly=true',
  ].flatMap((each) => ['--set', each]);

/** True when the object is Ready for its present generation. */
export const isReady = ({ metadata, status }: MaintenanceNotification): boolean =>
  status?.observedGeneration === metadata.generation &&
  (status.conditions ?? []).some(({ type, status: word }) => type === 'Ready' && word === 'True');

/** The minimal object, in eleven lines. */
export const minimal = (namespace: string, name = 'prod', cluster = 'prod'): string => `apiVersion: aks-notifier.dev/v1alpha1
kind: MaintenanceNotification
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  clusterResourceId: ${clusterId(cluster)}
  receivers:
    email:
      - address: oncall@contoso.com
`;

/** The same, as an object for the API. */
export const minimalObject = (namespace: string, name: string, cluster = 'prod'): object => ({
  apiVersion: 'aks-notifier.dev/v1alpha1',
  kind: 'MaintenanceNotification',
  metadata: { name, namespace },
  spec: { clusterResourceId: clusterId(cluster), receivers: { email: [{ address: 'oncall@contoso.com' }] } },
});
