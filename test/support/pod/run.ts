/** One pod as one local process: volumes, tokens, start, probes, restarts, end. It knows nothing of the API but what it is given. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, type LocalProcess, readTail, startProcess } from '../process.ts';
import { keepProbing, probeUrl } from './probes.ts';
import { type PodFacts, commandLine, environment, onlyContainer } from './spec.ts';
import type { Container, PodSpec, Probe } from './types.ts';
import { type Contents, type TokenRequest, replaceFile, writeVolume } from './volumes.ts';

/** A pod as tests see it. The values that change are read at the time of asking. */
export interface PodProcess {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A loopback address that no other pod has. */
  readonly ip: string;
  /** `undefined` while no process runs: before the first start, during a back-off, after the end. */
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly ready: boolean;
  /** What all its processes wrote to stdout and stderr, the last 1 MB. */
  logs(): string;
  /** Sends a signal to the process. A pod whose process ends is started again. */
  kill(signal: NodeJS.Signals): void;
  /** The local file that a path below one of the container's mounts stands for. */
  localPath(containerPath: string): string | undefined;
  /** Fetches all its tokens anew, now. */
  refreshTokens(): Promise<void>;
}

export interface PodOptions {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly facts: PodFacts;
  /** The pod's own directory; made here, removed by the caller. */
  readonly directory: string;
  readonly files: Readonly<Record<string, string>>;
  /** Whether the pod signs in to the API server. */
  readonly signIn: boolean;
  readonly contents: Contents;
  readonly mintToken: (request: TokenRequest) => Promise<string>;
  readonly writeKubeconfig: (directory: string, tokenFile: string) => Promise<string>;
  /** Called when the pod's status has changed. */
  readonly onChange: () => void;
}

export interface RunningPod {
  readonly process: PodProcess;
  /** As it belongs into the Pod object. */
  status(): object;
  /** Ends it for good: SIGTERM, SIGKILL after `graceMs`. */
  terminate(graceMs: number): Promise<void>;
}

/** Where Kubernetes puts a pod's own sign-in. */
const signInPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Milliseconds before the n-th restart in a row: the first at once, as a kubelet does, then quicker than that, for tests. */
const backOffMs = (restart: number): number => (restart <= 1 ? 0 : Math.min(500 * 2 ** (restart - 2), 10_000));

/** A run of this many milliseconds makes the earlier restarts forgotten. */
const healthyMs = 10_000;

/**
 * Says before anything starts what of a pod can't be given here.
 * @throws Refusal
 */
export const refuseImpossible = (spec: PodSpec, files: Readonly<Record<string, string>>): void => {
  const container = onlyContainer(spec);
  const nobody: PodFacts = { name: '', namespace: '', ip: '', serviceAccount: '' };
  commandLine(
    container,
    environment(container.env ?? [], nobody, () => undefined),
    files,
  );
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    if (probe) probeUrl(probe, container, '');
  }
};

/** Local path by path in the container; the longest mount that fits counts. */
const mountResolver = (container: Container, directory: string): ((path: string) => string | undefined) => {
  const mounts = (container.volumeMounts ?? [])
    .map(({ name, mountPath }) => ({ local: join(directory, 'volumes', name), mountPath: mountPath.replace(/\/+$/, '') }))
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length);
  return (path) => {
    const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
    return mount && join(mount.local, path.slice(mount.mountPath.length));
  };
};

/** Keeps files of tokens fresh: fetched at once, and again when 80 % of their life is over, as a kubelet does. */
const keepTokens = (mint: PodOptions['mintToken'], signal: AbortSignal) => {
  const known: TokenRequest[] = [];
  const fetch = async (request: TokenRequest): Promise<void> => replaceFile(request.file, await mint(request));
  const renew = async (request: TokenRequest): Promise<void> => {
    let pauseMs = request.expirationSeconds * 800;
    for (;;) {
      await sleep(pauseMs, undefined, { signal, ref: false });
      pauseMs = await fetch(request).then(
        () => request.expirationSeconds * 800,
        () => 1000,
      );
    }
  };
  return {
    add: async (request: TokenRequest): Promise<void> => {
      await fetch(request);
      known.push(request);
      // It ends only by the signal.
      renew(request).catch(() => undefined);
    },
    refresh: async (): Promise<void> => {
      await Promise.all(known.map(fetch));
    },
  };
};

interface State {
  process?: LocalProcess;
  startedAt?: Date;
  restarts: number;
  ready: boolean;
  readyChangedAt: Date;
  waiting: { readonly reason: string; readonly message?: string } | undefined;
  lastExit?: Exit & { readonly startedAt: Date; readonly finishedAt: Date };
}

const describeStatus = (container: Container, facts: PodFacts, createdAt: Date, state: State): object => {
  const { lastExit, startedAt, process: running } = state;
  const isRunning = running?.isRunning() === true && state.waiting === undefined;
  const condition = (type: string, yes: boolean, since: Date) => ({ type, status: yes ? 'True' : 'False', lastTransitionTime: since });
  const terminated = lastExit && {
    exitCode: lastExit.code ?? 137,
    reason: lastExit.code === 0 ? 'Completed' : 'Error',
    startedAt: lastExit.startedAt,
    finishedAt: lastExit.finishedAt,
  };
  return {
    phase: startedAt ? 'Running' : 'Pending',
    hostIP: '127.0.0.1',
    podIP: facts.ip,
    podIPs: [{ ip: facts.ip }],
    startTime: createdAt,
    conditions: [
      condition('PodScheduled', true, createdAt),
      condition('Initialized', true, createdAt),
      condition('ContainersReady', state.ready, state.readyChangedAt),
      condition('Ready', state.ready, state.readyChangedAt),
    ],
    containerStatuses: [
      {
        name: container.name,
        image: container.image ?? '',
        imageID: '',
        ready: state.ready,
        started: isRunning,
        restartCount: state.restarts,
        state: isRunning && startedAt ? { running: { startedAt } } : { waiting: state.waiting ?? { reason: 'ContainerCreating' } },
        ...(terminated && { lastState: { terminated } }),
      },
    ],
  };
};

/** Starts a pod, and keeps it running until it is terminated. The template must have passed `refuseImpossible`. */
export const runPod = (options: PodOptions): RunningPod => {
  const { spec, facts, directory } = options;
  const container = onlyContainer(spec);
  const localPath = mountResolver(container, directory);
  const logFile = join(directory, 'log');
  const graceMs = (spec.terminationGracePeriodSeconds ?? 30) * 1000;
  const createdAt = new Date();
  const life = new AbortController();
  const tokens = keepTokens(options.mintToken, life.signal);
  const state: State = { restarts: 0, ready: false, readyChangedAt: createdAt, waiting: undefined };

  const setReady = (ready: boolean): void => {
    if (state.ready === ready) return;
    state.ready = ready;
    state.readyChangedAt = new Date();
    options.onChange();
  };
  const setWaiting = (waiting: State['waiting']): void => {
    state.waiting = waiting;
    options.onChange();
  };
  const pause = async (ms: number): Promise<void> => sleep(ms, undefined, { signal: life.signal, ref: false }).catch(() => undefined);

  /** The file that the kubeconfig names: of a volume that the template mounts for this purpose, else one of our own. */
  const signInTokenFile = async (): Promise<string> => {
    const mounted = localPath(join(signInPath, 'token'));
    if (mounted !== undefined) return mounted;
    const file = join(directory, 'sign-in', 'token');
    await tokens.add({ file, audience: undefined, expirationSeconds: 3600 });
    return file;
  };

  const prepare = async (): Promise<Readonly<Record<string, string>>> => {
    await mkdir(join(directory, 'home'), { recursive: true });
    await writeFile(logFile, '', { flag: 'a' });
    for (const volume of spec.volumes ?? []) {
      const requests = await writeVolume(join(directory, 'volumes', volume.name), volume, options.contents);
      for (const request of requests) await tokens.add(request);
    }
    const signIn = options.signIn ? { KUBECONFIG: await options.writeKubeconfig(directory, await signInTokenFile()) } : {};
    return {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: join(directory, 'home'),
      ...signIn,
      ...environment(container.env ?? [], facts, localPath),
    };
  };

  const prepareUntilDone = async (): Promise<Readonly<Record<string, string>>> => {
    while (!life.signal.aborted) {
      try {
        return await prepare();
      } catch (error) {
        // A ConfigMap that isn't there yet, an API server that is away: a kubelet waits for it, and says so in the status.
        setWaiting({ reason: 'CreateContainerConfigError', message: error instanceof Error ? error.message : String(error) });
        await pause(500);
      }
    }
    return {};
  };

  /** Probes a running process until the signal; readiness and liveness begin when the startup probe is content. */
  const probe = async (running: LocalProcess, signal: AbortSignal): Promise<void> => {
    const urlOf = (each: Probe): string => probeUrl(each, container, facts.ip);
    const restartUnless = (healthy: boolean): void => {
      if (!healthy) void running.stop(graceMs);
    };
    const { startupProbe, readinessProbe, livenessProbe } = container;
    if (startupProbe) {
      const started = new AbortController();
      const eagerMs = 100;
      const { periodSeconds = 10, failureThreshold = 3 } = startupProbe;
      await keepProbing({
        url: urlOf(startupProbe),
        // Asked more often, it must be allowed to fail more often.
        probe: { ...startupProbe, failureThreshold: Math.ceil((failureThreshold * periodSeconds * 1000) / eagerMs) },
        signal: AbortSignal.any([signal, started.signal]),
        eagerMs,
        onVerdict: (healthy) => {
          if (healthy) started.abort();
          restartUnless(healthy);
        },
      });
    }
    if (signal.aborted) return;
    const { initialDelaySeconds = 0, periodSeconds = 10 } = livenessProbe ?? {};
    const alive = livenessProbe
      ? keepProbing({
          url: urlOf(livenessProbe),
          // A kubelet's first question comes at a random moment of the first period. Ours comes at its end, so that tests are alike.
          probe: { ...livenessProbe, initialDelaySeconds: initialDelaySeconds + periodSeconds },
          signal,
          onVerdict: restartUnless,
        })
      : undefined;
    if (readinessProbe) await keepProbing({ url: urlOf(readinessProbe), probe: readinessProbe, signal, eagerMs: 50, onVerdict: setReady });
    else setReady(true);
    await alive;
  };

  const runOnce = async (program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> => {
    const startedAt = new Date();
    const running = await startProcess({ command: program, args, env, cwd: directory, logFile });
    Object.assign(state, { process: running, startedAt });
    setWaiting(undefined);
    // Terminated while it was being started.
    if (life.signal.aborted) void running.stop(graceMs);
    const ended = new AbortController();
    const probing = probe(running, AbortSignal.any([life.signal, ended.signal]));
    const exit = await running.exited;
    ended.abort();
    await probing;
    state.lastExit = { ...exit, startedAt, finishedAt: new Date() };
    setReady(false);
  };

  const live = async (): Promise<void> => {
    const env = await prepareUntilDone();
    let inARow = 0;
    while (!life.signal.aborted) {
      const begun = Date.now();
      const [program, ...args] = commandLine(container, env, options.files);
      let reason = 'CrashLoopBackOff';
      await runOnce(program, args, env).catch(() => {
        reason = 'RunContainerError';
      });
      if (life.signal.aborted) return;
      inARow = Date.now() - begun > healthyMs ? 1 : inARow + 1;
      state.restarts += 1;
      setWaiting({ reason, message: `restart ${state.restarts} of container ${container.name}` });
      await pause(backOffMs(inARow));
    }
  };
  const lived = live();

  return {
    process: {
      name: facts.name,
      namespace: facts.namespace,
      uid: options.uid,
      labels: options.labels,
      ip: facts.ip,
      get pid() {
        return state.process?.isRunning() ? state.process.pid : undefined;
      },
      get restarts() {
        return state.restarts;
      },
      get ready() {
        return state.ready;
      },
      logs: () => readTail(logFile),
      kill: (signal) => state.process?.kill(signal),
      localPath,
      refreshTokens: tokens.refresh,
    },
    status: () => describeStatus(container, facts, createdAt, state),
    terminate: async (milliseconds) => {
      life.abort();
      setReady(false);
      await state.process?.stop(milliseconds);
      await lived;
    },
  };
};
