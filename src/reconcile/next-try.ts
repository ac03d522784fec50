import type { Retry } from '../core/failure.ts';
import type { Requeue } from '../runtime/controller.ts';

/** Roles, federated credentials and new groups take this long to spread; what lasts longer won't be over soon. */
export const spreadingMilliseconds = 10 * 60_000;

const fastCapMilliseconds = 30_000;
const slowCapMilliseconds = 180_000;
/** A wait that Azure asks for without saying how long: the first, and the longest. */
const unnamedMilliseconds = 30_000;
const unnamedCapMilliseconds = 300_000;
/** What is added to a wait that is told: never less, so that it isn't undercut, and never much, so that no turn is missed. */
const told = (milliseconds: number, random: number): Exclude<Requeue, { readonly kind: 'done' }> => ({
  kind: 'after',
  milliseconds: milliseconds + Math.min(milliseconds / 10, 1000) * random,
});

/**
 * When to try again after a failure, as long as nobody has to act for it.
 * @param times how often it failed so in a row, this time included
 * @param lasted for how long, in milliseconds
 */
export const nextTry = (retry: Retry, times: number, lasted: number, random: number): Exclude<Requeue, { readonly kind: 'done' }> => {
  switch (retry.kind) {
    case 'after':
      return told(retry.seconds * 1000, random);
    case 'afterAWhile':
      return told(Math.min(unnamedCapMilliseconds, unnamedMilliseconds * 2 ** (times - 1)), random);
    case 'fast':
      return { kind: 'backOff', capMilliseconds: lasted < spreadingMilliseconds ? fastCapMilliseconds : slowCapMilliseconds };
    case 'slow':
    case 'crawl':
      return { kind: 'backOff', capMilliseconds: slowCapMilliseconds };
  }
};
