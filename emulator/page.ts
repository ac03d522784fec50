import { ArmError } from './errors.ts';
import type { Answer } from './http.ts';
import type { ArmRequest, Azure } from './provider.ts';
import { idKey } from './resource-id.ts';

const encode = (key: string): string => Buffer.from(key, 'utf8').toString('base64url');
const decode = (token: string): string => Buffer.from(token, 'base64url').toString('utf8');

/** What lies below a scope, of a map whose keys are made by `idKey`. */
export const below = <Item>(items: ReadonlyMap<string, Item>, scope: string): ReadonlyMap<string, Item> => {
  const prefix = `${idKey(scope)}/`;
  return new Map([...items].filter(([key]) => key.startsWith(prefix)));
};

/**
 * One page of a list, in the order of the keys, with a `nextLink` when there is more. The link carries the last key, not a number, so that
 * what is added or removed between two pages doesn't shift the rest.
 *
 * @param items what the list holds, by key; only the page's own are converted.
 */
export const page = <Item>(
  azure: Azure,
  request: ArmRequest,
  items: ReadonlyMap<string, Item>,
  toWire: (item: Item) => unknown,
): Answer => {
  const { incoming } = request;
  const token = incoming.query.get('$skipToken') ?? incoming.query.get('$skiptoken');
  const after = token === null ? '' : decode(token);
  if (token !== null && encode(after) !== token) {
    throw new ArmError(400, { code: 'InvalidSkipToken', message: `The skip token '${token}' is invalid.` });
  }
  const rest = [...items].filter(([key]) => key > after).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const shown = rest.slice(0, azure.settings.pageSize);
  const value = shown.map(([, item]) => toWire(item));
  const last = shown.at(-1)?.[0];
  if (last === undefined || shown.length === rest.length) return { status: 200, body: { value } };

  const query = new URLSearchParams([...incoming.query].filter(([name]) => name.toLowerCase() !== '$skiptoken'));
  query.set('$skipToken', encode(last));
  return { status: 200, body: { value, nextLink: `${azure.url}${incoming.path}?${query.toString()}` } };
};
