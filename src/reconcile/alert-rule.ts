import type { ObservedAlertRule } from '../azure/alert-rules.ts';
import type { AlertRule } from '../core/alert-rule.ts';
import { decide, type Decision } from '../core/decide.ts';
import { alertRuleDifference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { identityIsFull } from '../core/shared-identity.ts';
import { mark, recordWrite, refuse } from './change.ts';
import { claim, foreignTagsOf, lookFor, mayAdopt, type Run } from './run.ts';

/** The principal of the rule's identity, and whether it was born in this run, so that nothing can refer to it yet. */
export interface RulePrincipal {
  readonly principalId: string;
  readonly isNew: boolean;
}

/** Sees to it that the alert rule stands as desired. */
export const ensureAlertRule = async (run: Run, desired: AlertRule): Promise<RulePrincipal> => {
  const { alertRules } = run.deps.azure;
  const full = identityIsFull(run.object, run.deps.objects.list());
  if (full !== undefined) throw new ReconcileError('QuotaExceeded', full, { stalls: 'atOnce' });
  const decisionOn = (seen: ObservedAlertRule | undefined): Decision =>
    decide(seen?.rule, seen ? alertRuleDifference(desired, seen.rule, foreignTagsOf(run, desired.id)) : [], run.owner, mayAdopt(run));
  const observed = await lookFor(
    run.listed?.alertRule(desired.id),
    (seen) => decisionOn(seen).kind === 'keep',
    () => alertRules.observe(desired.id, run.signal),
  );
  const decision = decisionOn(observed);
  if (decision.kind === 'refuse') refuse(run, 'AlertRule', desired.id, decision.owner);
  let principalId = observed?.principalId;
  if (decision.kind !== 'keep') {
    // Azure never changes the scope or the location of a rule.
    if (decision.kind === 'replace') {
      run.beforeWrite();
      await alertRules.remove(desired.id, run.signal);
    }
    // Not in place until Azure has said so: an object whose rule was seen missing has no grace.
    if (decision.kind !== 'update') mark(run, 'AlertRule', desired.id, 'Creating');
    run.beforeWrite();
    principalId = (await alertRules.put(desired, run.signal)).principalId;
    recordWrite(run, 'AlertRule', desired.id, decision);
  }
  mark(run, 'AlertRule', desired.id, 'Present');
  run.draft = { ...run.draft, alertRuleId: desired.id };
  if (!principalId)
    throw new ReconcileError(
      'WaitingForIdentity',
      `The alert rule ${desired.id} has no identity yet, so it can't be given Reader: trying again.`,
      { retry: { kind: 'fast' } },
    );
  run.draft = { ...run.draft, principalId };
  claim(run, 'AlertRuleReady', 'True', 'Succeeded', 'The alert rule stands as the spec asks.');
  // A shared identity is older than the rule.
  return { principalId, isNew: desired.identityType === 'SystemAssigned' && principalId !== observed?.principalId };
};
