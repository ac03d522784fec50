import type { PartType } from '../api/condition.ts';
import { conditionOf } from '../core/conditions.ts';
import { ReconcileError } from '../core/failure.ts';
import { announce, leftovers, type Inventory } from '../core/inventory.ts';
import { derivedIds, placeOf } from '../core/place.ts';
import { parseResourceId } from '../core/resource-id.ts';
import { desiredRoleAssignment, readerScopes } from '../core/role-assignment.ts';
import { settle } from '../core/settle.ts';
import { partOf, removeEntry } from './remove.ts';
import { claim, writeStatus, type Run } from './run.ts';

const deletedParts: readonly PartType[] = ['ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'];

/** The way out of a deletion that can't be carried out. */
const wayOut = (run: Run): string =>
  `To let the object go and leave what is in Azure: kubectl patch mn ${run.object.metadata.name} -n ${run.object.metadata.namespace} --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'.`;

/**
 * Takes away everything the object made: assignments, rule, group. "Not found" is success. With `deletionPolicy: Orphan` nothing in
 * Azure is touched. Returns undefined when the finalizer may go, else the failure, with the way out in its message.
 */
export const finalize = async (run: Run): Promise<ReconcileError | undefined> => {
  if (run.object.spec.deletionPolicy === 'Orphan') return undefined;
  let part: PartType = 'AlertRuleReady';
  try {
    const isStatusLost = run.draft.inventory.length === 0 && run.object.status?.conditions === undefined;
    if (isStatusLost) run.draft = { ...run.draft, inventory: await whatMayBeOurs(run) };
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
    const { reason, message, retry, stalls, cause } = thrown;
    claim(run, part, 'False', reason, message);
    return new ReconcileError(reason, `${message} ${wayOut(run)}`, { retry, stalls, cause });
  }
};

/**
 * What an object with our finalizer and without a status may have made: nothing, if a crash came first; everything, if its status was lost
 * (a restored backup). Names are derived, so they can be asked for; what doesn't carry our mark is left alone as always.
 */
const whatMayBeOurs = async (run: Run): Promise<Inventory> => {
  const { spec } = run.object;
  const cluster = parseResourceId(spec.clusterResourceId);
  if (!cluster) return [];
  const { actionGroupId, alertRuleId } = derivedIds(run.owner, cluster, placeOf(spec, cluster));
  const principalId = (await run.deps.azure.alertRules.observe(alertRuleId, run.signal))?.principalId;
  const everyScope = readerScopes({ ...spec, readerScopes: ['Cluster', 'ResourceGroup', 'Subscription'] }, cluster);
  const assignments = principalId ? everyScope.map((scope) => desiredRoleAssignment(run.owner, scope, principalId).id) : [];
  let inventory: Inventory = [];
  for (const id of assignments) inventory = announce(inventory, 'RoleAssignment', id);
  return announce(announce(inventory, 'AlertRule', alertRuleId), 'ActionGroup', actionGroupId);
};

/** Once, at the first try: `kubectl get` then shows what is going on. */
const sayDeleting = async (run: Run): Promise<void> => {
  if (run.draft.inventory.every(({ state }) => state === 'Deleting')) return;
  run.draft = { ...run.draft, inventory: run.draft.inventory.map((entry) => ({ ...entry, state: 'Deleting' })) };
  for (const type of deletedParts) claim(run, type, 'False', 'Deleting', 'Being removed, or gone already.');
  const ready = conditionOf(run.status?.conditions, 'Ready');
  await writeStatus(
    run,
    ready?.reason === 'Deleting'
      ? { ...run.status, resources: [...run.draft.inventory] }
      : settle(run.object, run.draft, { kind: 'deleting' }, new Date(run.deps.now())),
  );
};
