import type { CallOptions, Session } from './session.ts';

/** Everything of one kind at one scope, and how many pages it came in: that is what it cost. */
export interface Listing<Item> {
  readonly items: readonly Item[];
  readonly pages: number;
}

/** What the lists of all SDKs have in common. */
interface PagedList<Item> {
  byPage(): AsyncIterable<readonly Item[]>;
}

/** Reads a list to its end. `start` makes the SDK's list: for a subscription, or for one resource group of it. */
export const readList = async <Item>(
  session: Session,
  what: Parameters<Session['call']>[0],
  start: (options: CallOptions) => PagedList<Item>,
): Promise<Listing<Item>> =>
  session.call(what, async (options) => {
    const items: Item[] = [];
    let pages = 0;
    for await (const page of start(options).byPage()) {
      pages += 1;
      items.push(...page);
    }
    return { items, pages };
  });

/** Where a list looks: a whole subscription, or one resource group. */
export interface ListScope {
  readonly subscriptionId: string;
  readonly resourceGroup?: string;
}

/** `/subscriptions/…` or `/subscriptions/…/resourceGroups/…`, for messages. */
export const listScopeId = ({ subscriptionId, resourceGroup }: ListScope): string =>
  `/subscriptions/${subscriptionId}${resourceGroup === undefined ? '' : `/resourceGroups/${resourceGroup}`}`;
