/** The operator as a process of its own, outside of any pod: for what is measured, and for what goes through a proxy. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type Exit, readTail, startProcess } from './process.ts';
import { clientId, operatorNamespace, type Stage, tenantId } from './stage.ts';
import { waitFor } from './wait.ts';

/** What Prometheus would read, at one moment. */
export interface Scrape {
  /** The sum of all series of this name that carry all these labels, each as it is written: `code="200"`. */
  readonly sum: (name: string, ...labels: readonly string[]) => number;
  /** How many series of this name there are. */
  readonly count: (name: string) => number;
}

export interface LogLine {
  /** When, as `2026-11-23T10:00:00.000Z`. */
  readonly ts?: string;
  readonly level?: string | number;
  readonly msg?: string;
  readonly error?: string;
  readonly listening?: readonly string[];
}

export interface OperatorProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly isRunning: () => boolean;
  /** What it logged; a line that isn't JSON is its `msg`. */
  readonly log: () => readonly LogLine[];
  readonly scrape: () => Promise<Scrape>;
  /** Ends it as a kubelet would. */
  readonly stop: () => Promise<Exit>;
  /** Ends it by SIGKILL. */
  readonly kill: () => Promise<Exit>;
}

export interface OperatorProcessOptions {
  /** The name of its pod. */
  readonly name: string;
  /** Where it finds the API server; default: where it is. */
  readonly kube?: { readonly server: string; readonly ca: string };
  readonly args?: readonly string[];
  /** What NODE_OPTIONS says besides what the chart sets. */
  readonly nodeOptions?: string;
  /** Variables besides those of the chart, or in their place. */
  readonly env?: Readonly<Record<string, string>>;
}

export type StartOperatorProcess = (options: OperatorProcessOptions) => Promise<OperatorProcess>;

const bundle = process.env['AKS_NOTIFIER_BUNDLE'] ?? fileURLToPath(new URL('../../dist/aks-notifier.mjs', import.meta.url));

/**
 * Makes ready what the processes need: the chart's ServiceAccount with its rights, tokens, and a copy of the bundle (of
 * `AKS_NOTIFIER_BUNDLE`, if it is set), so that a build meanwhile changes nothing. Returns how to start one; it resolves when the process
 * serves its metrics.
 */
export const prepareOperatorProcesses = async (stage: Stage): Promise<StartOperatorProcess> => {
  const { controlPlane, emulator } = stage;
  await stage.install();
  // Its pods only stood for the installation.
  await stage.kubelet.pause('gracefully');
  const { directory } = controlPlane;
  const program = join(directory, 'aks-notifier.mjs');
  await copyFile(bundle, program);
  const tokenFile = join(directory, 'azure-token');
  const audiences = ['api://AzureADTokenExchange'];
  await writeFile(
    tokenFile,
    await controlPlane.serviceAccountToken(operatorNamespace, 'aks-notifier', { audiences, expirationSeconds: 7200 }),
  );
  const ca = join(directory, 'emulator-ca.crt');
  await writeFile(ca, emulator.ca);
  const token = await controlPlane.serviceAccountToken(operatorNamespace, 'aks-notifier', { expirationSeconds: 7200 });

  let count = 0;
  return async ({ name, kube = controlPlane, args = [], nodeOptions, env = {} }) => {
    count += 1;
    const kubeconfig = join(directory, `kubeconfig-operator-${count}.yaml`);
    // Before anything is awaited: several may be started at once.
    const logFile = join(directory, `operator-${count}.log`);
    await writeFile(kubeconfig, kubeconfigOf(kube, token));
    const child = await startProcess({
      command: process.execPath,
      args: [program, '--health-addr=127.0.0.1:0', '--metrics-addr=127.0.0.1:0', ...args],
      env: {
        KUBECONFIG: kubeconfig,
        POD_NAME: name,
        POD_NAMESPACE: operatorNamespace,
        AZURE_CLIENT_ID: clientId,
        AZURE_TENANT_ID: tenantId,
        AZURE_FEDERATED_TOKEN_FILE: tokenFile,
        AZURE_AUTHORITY_HOST: emulator.url,
        AZURE_RESOURCE_MANAGER_ENDPOINT: emulator.url,
        NODE_EXTRA_CA_CERTS: ca,
        // As the chart's Deployment sets them.
        NODE_OPTIONS: `--max-semi-space-size=1${nodeOptions === undefined ? '' : ` ${nodeOptions}`}`,
        MALLOC_ARENA_MAX: '2',
        ...env,
      },
      cwd: directory,
      logFile,
    });
    const log = (): readonly LogLine[] => readTail(logFile, Infinity).split('\n').filter(Boolean).map(toLogLine);
    const address = await waitFor(`${name} to listen`, () => {
      const isRunning = child.isRunning();
      const listening = log().find((line) => line.listening !== undefined)?.listening;
      // One that a test has killed since did listen.
      if (!listening && !isRunning) throw new Error(`it ended: ${child.log()}`);
      return listening?.at(-1);
    });
    return {
      name,
      pid: child.pid,
      exited: child.exited,
      isRunning: () => child.isRunning(),
      log,
      scrape: async () => scrapeOf(await (await fetch(`http://${address}/metrics`)).text()),
      stop: () => child.stop(20_000),
      kill: () => child.stop(0),
    };
  };
};

const kubeconfigOf = ({ server, ca }: { readonly server: string; readonly ca: string }, token: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'user', namespace: operatorNamespace } }],
    'current-context': 'local',
  });

const toLogLine = (text: string): LogLine => {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'error', msg: text };
  }
};

const scrapeOf = (text: string): Scrape => {
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const end = line.lastIndexOf(' ');
      return { name: /^[^{ ]+/.exec(line)?.[0] ?? '', labels: line.slice(0, end), value: Number(line.slice(end)) };
    });
  return {
    sum: (name, ...labels) =>
      series
        .filter((one) => one.name === name && labels.every((label) => one.labels.includes(label)))
        .reduce((total, { value }) => total + value, 0),
    count: (name) => series.filter((one) => one.name === name).length,
  };
};
