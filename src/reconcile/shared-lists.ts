import { listScopeId, type Listing, type ListScope } from '../azure/listing.ts';
import { ReconcileError } from '../core/failure.ts';
import { comparableId, type Place } from '../core/resource-id.ts';
import { backOffMilliseconds } from '../runtime/back-off.ts';

/**
 * Lists of one kind of resource, each shared by all objects that look for drift at about the same time: what a pass reads grows with
 * Azure's pages and not with our objects. A list is of a whole subscription; where that may not be read, of a resource group; where not even
 * that may be read, or where the list is longer than what it saves, there is none, and everybody asks for what is theirs.
 */
export interface SharedLists<Item> {
  /**
   * Sees to a list for a place that is not older than `maxAgeMilliseconds`. Returns undefined when there is nothing to wait for, else what
   * to wait for: it never rejects, and the one who waits asks again.
   * @param key who asks: how many they are decides whether a long list pays
   * @throws ReconcileError when Azure could not be asked a moment ago: with the time when it will be asked again
   */
  prepare(place: Place, key: string, maxAgeMilliseconds: number): Promise<void> | undefined;
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
  /** When the list was begun. */
  takenAt: number;
  /** What was written while the list was being read. */
  readonly written: Set<string>;
  underWay: Promise<void> | undefined;
  /** Who asked since the last list was begun. */
  users: Set<string>;
  /** No list before this time: it may not be read, or it doesn't pay. */
  without: { readonly until: number; readonly why: 'refused' | 'dear' } | undefined;
  failed: { readonly until: number; readonly error: ReconcileError } | undefined;
  failures: number;
}

/** A list of forty pages takes some ten seconds. */
const listMilliseconds = 120_000;
/** A list that may not be read, or doesn't pay, is tried again after this time. */
const withoutMilliseconds = 6 * 3_600_000;
const backOff = { baseMilliseconds: 1000, capMilliseconds: 180_000, jitter: 0.25 };

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
      users: new Set(),
      without: undefined,
      failed: undefined,
      failures: 0,
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
    const wait = error.retry.kind === 'after' ? error.retry.seconds * 1000 : backOffMilliseconds(backOff, shelf.failures, random());
    shelf.failed = { until: now() + wait, error };
  };

  const take = async (shelf: Shelf<Item>, scope: ListScope): Promise<void> => {
    const begun = now();
    shelf.users = new Set();
    shelf.written.clear();
    try {
      const { items, pages } = await options.list(scope, AbortSignal.timeout(listMilliseconds));
      shelf.items = new Map(items.map((item) => [comparableId(options.idOf(item)), item]));
      shelf.takenAt = begun;
      shelf.failed = undefined;
      shelf.without = undefined;
      shelf.failures = 0;
      for (const id of shelf.written) shelf.items.delete(id);
      // The list is longer than what all who waited for it would have read.
      if (pages > Math.max(1, shelf.users.size * options.readsSpared)) shelf.without = { until: now() + withoutMilliseconds, why: 'dear' };
    } catch (thrown) {
      fail(shelf, scope, thrown);
    } finally {
      shelf.underWay = undefined;
    }
  };

  const isFresh = (shelf: Shelf<Item>, maxAgeMilliseconds: number): boolean => now() - shelf.takenAt <= maxAgeMilliseconds;

  return {
    prepare: (place, key, maxAgeMilliseconds) => {
      const serving = servingList(place);
      if (!serving) return undefined;
      const { scope, shelf } = serving;
      if (isFresh(shelf, maxAgeMilliseconds)) {
        shelf.users.add(key);
        return undefined;
      }
      const wait = (shelf.failed?.until ?? 0) - now();
      if (shelf.failed && wait > 0) {
        const { reason, message, stalls, cause } = shelf.failed.error;
        throw new ReconcileError(reason, message, { stalls, cause, retry: { kind: 'after', seconds: wait / 1000 } });
      }
      shelf.underWay ??= take(shelf, scope);
      shelf.users.add(key);
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
