import { listScopeId, type Listing, type ListScope } from '../azure/listing.ts';
import { ReconcileError } from '../core/failure.ts';
import { comparableId, type Place } from '../core/resource-id.ts';
import { backOffMilliseconds } from '../runtime/back-off.ts';
import { nextTry } from './next-try.ts';

/**
 * Lists of one kind of resource, each shared by all objects that look for drift at about the same time: what a pass reads grows with
 * Azure's pages and not with our objects. A list is of a whole subscription; where that may not be read, of a resource group; where not even
 * that may be read, or where the list is longer than what it saves, there is none, and everybody asks for what is theirs.
 */
export interface SharedLists<Item> {
  /**
   * Sees to a list for a place that is not older than `maxAgeMilliseconds`. Returns undefined when there is nothing to wait for, else what
   * to wait for: it never rejects, and the one who waits asks again.
   * @throws ReconcileError when Azure could not be asked a moment ago: with the time when it will be asked again
   */
  prepare(place: Place, maxAgeMilliseconds: number): Promise<void> | undefined;
  /** What a list that is fresh enough shows of one thing. Undefined means nothing: it may be there all the same. */
  find(place: Place, id: string, maxAgeMilliseconds: number): Item | undefined;
  /** Whether a place is looked at by lists, as far as is known. */
  isShared(place: Place): boolean;
  /** A thing was written: what older lists say of it no longer counts. */
  forget(id: string): void;
}

interface SharedListsOptions<Item> {
  readonly list: (scope: ListScope, signal: AbortSignal) => Promise<Listing<Item>>;
  readonly idOf: (item: Item) => string;
  /** How many reads of one thing each object is spared. */
  readonly readsSpared: number;
  /** What the list is of, for people. */
  readonly label: string;
  readonly now: () => number;
  readonly random: () => number;
}

interface Shelf<Item> {
  items: Map<string, Item>;
  /** When the last page was there: those who waited for a long list must find it young. */
  takenAt: number;
  /** What was written while the list was being read. */
  readonly written: Set<string>;
  underWay: Promise<void> | undefined;
  /** What lists have cost and saved since `countedSince`: whether they pay. */
  pages: number;
  uses: number;
  countedSince: number;
  /** No list before this time: it may not be read, or it doesn't pay. */
  without: { readonly until: number; readonly why: 'refused' | 'dear' } | undefined;
  failed: { readonly until: number; readonly error: ReconcileError } | undefined;
  failures: number;
  failedSince: number | undefined;
}

/** A list of forty pages takes some ten seconds. */
const listMilliseconds = 120_000;
/** Over this time it is counted what lists cost and save: many objects have the same interval, and some a shorter one. */
const countedMilliseconds = 3_600_000;
/** A list that may not be read, or doesn't pay, is tried again after this time. */
const withoutMilliseconds = 6 * 3_600_000;
const backOff = { baseMilliseconds: 1000, jitter: 0.25 };

/** The failures of which every call would suffer. Any other is about this list, and what it would have shown can be asked for one by one. */
const outages: readonly ReconcileError['reason'][] = [
  'Throttled',
  'AzureUnavailable',
  'AzureError',
  'Busy',
  'AuthenticationFailed',
  'AuthenticationUnavailable',
  'FederatedCredentialMismatch',
  'CredentialUnavailable',
];

const shelfKey = ({ subscriptionId, resourceGroup }: ListScope): string =>
  comparableId(listScopeId(resourceGroup === undefined ? { subscriptionId } : { subscriptionId, resourceGroup }));

export const createSharedLists = <Item>(options: SharedListsOptions<Item>): SharedLists<Item> => {
  const { now, random } = options;
  const shelves = new Map<string, Shelf<Item>>();

  const shelfOf = (scope: ListScope): Shelf<Item> => {
    const key = shelfKey(scope);
    const known = shelves.get(key);
    if (known) return known;
    const empty: Shelf<Item> = {
      items: new Map(),
      takenAt: -Infinity,
      written: new Set(),
      underWay: undefined,
      pages: 0,
      uses: 0,
      countedSince: now(),
      without: undefined,
      failed: undefined,
      failures: 0,
      failedSince: undefined,
    };
    shelves.set(key, empty);
    return empty;
  };

  /** The list that serves a place: of its subscription, unless that is refused, else of its group. Undefined: there is none. */
  const servingList = ({
    subscriptionId,
    resourceGroup,
  }: Place): { readonly scope: ListScope; readonly shelf: Shelf<Item> } | undefined => {
    for (const scope of [{ subscriptionId }, { subscriptionId, resourceGroup }] satisfies readonly ListScope[]) {
      const shelf = shelfOf(scope);
      if (!shelf.without || now() >= shelf.without.until) return { scope, shelf };
      if (shelf.without.why === 'dear') return undefined;
    }
    return undefined;
  };

  const fail = (shelf: Shelf<Item>, scope: ListScope, thrown: unknown): void => {
    const error =
      thrown instanceof ReconcileError
        ? thrown
        : new ReconcileError(
            'AzureUnavailable',
            `Could not list the ${options.label} of ${listScopeId(scope)}: it took longer than ${listMilliseconds / 60_000} minutes.`,
            { cause: thrown },
          );
    if (!outages.includes(error.reason)) {
      shelf.without = { until: now() + withoutMilliseconds, why: 'refused' };
      return;
    }
    shelf.failures += 1;
    shelf.failedSince ??= now();
    const next = nextTry(error.retry, shelf.failures, now() - shelf.failedSince, random());
    const wait =
      next.kind === 'after'
        ? next.milliseconds
        : backOffMilliseconds({ ...backOff, capMilliseconds: next.capMilliseconds }, shelf.failures, random());
    shelf.failed = { until: now() + wait, error };
  };

  const take = async (shelf: Shelf<Item>, scope: ListScope): Promise<void> => {
    shelf.written.clear();
    try {
      const { items, pages } = await options.list(scope, AbortSignal.timeout(listMilliseconds));
      shelf.items = new Map(items.map((item) => [comparableId(options.idOf(item)), item]));
      shelf.takenAt = now();
      shelf.failed = undefined;
      shelf.without = undefined;
      shelf.failures = 0;
      shelf.failedSince = undefined;
      for (const id of shelf.written) shelf.items.delete(id);
      shelf.pages += pages;
    } catch (thrown) {
      fail(shelf, scope, thrown);
    } finally {
      shelf.underWay = undefined;
    }
  };

  /** From time to time: whether the lists have cost more than they have saved. */
  const isDear = (shelf: Shelf<Item>): boolean => {
    if (now() - shelf.countedSince < countedMilliseconds) return false;
    const dear = shelf.pages > shelf.uses * options.readsSpared;
    if (dear) shelf.without = { until: now() + withoutMilliseconds, why: 'dear' };
    shelf.pages = 0;
    shelf.uses = 0;
    shelf.countedSince = now();
    return dear;
  };

  const isFresh = (shelf: Shelf<Item>, maxAgeMilliseconds: number): boolean => now() - shelf.takenAt <= maxAgeMilliseconds;

  return {
    prepare: (place, maxAgeMilliseconds) => {
      const serving = servingList(place);
      if (!serving) return undefined;
      const { scope, shelf } = serving;
      if (isFresh(shelf, maxAgeMilliseconds)) {
        shelf.uses += 1;
        return undefined;
      }
      const wait = (shelf.failed?.until ?? 0) - now();
      if (shelf.failed && wait > 0) {
        const { reason, message, stalls, later, cause } = shelf.failed.error;
        throw new ReconcileError(reason, message, {
          stalls,
          cause,
          ...(later === undefined ? {} : { later }),
          retry: { kind: 'after', seconds: wait / 1000 },
        });
      }
      if (!shelf.underWay && isDear(shelf)) return undefined;
      shelf.underWay ??= take(shelf, scope);
      return shelf.underWay;
    },
    find: (place, id, maxAgeMilliseconds) => {
      for (const scope of [{ subscriptionId: place.subscriptionId }, place]) {
        const shelf = shelves.get(shelfKey(scope));
        const item = shelf && isFresh(shelf, maxAgeMilliseconds) ? shelf.items.get(comparableId(id)) : undefined;
        if (item !== undefined) return item;
      }
      return undefined;
    },
    isShared: (place) => servingList(place) !== undefined,
    forget: (id) => {
      for (const shelf of shelves.values()) {
        shelf.items.delete(comparableId(id));
        if (shelf.underWay) shelf.written.add(comparableId(id));
      }
    },
  };
};
