import { hasLostItsWords, isOurAssignment } from '../core/decide.ts';
import type { Difference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { announce, entryOf, strike } from '../core/inventory.ts';
import { ownerDescription } from '../core/owner.ts';
import { parseRoleAssignmentId, sameId } from '../core/resource-id.ts';
import { grantsSame, roleDefinitionId, type RoleAssignment } from '../core/role-assignment.ts';
import type { RulePrincipal } from './alert-rule.ts';
import { mark, verbOf } from './change.ts';
import { claim, lookFor, writeAhead, type Run } from './run.ts';

/**
 * Sees to it that the rule's identity has what is wanted: Reader at each scope. What somebody else granted is left to them. Returns the
 * assignments that do the job, whoever made them and whatever their names.
 */
export const ensureReaderAccess = async (
  run: Run,
  wanted: readonly RoleAssignment[],
  principal: RulePrincipal,
): Promise<readonly RoleAssignment[]> => {
  const found: RoleAssignment[] = [];
  for (const each of wanted) {
    const standing = await observeStanding(run, each, principal);
    if (standing) found.push(standing);
  }
  for (const [index, each] of found.entries()) {
    const difference = lostWords(run, each);
    if (difference) found[index] = await describeAgain(run, each, difference);
  }
  const missing = wanted.filter(({ scope }) => !found.some((each) => sameId(each.scope, scope)));
  if (missing.length > 0) {
    for (const { id } of missing) run.draft = { ...run.draft, inventory: announce(run.draft.inventory, 'RoleAssignment', id) };
    await writeAhead(run);
    // Not in place until Azure has said so: an object whose assignment was seen missing has no grace.
    for (const { id } of missing) mark(run, 'RoleAssignment', id, 'Creating');
  }
  for (const each of missing) found.push(await create(run, each));

  note(run, wanted, found);
  if (wanted.length === 0)
    claim(
      run,
      'ReaderAccessReady',
      'True',
      'NotManaged',
      `spec.readerScopes is empty: somebody else gives ${principal.principalId} Reader on the cluster.`,
    );
  else
    claim(
      run,
      'ReaderAccessReady',
      'True',
      'Succeeded',
      `The rule's identity has Reader at ${wanted.map(({ scope }) => scope).join(' and ')}.`,
    );
  return found;
};

/** Writes into the draft what stands, and whose it is. */
const note = (run: Run, wanted: readonly RoleAssignment[], found: readonly RoleAssignment[]): void => {
  for (const each of found.filter(({ description }) => isOurAssignment(description, run.owner)))
    mark(run, 'RoleAssignment', each.id, 'Present');
  run.draft = {
    ...run.draft,
    readerAssignments: wanted.flatMap(({ scope }) => {
      const each = found.find((candidate) => sameId(candidate.scope, scope));
      return each
        ? [
            {
              id: each.id,
              scope,
              roleDefinitionId: roleDefinitionId(scope, each.roleId),
              ours: isOurAssignment(each.description, run.owner),
            },
          ]
        : [];
    }),
  };
};

/** The assignment that already does the job: our own, or one of somebody else's that we met before. */
const observeStanding = async (run: Run, desired: RoleAssignment, principal: RulePrincipal): Promise<RoleAssignment | undefined> => {
  // Nothing can refer to an identity that was born a moment ago.
  if (principal.isNew) return undefined;
  const { roleAssignments } = run.deps.azure;
  const foreign = run.draft.readerAssignments.find(
    ({ ours, id }) => !ours && sameId(parseRoleAssignmentId(id)?.scope ?? '', desired.scope),
  );
  const ids = [...(foreign ? [foreign.id] : []), desired.id];
  for (const id of ids) {
    const observed = await lookFor(
      run.listed?.roleAssignment(id),
      (seen) => grantsSame(seen, desired) && !lostWords(run, { ...seen, id, scope: desired.scope }),
      () => roleAssignments.observe(id, run.signal),
    );
    // The id is kept in the case we know it in: Azure's answer may spell it another way.
    if (observed && grantsSame(observed, desired)) return { ...observed, id, scope: desired.scope };
  }
  return undefined;
};

/** What somebody made of the description of an assignment of ours, by which we know it again. */
const lostWords = ({ draft, owner }: Run, assignment: RoleAssignment): Difference | undefined =>
  entryOf(draft.inventory, assignment.id) && hasLostItsWords(assignment, owner)
    ? { field: 'description', is: assignment.description, should: ownerDescription(owner) }
    : undefined;

const describeAgain = async (run: Run, assignment: RoleAssignment, difference: Difference): Promise<RoleAssignment> => {
  const described = { ...assignment, description: difference.should };
  run.beforeWrite();
  await run.deps.azure.roleAssignments.create(described, run.signal);
  run.deps.survey.forget(assignment.id);
  run.actions.push({ verb: verbOf(run, 'update'), part: 'ReaderAccess', target: assignment.scope, differences: [difference] });
  return described;
};

const create = async (run: Run, desired: RoleAssignment): Promise<RoleAssignment> => {
  const { roleAssignments } = run.deps.azure;
  run.beforeWrite();
  const answer = await roleAssignments.create(desired, run.signal);
  run.deps.survey.forget(desired.id);
  if (answer === 'created') {
    run.actions.push({ verb: verbOf(run, 'create'), part: 'ReaderAccess', target: desired.scope });
    return desired;
  }
  const same = await roleAssignments.findSame(desired, run.signal);
  if (!same)
    throw new ReconcileError(
      'RoleAssignmentPending',
      `Azure says that the rule's identity has Reader at ${desired.scope} already, but doesn't list the assignment yet: trying again.`,
      { retry: { kind: 'fast' } },
    );
  run.draft = { ...run.draft, inventory: strike(run.draft.inventory, desired.id) };
  return { ...same, scope: desired.scope };
};
