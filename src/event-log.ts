import type { EventContent, EventDrop, ObjectReference } from './kube/event-recorder.ts';
import type { Logger } from './observe/logger.ts';

/** Says which event isn't in the cluster, and why. */
export const logDrop = (
  log: Logger,
  why: EventDrop,
  { namespace, name }: ObjectReference,
  { reason }: EventContent,
  error?: unknown,
): void =>
  log[why === 'duplicate' ? 'debug' : 'warn'](
    { namespace, name, why, event: reason, ...(error instanceof Error ? { error: error.message } : {}) },
    'dropped an event',
  );
