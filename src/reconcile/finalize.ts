import type { PartType } from '../api/condition.ts';
import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { isAllowed } from '../core/boundary.ts';
import { conditionOf } from '../core/conditions.ts';
import { ReconcileError } from '../core/failure.ts';
import { announce, leftovers, type Inventory } from '../core/inventory.ts';
import { derivedIds, placeOf } from '../core/place.ts';
import { parseResourceId } from '../core/resource-id.ts';
import { desiredRoleAssignment, everyReaderScope } from '../core/role-assignment.ts';
import { settle } from '../core/settle.ts';
import { partOf, refuseOutside, removeEntry } from './remove.ts';
import { claim, writeStatus, type Run } from './run.ts';
import { noteAllInherited } from './shared-access.ts';

const deletedParts: readonly PartType[] = ['ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'];

/** How to get out of a deletion that can't be carried out. */
export const wayOut = ({ metadata: { name, namespace } }: MaintenanceNotification): string =>
  `To let the object go and leave what is in Azure: kubectl patch mn ${name} -n ${namespace} --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'.`;

/**
 * Takes away everything the object made: assignments, rule, group. "Not found" is success. With `deletionPolicy: Orphan` nothing in
 * Azure is touched. Returns undefined when the finalizer may go, else the failure.
 */
export const finalize = async (run: Run): Promise<ReconcileError | undefined> => {
  if (run.object.spec.deletionPolicy === 'Orphan') return undefined;
  let part: PartType = 'AlertRuleReady';
  try {
    if (run.draft.inventory.length === 0) run.draft = { ...run.draft, inventory: await whatMayBeOurs(run) };
    await noteAllInherited(run);
    const entries = leftovers(run.draft.inventory, []);
    if (entries.length === 0) return undefined;
    await sayDeleting(run);
    for (const entry of entries) {
      part = partOf[entry.kind];
      await removeEntry(run, entry);
    }
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ReconcileError)) throw thrown;
    claim(run, part, 'False', thrown.reason, thrown.message);
    return thrown;
  }
};

/**
 * What an object with our finalizer and without an inventory may have made: nothing, if a crash came first; everything, if its status was
 * lost (a restored backup). Names are derived, so they can be asked for; what doesn't carry our mark is left alone as always.
 */
const whatMayBeOurs = async (run: Run): Promise<Inventory> => {
  const { spec } = run.object;
  const cluster = parseResourceId(spec.clusterResourceId);
  if (!cluster) return [];
  const { actionGroupId, alertRuleId } = derivedIds(run.owner, cluster.name, placeOf(spec, cluster));
  refuseOutside(run, alertRuleId);
  const rule = await run.deps.azure.alertRules.observe(alertRuleId, run.signal);
  const everyScope = everyReaderScope(spec, cluster).filter((scope) =>
    // What was not allowed was not made.
    isAllowed(scope, run.owner.namespace, run.deps.settings.allowedScopes),
  );
  let inventory: Inventory = announce([], 'ActionGroup', actionGroupId);
  if (rule) inventory = announce(inventory, 'AlertRule', alertRuleId);
  const principalId = rule?.principalId;
  const assignments = principalId ? everyScope.map((scope) => desiredRoleAssignment(run.owner, scope, principalId).id) : [];
  for (const id of assignments) inventory = announce(inventory, 'RoleAssignment', id);
  return inventory;
};

/** Once, at the first try: `kubectl get` then shows what is going on. */
const sayDeleting = async (run: Run): Promise<void> => {
  for (const type of deletedParts) claim(run, type, 'False', 'Deleting', 'Being removed, or gone already.');
  if (run.draft.inventory.every(({ state }) => state === 'Deleting')) return;
  run.draft = { ...run.draft, inventory: run.draft.inventory.map((entry) => ({ ...entry, state: 'Deleting' })) };
  const ready = conditionOf(run.status?.conditions, 'Ready');
  await writeStatus(
    run,
    ready?.reason === 'Deleting'
      ? { ...run.status, resources: [...run.draft.inventory] }
      : settle(run.object, run.draft, { kind: 'deleting' }, new Date(run.deps.now())),
  );
};
