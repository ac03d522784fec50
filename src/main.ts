import { ConfigError, help, readConfig, type Config } from './config.ts';
import { loadKubeAccess, type KubeAccess } from './kube/config.ts';
import { KubeConfigError } from './kube/kubeconfig.ts';
import { createLogger } from './observe/logger.ts';
import { startOperator, type Operator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';

/** Set by the build; from source there is none. */
declare const AKS_NOTIFIER_VERSION: string | undefined;
const version = typeof AKS_NOTIFIER_VERSION === 'string' ? AKS_NOTIFIER_VERSION : 'dev';

/** Runs under way get this long to finish; then they are broken off. */
const drainMilliseconds = 10_000;
/** Behind everything else: a stop that hangs must not outlive the pod's grace period of 20 s. */
const hardStopMilliseconds = 15_000;

const refuse = (mistakes: readonly string[]): never => {
  process.stderr.write(`aks-notifier can't start:\n${mistakes.map((mistake) => `- ${mistake}\n`).join('')}`);
  process.exit(1);
};

/** What flags, variables and the kubeconfig say; every mistake in any of them is reported before anything starts. */
const readEverything = async (): Promise<{ readonly config: Config; readonly access: KubeAccess } | 'help' | 'version'> => {
  const mistakes: string[] = [];
  const collect = (error: unknown): undefined => {
    if (error instanceof ConfigError) mistakes.push(...error.mistakes);
    else if (error instanceof KubeConfigError) mistakes.push(error.message);
    else throw error;
  };
  let config: Config | 'help' | 'version' | undefined;
  try {
    config = readConfig(process.argv.slice(2), process.env);
  } catch (error) {
    collect(error);
  }
  if (config === 'help' || config === 'version') return config;
  const access = await loadKubeAccess({ environment: process.env, clock: systemClock }).catch(collect);
  return config && access ? { config, access } : refuse(mistakes);
};

const main = async (): Promise<void> => {
  const read = await readEverything();
  if (read === 'help' || read === 'version') {
    process.stdout.write(`${read === 'help' ? help() : version}\n`);
    return;
  }
  const { config, access } = read;
  const log = createLogger({ level: config.logLevel, encoding: config.logEncoding });
  process.on('unhandledRejection', (reason) => {
    log.fatal({ error: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) }, 'unhandled rejection: this is a bug');
    process.exit(1);
  });

  // As PID 1 Node ignores signals that nothing listens to, so the handlers stand before anything else is started.
  let stopping = false;
  const ending = new AbortController();
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<Operator | undefined>();
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), hardStopMilliseconds).unref();
    ending.abort(new Error('stopping'));
    started
      .then((operator) => operator?.stop(drainMilliseconds))
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error: String(error) }, 'stopping failed');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  let operator: Operator;
  try {
    operator = await startOperator(config, access, { log, version, stopping: ending.signal });
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    hasStarted(undefined);
    return;
  }
  hasStarted(operator);
  const reason = await operator.lost;
  // At once: from now on another process may be at work on the same things.
  log.error({ reason }, 'lost the lease; ending');
  process.exit(1);
};

main().catch((error: unknown) => {
  refuse([error instanceof Error ? error.message : String(error)]);
});
