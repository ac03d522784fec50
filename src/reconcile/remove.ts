import { isOurAssignment, isOurs } from '../core/decide.ts';
import { strike, type InventoryEntry } from '../core/inventory.ts';
import { parseRoleAssignmentId } from '../core/resource-id.ts';
import type { Run } from './run.ts';

/** The condition that speaks of each kind of thing. */
export const partOf = { ActionGroup: 'ActionGroupReady', AlertRule: 'AlertRuleReady', RoleAssignment: 'ReaderAccessReady' } as const;

/**
 * Deletes one thing of the inventory, once Azure has shown that it still carries our mark: another may stand under its id by now.
 * What is gone already, or isn't ours any more, is only struck off.
 */
export const removeEntry = async (run: Run, { kind, id }: InventoryEntry): Promise<void> => {
  const { actionGroups, alertRules, roleAssignments } = run.deps.azure;
  const remove = async (
    store: { remove(id: string, signal: AbortSignal): Promise<void> },
    part: Run['actions'][number]['part'],
    target: string,
  ): Promise<void> => {
    run.beforeWrite();
    await store.remove(id, run.signal);
    run.actions.push({ verb: 'Deleted', part, target });
  };
  switch (kind) {
    case 'RoleAssignment': {
      const observed = await roleAssignments.observe(id, run.signal);
      if (observed && isOurAssignment(observed.description, run.owner))
        await remove(roleAssignments, 'ReaderAccess', parseRoleAssignmentId(id)?.scope ?? id);
      break;
    }
    case 'AlertRule': {
      const observed = await alertRules.observe(id, run.signal);
      if (observed && isOurs(observed.rule.tags, run.owner)) await remove(alertRules, 'AlertRule', id);
      break;
    }
    case 'ActionGroup': {
      const observed = await actionGroups.observe(id, run.signal);
      if (observed && isOurs(observed.tags, run.owner)) await remove(actionGroups, 'ActionGroup', id);
      break;
    }
  }
  run.draft = { ...run.draft, inventory: strike(run.draft.inventory, id) };
};
