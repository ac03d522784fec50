/** The chart, rendered by the real helm. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ControlPlane } from './control-plane.ts';

export const chart = join(import.meta.dirname, '../../charts/aks-notifier');
export const clientId = '00000000-0000-4000-8000-000000000002';
export const minimalValues = { 'azure.clientId': clientId };

export interface Container {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext: unknown;
  readonly [field: string]: unknown;
}

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly spec: {
    readonly replicas: number;
    readonly strategy: unknown;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly [Container]; readonly [field: string]: unknown };
    };
    readonly [field: string]: unknown;
  };
}

/** Values as helm's arguments, by their paths. */
export const flags = (values: object): readonly string[] =>
  Object.entries(values).map(([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`);

/** All objects of a text of YAML documents. */
export const objectsOf = (text: string): readonly Rendered[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);

/** What the chart makes of values. @throws Error with what helm said when it fails */
export const render = async (
  plane: ControlPlane,
  values: object,
  release = 'aks-notifier',
  namespace = 'aks-notifier',
): Promise<readonly Rendered[]> => {
  const { code, stdout, stderr } = await plane.helm(['template', release, chart, '--namespace', namespace, ...flags(values)]);
  if (code !== 0 || stderr !== '') throw new Error(`helm template ended with ${code}: ${stderr}`);
  return objectsOf(stdout);
};

/** The one object of a kind. @throws Error when there are others, or none */
export const only = (objects: readonly Rendered[], kind: string): Rendered => {
  const [found, ...others] = objects.filter((object) => object.kind === kind);
  if (!found || others.length > 0) throw new Error(`there are ${others.length + (found ? 1 : 0)} objects of kind ${kind}`);
  return found;
};

/** Values that use everything the chart offers. */
export const everyValue = {
  global: { imagePullSecrets: ['shared'], commonLabels: { stage: 'production' } },
  azure: {
    clientId,
    tenantId: '00000000-0000-4000-8000-000000000001',
    authorityHost: 'https://login.partner.microsoftonline.cn',
    resourceManagerEndpoint: 'https://management.chinacloudapi.cn',
    resourceManagerAudience: 'https://management.chinacloudapi.cn',
  },
  httpsProxy: 'http://proxy.contoso.com:3128',
  noProxy: '.contoso.com',
  installationId: 'blue',
  concurrency: 8,
  interval: '30m',
  logLevel: 'debug',
  allowedScopes: {
    all: [`/subscriptions/${clientId}/resourceGroups/shared`],
    namespaces: { blue: [`/subscriptions/${clientId}/resourceGroups/blue`] },
  },
  admissionPolicy: { enabled: true },
  receiverSecrets: { namespaces: ['default'] },
  image: { repository: 'images.contoso.com/aks-notifier', digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'images' }],
  crds: { enabled: true, keep: false, annotations: { 'argocd.argoproj.io/sync-wave': '-1' } },
  serviceAccount: {
    name: 'notifier',
    annotations: { team: 'platform' },
    labels: { team: 'platform' },
    automountServiceAccountToken: false,
  },
  metrics: {
    port: 9090,
    serviceMonitor: {
      enabled: true,
      labels: { release: 'prometheus' },
      interval: '30s',
      scrapeTimeout: '10s',
      relabelings: [{ action: 'labeldrop', regex: 'pod' }],
      metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'nodejs_.*' }],
    },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
    grafanaDashboard: { enabled: true, annotations: { grafana_folder: 'AKS' } },
  },
  healthPort: 9091,
  livenessProbe: { failureThreshold: 10 },
  readinessProbe: { initialDelaySeconds: 1 },
  podDisruptionBudget: { maxUnavailable: '50%', unhealthyPodEvictionPolicy: 'IfHealthyBudget' },
  networkPolicy: { enabled: true, extraEgress: [{ ports: [{ port: 8443 }] }] },
  podAnnotations: { team: 'platform' },
  podLabels: { team: 'platform' },
  priorityClassName: 'system-cluster-critical',
  terminationGracePeriodSeconds: 30,
  hostUsers: false,
  extraArgs: ['--log-encoding=console'],
  extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/extra-ca/ca.crt' }],
  extraVolumes: [{ name: 'extra-ca', configMap: { name: 'extra-ca' } }],
  extraVolumeMounts: [{ name: 'extra-ca', mountPath: '/etc/extra-ca', readOnly: true }],
  extraObjects: [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-object' } },
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-text\n',
  ],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.azure.com/mode', operator: 'In', values: ['system'] }] }],
      },
    },
  },
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' }],
};
