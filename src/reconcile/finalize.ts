import { conditionOf } from '../core/conditions.ts';
import { ReconcileError } from '../core/failure.ts';
import { leftovers } from '../core/inventory.ts';
import { settle } from '../core/settle.ts';
import { removeEntry } from './remove.ts';
import { writeStatus, type Run } from './run.ts';

/** The way out of a deletion that can't be carried out. */
const wayOut = (run: Run): string =>
  `To let the object go and leave what is in Azure: kubectl patch mn ${run.object.metadata.name} -n ${run.object.metadata.namespace} --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'.`;

/**
 * Takes away everything the object made: assignments, rule, group. "Not found" is success. With `deletionPolicy: Orphan` nothing in
 * Azure is touched. Returns undefined when the finalizer may go, else the failure, with the way out in its message.
 */
export const finalize = async (run: Run): Promise<ReconcileError | undefined> => {
  if (run.object.spec.deletionPolicy === 'Orphan') return undefined;
  const entries = leftovers(run.draft.inventory, []);
  if (entries.length === 0) return undefined;
  await sayDeleting(run);
  try {
    for (const entry of entries) await removeEntry(run, entry);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ReconcileError)) throw thrown;
    const { reason, message, retry, stalls, cause } = thrown;
    return new ReconcileError(reason, `${message} ${wayOut(run)}`, { retry, stalls, cause });
  }
};

/** Once, at the first try: `kubectl get` then shows what is going on. */
const sayDeleting = async (run: Run): Promise<void> => {
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
