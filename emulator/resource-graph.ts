import { badRequest, resourceGraphError, type ArmError } from './errors.ts';
import type { Answer } from './http.ts';
import { compileQuery, type CompiledQuery, type Row } from './kql/compile.ts';
import { grantsOf, may, type Azure, type TenantProvider, type TenantRequest } from './provider.ts';
import { lastSegment, parentId, scopeContains, whereIs } from './resource-id.ts';
import { checkedBody, schemas } from './schema.ts';
import type { EventRow } from './world.ts';

/** The body of a query. */
export interface QueryBody {
  readonly query: string;
  readonly subscriptions?: readonly string[];
  readonly managementGroups?: readonly string[];
  readonly facets?: readonly unknown[];
  readonly options?: {
    readonly $top?: number;
    readonly $skip?: number;
    readonly $skipToken?: string;
    readonly resultFormat?: 'objectArray' | 'table';
  };
}

const mostRows = 1000;

const eventRowToRow = ({ state }: Azure, { id, name, type, location, properties }: EventRow): Row => ({
  id,
  name: name ?? lastSegment(id),
  type: type ?? 'microsoft.containerservice/managedclusters/scheduledevents',
  tenantId: state.tenantId,
  kind: '',
  location: location ?? '',
  resourceGroup: whereIs(id).resourceGroup?.toLowerCase() ?? '',
  subscriptionId: whereIs(id).subscriptionId ?? '',
  managedBy: '',
  sku: null,
  plan: null,
  properties,
  tags: null,
  identity: null,
  zones: null,
  extendedLocation: null,
});

/** The subscriptions that a principal sees: those in which, or above which, it holds any role. */
const visibleSubscriptions = (azure: Azure, objectId: string): Set<string> => {
  const scopes = grantsOf(azure, objectId).map(({ scope }) => scope);
  const sees = (subscription: string): boolean =>
    scopes.some((scope) => scopeContains(scope, subscription) || scopeContains(subscription, scope));
  return new Set([...azure.state.subscriptions.keys()].filter((subscriptionId) => sees(`/subscriptions/${subscriptionId}`)));
};

/** The rows of some subscriptions that any of some principals may read: those of the clusters that it may read, there or gone. */
export const readableRows = (azure: Azure, objectIds: readonly string[], subscriptions: ReadonlySet<string>): Row[] =>
  azure.state.eventRows
    .filter(({ id }) => subscriptions.has(whereIs(id).subscriptionId?.toLowerCase() ?? ''))
    .filter(({ id }) => objectIds.some((objectId) => may(azure, objectId, 'Microsoft.ContainerService/managedClusters/read', parentId(id))))
    .map((row) => eventRowToRow(azure, row));

/** Which subscriptions a query is about. Throws 403 when it names some and the caller sees none of them. */
const subscriptionsOf = (azure: Azure, objectId: string, { subscriptions = [], managementGroups = [] }: QueryBody): Set<string> => {
  const visible = visibleSubscriptions(azure, objectId);
  if (subscriptions.length === 0 && managementGroups.length === 0) return visible;
  const meant = new Set(subscriptions.map((subscriptionId) => subscriptionId.toLowerCase()).filter((each) => visible.has(each)));
  if (meant.size > 0) return meant;
  const message = 'Access is denied to the requested resource. The user might not have enough permission.';
  throw resourceGraphError(403, 'AccessDenied', [{ code: 'AccessDenied', message }], azure.clock());
};

interface Place {
  readonly skip: number;
  readonly top: number;
}

const tokenOf = ({ skip, top }: Place): string => Buffer.from(`${skip}/${top}`, 'utf8').toString('base64url');

/** Where a page begins and how long it is; what the options say goes before what the token says. */
const placeOf = ({ $top, $skip, $skipToken }: NonNullable<QueryBody['options']>): Place => {
  const [skip = 0, top = mostRows] =
    $skipToken === undefined ? [] : Buffer.from($skipToken, 'base64url').toString('utf8').split('/').map(Number);
  if ($skipToken !== undefined && tokenOf({ skip, top }) !== $skipToken) throw badRequest(`The skip token '${$skipToken}' is invalid.`);
  return { skip: $skip ?? skip, top: $top ?? top };
};

/** The types of columns, as Resource Graph has them. */
const wireTypes: Readonly<Record<string, string>> = {
  dynamic: 'object',
  bool: 'boolean',
  int: 'integer',
  long: 'integer',
  real: 'number',
  decimal: 'number',
  timespan: 'string',
};

const tableOf = ({ columns }: CompiledQuery, rows: readonly Row[]): object => ({
  columns: columns.map(({ name, type }) => ({ name, type: wireTypes[type] ?? type })),
  rows: rows.map((row) => columns.map(({ name }) => row[name])),
});

const queryFault = (fault: string, at: Date): ArmError => {
  const message =
    'Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying.';
  const details = [
    { code: 'InvalidQuery', message },
    { code: 'ParserFailure', message: fault },
  ];
  return resourceGraphError(400, 'BadRequest', details, at);
};

/** Resource Graph: queries over the events of AKS clusters, and no other table. */
export const resourceGraph = (azure: Azure): TenantProvider => ({
  type: 'Microsoft.ResourceGraph/resources',
  apiVersions: ['2024-04-01'],
  post: ({ body, caller }: TenantRequest): Answer => {
    const asked = checkedBody(schemas.resourceGraphQuery, body);
    if ((asked.facets ?? []).length > 0) throw badRequest("The emulator doesn't have facets.");
    const { skip, top } = placeOf(asked.options ?? {});
    const subscriptions = subscriptionsOf(azure, caller.objectId, asked);
    const query = compileQuery(asked.query, 'direct');
    if ('fault' in query) throw queryFault(query.fault, azure.clock());
    const found = query.run(readableRows(azure, [caller.objectId], subscriptions), azure.clock());
    const rows = found.slice(skip, skip + top);
    const isTruncated = skip + top < found.length;
    const canGoOn = isTruncated && !query.isLimited && query.columns.some(({ name }) => name === 'id');
    return {
      status: 200,
      body: {
        totalRecords: found.length,
        count: rows.length,
        data: asked.options?.resultFormat === 'table' ? tableOf(query, rows) : rows,
        facets: [],
        resultTruncated: String(isTruncated),
        ...(canGoOn ? { $skipToken: tokenOf({ skip: skip + top, top }) } : {}),
      },
    };
  },
});
