import type { ObservedAlertRule } from '../azure/alert-rules.ts';
import type { AlertRule } from '../core/alert-rule.ts';
import { decide, type Decision } from '../core/decide.ts';
import { alertRuleDifference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { sameId } from '../core/resource-id.ts';
import { identityIsFull } from '../core/shared-identity.ts';
import { reconcileAnnotation } from '../api/names.ts';
import { mark, recordWrite, refuse } from './change.ts';
import { confirmPrincipal, expectPrincipal, principalDifference, sharedPrincipal } from './identity.ts';
import { claim, foreignTagsOf, isAskedFor, lookFor, mayAdopt, type Run } from './run.ts';

/** The principal of the rule's identity, and whether it was born in this run, so that nothing can refer to it yet. */
export interface RulePrincipal {
  readonly principalId: string;
  readonly isNew: boolean;
  /** Why the rule is not the one that the spec asks for, although one stands. */
  readonly refused: ReconcileError | undefined;
}

/** A rule that stands, and why it is not the one that was asked for. */
interface Standing {
  readonly rule: ObservedAlertRule;
  readonly refused: ReconcileError | undefined;
}

/** Sees to it that the alert rule stands as desired. */
export const ensureAlertRule = async (run: Run, desired: AlertRule): Promise<RulePrincipal> => {
  const { alertRules } = run.deps.azure;
  let shared = await sharedPrincipal(run);
  const decisionOn = (seen: ObservedAlertRule | undefined, wanted = desired): Decision => {
    const differences = seen
      ? [
          ...alertRuleDifference(wanted, seen.rule, foreignTagsOf(run, 'AlertRuleReady', desired.id)),
          ...principalDifference(wanted, seen, shared),
        ]
      : [];
    return decide(seen?.rule, differences, run.owner, mayAdopt(run, desired.id));
  };
  const observed = await lookFor(
    run.listed?.alertRule(desired.id),
    // A list may leave out what stands beneath a shared identity.
    (seen) => seen.principalId !== undefined && decisionOn(seen).kind === 'keep',
    () => alertRules.observe(desired.id, run.signal),
  );
  shared = await confirmPrincipal(run, desired, observed, shared);
  const standing = await bringAbout(run, desired, observed, decisionOn);
  mark(run, 'AlertRule', desired.id, 'Present');
  run.draft = { ...run.draft, alertRuleId: desired.id };
  const { refused, rule } = standing;
  const { principalId } = rule;
  if (!principalId)
    throw new ReconcileError(
      'WaitingForIdentity',
      `The alert rule ${desired.id} has no identity yet, so it can't be given Reader: trying again.`,
      { retry: { kind: 'fast' } },
    );
  expectPrincipal(desired, rule, shared);
  if (refused) claim(run, 'AlertRuleReady', 'False', refused.reason, refused.message);
  else claim(run, 'AlertRuleReady', 'True', 'Succeeded', 'The alert rule stands as the spec asks.');
  // A shared identity is older than the rule.
  const isOwn = rule.rule.identityType.toLowerCase() === 'systemassigned';
  return { principalId, isNew: isOwn && principalId !== observed?.principalId, refused };
};

/** What stands once the rule was kept, changed, made, or made anew. */
const bringAbout = async (
  run: Run,
  desired: AlertRule,
  observed: ObservedAlertRule | undefined,
  decisionOn: (seen: ObservedAlertRule | undefined, wanted?: AlertRule) => Decision,
): Promise<Standing> => {
  const refused = decisionOn(observed).kind === 'replace' ? refusalToHeed(run) : undefined;
  // Where it can't go it is looked after where it is.
  const wanted = refused && observed ? { ...desired, location: observed.rule.location, scopes: observed.rule.scopes } : desired;
  const decision = decisionOn(observed, wanted);
  if (decision.kind === 'refuse') refuse(run, 'AlertRule', desired.id, decision);
  findRoom(run, desired, observed?.rule);
  if (observed && decision.kind === 'keep') return { rule: observed, refused };
  if (decision.kind === 'update') {
    const rule = await put(run, wanted);
    recordWrite(run, 'AlertRule', desired.id, decision);
    return { rule, refused };
  }
  if (observed && decision.kind === 'replace') await takeAway(run, desired.id, observed.rule);
  // Not in place until Azure has said so: an object whose rule was seen missing has no grace.
  mark(run, 'AlertRule', desired.id, 'Creating');
  return putOrPutBack(run, desired, decision);
};

/** A rule that its shared identity serves already has its place; any other needs a free one. */
const findRoom = (run: Run, desired: AlertRule, observed: AlertRule | undefined): void => {
  if (observed && desired.identityIds.every((wanted) => observed.identityIds.some((id) => sameId(id, wanted)))) return;
  const full = identityIsFull(run.object, run.deps.objects.list(), run.deps.settings.allowedScopes);
  if (full !== undefined) throw new ReconcileError('QuotaExceeded', full, { stalls: 'atOnce' });
};

/** Each try takes a rule away for a while: only a new spec, or a person who asks, makes another one worth it. */
const refusalToHeed = (run: Run): ReconcileError | undefined =>
  isAskedFor(run.object) ? undefined : run.deps.memory.replacement(run.key, run.version)?.refused;

/** Azure never changes the scope or the location of a rule: it goes, and another is made. */
const takeAway = async (run: Run, id: string, before: AlertRule): Promise<void> => {
  run.beforeWrite();
  run.deps.memory.replacing(run.key, run.version, { before, refused: undefined });
  await run.deps.azure.alertRules.remove(id, run.signal);
  run.deps.survey.forget(id);
};

const put = async (run: Run, rule: AlertRule): Promise<ObservedAlertRule> => {
  run.beforeWrite();
  return run.deps.azure.alertRules.put(rule, run.signal);
};

/** Makes a rule. When it was to take the place of another and Azure won't have it, the other is put back: trouble must not cost notices. */
const putOrPutBack = async (run: Run, desired: AlertRule, decision: Decision): Promise<Standing> => {
  const { memory } = run.deps;
  const before = memory.replacement(run.key, run.version)?.before;
  try {
    const rule = await put(run, desired);
    memory.replacing(run.key, run.version, undefined);
    recordWrite(run, 'AlertRule', desired.id, decision);
    return { rule, refused: undefined };
  } catch (thrown) {
    if (decision.kind === 'replace') run.actions.push({ verb: 'Deleted', part: 'AlertRule', target: desired.id });
    // What passes is only tried again.
    if (!before || !(thrown instanceof ReconcileError) || thrown.stalls === 'never') throw thrown;
    const refused = withWayOut(run, thrown);
    const rule = await put(run, { ...before, id: desired.id });
    memory.replacing(run.key, run.version, { before, refused });
    run.actions.push({ verb: 'Created', part: 'AlertRule', target: desired.id });
    return { rule, refused };
  }
};

const withWayOut = ({ object: { metadata } }: Run, { reason, message, cause }: ReconcileError): ReconcileError =>
  new ReconcileError(
    reason,
    `${message} The rule was put back as it was. Mend the spec, or have it tried again: kubectl annotate mn ${metadata.name} -n ${metadata.namespace} --overwrite ${reconcileAnnotation}="$(date)".`,
    { stalls: 'atOnce', cause },
  );
