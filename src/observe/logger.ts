import { pino, type Logger } from 'pino';
import { group, kind } from '../api/names.ts';
import { consoleLine, oneLine, redact } from './log-line.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** `trace`, `debug`, `info`, `warn` or `error`. */
  readonly level: string;
  /** JSON for machines, console for people; one line for each entry in both. */
  readonly encoding: 'json' | 'console';
  /** Takes each line with its end. Default: standard output. */
  readonly write?: (line: string) => void;
}

/** The keys that users of controller-runtime and Flux filter by, on every line. People at a console know which program they look at. */
const about = { controller: 'maintenancenotification', controllerGroup: group, controllerKind: kind };

/** As controller-runtime: the message under `error`, and where it comes from under `stacktrace`. */
const spellError = (entry: Record<string, unknown>): Record<string, unknown> =>
  entry['error'] instanceof Error ? { ...entry, error: entry['error'].message, stacktrace: entry['error'].stack } : entry;

/**
 * Makes the logger. Its lines have the keys that users of controller-runtime and Flux know: `level`, `ts`, `msg`, `error`, and for what
 * speaks of an object `namespace`, `name` and `reconcileID`, which the caller gives. No line holds a token, a signature or a URL's query.
 */
export const createLogger = ({ level, encoding, write = standardOutput() }: LoggerOptions): Logger =>
  pino(
    {
      level,
      base: encoding === 'json' ? about : null,
      errorKey: 'error',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: spellError },
    },
    {
      write: (text) => {
        const entry = redact(text.trimEnd());
        write(`${oneLine(encoding === 'json' ? entry : consoleLine(JSON.parse(entry)))}\n`);
      },
    },
  );

/** Written at once and in order: the last lines before an end are the ones that matter. */
const standardOutput = (): ((line: string) => void) => {
  const destination = pino.destination({ dest: 1, sync: true });
  return (line) => void destination.write(line);
};
