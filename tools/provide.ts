/**
 * Provides the real programs that tests and the demo run: etcd, kube-apiserver, kubectl, helm, promlint, promtool, kubeconform, actionlint,
 * and what Flux and Argo CD do with objects.
 *
 * They are built once from the Go modules beside this file, which pin every version, and kept outside the work tree. So `git clean`
 * doesn't cost minutes, and two clones share them. By hand: `node tools/provide.ts [name...]` prints where they are.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const toolNames = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'helm',
  'promlint',
  'promtool',
  'kubeconform',
  'actionlint',
  'flux-parts',
  'argocd-parts',
] as const;
export type ToolName = (typeof toolNames)[number];

/** Absolute paths of the programs that a cluster is made of. */
export interface Tools {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubectl: string;
  readonly helm: string;
}

/** Somebody has to install or set something; the message is one sentence that says what. */
export class ToolError extends Error {
  override readonly name = 'ToolError' as const;
}

interface Recipe {
  /** Folder of the Go module below this one. */
  readonly module: string;
  /** Go package of the program, as `go build` takes it. */
  readonly package: string;
  /** The requirement in go.mod whose version is the program's. */
  readonly pinnedBy: string;
  /** Build tags. */
  readonly tags?: string;
  /** Variables that the linker sets, given the version without its `v`. */
  readonly variables: (version: string) => Readonly<Record<string, string>>;
  /** What a first build takes on two cores, downloads included. */
  readonly about: string;
  /** Whether setup-envtest's folder, `KUBEBUILDER_ASSETS`, contains it. */
  readonly inAssets: boolean;
}

// Without these variables a self-built Kubernetes calls itself v0.0.0, which kubectl and Helm charts would act upon.
const kubernetesVersion = (version: string): Record<string, string> => ({
  'k8s.io/component-base/version.gitVersion': `v${version}`,
  'k8s.io/component-base/version.gitMajor': version.split('.')[0] ?? '',
  'k8s.io/component-base/version.gitMinor': version.split('.')[1] ?? '',
});

const recipes: Readonly<Record<ToolName, Recipe>> = {
  etcd: {
    module: 'etcd',
    package: '.',
    pinnedBy: 'go.etcd.io/etcd/server/v3',
    variables: () => ({}),
    about: '2 minutes',
    inAssets: true,
  },
  'kube-apiserver': {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    pinnedBy: 'k8s.io/kubernetes',
    variables: kubernetesVersion,
    about: '4 minutes',
    inAssets: true,
  },
  kubectl: {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kubectl',
    pinnedBy: 'k8s.io/kubernetes',
    variables: kubernetesVersion,
    about: '1 minute',
    inAssets: true,
  },
  helm: {
    module: 'helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    pinnedBy: 'helm.sh/helm/v4',
    variables: (version) => ({ 'helm.sh/helm/v4/internal/version.version': `v${version}` }),
    about: '3 minutes',
    inAssets: false,
  },
  promlint: {
    module: 'promlint',
    package: '.',
    pinnedBy: 'github.com/prometheus/client_golang',
    variables: () => ({}),
    about: '20 seconds',
    inAssets: false,
  },
  kubeconform: {
    module: 'kubeconform',
    package: 'github.com/yannh/kubeconform/cmd/kubeconform',
    pinnedBy: 'github.com/yannh/kubeconform',
    variables: () => ({}),
    about: '20 seconds',
    inAssets: false,
  },
  promtool: {
    module: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    pinnedBy: 'github.com/prometheus/prometheus',
    // Nothing is scraped, so the SDKs of twenty clouds need not be there.
    tags: 'remove_all_sd',
    variables: () => ({}),
    about: '2 minutes',
    inAssets: false,
  },
  actionlint: {
    module: 'actionlint',
    package: 'github.com/rhysd/actionlint/cmd/actionlint',
    pinnedBy: 'github.com/rhysd/actionlint',
    variables: () => ({}),
    about: '20 seconds',
    inAssets: false,
  },
  'flux-parts': {
    module: 'flux',
    package: '.',
    pinnedBy: 'github.com/fluxcd/pkg/ssa',
    variables: () => ({}),
    about: '1 minute',
    inAssets: false,
  },
  'argocd-parts': {
    module: 'argocd',
    package: '.',
    pinnedBy: 'github.com/argoproj/argo-cd/v3',
    variables: () => ({}),
    about: '3 minutes',
    inAssets: false,
  },
};

const say = (line: string): void => {
  process.stderr.write(`tools: ${line}\n`);
};

const isExecutable = async (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Where such a kind of things is kept outside of the work tree. */
export const cacheDirectory = (kind: string): string =>
  join(process.env['AKS_NOTIFIER_CACHE'] || join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'aks-notifier'), kind);

/** Everything that decides what comes out of a build, so that no change of a pin or a flag meets an old binary. */
const buildOf = async (name: ToolName): Promise<{ directory: string; version: string; args: readonly string[]; key: string }> => {
  const recipe = recipes[name];
  const directory = join(import.meta.dirname, recipe.module);
  const goMod = await readFile(join(directory, 'go.mod'), 'utf8');
  const version = new RegExp(`^(?:require)?\\s*${RegExp.escape(recipe.pinnedBy)} v(\\S+)`, 'm').exec(goMod)?.[1];
  if (!version) throw new ToolError(`tools/${recipe.module}/go.mod requires no version of ${recipe.pinnedBy}`);
  const variables = Object.entries(recipe.variables(version)).map(([variable, value]) => `-X ${variable}=${value}`);
  const tags = recipe.tags ? ['-tags', recipe.tags] : [];
  const args = ['-trimpath', '-buildvcs=false', ...tags, '-ldflags', ['-s -w', ...variables].join(' '), recipe.package];
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, args]));
  const sources = (await readdir(directory)).filter((file) => /^go\.(mod|sum)$|\.go$/.test(file)).toSorted();
  for (const file of sources) hash.update(`\0${file}\0`).update(await readFile(join(directory, file)));
  return { directory, version, args, key: `${name}-${version}-${hash.digest('hex').slice(0, 12)}` };
};

/**
 * Runs the go command, and hands each line of its output on as it comes.
 * @throws ToolError when there is no go command at all
 */
export const go = async (
  args: readonly string[],
  directory: string,
  onLine: (line: string) => void,
): Promise<{ readonly code: number; readonly output: string }> => {
  // No C compiler is needed, and no go.work of a folder above may interfere.
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
  const child = spawn('go', args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(exitCode ?? 1));
  });
  return { code, output: lines.join('\n') };
};

const leastGo = async (directory: string): Promise<string> =>
  /^go (\S+)/m.exec(await readFile(join(directory, 'go.mod'), 'utf8'))?.[1] ?? '1.26';

/** Says in one sentence what to install when the go command is missing or older than the module asks for. */
const requireGo = async (name: ToolName, directory: string): Promise<void> => {
  const needed = await leastGo(directory);
  const instead = recipes[name].inAssets
    ? ', or set KUBEBUILDER_ASSETS to a folder that has etcd, kube-apiserver and kubectl (setup-envtest makes one)'
    : '';
  const install = `install Go ${needed} or newer${instead}`;
  const { code, output } = await go(['env', 'GOVERSION'], directory, () => undefined).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new ToolError(`${name} has to be built, and there is no go command: ${install}.`);
    throw error;
  });
  const [major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(output) ?? []).slice(1).map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  // A go command since 1.21 refuses by itself to work below the version that go.mod names; an older one must be asked.
  if (code !== 0 || major < neededMajor || (major === neededMajor && minor < neededMinor)) {
    throw new ToolError(`${name} has to be built, and the go command is too old (${output.trim().split('\n').at(-1)}): ${install}.`);
  }
};

const provideBuilt = async (name: ToolName): Promise<string> => {
  const { directory, version, args, key } = await buildOf(name);
  const home = join(cacheDirectory('tools'), key);
  const program = join(home, name);
  if (await isExecutable(program)) return program;

  await requireGo(name, directory);
  await mkdir(home, { recursive: true });
  // Built under a name of our own, then moved: nobody ever sees half a program, and of two builders the later one wins harmlessly.
  const partial = join(home, `.${name}.${process.pid}.partial`);
  const started = Date.now();
  const elapsed = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  let downloads = 0;
  say(`building ${name} ${version}, once; the first time takes about ${recipes[name].about} …`);
  const ticker = setInterval(() => {
    say(`building ${name}: ${elapsed()}${downloads > 0 ? `, ${downloads} modules downloaded` : ''} …`);
  }, 15_000);
  try {
    const { code, output } = await go(['build', '-o', partial, ...args], directory, (line) => {
      if (line.startsWith('go: downloading ')) downloads += 1;
    });
    if (code !== 0) {
      const said = output.split('\n').filter((line) => line && !line.startsWith('go: downloading '));
      throw new ToolError(`go could not build ${name} ${version}:\n${said.slice(-20).join('\n')}`);
    }
    await rename(partial, program);
  } finally {
    clearInterval(ticker);
    await rm(partial, { force: true });
  }
  say(`${name} ${version} is built (${elapsed()}), kept in ${home}`);
  return program;
};

/**
 * The absolute path of one program: from `KUBEBUILDER_ASSETS` if that is set and is where the program belongs, else built and cached.
 * @throws ToolError with a sentence that says what to install or to set
 */
export const provideTool = async (name: ToolName): Promise<string> => {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (!assets || !recipes[name].inAssets) return provideBuilt(name);
  const program = join(assets, name);
  if (await isExecutable(program)) return program;
  throw new ToolError(
    `KUBEBUILDER_ASSETS is set to ${assets}, but there is no program ${program}: put it there, or unset KUBEBUILDER_ASSETS.`,
  );
};

/**
 * The absolute paths of the programs that a cluster is made of; the first time it builds them, minutes long, and says so on stderr.
 * @throws ToolError with a sentence that says what to install or to set
 */
export const provideTools = async (): Promise<Tools> => {
  // One after the other: a Go build fills all cores by itself.
  const etcd = await provideTool('etcd');
  const kubeApiserver = await provideTool('kube-apiserver');
  const kubectl = await provideTool('kubectl');
  const helm = await provideTool('helm');
  return { etcd, kubeApiserver, kubectl, helm };
};

/**
 * The folder of Prometheus operator's own files, in the version that tools/prometheus-operator pins: its CRDs. Go's module cache keeps them.
 * @throws ToolError with a sentence that says what to install, or why there is no such folder
 */
export const providePrometheusOperator = async (): Promise<string> => {
  const directory = join(import.meta.dirname, 'prometheus-operator');
  await requireGo('kubeconform', directory);
  const module = 'github.com/prometheus-operator/prometheus-operator';
  const download = await go(['mod', 'download', module], directory, () => undefined);
  const listed = await go(['list', '-m', '-f', '{{.Dir}}', module], directory, () => undefined);
  if (download.code !== 0 || listed.code !== 0)
    throw new ToolError(`go could not download ${module}:\n${download.output}\n${listed.output}`);
  return listed.output.trim();
};

const isToolName = (word: string): word is ToolName => (toolNames as readonly string[]).includes(word);

const main = async (words: readonly string[]): Promise<void> => {
  const unknown = words.filter((word) => !isToolName(word));
  if (unknown.length > 0) throw new ToolError(`no such tool: ${unknown.join(', ')}; there are ${toolNames.join(', ')}.`);
  for (const name of words.length > 0 ? words.filter(isToolName) : toolNames) process.stdout.write(`${name} ${await provideTool(name)}\n`);
};

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    say(error.message);
    process.exitCode = 1;
  });
}
