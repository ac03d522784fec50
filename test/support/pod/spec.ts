/** What a pod template asks for, in terms of a local process. Pure: nothing here reads or writes anything. */
import type { Container, PodSpec, ServiceAccount, Variable } from './types.ts';

/** The template asks for something that the pocket kubelet can't give; the message names it. Trying again is pointless. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
}

// Of a pod and a container: first what is done, then what has no meaning for a local process (scheduling, images, limits, Linux security).
const podFields = new Set(
  `containers volumes serviceAccount serviceAccountName automountServiceAccountToken terminationGracePeriodSeconds restartPolicy
  dnsPolicy schedulerName securityContext enableServiceLinks imagePullSecrets affinity nodeSelector tolerations
  topologySpreadConstraints priority priorityClassName preemptionPolicy hostUsers`.split(/\s+/),
);
const containerFields = new Set(
  `name command args env ports volumeMounts livenessProbe readinessProbe startupProbe
  image imagePullPolicy resources securityContext terminationMessagePath terminationMessagePolicy`.split(/\s+/),
);
const volumeSources = new Set(['configMap', 'secret', 'emptyDir', 'projected', 'downwardAPI']);
const projections = new Set(['serviceAccountToken', 'configMap', 'secret', 'downwardAPI']);
const mountFields = new Set(['name', 'mountPath', 'readOnly']);

const isEmpty = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.length === 0);

const refuseOthers = (where: string, value: object, known: ReadonlySet<string>): void => {
  const other = Object.entries(value).find(([field, content]) => !known.has(field) && !isEmpty(content));
  if (other) throw new Refusal(`the pocket kubelet doesn't know ${where}.${other[0]}`);
};

/**
 * The one container of a pod that can be run here.
 * @throws Refusal that names the first field which would need more than a local process
 */
export const onlyContainer = (spec: PodSpec): Container => {
  refuseOthers('spec', spec, podFields);
  const [container, second] = spec.containers;
  if (!container) throw new Refusal('the pocket kubelet needs a container in spec.containers');
  if (second) throw new Refusal(`the pocket kubelet runs one container, not also spec.containers ${second.name}`);
  refuseOthers(`container ${container.name}`, container, containerFields);
  for (const volume of spec.volumes ?? []) {
    const { name, ...source } = volume;
    refuseOthers(`volume ${name}`, source, volumeSources);
    for (const projection of volume.projected?.sources ?? []) refuseOthers(`volume ${name}.projected`, projection, projections);
  }
  for (const mount of container.volumeMounts ?? []) refuseOthers(`mount of ${mount.name}`, mount, mountFields);
  for (const { name, valueFrom } of container.env ?? []) {
    if (valueFrom) refuseOthers(`variable ${name}.valueFrom`, valueFrom, new Set(['fieldRef']));
  }
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const { exec, grpc, tcpSocket } = container[kind] ?? {};
    refuseOthers(kind, { exec, grpc, tcpSocket }, new Set());
  }
  return container;
};

/** What a field reference may ask about a pod. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly serviceAccount: string;
}

/** @throws Refusal for any field but name, namespace, pod IP and service account */
export const fieldValue = (fieldPath: string, facts: PodFacts): string => {
  switch (fieldPath) {
    case 'metadata.name':
      return facts.name;
    case 'metadata.namespace':
      return facts.namespace;
    case 'status.podIP':
      return facts.ip;
    case 'spec.serviceAccountName':
      return facts.serviceAccount;
    default:
      throw new Refusal(`the pocket kubelet doesn't know the field reference ${fieldPath}`);
  }
};

/** Kubernetes' `$(NAME)`: an unknown name stays as it is written, and `$$` is an escaped `$`. */
export const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (name === undefined) return '$';
    return Object.hasOwn(variables, name) ? (variables[name] ?? match) : match;
  });

/**
 * The variables that a container asks for. A value that is a path below a mount becomes the local path of the same file, since a process
 * of ours sees no mounts.
 * @param localPath the local path for one in the container, or `undefined` if it isn't below a mount
 * @throws Refusal
 */
export const environment = (
  variables: readonly Variable[],
  facts: PodFacts,
  localPath: (path: string) => string | undefined,
): Readonly<Record<string, string>> => {
  const result: Record<string, string> = {};
  for (const { name, value, valueFrom } of variables) {
    const text = valueFrom?.fieldRef ? fieldValue(valueFrom.fieldRef.fieldPath, facts) : expand(value ?? '', result);
    result[name] = localPath(text) ?? text;
  }
  return result;
};

/**
 * Program and arguments of a container. `node` becomes the Node that runs us, a file of the image the local file that stands for it.
 * @param files local path by path in the container
 * @throws Refusal when there is nothing local to run
 */
export const commandLine = (
  container: Container,
  variables: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
): readonly [program: string, ...args: string[]] => {
  const command = (container.command ?? []).map((word) => expand(word, variables));
  const missing = command.find((word, index) => !Object.hasOwn(files, word) && (word.startsWith('/') || (index === 0 && word !== 'node')));
  if (missing !== undefined) throw new Refusal(`no local file stands for ${missing} of the image: name it in the option "files"`);
  const [program, ...rest] = [...command, ...(container.args ?? []).map((word) => expand(word, variables))];
  if (program === undefined) throw new Refusal(`container ${container.name} has no command, and no image is here to take one from`);
  return [files[program] ?? process.execPath, ...rest.map((word) => files[word] ?? word)];
};

/** What Microsoft's webhook is told when it is installed. */
export interface WorkloadIdentity {
  readonly tenantId: string;
  readonly authorityHost: string;
}

const tokenVolume = 'azure-identity-token';
const tokenDirectory = '/var/run/secrets/azure/tokens';
/** The audience of tokens that Entra takes in exchange. */
export const azureAudience = 'api://AzureADTokenExchange';

/**
 * Does what the Azure workload identity webhook does to a new pod: for one with its label, whose ServiceAccount names a client id, it adds
 * a token for Entra and four variables. A variable that the template sets itself stays.
 */
export const injectWorkloadIdentity = (
  spec: PodSpec,
  labels: Readonly<Record<string, string>>,
  account: ServiceAccount,
  { tenantId, authorityHost }: WorkloadIdentity,
): PodSpec => {
  const annotation = (name: string): string | undefined => account.metadata?.annotations?.[`azure.workload.identity/${name}`];
  const clientId = annotation('client-id');
  if (labels['azure.workload.identity/use'] !== 'true' || clientId === undefined) return spec;

  const variables: Readonly<Record<string, string>> = {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: annotation('tenant-id') ?? tenantId,
    AZURE_FEDERATED_TOKEN_FILE: `${tokenDirectory}/${tokenVolume}`,
    AZURE_AUTHORITY_HOST: authorityHost,
  };
  const withIdentity = (container: Container): Container => {
    const env = container.env ?? [];
    const added = Object.entries(variables).filter(([name]) => !env.some((each) => each.name === name));
    const mount = { name: tokenVolume, mountPath: tokenDirectory, readOnly: true };
    return {
      ...container,
      env: [...env, ...added.map(([name, value]) => ({ name, value }))],
      volumeMounts: [...(container.volumeMounts ?? []), mount],
    };
  };
  const expirationSeconds = Number(annotation('service-account-token-expiration') ?? 3600);
  const token = { path: tokenVolume, audience: azureAudience, expirationSeconds };
  return {
    ...spec,
    containers: spec.containers.map(withIdentity),
    volumes: [...(spec.volumes ?? []), { name: tokenVolume, projected: { sources: [{ serviceAccountToken: token }] } }],
  };
};
