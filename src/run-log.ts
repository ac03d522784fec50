import type { MaintenanceNotification } from './api/maintenance-notification.ts';
import { causeForLog } from './azure/failure.ts';
import { isTransient } from './kube/failure.ts';
import type { Logger } from './observe/logger.ts';
import type { RunLog } from './reconcile/ports.ts';
import type { RunReport } from './runtime/controller.ts';
import { WriteRefusedError } from './runtime/write-gate.ts';

/** Says what a run has done, or what it suffered. */
export const logRun =
  (log: Logger) =>
  ({ metadata: { namespace, name } }: MaintenanceNotification, { cause, ...entry }: RunLog): void => {
    const line = { namespace, name, ...entry, ...(cause === undefined ? {} : causeForLog(cause)) };
    if (entry.reason === undefined) log.info(line, 'reconciled');
    else log.warn(line, 'reconcile failed');
  };

/** Says why a run came to no end; a run that did has spoken for itself. */
export const logThrown = (log: Logger, { key, outcome, nextMilliseconds }: RunReport): void => {
  if (outcome.kind !== 'threw') return;
  const { error } = outcome;
  if (error instanceof WriteRefusedError) log.warn({ key, error: error.message }, 'run broken off');
  else if (isTransient(error))
    log.warn(
      { key, operation: error.operation, error: error.message, waitMilliseconds: Math.round(nextMilliseconds ?? 0) },
      'run interrupted by the API server; going on by itself',
    );
  else log.error({ key, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, 'run failed unexpectedly');
};
