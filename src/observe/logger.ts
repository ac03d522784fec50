import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on standard output with the keys that users of controller-runtime and Flux filter by: `level`, `ts`, `msg`. */
export const createLogger = (level: string): Logger =>
  pino(
    {
      level,
      base: { controller: 'maintenancenotification' },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Written at once and in order: the last lines before an end are the ones that matter.
    pino.destination({ dest: 1, sync: true }),
  );
