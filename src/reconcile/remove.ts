import { isOurs } from '../core/decide.ts';
import { isAllowed } from '../core/boundary.ts';
import { messageLimit } from '../core/conditions.ts';
import { ReconcileError, retold } from '../core/failure.ts';
import { strike, type Inventory, type InventoryEntry } from '../core/inventory.ts';
import { parseResourceId, parseRoleAssignmentId } from '../core/resource-id.ts';
import type { Run } from './run.ts';
import { failureWithoutSecrets } from './secrets.ts';
import { giveUp, isOursToGive } from './shared-access.ts';

/** The condition that speaks of each kind of thing. */
export const partOf = { ActionGroup: 'ActionGroupReady', AlertRule: 'AlertRuleReady', RoleAssignment: 'ReaderAccessReady' } as const;

/** How to have the operator forget a thing, which then stays in Azure. */
const wayToLeave = ({ object: { metadata } }: Run): string =>
  `take it off status.resources (kubectl edit mn ${metadata.name} -n ${metadata.namespace} --subresource=status)`;

/**
 * Leaves alone what the object's namespace may not reach: the list may be forged, or the boundary has been drawn closer.
 * @throws ReconcileError that says how to get out of it
 */
export const refuseOutside = (run: Run, id: string): void => {
  const { namespace } = run.object.metadata;
  if (isAllowed(id, namespace, run.deps.settings.allowedScopes)) return;
  throw new ReconcileError(
    'AccessDenied',
    `${id} would have to be removed, but --allowed-scopes does not allow it to namespace ${namespace}, so Azure was not asked for it: have it allowed until it is gone, or ${wayToLeave(run)}.`,
    { stalls: 'atOnce' },
  );
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
      const scope = parseRoleAssignmentId(id)?.scope ?? id;
      if (observed && (await isOursToGive(run, { ...observed, id, scope }))) await giveUp(run, { ...observed, id, scope });
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

/**
 * Removes what the spec no longer asks for, in the order given. Returns why it ended early: all parts that the spec asks for stand, so none of
 * them speaks of it.
 */
export const removeLeftovers = async (run: Run, entries: Inventory): Promise<ReconcileError | undefined> => {
  for (const entry of entries) {
    try {
      await removeEntry(run, entry);
    } catch (thrown) {
      if (!(thrown instanceof ReconcileError)) throw thrown;
      return leftBehind(run, entry.id, failureWithoutSecrets(run, thrown));
    }
  }
  return undefined;
};

const leftBehind = (run: Run, id: string, failure: ReconcileError): ReconcileError => {
  const { message } = failure;
  const before = `What the spec asks for stands, but ${id}, which it no longer asks for, could not be removed. `;
  const after = message.includes(wayToLeave(run)) ? '' : ` To leave it there, ${wayToLeave(run)}.`;
  const room = messageLimit - before.length - after.length;
  const said = message.length > room ? `${message.slice(0, room - 1).trimEnd()}…` : message;
  return retold(failure, { message: `${before}${said}${after}` });
};
