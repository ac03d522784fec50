import type { EventRecorderOptions } from './kube/event-recorder.ts';
import type { Logger } from './observe/logger.ts';

/** Says which event isn't in the cluster, and why. */
export const logDrop =
  (log: Logger): NonNullable<EventRecorderOptions['onDrop']> =>
  (why, { namespace, name }, { reason }, error) =>
    log[why === 'duplicate' ? 'debug' : 'warn'](
      { namespace, name, why, event: reason, ...(error instanceof Error ? { error: error.message } : {}) },
      'dropped an event',
    );
