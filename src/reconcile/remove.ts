import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { isOurAssignment, isOurs } from '../core/decide.ts';
import { isAllowed } from '../core/boundary.ts';
import { ReconcileError } from '../core/failure.ts';
import { strike, type InventoryEntry } from '../core/inventory.ts';
import { ownerDescription, type Owner } from '../core/owner.ts';
import { parseResourceId, parseRoleAssignmentId } from '../core/resource-id.ts';
import type { RoleAssignment } from '../core/role-assignment.ts';
import { heirsOf } from '../core/shared-identity.ts';
import { keyOf } from '../kube/object.ts';
import type { Run } from './run.ts';

/** The condition that speaks of each kind of thing. */
export const partOf = { ActionGroup: 'ActionGroupReady', AlertRule: 'AlertRuleReady', RoleAssignment: 'ReaderAccessReady' } as const;

/**
 * Leaves alone what the object's namespace may not reach: the list may be forged, or the boundary has been drawn closer.
 * @throws ReconcileError that says how to get out of it
 */
export const refuseOutside = (run: Run, id: string): void => {
  const { namespace, name } = run.object.metadata;
  if (isAllowed(id, namespace, run.deps.settings.allowedScopes)) return;
  throw new ReconcileError(
    'AccessDenied',
    `${id} would have to be removed, but --allowed-scopes does not allow it to namespace ${namespace}, so Azure was not asked for it: have it allowed until it is gone, or take it off status.resources and status.readerAssignments (kubectl edit mn ${name} -n ${namespace} --subresource=status).`,
    { stalls: 'atOnce' },
  );
};

/**
 * Leaves an assignment to another object that shares the identity: Azure knows only one, so deleting it would take the other's access away.
 * From then on its description names the other, whose next run takes it into its own list.
 */
const handOver = async (
  run: Run,
  assignment: RoleAssignment,
  { metadata: { namespace, name } }: MaintenanceNotification,
): Promise<void> => {
  const heir: Owner = { ...run.owner, namespace, name };
  run.beforeWrite();
  await run.deps.azure.roleAssignments.create({ ...assignment, description: ownerDescription(heir) }, run.signal);
  run.deps.survey.forget(assignment.id);
  run.actions.push({ verb: 'HandedOver', part: 'ReaderAccess', target: `${assignment.scope} to ${namespace}/${name}` });
};

/**
 * Deletes one thing of the inventory, once Azure has shown that it still carries our mark: another may stand under its id by now.
 * What is gone already, or isn't ours any more, is only struck off.
 */
export const removeEntry = async (run: Run, { kind, id }: InventoryEntry): Promise<void> => {
  refuseOutside(run, id);
  // Nobody makes a thing under an id that is none of its kind: the list was forged.
  const isOne = kind === 'RoleAssignment' ? parseRoleAssignmentId(id) : parseResourceId(id);
  if (!isOne) {
    run.draft = { ...run.draft, inventory: strike(run.draft.inventory, id) };
    return;
  }
  const { actionGroups, alertRules, roleAssignments } = run.deps.azure;
  const remove = async (
    store: { remove(id: string, signal: AbortSignal): Promise<void> },
    part: Run['actions'][number]['part'],
    target: string,
  ): Promise<void> => {
    run.beforeWrite();
    await store.remove(id, run.signal);
    run.deps.survey.forget(id);
    run.actions.push({ verb: 'Deleted', part, target });
  };
  switch (kind) {
    case 'RoleAssignment': {
      const observed = await roleAssignments.observe(id, run.signal);
      if (!observed || !isOurAssignment(observed.description, run.owner)) break;
      const scope = parseRoleAssignmentId(id)?.scope ?? id;
      const heirs = heirsOf({ ...observed, scope }, run.object, run.deps.objects.list());
      const heir = heirs.find(({ metadata: { namespace } }) => isAllowed(scope, namespace, run.deps.settings.allowedScopes));
      if (heir) await handOver(run, { ...observed, id, scope }, heir);
      else await remove(roleAssignments, 'ReaderAccess', scope);
      // Who was just about to rely on it looks again.
      for (const each of heirs) run.deps.again(keyOf(each));
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
