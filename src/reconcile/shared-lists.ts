import { listScopeId, type Listing, type ListScope } from '../azure/listing.ts';
import { ReconcileError, retold, signInReasons } from '../core/failure.ts';
import { comparableId, type Place } from '../core/resource-id.ts';
import { backOffMilliseconds } from '../runtime/back-off.ts';
import { nextTry, spreadingMilliseconds } from './next-try.ts';

/**
 * Lists of one kind of resource, each shared by all objects that look for drift at about the same time: what a pass reads grows with
 * Azure's pages and not with our objects. A list is of a whole subscription; where that may not be read, of a resource group; where not even
 * that may be read, or where the lists cost more than they save, there is none, and everybody asks for what is theirs.
 */
export interface SharedLists<Item> {
  /** Sees to a list for a place that is not older than `maxAgeMilliseconds`. Undefined: there is nothing to wait for. */
  prepare(place: Place, maxAgeMilliseconds: number): Wait | undefined;
  /**
   * What a list that is fresh enough shows of one thing. Undefined means nothing: it may be there all the same.
   * @throws ReconcileError when Azure could not be asked for the list again and again: with the time when it will be asked next
   */
  find(place: Place, id: string, maxAgeMilliseconds: number): Item | undefined;
  /** Whether a place is looked at by lists, as far as is known. */
  isShared(place: Place): boolean;
  /** How long the last list for a place took, in milliseconds. */
  duration(place: Place): number;
  /** When a list of a subscription was last read to its end; -Infinity: never. */
  takenAt(subscriptionId: string): number;
  /** A thing was written: what older lists say of it no longer counts. */
  forget(id: string): void;
}

/** When to ask again: when a list that is being read is there (it never rejects), or after some time. */
export type Wait = { readonly ready: Promise<void> } | { readonly milliseconds: number };

interface SharedListsOptions<Item> {
  readonly list: (scope: ListScope, signal: AbortSignal) => Promise<Listing<Item>>;
  readonly idOf: (item: Item) => string;
  /** What is worth keeping of an item; undefined: nothing. A subscription may hold thousands of other people's. */
  readonly keep: (item: Item) => Item | undefined;
  /** What the list is of, for people. */
  readonly label: string;
  /** When a list of another kind in this subscription was last read to its end. */
  readonly othersTakenAt: (subscriptionId: string) => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly random: () => number;
}

interface Shelf<Item> {
  items: Map<string, Item>;
  /** When the last page was there: those who waited for a long list must find it young. */
  takenAt: number;
  milliseconds: number;
  underWay: Promise<void> | undefined;
  /** What was written while the list was being read. */
  readonly written: Set<string>;
  /** What the lists have cost and saved since then: whether they pay. */
  balance: { pages: number; hits: number; readonly since: number };
  /** No list before this time: it may not be read, or it doesn't pay. */
  without: { readonly until: number; readonly why: 'refused' | 'dear' } | undefined;
  trouble: Trouble | undefined;
}

/** That Azure could not be asked for a list. */
interface Trouble {
  readonly error: ReconcileError;
  readonly since: number;
  readonly times: number;
  readonly until: number;
}

/** A list of forty pages takes some ten seconds. */
const listMilliseconds = 120_000;
/** Over this time it is counted what lists cost and save: many objects have the same interval, and some a shorter one. */
const countedMilliseconds = 3_600_000;
/** A list that may not be read is tried again after this time: a right may have been given. */
const refusedMilliseconds = 30 * 60_000;
/** The same for one that doesn't pay. */
const dearMilliseconds = 6 * 3_600_000;
/** A list that nobody has asked for in so long is dropped. */
const unusedMilliseconds = 24 * 3_600_000;
const backOff = { baseMilliseconds: 1000, jitter: 0.25 };

/** The failures of which every call would suffer. Any other is about this list, and what it would have shown can be asked for one by one. */
const outages: readonly ReconcileError['reason'][] = ['Throttled', 'AzureUnavailable', 'AzureError', 'Busy', ...signInReasons];

const shelfKey = (scope: ListScope): string => comparableId(listScopeId(scope));
/** The lists in which a place stands, the larger first. */
const scopesOf = ({ subscriptionId, resourceGroup }: Place): readonly ListScope[] => [
  { subscriptionId },
  { subscriptionId, resourceGroup },
];

export const createSharedLists = <Item>(options: SharedListsOptions<Item>): SharedLists<Item> => {
  const { now, random } = options;
  const shelves = new Map<string, Shelf<Item>>();

  const newShelf = (): Shelf<Item> => ({
    items: new Map(),
    takenAt: -Infinity,
    milliseconds: 0,
    underWay: undefined,
    written: new Set(),
    balance: { pages: 0, hits: 0, since: now() },
    without: undefined,
    trouble: undefined,
  });

  /** The list that serves a place: of its subscription, unless that is refused, else of its group. Undefined: there is none. */
  const serving = (place: Place): { readonly scope: ListScope; readonly shelf: Shelf<Item> } | undefined => {
    for (const scope of scopesOf(place)) {
      const shelf = shelves.get(shelfKey(scope)) ?? newShelf();
      shelves.set(shelfKey(scope), shelf);
      if (!shelf.without || now() >= shelf.without.until) return { scope, shelf };
      if (shelf.without.why === 'dear') return undefined;
    }
    return undefined;
  };

  const understood = (thrown: unknown, scope: ListScope): ReconcileError => {
    if (thrown instanceof ReconcileError) return thrown;
    const isLate = thrown instanceof DOMException && thrown.name === 'TimeoutError';
    return new ReconcileError(
      isLate ? 'AzureUnavailable' : 'AzureError',
      `Could not list the ${options.label} of ${listScopeId(scope)}: ${isLate ? `it took longer than ${listMilliseconds / 60_000} minutes.` : 'the operator could not read the answer; its log says more.'}`,
      { cause: thrown },
    );
  };

  const fail = (shelf: Shelf<Item>, scope: ListScope, error: ReconcileError): void => {
    const since = shelf.trouble?.since ?? now();
    const lasted = now() - since;
    const isAlone = lasted >= spreadingMilliseconds && options.othersTakenAt(scope.subscriptionId) > since;
    if (!outages.includes(error.reason) || isAlone) {
      shelf.without = { until: now() + refusedMilliseconds, why: 'refused' };
      shelf.trouble = undefined;
      return;
    }
    const times = (shelf.trouble?.times ?? 0) + 1;
    const next = nextTry(error.retry, times, lasted, random());
    const wait =
      next.kind === 'after'
        ? next.milliseconds
        : backOffMilliseconds({ ...backOff, capMilliseconds: next.capMilliseconds }, times, random());
    shelf.trouble = { error, since, times, until: now() + wait };
  };

  const take = async (shelf: Shelf<Item>, scope: ListScope): Promise<void> => {
    const begun = now();
    shelf.written.clear();
    try {
      const { items, pages } = await options.list(scope, AbortSignal.timeout(listMilliseconds));
      const kept = items.map((item) => options.keep(item)).filter((item) => item !== undefined);
      shelf.items = new Map(kept.map((item) => [comparableId(options.idOf(item)), item]));
      for (const id of shelf.written) shelf.items.delete(id);
      shelf.takenAt = now();
      shelf.milliseconds = now() - begun;
      shelf.balance.pages += pages;
      shelf.without = undefined;
      shelf.trouble = undefined;
    } catch (thrown) {
      fail(shelf, scope, understood(thrown, scope));
    } finally {
      shelf.underWay = undefined;
    }
  };

  const dropUnused = (): void => {
    for (const [key, { takenAt, underWay, without, trouble }] of shelves)
      if (!underWay && !without && !trouble && now() - takenAt > unusedMilliseconds) shelves.delete(key);
  };

  /** From time to time: whether the lists have cost more than they have saved. */
  const isDear = (shelf: Shelf<Item>): boolean => {
    const { pages, hits, since } = shelf.balance;
    if (now() - since < countedMilliseconds) return false;
    shelf.balance = { pages: 0, hits: 0, since: now() };
    if (pages <= hits) return false;
    shelf.without = { until: now() + dearMilliseconds, why: 'dear' };
    return true;
  };

  const isFresh = (shelf: Shelf<Item>, maxAgeMilliseconds: number): boolean => now() - shelf.takenAt <= maxAgeMilliseconds;

  /** One failure, or a wait that Azure asks for, is no news: nobody's status changes for it. What lasts for long, or is to last, is. */
  const isPassing = ({ error, times, since, until }: Trouble): boolean =>
    (times === 1 || error.reason === 'Throttled') && until - since < spreadingMilliseconds;

  return {
    prepare: (place, maxAgeMilliseconds) => {
      const found = serving(place);
      if (!found || isFresh(found.shelf, maxAgeMilliseconds)) return undefined;
      const { scope, shelf } = found;
      if (shelf.underWay) return { ready: shelf.underWay };
      const wait = (shelf.trouble?.until ?? 0) - now();
      if (shelf.trouble && wait > 0) return isPassing(shelf.trouble) ? { milliseconds: wait } : undefined;
      if (isDear(shelf)) return undefined;
      dropUnused();
      shelves.set(shelfKey(scope), shelf);
      shelf.underWay = take(shelf, scope);
      return { ready: shelf.underWay };
    },
    find: (place, id, maxAgeMilliseconds) => {
      const { shelf } = serving(place) ?? {};
      if (!shelf) return undefined;
      if (isFresh(shelf, maxAgeMilliseconds)) {
        const item = shelf.items.get(comparableId(id));
        if (item !== undefined) shelf.balance.hits += 1;
        return item;
      }
      if (!shelf.trouble) return undefined;
      const { error, until } = shelf.trouble;
      // Who comes earlier asks nothing of Azure: the list is not begun before its time.
      const retry = { kind: 'after', seconds: Math.min(Math.max(0, until - now()), spreadingMilliseconds) / 1000 } as const;
      throw retold(error, { retry });
    },
    isShared: (place) => serving(place) !== undefined,
    duration: (place) => serving(place)?.shelf.milliseconds ?? 0,
    takenAt: (subscriptionId) =>
      Math.max(
        ...[...shelves].filter(([key]) => `${key}/`.startsWith(`${shelfKey({ subscriptionId })}/`)).map(([, { takenAt }]) => takenAt),
        -Infinity,
      ),
    forget: (id) => {
      for (const shelf of shelves.values()) {
        shelf.items.delete(comparableId(id));
        if (shelf.underWay) shelf.written.add(comparableId(id));
      }
    },
  };
};
