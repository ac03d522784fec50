/** A container's HTTP probes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { Refusal } from './spec.ts';
import type { Container, Probe } from './types.ts';

/** Where a probe goes. @throws Refusal for a port that no container port has as its name */
export const probeUrl = (probe: Probe, container: Container, podIp: string): string => {
  const { path = '/', port, scheme = 'HTTP', host = podIp } = probe.httpGet ?? { port: 0 };
  const number = typeof port === 'number' ? port : container.ports?.find(({ name }) => name === port)?.containerPort;
  if (number === undefined) throw new Refusal(`container ${container.name} has no port called ${port}, which a probe asks for`);
  return `${scheme.toLowerCase()}://${host}:${number}${path.startsWith('/') ? path : `/${path}`}`;
};

/** Asks once; any answer from 200 to 399 in time is a success. A kubelet doesn't look at certificates, nor do we. */
const succeeds = async (url: string, timeoutSeconds: number): Promise<boolean> => {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: AbortSignal.timeout(timeoutSeconds * 1000) });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    return false;
  } finally {
    await dispatcher.destroy();
  }
};

export interface ProbeOptions {
  readonly url: string;
  readonly probe: Probe;
  /** Ends the probing. */
  readonly signal: AbortSignal;
  /** Milliseconds between questions until the first success; then the probe's own period counts. A kubelet would make tests wait. */
  readonly eagerMs?: number;
  /** Told of a verdict when it changes: true after `successThreshold` successes in a row, false after `failureThreshold` failures. */
  readonly onVerdict: (healthy: boolean) => void;
}

/** Probes until it is told to end. */
export const keepProbing = async ({ url, probe, signal, eagerMs, onVerdict }: ProbeOptions): Promise<void> => {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1, successThreshold = 1, failureThreshold = 3 } = probe;
  const pause = async (ms: number): Promise<void> => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
  let verdict: boolean | undefined;
  let [successes, failures] = [0, 0];
  await pause(initialDelaySeconds * 1000);
  while (!signal.aborted) {
    const success = await succeeds(url, timeoutSeconds);
    if (signal.aborted) return;
    [successes, failures] = success ? [successes + 1, 0] : [0, failures + 1];
    const next = successes >= successThreshold ? true : failures >= failureThreshold ? false : verdict;
    if (next !== undefined && next !== verdict) {
      verdict = next;
      onVerdict(next);
    }
    await pause(verdict !== true && eagerMs !== undefined ? eagerMs : periodSeconds * 1000);
  }
};
