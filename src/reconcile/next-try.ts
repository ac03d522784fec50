import type { Retry } from '../core/failure.ts';
import type { Requeue } from '../runtime/controller.ts';

/** Roles, federated credentials and new groups take this long to spread; what lasts longer won't be over soon. */
export const spreadingMilliseconds = 10 * 60_000;

const fastCapMilliseconds = 30_000;
const slowCapMilliseconds = 180_000;
/** A wait that Azure asks for without saying how long: the first, and the longest. */
const unnamedMilliseconds = 30_000;
const unnamedCapMilliseconds = 300_000;
/** Of a wait that Azure asks for. It only adds: such a wait is never undercut. */
const toldJitter = 0.1;

/**
 * When to try again after a failure, as long as nobody has to act for it.
 * @param times how often it failed so in a row, this time included
 * @param lasted for how long, in milliseconds
 */
export const nextTry = (retry: Retry, times: number, lasted: number, random: number): Exclude<Requeue, { readonly kind: 'done' }> => {
  switch (retry.kind) {
    case 'after':
      return { kind: 'after', milliseconds: retry.seconds * 1000 * (1 + toldJitter * random) };
    case 'afterAWhile': {
      const milliseconds = Math.min(unnamedCapMilliseconds, unnamedMilliseconds * 2 ** (times - 1));
      return { kind: 'after', milliseconds: milliseconds * (1 + toldJitter * random) };
    }
    case 'fast':
      return { kind: 'backOff', capMilliseconds: lasted < spreadingMilliseconds ? fastCapMilliseconds : slowCapMilliseconds };
    case 'slow':
    case 'crawl':
      return { kind: 'backOff', capMilliseconds: slowCapMilliseconds };
  }
};
