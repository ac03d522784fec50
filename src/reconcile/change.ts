import type { Action } from '../core/announcements.ts';
import { refusal, type Decision } from '../core/decide.ts';
import type { Difference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { entryOf, note, type InventoryEntry } from '../core/inventory.ts';
import { isNewValue } from '../core/receiver-secrets.ts';
import type { Run } from './run.ts';

/** Notes in the draft how far a thing has come. */
export const mark = (run: Run, kind: InventoryEntry['kind'], id: string, state: InventoryEntry['state']): void => {
  run.draft = { ...run.draft, inventory: note(run.draft.inventory, { kind, id, state }) };
};

/** Leaves alone what isn't ours, and says whose it is. */
export const refuse = (run: Run, kind: 'ActionGroup' | 'AlertRule', id: string, decision: Extract<Decision, { kind: 'refuse' }>): never => {
  // Stays on the list as something we were about to make: deletion asks for the mark again, and the next run has nothing to write. What
  // once was ours stays marked so, or it would be taken over again after a restart.
  if (entryOf(run.draft.inventory, id)?.state !== 'Present') mark(run, kind, id, 'Creating');
  const what = { ActionGroup: 'action group', AlertRule: 'alert rule' }[kind];
  const adopting = run.object.spec.conflictPolicy === 'Adopt';
  throw new ReconcileError('NotOwned', refusal({ what, id, decision, owner: run.owner, adopting }), { stalls: 'atOnce' });
};

/** Notes that a rule or group was written as the spec asks, for the events and for the memory. */
export const recordWrite = (run: Run, part: 'ActionGroup' | 'AlertRule', id: string, decision: Decision): void => {
  run.deps.memory.wrote(run.key, run.version, id);
  run.deps.survey.forget(id);
  const differences = 'differences' in decision ? { differences: decision.differences } : {};
  const verb = 'adopts' in decision && decision.adopts ? 'Adopted' : verbOf(run, decision.kind, differences.differences);
  run.actions.push({ verb, part, target: id, ...differences });
};

/**
 * What a change is called: nobody asked for it when all stood before as this generation wants it, unless it is the new value of a Secret.
 */
export const verbOf = (
  { hasStood, object: { spec } }: Run,
  kind: Decision['kind'],
  differences: readonly Difference[] = [],
): Action['verb'] => {
  if (hasStood && !isNewValue(spec, differences)) return 'DriftCorrected';
  if (kind === 'replace') return 'Replaced';
  return kind === 'create' ? 'Created' : 'Updated';
};
