/** The parts of Kubernetes objects that the pocket kubelet acts upon, as they are in JSON. `spec.ts` refuses what isn't here. */

export interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string; readonly scheme?: string; readonly host?: string };
  readonly exec?: object;
  readonly grpc?: object;
  readonly tcpSocket?: object;
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

/** Keys of a ConfigMap or Secret as files; all of them if `items` is absent. */
export interface Keys {
  readonly name?: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
  readonly optional?: boolean;
}

export interface Projection {
  readonly configMap?: Keys;
  readonly secret?: Keys;
  readonly downwardAPI?: { readonly items?: readonly { readonly path: string; readonly fieldRef?: { readonly fieldPath: string } }[] };
  readonly serviceAccountToken?: { readonly path: string; readonly audience?: string; readonly expirationSeconds?: number };
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly configMap?: Keys;
  readonly secret?: Omit<Keys, 'name'> & { readonly secretName?: string };
  readonly downwardAPI?: NonNullable<Projection['downwardAPI']>;
  readonly projected?: { readonly sources?: readonly Projection[] };
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
}

export interface Pod {
  readonly metadata?: Meta;
  readonly spec?: PodSpec;
}

export interface PodTemplate {
  readonly metadata?: Meta;
  readonly spec?: PodSpec;
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly lastUpdateTime: string;
}

export interface DeploymentCounts {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
}

export interface Deployment {
  readonly metadata?: Meta;
  readonly spec?: { readonly replicas?: number; readonly template?: PodTemplate; readonly strategy?: { readonly type?: string } };
  readonly status?: Partial<DeploymentCounts> & { readonly conditions?: readonly Condition[] };
}

export interface ServiceAccount {
  readonly metadata?: Meta;
  readonly automountServiceAccountToken?: boolean;
}
