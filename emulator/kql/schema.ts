/** A column of a table or of a result, with its type as Kusto names it: `string`, `datetime`, `dynamic`, … */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** The table of the events of AKS clusters: the only one that Resource Graph has here. */
export const table = 'containerserviceeventresources';

const texts = ['id', 'name', 'type', 'tenantId', 'kind', 'location', 'resourceGroup', 'subscriptionId', 'managedBy'];
const bags = ['sku', 'plan', 'properties', 'tags', 'identity', 'zones', 'extendedLocation'];

/** Its columns: those that every table of Resource Graph has. */
export const tableColumns: readonly Column[] = [
  ...texts.map((name) => ({ name, type: 'string' })),
  ...bags.map((name) => ({ name, type: 'dynamic' })),
];
