import type { ActionGroup } from '../core/action-group.ts';
import { decide, type Decision } from '../core/decide.ts';
import { actionGroupDifference } from '../core/difference.ts';
import { isDenied, ReconcileError } from '../core/failure.ts';
import { notEnabledOf, notEnabledSentence } from '../core/receiver-status.ts';
import { mark, recordWrite, refuse } from './change.ts';
import { claim, foreignTagsOf, lookFor, mayAdopt, type Run } from './run.ts';

/** Sees to it that the action group of our own stands as desired. */
export const ensureActionGroup = async (run: Run, desired: ActionGroup | undefined): Promise<void> => {
  if (!desired) {
    run.draft = { ...run.draft, actionGroupId: undefined, receivers: [] };
    return;
  }
  const { actionGroups } = run.deps.azure;
  const decisionOn = (seen: ActionGroup | undefined): Decision =>
    decide(
      seen,
      seen ? actionGroupDifference(desired, seen, foreignTagsOf(run, 'ActionGroupReady', desired.id)) : [],
      run.owner,
      mayAdopt(run, desired.id),
    );
  const observed = await lookFor(
    run.listed?.actionGroup(desired.id),
    (seen) => decisionOn(seen).kind === 'keep',
    async () => {
      const seen = await actionGroups.observe(desired.id, run.signal);
      // Lists from before would take back what it says of the receivers.
      run.deps.survey.forget(desired.id);
      return seen;
    },
  );
  const decision = decisionOn(observed);
  if (decision.kind === 'refuse') refuse(run, 'ActionGroup', desired.id, decision);
  if (decision.kind !== 'keep') {
    // Not in place until Azure has said so: an object whose group was seen missing has no grace.
    if (!observed) mark(run, 'ActionGroup', desired.id, 'Creating');
    run.beforeWrite();
    await actionGroups.put(desired, run.signal);
    recordWrite(run, 'ActionGroup', desired.id, decision);
  }
  mark(run, 'ActionGroup', desired.id, 'Present');
  const differences = 'differences' in decision ? decision.differences : [];
  run.draft = { ...run.draft, actionGroupId: desired.id, receivers: [...notEnabledOf(desired, observed, differences)] };
  run.group = desired;
  // With groups of others beside it the last word is said once these have been looked at.
  if (!run.object.spec.actionGroupIds?.length) claimReady(run, desired);
};

const claimReady = (run: Run, desired: ActionGroup | undefined): void => {
  if (!desired) {
    claim(run, 'ActionGroupReady', 'True', 'NotManaged', 'Only action groups that exist already are used; they are not changed.');
    return;
  }
  const sentences = ['The action group stands as the spec asks.', notEnabledSentence(run.draft.receivers, desired.id)];
  claim(run, 'ActionGroupReady', 'True', 'Succeeded', sentences.join(' ').trim());
};

/**
 * Sees to it that the groups of others which the rule calls exist: a rule that calls a group which is gone tells nobody, and Azure doesn't
 * say so.
 */
export const ensureOthersExist = async (run: Run, desired: ActionGroup | undefined): Promise<void> => {
  for (const id of run.object.spec.actionGroupIds ?? []) {
    if (run.listed?.actionGroup(id)) continue;
    const found = await run.deps.azure.actionGroups.observe(id, run.signal).catch((thrown: unknown) => {
      // Not being allowed to look at somebody else's group is no reason to do nothing: the rule may call it all the same.
      if (isDenied(thrown)) return 'unreadable' as const;
      throw thrown;
    });
    if (found === undefined)
      throw new ReconcileError(
        'DependencyNotReady',
        `The action group ${id} of spec.actionGroupIds does not exist: create it, or take it off the list.`,
        { stalls: 'afterTenMinutes' },
      );
  }
  claimReady(run, desired);
};
