import { parseArgs } from 'node:util';
import { readAllowedScopes } from './config/allowed-scopes.ts';
import { readAzure, type AzureConfig, type Environment } from './config/azure.ts';
import { isLabelSelector } from './config/label-selector.ts';
import { checkElectionTimes, leaseNameOf, type LeaderElectionConfig } from './config/leader-election.ts';
import { isNamespace, readNamespaces } from './config/namespaces.ts';
import type { AllowedScopes } from './core/boundary.ts';
import { parseDuration } from './core/duration.ts';

/** Everything that is configured, read once and frozen. */
export interface Config {
  /** Undefined: off. */
  readonly metricsAddress: Address | undefined;
  readonly healthAddress: Address | undefined;
  /** Undefined: taken from the kubeconfig or the ServiceAccount's file. */
  readonly namespace: string | undefined;
  /** Undefined: the UID of the namespace kube-system. */
  readonly installationId: string | undefined;
  readonly intervalMilliseconds: number;
  readonly readyGraceMilliseconds: number;
  readonly concurrency: number;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  /** Undefined: all objects. */
  readonly watchLabelSelector: string | undefined;
  /** What objects may reach in Azure. Empty: everything. */
  readonly allowedScopes: AllowedScopes;
  /** Where Secrets may be read for receivers. Empty: nowhere. */
  readonly secretNamespaces: readonly string[];
  /** Undefined: this process is the only one and always leads. */
  readonly leaderElection: LeaderElectionConfig | undefined;
  readonly logLevel: string;
  readonly logEncoding: LogEncoding;
  /** Names this process in Events. */
  readonly podName: string;
  readonly azure: AzureConfig;
}

export type LogEncoding = 'json' | 'console';

/** Where to listen; an empty host is every address of the machine, port 0 a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Flag {
  readonly default: string;
  readonly help: string;
  /** A plain variable that counts when neither the flag nor its own variable is set. */
  readonly fallback?: string;
}

/** Every flag: `--log-level` is also the variable `AKS_NOTIFIER_LOG_LEVEL`. The flag wins over the variable, the variable over the default. */
const flags = {
  'metrics-addr': { default: ':8080', help: 'where /metrics is served; port 0 takes a free port, 0 turns it off' },
  'health-addr': { default: ':8081', help: 'where /healthz and /readyz are served; port 0 takes a free port, 0 turns it off' },
  namespace: {
    default: '',
    help: "the operator's own namespace; default: POD_NAMESPACE, else the kubeconfig's, else the ServiceAccount's",
    fallback: 'POD_NAMESPACE',
  },
  'installation-id': {
    default: '',
    help: 'seeds the names in Azure and says there whose things are; default: the UID of the namespace kube-system',
  },
  interval: { default: '10m', help: 'time between two looks for drift, unless an object says otherwise; 30s to 24h' },
  'ready-grace-period': { default: '5m', help: 'how long an object stays Ready through transient failures; 0 turns it off' },
  concurrency: { default: '4', help: 'how many objects are worked on at once' },
  'watch-namespaces': { default: '', help: 'the namespaces whose objects are worked on, separated by commas; default: all' },
  'watch-label-selector': {
    default: '',
    help: 'only objects with these labels are worked on, such as shard=a or "shard in (a, b)"; elects a leader of its own',
  },
  'allowed-scopes': {
    default: '',
    help: 'ARM ids that objects may reach, with all below them, separated by commas; for one namespace as namespace=id; default: all',
  },
  'secret-namespaces': {
    default: '',
    help: 'the namespaces whose Secrets may be read for receivers, separated by commas; default: none',
  },
  'enable-leader-election': { default: 'true', help: 'of several replicas one works; false only where there is never more than one' },
  'leader-election-lease-duration': { default: '15s', help: 'a lease not renewed for so long may be taken; whole seconds' },
  'leader-election-renew-deadline': {
    default: '10s',
    help: 'a leader that could not renew for so long ends; less than the lease duration',
  },
  'leader-election-retry-period': { default: '2s', help: 'time between two looks at the lease' },
  'log-level': { default: 'info', help: 'trace, debug, info, warn or error' },
  'log-encoding': { default: 'json', help: 'json or console' },
} as const satisfies Readonly<Record<string, Flag>>;

type FlagName = keyof typeof flags;
const flagNames = Object.keys(flags) as FlagName[];

/** Flags without a value: they are answered, and nothing is started. */
const questions: readonly string[] = ['help', 'version'];

const variableOf = (flag: string): string => `AKS_NOTIFIER_${flag.toUpperCase().replaceAll('-', '_')}`;

/** The text of `--help`. */
export const help = (): string =>
  [
    'aks-notifier: a Kubernetes operator that tells people about planned AKS maintenance.',
    '',
    'Usage: aks-notifier [flags]',
    '',
    ...flagNames.map(
      (name) => `  --${name.padEnd(31)} ${flags[name].help}${flags[name].default === '' ? '' : ` (default ${flags[name].default})`}`,
    ),
    `  --${'version'.padEnd(31)} the version of the program`,
    `  --${'help'.padEnd(31)} this text`,
    '',
    'Each flag can also be given as a variable: --log-level is AKS_NOTIFIER_LOG_LEVEL. The flag wins.',
    'Kubernetes: KUBECONFIG, else the ServiceAccount of the pod.',
    'Azure: AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, as the workload identity webhook',
    'sets them; AZURE_RESOURCE_MANAGER_ENDPOINT and AZURE_RESOURCE_MANAGER_AUDIENCE for another cloud; NODE_EXTRA_CA_CERTS;',
    'HTTPS_PROXY and NO_PROXY, for Azure alone.',
  ].join('\n');

/** A configuration that can't be used: every mistake at once, each with its fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError' as const;
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Reads flags and variables.
 * @returns the configuration, or `help` or `version` when that was asked for
 * @throws ConfigError with every mistake
 */
export const readConfig = (args: readonly string[], environment: Environment): Config | 'help' | 'version' => {
  const mistakes: string[] = [];
  const given = readFlags(args, mistakes);
  if (given['help'] !== undefined) return 'help';
  if (given['version'] !== undefined) return 'version';
  const value = (name: FlagName): string => {
    const flag: Flag = flags[name];
    // A chart that renders an empty variable means that there is none.
    const variable = environment[variableOf(name)] || (flag.fallback === undefined ? undefined : environment[flag.fallback]);
    return given[name] ?? (variable || flag.default);
  };
  const named = (name: FlagName): string => `--${name} (or ${variableOf(name)})`;

  const address = (name: FlagName): Address | undefined => {
    if (value(name) === '0') return undefined;
    const match = /^(.*):(\d{1,5})$/.exec(value(name));
    if (match && Number(match[2]) < 65_536) return { host: (match[1] ?? '').replaceAll(/^\[|\]$/g, ''), port: Number(match[2]) };
    mistakes.push(`${named(name)} is "${value(name)}": write [host]:port, such as :8080, or 0 to turn it off.`);
    return undefined;
  };
  const duration = (name: FlagName, least: string, most: string): number => {
    const milliseconds = value(name) === '0' ? 0 : parseDuration(value(name));
    const lower = least === '0' ? 0 : (parseDuration(least) ?? 0);
    if (milliseconds !== undefined && milliseconds >= lower && milliseconds <= (parseDuration(most) ?? 0)) return milliseconds;
    mistakes.push(`${named(name)} is "${value(name)}": write a duration from ${least} to ${most}, such as 10m.`);
    return 0;
  };
  const namespace = value('namespace') || undefined;
  if (namespace !== undefined && !isNamespace(namespace))
    mistakes.push(
      `${named('namespace')} is "${namespace}", which can't be a namespace: write the name of the one that the operator runs in.`,
    );
  const installationId = value('installation-id');
  if (installationId !== '' && !/^[a-z0-9-]{1,63}$/.test(installationId))
    mistakes.push(`${named('installation-id')} is "${installationId}": use at most 63 of a-z, 0-9 and -.`);
  const concurrency = Number(value('concurrency'));
  if (!/^[1-9]\d?$/.test(value('concurrency')) || concurrency > 64)
    mistakes.push(`${named('concurrency')} is "${value('concurrency')}": write a whole number from 1 to 64.`);
  const watchNamespaces = readNamespaces(value('watch-namespaces'), named('watch-namespaces'), 'watch all', mistakes);
  const watchLabelSelector = value('watch-label-selector').trim() || undefined;
  if (watchLabelSelector !== undefined && !isLabelSelector(watchLabelSelector))
    mistakes.push(
      `${named('watch-label-selector')} is "${watchLabelSelector}": write a label selector, such as shard=a or shard in (a, b).`,
    );
  const oneOf = <Word extends string>(name: FlagName, words: readonly [Word, ...Word[]]): Word => {
    const found = words.find((word) => word === value(name));
    if (found === undefined) mistakes.push(`${named(name)} is "${value(name)}": write one of ${words.join(', ')}.`);
    return found ?? words[0];
  };
  const leaderElection = {
    leaseName: leaseNameOf(watchLabelSelector),
    leaseMilliseconds: duration('leader-election-lease-duration', '1s', '1h'),
    renewDeadlineMilliseconds: duration('leader-election-renew-deadline', '500ms', '1h'),
    retryMilliseconds: duration('leader-election-retry-period', '100ms', '1h'),
  };
  checkElectionTimes(leaderElection, mistakes);
  const config: Config = {
    metricsAddress: address('metrics-addr'),
    healthAddress: address('health-addr'),
    namespace,
    installationId: installationId || undefined,
    intervalMilliseconds: duration('interval', '30s', '24h'),
    readyGraceMilliseconds: duration('ready-grace-period', '0', '24h'),
    concurrency,
    watchNamespaces,
    watchLabelSelector,
    allowedScopes: readAllowedScopes(value('allowed-scopes'), named('allowed-scopes'), mistakes),
    secretNamespaces: readNamespaces(value('secret-namespaces'), named('secret-namespaces'), 'read none', mistakes),
    leaderElection: oneOf('enable-leader-election', ['true', 'false']) === 'true' ? leaderElection : undefined,
    logLevel: oneOf('log-level', ['trace', 'debug', 'info', 'warn', 'error']),
    logEncoding: oneOf('log-encoding', ['json', 'console']),
    podName: environment['POD_NAME'] || environment['HOSTNAME'] || 'aks-notifier',
    azure: readAzure(environment, mistakes),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.freeze(config);
};

const readFlags = (args: readonly string[], mistakes: string[]): Readonly<Record<string, string | undefined>> => {
  const options = Object.fromEntries([
    ...flagNames.map((name) => [name, { type: 'string' as const }]),
    ...questions.map((name) => [name, { type: 'boolean' as const }]),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const given: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') mistakes.push(`"${token.value}" is not a flag: see --help.`);
    if (token.kind !== 'option') continue;
    if (questions.includes(token.name)) given[token.name] = '';
    else if (!(flagNames as readonly string[]).includes(token.name))
      mistakes.push(`${token.rawName} is not a flag of aks-notifier: see --help.`);
    else if (token.value === undefined) mistakes.push(`${token.rawName} needs a value: ${token.rawName}=….`);
    // Somebody meant to say something: its default could be everything.
    else if (token.value.trim() === '')
      mistakes.push(`${token.rawName} is given without a value: write ${token.rawName}=…, or leave it out.`);
    else given[token.name] = token.value;
  }
  return given;
};
