import type { AlertRule } from '../core/alert-rule.ts';
import { decide, refusal } from '../core/decide.ts';
import { alertRuleDifference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { note } from '../core/inventory.ts';
import { verbOf } from './action-group.ts';
import { claim, foreignTagsOf, type Run } from './run.ts';

/** The principal of the rule's identity, and whether it was born in this run, so that nothing can refer to it yet. */
export interface RulePrincipal {
  readonly principalId: string;
  readonly isNew: boolean;
}

/** Sees to it that the alert rule stands as desired. */
export const ensureAlertRule = async (run: Run, desired: AlertRule): Promise<RulePrincipal> => {
  const { alertRules } = run.deps.azure;
  const observed = await alertRules.observe(desired.id, run.signal);
  const decision = decide(
    observed?.rule,
    observed ? alertRuleDifference(desired, observed.rule, foreignTagsOf(run, desired.id)) : [],
    run.owner,
  );
  if (decision.kind === 'refuse') {
    // Stays on the list as something we were about to make: deletion asks for the mark again, and the next run has nothing to write.
    run.draft = { ...run.draft, inventory: note(run.draft.inventory, { kind: 'AlertRule', id: desired.id, state: 'Creating' }) };
    throw new ReconcileError('NotOwned', refusal('alert rule', desired.id, decision.owner, run.owner), { stalls: 'atOnce' });
  }
  let principalId = observed?.principalId;
  if (decision.kind !== 'keep') {
    // Azure never changes the scope or the location of a rule.
    if (decision.kind === 'replace') {
      run.beforeWrite();
      await alertRules.remove(desired.id, run.signal);
    }
    // Not in place until Azure has said so: an object whose rule was seen missing has no grace.
    if (decision.kind !== 'update')
      run.draft = { ...run.draft, inventory: note(run.draft.inventory, { kind: 'AlertRule', id: desired.id, state: 'Creating' }) };
    run.beforeWrite();
    principalId = (await alertRules.put(desired, run.signal)).principalId;
    run.deps.memory.wrote(run.key, run.version, desired.id);
    const differences = 'differences' in decision ? { differences: decision.differences } : {};
    run.actions.push({ verb: verbOf(run, decision.kind), part: 'AlertRule', target: desired.id, ...differences });
  }
  run.draft = {
    ...run.draft,
    alertRuleId: desired.id,
    inventory: note(run.draft.inventory, { kind: 'AlertRule', id: desired.id, state: 'Present' }),
  };
  if (!principalId)
    throw new ReconcileError(
      'WaitingForIdentity',
      `The alert rule ${desired.id} has no identity yet, so it can't be given Reader: trying again.`,
    );
  run.draft = { ...run.draft, principalId };
  claim(run, 'AlertRuleReady', 'True', 'Succeeded', 'The alert rule stands as the spec asks.');
  return { principalId, isNew: principalId !== observed?.principalId };
};
