/** An installation with two replicas that always have something to write, and hand-overs between them; for tests and for the bench. */
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import type { PodProcess } from './pocket-kubelet.ts';
import { isReady, minimalObject, operatorNamespace, operatorUser, startStage, type Stage } from './stage.ts';
import { waitFor } from './wait.ts';

/** Times of the election that make tests short: a lease is taken over three seconds after its leader was killed. */
export const shortLease = ['leaseDuration=3s', 'renewDeadline=2s', 'retryPeriod=300ms'].map((each) => `leaderElection.${each}`);

/** One request that arrived at Azure. */
export interface AzureCall {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  /** The pod that sent it, by its user agent; none for sign-ins. */
  readonly pod: string | undefined;
}

/** A write as the server saw it begin. Those of the election itself aren't counted. */
export interface Write {
  readonly at: number;
  readonly pod: string;
  readonly what: string;
}

/** The present state of the election, from the lease. */
export interface Tenure {
  /** Never used twice: pod and process. */
  readonly identity: string;
  readonly pod: string;
  /** When this holder sent the write that made it the leader, milliseconds since 1970. */
  readonly since: number;
}

export type HandoverSignal = 'SIGTERM' | 'SIGKILL' | 'SIGSTOP';

/** What came of one hand-over. Times in milliseconds since the signal. */
export interface Handover {
  readonly signal: HandoverSignal;
  readonly old: Tenure;
  readonly next: Tenure;
  /** Until the lease had its new holder. */
  readonly takenAfter: number;
  /** Until the first write of the new leader reached its server. */
  readonly wroteAfter: number;
  /** Of the old process; 137 when it was killed. */
  readonly exitCode: number;
  /** Writes that show two leaders at once: in words, empty when all is well. */
  readonly overlaps: readonly string[];
}

export interface HandoverStage {
  readonly stage: Stage;
  /** All that arrived at Azure so far, oldest first. */
  azureCalls(since?: number): readonly AzureCall[];
  /** All writes since a time, to Azure and Kubernetes, in the order in which they arrived. */
  writes(since: number): Promise<readonly Write[]>;
  tenure(): Promise<Tenure | undefined>;
  /** Waits for a leader whose lease is good and that isn't `not`. */
  leader(not?: Tenure): Promise<{ readonly tenure: Tenure; readonly pod: PodProcess }>;
  /** Waits until two pods are ready and nobody else is left. */
  settled(): Promise<void>;
  pod(name: string): PodProcess;
  standby(leader: Tenure): PodProcess;
  /** While it gives a promise, the answer to a call to Azure waits for that. */
  holdAzure(hold: ((call: AzureCall) => Promise<void> | undefined) | undefined): void;
  /** Waits until a pod's process, the one that ran at `restarts`, has ended, and gives its exit code. */
  exitCode(pod: PodProcess, restarts: number): Promise<number>;
  /** Takes a pod away, with SIGTERM or with SIGKILL; another takes its place. */
  deletePod(name: string, how: 'gracefully' | 'at once'): Promise<void>;
  /** Takes the leader away and waits until another one works. */
  handOver(signal: HandoverSignal): Promise<Handover>;
  /** Changes an object that nothing else changes and waits until it is Ready for that. */
  change(severity: number): Promise<void>;
  /** Begins to change objects without end. The function ends that. */
  startWork(): () => Promise<void>;
  /** Waits until every object is Ready for its last change and stands in Azure as its spec says. */
  everythingDone(): Promise<void>;
}

const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/aks-notifier`;
const objectsPath = '/apis/aks-notifier.dev/v1alpha1/namespaces/default/maintenancenotifications';
const podPath = (name: string): string => `/api/v1/namespaces/${operatorNamespace}/pods/${name}`;
const busy = ['busy-0', 'busy-1', 'busy-2', 'busy-3'];
const quiet = 'quiet';

interface LeaseBody {
  readonly spec?: { readonly holderIdentity?: string; readonly acquireTime?: string };
}
interface PodBody {
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly lastState?: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

/** The operator names its pod behind its own name and version. */
const podOf = (userAgent: string | undefined): string | undefined => /^aks-notifier\/\S+ \(([^)]+)\)/.exec(userAgent ?? '')?.[1];

/** Starts all of it and installs the chart; `set` are values for `--set`. */
export const startHandoverStage = async (set: readonly string[]): Promise<HandoverStage> => {
  const calls: AzureCall[] = [];
  let hold: ((call: AzureCall) => Promise<void> | undefined) | undefined;
  const stage = await startStage({
    emulator: {
      onArrival: async ({ method, path, headers }) => {
        const call = { at: Date.now(), method, path, pod: podOf(headers['user-agent']) };
        calls.push(call);
        await hold?.(call);
      },
    },
  });
  try {
    await stage.install(set);
    const { controlPlane } = stage;
    for (const name of [...busy, quiet]) await controlPlane.request('POST', objectsPath, { body: minimalObject('default', name) });
    for (const name of [...busy, quiet]) await stage.waitForStatus('default', name, 'Ready', isReady);
  } catch (error) {
    await stage.stop();
    throw error;
  }
  return {
    stage,
    ...actions(stage, calls),
    holdAzure: (given) => {
      hold = given;
    },
  };
};

const actions = (stage: Stage, calls: readonly AzureCall[]): Omit<HandoverStage, 'stage' | 'holdAzure'> => {
  const { controlPlane, kubelet } = stage;

  const azureCalls = (since = 0): readonly AzureCall[] => calls.filter(({ at }) => at >= since);

  const writes = async (since: number): Promise<readonly Write[]> => {
    const audited = await controlPlane.auditEvents({ user: operatorUser, verbs: ['create', 'update', 'patch', 'delete'], since });
    const toKubernetes = audited
      .filter(({ resource }) => resource !== 'leases')
      .map(({ receivedAt, userAgent, verb, uri }) => ({ at: receivedAt, pod: podOf(userAgent) ?? userAgent, what: `${verb} ${uri}` }));
    const toAzure = azureCalls(since).flatMap(({ at, pod, method, path }) =>
      pod === undefined || method === 'GET' ? [] : [{ at, pod, what: `${method} ${path}` }],
    );
    return [...toKubernetes, ...toAzure].toSorted((one, other) => one.at - other.at);
  };

  const tenure = async (): Promise<Tenure | undefined> => {
    const { spec } = (await controlPlane.request<LeaseBody>('GET', leasePath)).body;
    if (!spec?.holderIdentity || spec.acquireTime === undefined) return undefined;
    return { identity: spec.holderIdentity, pod: spec.holderIdentity.split('_')[0] ?? '', since: Date.parse(spec.acquireTime) };
  };

  const leader = async (not?: Tenure) =>
    waitFor('a leader', async () => {
      const found = await tenure();
      const pod = kubelet.pods().find(({ name }) => name === found?.pod);
      return found && pod && found.identity !== not?.identity && { tenure: found, pod };
    });

  const pod = (name: string): PodProcess => {
    const found = kubelet.pods().find((each) => each.name === name);
    if (!found) throw new Error(`there is no pod ${name}`);
    return found;
  };

  const standby = (of: Tenure): PodProcess => {
    const found = kubelet.pods().find(({ name }) => name !== of.pod);
    if (!found) throw new Error('nobody stands by');
    return found;
  };

  const settled = async (): Promise<void> => {
    await waitFor('two ready pods, one of them the leader', async () => {
      const pods = kubelet.pods();
      const found = await tenure();
      return pods.length === 2 && pods.every(({ ready }) => ready) && pods.some(({ name }) => name === found?.pod);
    });
  };

  const exitCode = async (of: PodProcess, restarts: number): Promise<number> =>
    waitFor(`the exit code of ${of.name}`, async () => {
      const { body } = await controlPlane.request<PodBody>('GET', podPath(of.name));
      const status = body.status?.containerStatuses?.[0];
      return status && status.restartCount > restarts ? status.lastState?.terminated?.exitCode : undefined;
    });

  const deletePod = async (name: string, how: 'gracefully' | 'at once'): Promise<void> => {
    await controlPlane.request('DELETE', podPath(name), { body: how === 'at once' ? { gracePeriodSeconds: 0 } : {} });
    await waitFor(`the end of ${name}`, () => kubelet.pods().every((each) => each.name !== name));
  };

  const setSeverity = async (name: string, severity: number): Promise<void> => {
    const { status } = await controlPlane.request('PATCH', `${objectsPath}/${name}`, { body: { spec: { alertRule: { severity } } } });
    if (status !== 200) throw new Error(`the API server answered ${status} to a change of ${name}`);
  };

  const change = async (severity: number): Promise<void> => {
    await setSeverity(quiet, severity);
    await stage.waitForStatus('default', quiet, `Ready with severity ${severity}`, (object) => isReady(object));
  };

  /** Writes of anybody but the old leader up to its last one, of anybody but the new one after that. */
  const overlapsOf = (all: readonly Write[], old: Tenure, next: Tenure): readonly string[] => {
    const tell = ({ at, pod: by, what }: Write): string => `${by}: ${what}, ${at - next.since} ms after ${next.pod} took the lease`;
    if (old.pod === next.pod) return all.filter((write) => write.pod !== next.pod).map(tell);
    const first = all.findIndex((write) => write.pod === next.pod);
    return all.filter((write, index) => write.pod !== (first === -1 || index < first ? old.pod : next.pod)).map(tell);
  };

  const handOver = async (signal: HandoverSignal): Promise<Handover> => {
    await settled();
    const { tenure: old, pod: former } = await leader();
    const { restarts } = former;
    // In the middle of its work.
    await waitFor('a write of the leader', async () => (await writes(old.since)).some((write) => write.pod === old.pod));
    const at = Date.now();
    former.kill(signal);
    const { tenure: next } = await leader(old);
    const firstWrite = await waitFor('a write of the new leader', async () =>
      (await writes(next.since)).find((write) => write.pod === next.pod),
    );
    if (signal === 'SIGSTOP') former.kill('SIGCONT');
    const code = await exitCode(former, restarts);
    // The new one goes on for a while, so that a late write of the old one would be found among its own.
    const seen = Date.now();
    await waitFor('more writes of the new leader', async () => (await writes(seen)).filter((write) => write.pod === next.pod).length >= 4);
    const overlaps = overlapsOf(await writes(old.since), old, next);
    // A new pod, because a kubelet makes a container that ends often wait.
    if (old.pod !== next.pod) await deletePod(old.pod, 'at once');
    return { signal, old, next, takenAfter: next.since - at, wroteAfter: firstWrite.at - at, exitCode: code, overlaps };
  };

  const startWork = (): (() => Promise<void>) => {
    const ending = new AbortController();
    const work = async (): Promise<void> => {
      for (let turn = 0; !ending.signal.aborted; turn += 1) {
        const name = busy[turn % busy.length] ?? '';
        const before = (await stage.notification('default', name))?.metadata.generation ?? 0;
        await setSeverity(name, Math.floor(turn / busy.length) % 5);
        // Not faster than an operator at work follows, and not slower than one that isn't there allows.
        await waitFor('the change to be followed', async () => isFollowed(await stage.notification('default', name), before), 300).catch(
          () => undefined,
        );
      }
    };
    const working = work();
    // Told by who ends it.
    working.catch(() => undefined);
    return async () => {
      ending.abort();
      await working;
    };
  };

  const everythingDone = async (): Promise<void> => {
    for (const name of [...busy, quiet]) {
      const { spec } = await stage.waitForStatus('default', name, 'Ready for its last change', isReady);
      const rules = stage.emulator.resources().alertRules.filter((rule) => JSON.stringify(rule).includes(`/default/${name}`));
      const wanted = `"severity":${spec.alertRule?.severity ?? 3}`;
      if (rules.length !== 1 || !JSON.stringify(rules[0]).includes(wanted))
        throw new Error(`${name}: Azure has ${rules.length} rules and not one with ${wanted}`);
    }
  };

  return {
    azureCalls,
    writes,
    tenure,
    leader,
    settled,
    pod,
    standby,
    exitCode,
    deletePod,
    handOver,
    change,
    startWork,
    everythingDone,
  };
};

const isFollowed = (object: MaintenanceNotification | undefined, generation: number): boolean =>
  object !== undefined && (object.status?.observedGeneration ?? 0) > generation;
