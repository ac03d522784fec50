/** What a path of Azure Resource Manager addresses, in the caller's own casing. */
export interface ArmPath {
  /** The whole id, percent-decoded, without a trailing slash. */
  readonly id: string;
  /** What the resource hangs on: `/subscriptions/…`, a resource group, or (role assignments) any resource. */
  readonly scope: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string | undefined;
  /** `Namespace/type` or `Namespace/type/subtype`. */
  readonly type: string;
  /** One name for each part of the type; the last one is missing when the path addresses a collection. */
  readonly names: readonly string[];
  readonly isCollection: boolean;
}

const same = (left: string | undefined, right: string): boolean => left?.toLowerCase() === right.toLowerCase();

/** The decoded segments of a path; repeated and trailing slashes count as one and none. Throws a `URIError` for a broken `%` sequence. */
const segmentsOf = (path: string): string[] =>
  path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => decodeURIComponent(segment));

/** Reads a path of Azure Resource Manager, or says nothing when it isn't one below a subscription. */
export const parseArmPath = (path: string): ArmPath | undefined => {
  const segments = segmentsOf(path);
  const subscriptionId = segments[1];
  if (!same(segments[0], 'subscriptions') || subscriptionId === undefined) return undefined;

  const providers = segments.findLastIndex((segment) => same(segment, 'providers'));
  const [namespace, ...rest] = providers === -1 ? [] : segments.slice(providers + 1);
  if (namespace === undefined || rest.length === 0) return undefined;

  return {
    id: `/${segments.join('/')}`,
    scope: `/${segments.slice(0, providers).join('/')}`,
    subscriptionId,
    resourceGroup: same(segments[2], 'resourceGroups') ? segments[3] : undefined,
    type: [namespace, ...rest.filter((_, index) => index % 2 === 0)].join('/'),
    names: rest.filter((_, index) => index % 2 === 1),
    isCollection: rest.length % 2 === 1,
  };
};

/** One spelling for every way to write an id or a scope: lower case, single slashes, one in front, none at the end. */
export const idKey = (id: string): string =>
  `/${id
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')
    .toLowerCase()}`;

/** Whether `inner` is `outer` or lies below it: a subscription contains its groups, a group its resources. Case doesn't matter. */
export const scopeContains = (outer: string, inner: string): boolean => {
  const [outerKey, innerKey] = [idKey(outer), idKey(inner)];
  return outerKey === '/' || innerKey === outerKey || innerKey.startsWith(`${outerKey}/`);
};

/** The resource that one of a subtype hangs on: `…/managedClusters/prod` of `…/managedClusters/prod/scheduledEvents/1`. */
export const parentId = (id: string): string => id.split('/').slice(0, 9).join('/');

/** Where an id lies: its subscription, and its resource group when it has one. */
export const whereIs = (id: string): { subscriptionId: string | undefined; resourceGroup: string | undefined } => {
  const segments = id.split('/').filter((segment) => segment !== '');
  return {
    subscriptionId: same(segments[0], 'subscriptions') ? segments[1] : undefined,
    resourceGroup: same(segments[2], 'resourceGroups') ? segments[3] : undefined,
  };
};

/** The last segment of an id: a resource's name, or the GUID of a role definition. */
export const lastSegment = (id: string): string => id.slice(id.lastIndexOf('/') + 1);

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu;

/** Whether a text is a GUID in its usual, dashed form. */
export const isGuid = (text: string): boolean => guid.test(text);
