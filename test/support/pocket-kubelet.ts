/**
 * Plays the parts of a cluster that run pods: the Deployment controller, the kubelet, and the Azure workload identity webhook. For each
 * replica of a Deployment it makes a Pod in the API and runs its one container as a local process, so that what is tested is what is
 * installed: variables, arguments, volumes, tokens, probes and all.
 *
 * What differs from a cluster: no image (the option `files` says which local files stand for those of the image), no mounts (a variable
 * that holds a path below a mount gets the local path instead), no limits, no scheduling; a rolling update starts all new pods before it
 * stops the old; back-offs are shorter; ConfigMaps and Secrets are read once, at the start of a pod.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from './control-plane.ts';
import { ApiError, apiOf, contentsFor, metaOf } from './pod/api.ts';
import { type Problem, changedStatus } from './pod/deployment-status.ts';
import { type PodProcess, type RunningPod, refuseImpossible, runPod } from './pod/run.ts';
import { type PodFacts, Refusal, azureAudience, injectWorkloadIdentity } from './pod/spec.ts';
import type { Deployment, Pod, PodTemplate, ServiceAccount } from './pod/types.ts';
import type { TokenRequest } from './pod/volumes.ts';
import { removeDirectory, temporaryDirectory } from './process.ts';
import { waitFor } from './wait.ts';

export type { PodProcess } from './pod/run.ts';

export interface PocketKubeletOptions {
  /** The one namespace whose Deployments it runs; default: all. */
  readonly namespace?: string;
  /** Which local file stands for a file of the image, such as `{ '/app/aks-notifier.mjs': '/…/dist/aks-notifier.mjs' }`. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the webhook injects as `AZURE_TENANT_ID` when the ServiceAccount names none. */
  readonly azureTenantId?: string;
  /** What the webhook injects as `AZURE_AUTHORITY_HOST`; default: Microsoft's. */
  readonly azureAuthorityHost?: string;
  /** Gives the token for Entra in the API server's place: one with a wrong subject, an expired one, … */
  readonly azureToken?: (pod: PodFacts) => Promise<string>;
}

export interface PocketKubelet {
  /** The pods that exist now, oldest first. */
  pods(): readonly PodProcess[];
  /**
   * Waits for a pod; by default for one that is ready.
   * @throws Error at once when a template asks for what can't be given here; else after `timeoutMs` (30 s)
   */
  waitForPod(predicate?: (pod: PodProcess) => boolean, timeoutMs?: number): Promise<PodProcess>;
  /** Takes all pods away and starts none: "the operator is down". `gracefully` with SIGTERM as a cluster does, `at once` with SIGKILL. */
  pause(how?: 'gracefully' | 'at once'): Promise<void>;
  /** Starts pods again after `pause`. */
  resume(): void;
  /** Kills all pods, deletes them from the API, and ends. */
  stop(): Promise<void>;
}

/** How often Deployments and pods are listed, milliseconds. */
const intervalMs = 200;

const hashOf = (template: PodTemplate): string => createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);

/** A pod that runs here, with what the Deployment's part needs to know of it. */
interface Tracked {
  readonly pod: RunningPod;
  readonly path: string;
  readonly deployment: string;
  readonly hash: string;
  readonly graceSeconds: number;
  /** Whether a list has shown it yet. One that has been seen and is missing was removed by force. */
  seen: boolean;
  written: string;
  retired?: Promise<void>;
}

/** Starts a pocket kubelet; it and its pods end with `stop`, or with the calling process, however that ends. */
export const startPocketKubelet = (plane: ControlPlane, options: PocketKubeletOptions = {}): PocketKubelet => {
  const api = apiOf(plane);
  // A node of its own name, so that several of these never take each other's pods for their own.
  const node = `pocket-${randomBytes(4).toString('hex')}`;
  const directory = temporaryDirectory('aks-notifier-pods');
  const files = options.files ?? {};
  const scope = options.namespace === undefined ? '' : `/namespaces/${options.namespace}`;
  const tracked = new Map<string, Tracked>();
  const problems = new Map<string, Problem>();
  const ending = new AbortController();
  let paused = false;
  let lastError: unknown;
  let wake = (): void => undefined;

  /** Any of 127.0.0.0/8 works without being set up. Not 127.0.0.x: that is where other servers are. */
  const freeAddress = (): string => {
    const taken = new Set([...tracked.values()].map(({ pod }) => pod.process.ip));
    for (;;) {
      const address = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
      if (!taken.has(address)) return address;
    }
  };

  const mint = async (facts: PodFacts, uid: string, { audience, expirationSeconds }: TokenRequest): Promise<string> => {
    if (audience === azureAudience && options.azureToken) return options.azureToken(facts);
    const answer = await api.call<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${facts.namespace}/serviceaccounts/${facts.serviceAccount}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === undefined ? undefined : [audience],
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: facts.name, uid },
        },
      },
    );
    return answer.status.token;
  };

  const createPod = async (deployment: Deployment, template: PodTemplate, hash: string): Promise<void> => {
    const owner = metaOf(deployment);
    const { namespace } = owner;
    const name = `${owner.name}-${hash}-${randomBytes(3).toString('hex').slice(0, 5)}`;
    const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
    const serviceAccountName = template.spec?.serviceAccountName ?? 'default';
    const account = await api.find<ServiceAccount>(`/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccountName}`);
    if (!account) throw new Error(`ServiceAccount ${namespace}/${serviceAccountName} not found`);
    const spec = injectWorkloadIdentity(template.spec ?? { containers: [] }, labels, account, {
      tenantId: options.azureTenantId ?? '',
      authorityHost: options.azureAuthorityHost ?? 'https://login.microsoftonline.com/',
    });
    refuseImpossible(spec, files);

    const pod = await api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        labels,
        annotations: template.metadata?.annotations,
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name, uid: owner.uid, controller: true, blockOwnerDeletion: true },
        ],
      },
      spec: { ...spec, serviceAccountName, nodeName: node },
    });
    const { uid } = metaOf(pod);
    const facts: PodFacts = { name, namespace, ip: freeAddress(), serviceAccount: serviceAccountName };
    const running = runPod({
      uid,
      labels,
      spec,
      facts,
      directory: join(directory, name),
      files,
      signIn: spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true,
      contents: contentsFor(api, facts, plane.ca),
      mintToken: async (request) => mint(facts, uid, request),
      writeKubeconfig: async (podDirectory, tokenFile) => plane.kubeconfigFor({ directory: podDirectory, tokenFile, namespace }),
      onChange: () => wake(),
    });
    tracked.set(uid, {
      pod: running,
      path: `/api/v1/namespaces/${namespace}/pods/${name}`,
      deployment: owner.uid,
      hash,
      graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
      seen: false,
      written: '',
    });
  };

  /** Ends a pod: the API server marks it, its process gets the time it asked for, and then the object goes. */
  const retire = async (item: Tracked, graceSeconds = item.graceSeconds): Promise<void> => {
    item.retired ??= (async () => {
      const { uid } = item.pod.process;
      const remove = async (seconds: number): Promise<unknown> =>
        api.call('DELETE', item.path, { gracePeriodSeconds: seconds, preconditions: { uid } }).catch((error: unknown) => {
          // Gone already, or another object of the same name.
          if (!(error instanceof ApiError && [404, 409].includes(error.status))) throw error;
        });
      // An API server that is away must not keep a process alive.
      if (graceSeconds > 0) await remove(graceSeconds).catch(() => undefined);
      await item.pod.terminate(graceSeconds * 1000);
      const removed = async (): Promise<boolean> =>
        remove(0).then(
          () => true,
          () => false,
        );
      while (!(await removed()) && !ending.signal.aborted) await sleep(intervalMs);
      tracked.delete(uid);
      wake();
    })();
    return item.retired;
  };

  /** Makes pods that are missing, or notes why it can't. */
  const create = async (deployment: Deployment, hash: string, missing: number): Promise<void> => {
    const { uid } = metaOf(deployment);
    const known = problems.get(uid);
    if (known?.hash === hash && known.final) return;
    problems.delete(uid);
    try {
      for (let made = 0; made < missing; made += 1) await createPod(deployment, deployment.spec?.template ?? {}, hash);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      problems.set(uid, { hash, message, final: error instanceof Refusal });
    }
  };

  /** Sees to it that there are as many pods as wanted of the current template, and none of any other. */
  const scale = async (deployment: Deployment): Promise<void> => {
    // Who pauses takes the pods away as told.
    if (paused) return;
    const { uid } = metaOf(deployment);
    const hash = hashOf(deployment.spec?.template ?? {});
    const isWanted = deployment.metadata?.deletionTimestamp === undefined;
    const wanted = isWanted ? (deployment.spec?.replicas ?? 1) : 0;
    const own = [...tracked.values()].filter((item) => item.deployment === uid);
    const old = own.filter((item) => item.hash !== hash);
    const current = own.filter((item) => item.hash === hash && !item.retired);

    // The newest go first, and rather one that isn't ready.
    const surplus = current.toReversed().toSorted((a, b) => Number(a.pod.process.ready) - Number(b.pod.process.ready));
    for (const item of surplus.slice(0, Math.max(0, current.length - wanted))) void retire(item);

    const isRecreate = deployment.spec?.strategy?.type === 'Recreate';
    const isReplaced = current.filter((item) => item.pod.process.ready).length >= wanted;
    if (isRecreate || isReplaced) for (const item of old) void retire(item);
    // With Recreate no new pod ever meets an old one, not even one that is about to end.
    if (!isRecreate || old.length === 0) await create(deployment, hash, wanted - current.length);
  };

  const writeDeploymentStatus = async (deployment: Deployment): Promise<void> => {
    const { name, namespace, uid } = metaOf(deployment);
    const hash = hashOf(deployment.spec?.template ?? {});
    const own = [...tracked.values()].filter((item) => item.deployment === uid && !item.retired);
    const status = changedStatus(deployment, {
      replicas: own.length,
      updated: own.filter((item) => item.hash === hash).length,
      ready: own.filter((item) => item.pod.process.ready).length,
      problem: problems.get(uid),
    });
    if (status) await api.call('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`, { status });
  };

  const writePodStatus = async (item: Tracked): Promise<void> => {
    const status = item.pod.status();
    const text = JSON.stringify(status);
    if (text === item.written) return;
    await api.call('PATCH', `${item.path}/status`, { metadata: { uid: item.pod.process.uid }, status });
    item.written = text;
  };

  /** One look at everything, and one step for each object. */
  const step = async (): Promise<void> => {
    const [deployments, pods] = await Promise.all([
      api.call<{ items: Deployment[] }>('GET', `/apis/apps/v1${scope}/deployments`),
      api.call<{ items: Pod[] }>('GET', `/api/v1${scope}/pods?fieldSelector=spec.nodeName%3D${node}`),
    ]);
    const listed = new Map(pods.items.map((pod) => [metaOf(pod).uid, pod]));
    const owners = new Set(deployments.items.map((deployment) => metaOf(deployment).uid));
    for (const uid of problems.keys()) if (!owners.has(uid)) problems.delete(uid);
    for (const [uid, item] of tracked) {
      const pod = listed.get(uid);
      if (pod) item.seen = true;
      if (pod?.metadata?.deletionTimestamp) void retire(item, pod.metadata.deletionGracePeriodSeconds);
      else if (!pod && item.seen) void retire(item, 0);
      else if (!owners.has(item.deployment)) void retire(item);
    }
    for (const deployment of deployments.items) await scale(deployment);
    const results = await Promise.allSettled([
      ...[...tracked.values()].map(writePodStatus),
      ...deployments.items.map(writeDeploymentStatus),
    ]);
    const failed = results.find((result) => result.status === 'rejected');
    // An object that went in the meantime is no error; anything else is tried again in the next step.
    if (failed && !(failed.reason instanceof ApiError && failed.reason.status === 404)) throw failed.reason;
  };

  const untilWoken = async (): Promise<void> => {
    if (ending.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, intervalMs).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  };

  let stepping: Promise<void> = Promise.resolve();
  const work = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      // The API server may be away for a while, as anywhere.
      stepping = step().then(
        () => {
          lastError = undefined;
        },
        (error: unknown) => {
          lastError = error;
        },
      );
      await stepping;
      await untilWoken();
    }
  };
  const worked = work();

  const pods = (): readonly PodProcess[] => [...tracked.values()].map(({ pod }) => pod.process);
  const troubles = (): string => {
    const all = [...[...problems.values()].map(({ message }) => message), ...(lastError instanceof Error ? [lastError.message] : [])];
    return all.length > 0 ? all.join('; ') : 'nothing wrong but time';
  };

  return {
    pods,
    waitForPod: async (predicate = (pod) => pod.ready, timeoutMs = 30_000) => {
      const outcome = await waitFor(
        'pod',
        () => {
          const pod = pods().find(predicate);
          if (pod) return { pod };
          const refused = [...problems.values()].find(({ final }) => final);
          return refused && { refused };
        },
        timeoutMs,
      ).catch((error: unknown) => {
        const logs = pods().map((pod) => `\n${pod.name} wrote last:\n${pod.logs().slice(-2000)}`);
        throw new Error(`no such pod within ${timeoutMs / 1000} s: ${troubles()}${logs.join('')}`, { cause: error });
      });
      if ('pod' in outcome) return outcome.pod;
      throw new Refusal(outcome.refused.message);
    },
    pause: async (how = 'gracefully') => {
      paused = true;
      // A step that is under way may still make a pod.
      await stepping;
      await Promise.all([...tracked.values()].map(async (item) => (how === 'at once' ? retire(item, 0) : retire(item))));
    },
    resume: () => {
      paused = false;
      wake();
    },
    stop: async () => {
      ending.abort();
      wake();
      await worked;
      await Promise.all(
        [...tracked.values()].map(async (item) => {
          const retired = retire(item, 0);
          // One that was being ended slowly.
          await item.pod.terminate(0);
          await retired;
        }),
      );
      await removeDirectory(directory);
    },
  };
};
