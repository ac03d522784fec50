import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announce, entryOf, leftovers, note, strike, type Inventory, type InventoryEntry } from '../../../src/core/inventory.ts';

const id = (name: string): string => `/subscriptions/a/resourceGroups/g/providers/N.s/t/${name}`;
const entry = (name: string, state: InventoryEntry['state'] = 'Present', kind: InventoryEntry['kind'] = 'AlertRule'): InventoryEntry => ({
  kind,
  id: id(name),
  state,
});

describe('the inventory', () => {
  it('takes up what is about to be made, once', () => {
    const once = announce([], 'AlertRule', id('x'));
    expect(once).toEqual([entry('x', 'Creating')]);
    expect(announce(once, 'AlertRule', id('x').toUpperCase())).toBe(once);
  });

  it('does not forget that a thing was seen when it is announced again', () => {
    const seen: Inventory = [entry('x')];
    expect(announce(seen, 'AlertRule', id('x'))).toBe(seen);
  });

  it('moves an entry to another state and keeps its place and its spelling', () => {
    const before: Inventory = [entry('a'), entry('b', 'Creating'), entry('c')];
    expect(note(before, { ...entry('b'), id: id('b').toLowerCase() })).toEqual([entry('a'), entry('b'), entry('c')]);
  });

  it('comes back as the same list when nothing changes, so that nothing is written', () => {
    const before: Inventory = [entry('a')];
    expect(note(before, entry('a'))).toBe(before);
  });

  it('finds and strikes entries whatever the letter case of their ids', () => {
    const before: Inventory = [entry('a'), entry('b')];
    expect(entryOf(before, id('B').toUpperCase())).toEqual(entry('b'));
    expect(strike(before, id('A').toUpperCase())).toEqual([entry('b')]);
  });

  it('gives what is no longer wanted, assignments first, then rules, then groups', () => {
    const before: Inventory = [
      entry('group', 'Present', 'ActionGroup'),
      entry('rule'),
      entry('one', 'Creating', 'RoleAssignment'),
      entry('two', 'Deleting', 'RoleAssignment'),
    ];
    expect(leftovers(before, []).map(({ kind }) => kind)).toEqual(['RoleAssignment', 'RoleAssignment', 'AlertRule', 'ActionGroup']);
    expect(leftovers(before, [id('RULE'), id('one')]).map(({ id: each }) => each)).toEqual([id('two'), id('group')]);
  });

  it('never loses an entry but by striking it', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('announce'), name: names }),
      fc.record({ kind: fc.constant('note'), name: names }),
      fc.record({ kind: fc.constant('strike'), name: names }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const model = new Set<string>();
        let inventory: Inventory = [];
        for (const { kind, name } of steps) {
          if (kind === 'strike') {
            model.delete(id(name));
            inventory = strike(inventory, id(name));
          } else {
            model.add(id(name));
            inventory = kind === 'note' ? note(inventory, entry(name)) : announce(inventory, 'AlertRule', id(name));
          }
        }
        expect(inventory.map((each) => each.id).toSorted()).toEqual([...model].toSorted());
      }),
    );
  });
});
