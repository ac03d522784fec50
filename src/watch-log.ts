import type { Occurrence } from './kube/list-watch.ts';
import type { Logger } from './observe/logger.ts';
import { sentence } from './trouble.ts';

/** Says what a person can do something about; the rest is for debugging. */
export const logWatch = (log: Logger, occurrence: Occurrence): void => {
  switch (occurrence.kind) {
    case 'failed': {
      const { error, during, waitMilliseconds } = occurrence;
      log.warn(
        { during, error: sentence(during, error), waitMilliseconds: Math.round(waitMilliseconds) },
        'watch interrupted; going on by itself',
      );
      break;
    }
    case 'unparsable':
      log.warn({ error: occurrence.error.message }, 'skipped a line of the watch that could not be read');
      break;
    case 'handlerFailed':
      log.error({ key: occurrence.key, error: String(occurrence.error) }, 'handling a change failed');
      break;
    default:
      log.debug(occurrence, 'watch');
  }
};
