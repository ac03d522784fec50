import { sameId } from './resource-id.ts';

/** Everything in Azure that one object made, or was about to make: the list that deletion works from. */
export type Inventory = readonly InventoryEntry[];

export interface InventoryEntry {
  readonly kind: 'ActionGroup' | 'AlertRule' | 'RoleAssignment';
  readonly id: string;
  /** `Creating`: written down before it is made, so perhaps not there. `Present`: seen in Azure with our mark. */
  readonly state: 'Creating' | 'Present' | 'Deleting';
}

/** The order in which things go: what refers to another goes first. */
const deletionOrder: readonly InventoryEntry['kind'][] = ['RoleAssignment', 'AlertRule', 'ActionGroup'];

export const entryOf = (inventory: Inventory, id: string): InventoryEntry | undefined => inventory.find((entry) => sameId(entry.id, id));

/** Adds an entry, or moves an existing one to another state. The same array comes back when nothing changes. */
export const note = (inventory: Inventory, entry: InventoryEntry): Inventory => {
  const before = entryOf(inventory, entry.id);
  if (before?.state === entry.state) return inventory;
  return before ? inventory.map((each) => (each === before ? { ...before, state: entry.state } : each)) : [...inventory, entry];
};

/** Writes an id down before the thing is made: what is known already keeps its state. */
export const announce = (inventory: Inventory, kind: InventoryEntry['kind'], id: string): Inventory =>
  entryOf(inventory, id) ? inventory : [...inventory, { kind, id, state: 'Creating' }];

export const strike = (inventory: Inventory, id: string): Inventory => inventory.filter((entry) => !sameId(entry.id, id));

/** What we made and no longer want, in the order in which it may be deleted. With nothing wanted: everything. */
export const leftovers = (inventory: Inventory, wantedIds: readonly string[]): Inventory =>
  inventory
    .filter(({ id }) => !wantedIds.some((wanted) => sameId(wanted, id)))
    .toSorted((one, other) => deletionOrder.indexOf(one.kind) - deletionOrder.indexOf(other.kind));
