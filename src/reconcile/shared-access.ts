import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { isAllowed } from '../core/boundary.ts';
import { hasLostItsWords, isNamedByUs, isOurAssignment, isOurs } from '../core/decide.ts';
import { isDenied, ReconcileError } from '../core/failure.ts';
import { announce } from '../core/inventory.ts';
import { ownerDescription, ownerNamed, ownerWords, type Owner } from '../core/owner.ts';
import { parseResourceId, sameId, type ResourceId } from '../core/resource-id.ts';
import { desiredRoleAssignment, everyReaderScope, readerScopes, type RoleAssignment } from '../core/role-assignment.ts';
import { mayLiveBy, rulesOf } from '../core/shared-identity.ts';
import { keyOf } from '../kube/object.ts';
import type { RulePrincipal } from './alert-rule.ts';
import type { Run } from './run.ts';

/**
 * Goes by an assignment of ours. Azure knows only one for all that share the identity, so it is left to another object that lives by it:
 * its description then names that one, whose next run takes it into its own list. Without such an object it is deleted.
 */
export const giveUp = async (run: Run, assignment: RoleAssignment): Promise<void> => {
  const { azure, objects, survey } = run.deps;
  const candidates = mayLiveBy(assignment, run.object, objects.list());
  const outcome = await leaveToOneOf(run, assignment, candidates);
  if (outcome === 'nobody') {
    run.beforeWrite();
    await azure.roleAssignments.remove(assignment.id, run.signal);
    run.actions.push({ verb: 'Deleted', part: 'ReaderAccess', target: assignment.scope });
  }
  survey.forget(assignment.id);
  // Who was just about to rely on it looks again.
  for (const each of candidates) run.deps.again(keyOf(each));
};

/**
 * Whether an assignment of the list is ours: by its description, or by its name, when the description was changed by hand, or names one whom we
 * were just leaving it to when the operator crashed, and who doesn't live by it any more.
 */
export const isOursToGive = async (run: Run, assignment: RoleAssignment): Promise<boolean> => {
  const { owner } = run;
  if (isOurAssignment(assignment.description, owner) || hasLostItsWords(assignment, owner)) return true;
  const named = ownerNamed(assignment.description);
  if (!named?.startsWith(`${owner.installationId}/`) || !isNamedByUs(assignment, owner)) return false;
  const candidates = mayLiveBy(assignment, run.object, run.deps.objects.list());
  const heir = candidates.map((each) => ownerOf(run, each)).find((each) => ownerWords(each) === named);
  return !(heir && (await livesBy(run, assignment, heir)));
};

const leaveToOneOf = async (
  run: Run,
  assignment: RoleAssignment,
  candidates: readonly MaintenanceNotification[],
): Promise<'left' | 'gone' | 'nobody'> => {
  for (const candidate of candidates) {
    const heir = ownerOf(run, candidate);
    if (!(await livesBy(run, assignment, heir))) continue;
    run.beforeWrite();
    const answer = await run.deps.azure.roleAssignments.create({ ...assignment, description: ownerDescription(heir) }, run.signal);
    // Ours went meanwhile, and somebody else's does the job.
    if (answer === 'exists') return 'gone';
    // The heir may have gone, or taken another identity, after it was looked at and before it could find its name here.
    if (!(await livesBy(run, assignment, heir))) continue;
    run.actions.push({ verb: 'HandedOver', part: 'ReaderAccess', target: `${assignment.scope} to ${heir.namespace}/${heir.name}` });
    return 'left';
  }
  return 'nobody';
};

const ownerOf = ({ owner }: Run, { metadata: { namespace, name } }: MaintenanceNotification): Owner => ({ ...owner, namespace, name });

/**
 * Whether another object needs the assignment, by what Azure shows of its rule: a status may be old, or forged. Only of a rule that the operator
 * may not see is the status believed, for nobody is to lose a notice by it.
 */
const livesBy = async (run: Run, assignment: RoleAssignment, heir: Owner): Promise<boolean> => {
  const { azure, objects, settings } = run.deps;
  const object = mayLiveBy(assignment, run.object, objects.list()).find(
    ({ metadata: { namespace, name } }) => namespace === heir.namespace && name === heir.name,
  );
  const isInside = (id: string): boolean => isAllowed(id, heir.namespace, settings.allowedScopes);
  if (!object || !isInside(assignment.scope)) return false;
  for (const id of rulesOf(object, heir).filter(isInside)) {
    try {
      const observed = await azure.alertRules.observe(id, run.signal);
      if (observed && isOurs(observed.rule.tags, heir) && isSame(observed.principalId, assignment.principalId)) return true;
    } catch (thrown) {
      if (!isHidden(thrown)) throw thrown;
      if (isSame(object.status?.principalId, assignment.principalId)) return true;
    }
  }
  return false;
};

const isSame = (one: string | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase();

const isHidden = (thrown: unknown): boolean =>
  isDenied(thrown) || (thrown instanceof ReconcileError && thrown.reason === 'SubscriptionNotFound');

/**
 * Takes into the list what others left to this object and it may no longer want: when its rule has another principal now, or when a new spec
 * is carried out that asks for fewer scopes. Its status doesn't tell, since another may have left it something at any time.
 */
export const noteInherited = async (run: Run, cluster: ResourceId, { principalId }: RulePrincipal): Promise<void> => {
  const { spec, status } = run.object;
  const before = status?.principalId;
  if (before === undefined) return;
  const every = everyReaderScope(spec, cluster);
  if (!isSame(before, principalId)) return inheritedAt(run, before, every);
  if (run.hasStood || spec.identity?.type !== 'UserAssigned') return;
  const wanted = readerScopes(spec, cluster);
  return inheritedAt(
    run,
    principalId,
    every.filter((scope) => !wanted.some((each) => sameId(each, scope))),
  );
};

/** The same for an object that goes: whatever was left to it. */
export const noteAllInherited = async (run: Run): Promise<void> => {
  const { spec, status } = run.object;
  const cluster = parseResourceId(spec.clusterResourceId);
  const isShared = spec.identity?.type === 'UserAssigned';
  if (!cluster || !(isShared || status?.readerAssignments?.some(({ ours }) => !ours))) return;
  const principals = new Set(status?.principalId === undefined ? [] : [status.principalId.toLowerCase()]);
  if (isShared) {
    for (const id of rulesOf(run.object, run.owner).filter((each) => isInside(run, each))) {
      const observed = await run.deps.azure.alertRules.observe(id, run.signal);
      if (observed?.principalId) principals.add(observed.principalId.toLowerCase());
    }
  }
  for (const principalId of principals) await inheritedAt(run, principalId, everyReaderScope(spec, cluster));
};

const isInside = ({ owner: { namespace }, deps: { settings } }: Run, id: string): boolean =>
  isAllowed(id, namespace, settings.allowedScopes);

/** Azure keeps one assignment of a role to a principal at a scope, so there is one to be asked for, whatever its name. */
const inheritedAt = async (run: Run, principalId: string, scopes: readonly string[]): Promise<void> => {
  const { spec } = run.object;
  const cluster = parseResourceId(spec.clusterResourceId);
  const asked = cluster ? readerScopes(spec, cluster) : [];
  for (const scope of scopes.filter((each) => isInside(run, each))) {
    const found = await run.deps.azure.roleAssignments
      .findSame(desiredRoleAssignment(run.owner, scope, principalId), run.signal)
      .catch((thrown: unknown) => {
        // Where nothing is asked for, the operator may have no right to look.
        if (isDenied(thrown) && !asked.some((each) => sameId(each, scope))) return undefined;
        throw thrown;
      });
    if (found && isOurAssignment(found.description, run.owner))
      run.draft = { ...run.draft, inventory: announce(run.draft.inventory, 'RoleAssignment', found.id) };
  }
};
