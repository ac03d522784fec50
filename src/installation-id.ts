import { KubeError, malformedAnswer } from './kube/failure.ts';
import { isComplete, type KubeObject } from './kube/object.ts';
import type { KubeTransport } from './kube/transport.ts';
import type { Logger } from './observe/logger.ts';
import { backOffMilliseconds } from './runtime/back-off.ts';
import type { Clock } from './runtime/clock.ts';
import { sentence } from './trouble.ts';

interface UidOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onTrouble: (trouble: string) => void;
}

/** The id of this installation, when none is configured. Waits for the API server rather than ending. */
export const uidOfKubeSystem = async ({ transport, clock, log, signal, onTrouble }: UidOptions): Promise<string> => {
  for (let failures = 1; ; failures += 1) {
    try {
      const path = '/api/v1/namespaces/kube-system';
      const kubeSystem = await transport.request<KubeObject | undefined>({ method: 'GET', path, signal });
      if (kubeSystem && isComplete(kubeSystem)) return kubeSystem.metadata.uid;
      throw malformedAnswer(`GET ${path}`, 'the answer is no namespace');
    } catch (error) {
      if (signal.aborted || !(error instanceof KubeError)) throw error;
      const said = sentence('uid', error);
      onTrouble(said);
      log.warn({ error: said }, 'could not read the UID of kube-system; going on');
      await clock.sleep(
        backOffMilliseconds({ baseMilliseconds: 1000, capMilliseconds: 30_000, jitter: 0.25 }, failures, Math.random()),
        signal,
      );
    }
  }
};
