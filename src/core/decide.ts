import { ownerTagName } from '../api/names.ts';
import { unchangeable, type Difference } from './difference.ts';
import { ownerDescription, ownerNamed, ownerWords, type Owner } from './owner.ts';
import { sameId } from './resource-id.ts';
import { desiredRoleAssignment, type RoleAssignment } from './role-assignment.ts';
import { shellWord } from './shell-word.ts';

/** What to do about one thing in Azure. */
export type Decision = { readonly kind: 'create' } | { readonly kind: 'keep' } | Change | Refusal;

/** It is not ours, so it stays as it is. */
interface Refusal {
  readonly kind: 'refuse';
  /** What its tag says, if it has one. */
  readonly owner: string | undefined;
  /** What differs and is never changed by Azure: to take it over, it would have to be deleted. */
  readonly unchangeable: readonly string[];
}

interface Change {
  readonly kind: 'update' | 'replace';
  readonly differences: readonly Difference[];
  /** It was not ours until now. */
  readonly adopts: boolean;
}

type Tags = Readonly<Record<string, string>>;

const ownerOf = (tags: Tags): string | undefined => Object.entries(tags).find(([name]) => name.toLowerCase() === ownerTagName)?.[1];

/** True when the tag says that the thing belongs to this object of this installation. */
export const isOurs = (tags: Tags, owner: Owner): boolean => ownerOf(tags) === ownerWords(owner);

/** True when the description says so, for role assignments, which have no tags. */
export const isOurAssignment = (description: string, owner: Owner): boolean => description === ownerDescription(owner);

/** True under a name that only this object gives to an assignment; it may have left it to another since. */
export const isNamedByUs = ({ id, scope, principalId }: RoleAssignment, owner: Owner): boolean =>
  sameId(id, desiredRoleAssignment(owner, scope, principalId).id);

/** True for an assignment of ours whose description somebody has changed: it names nobody else. */
export const hasLostItsWords = (assignment: RoleAssignment, owner: Owner): boolean =>
  isNamedByUs(assignment, owner) &&
  !isOurAssignment(assignment.description, owner) &&
  (ownerNamed(assignment.description) ?? ownerWords(owner)) === ownerWords(owner);

/**
 * What to do, from what is there (undefined: nothing) and how it differs. What isn't ours is never changed, unless the object may take it
 * over; and never deleted.
 */
export const decide = (
  observed: { readonly tags: Tags } | undefined,
  differences: readonly Difference[],
  owner: Owner,
  mayAdopt: boolean,
): Decision => {
  if (!observed) return { kind: 'create' };
  const adopts = !isOurs(observed.tags, owner);
  const fixed = unchangeable(differences);
  if (adopts && (!mayAdopt || fixed.length > 0)) return { kind: 'refuse', owner: ownerOf(observed.tags), unchangeable: fixed };
  if (differences.length === 0) return { kind: 'keep' };
  return { kind: fixed.length > 0 ? 'replace' : 'update', differences, adopts };
};

/** Why something that isn't ours was left alone, whose it is, and what to do. */
export const refusal = (options: {
  readonly what: string;
  readonly id: string;
  readonly decision: Refusal;
  readonly owner: Owner;
  /** Whether `spec.conflictPolicy` is Adopt already. */
  readonly adopting: boolean;
}): string => {
  const { what, id, owner, decision } = options;
  const whose = decision.owner === undefined ? `it has no tag ${ownerTagName}` : `its tag ${ownerTagName} says ${decision.owner}`;
  const fixed = decision.unchangeable;
  const adopt = options.adopting ? '' : 'let it be taken over with spec.conflictPolicy: Adopt, or ';
  const wayOut =
    fixed.length > 0
      ? `It can't be taken over, since its ${fixed.join(' and ')} differ${fixed.length > 1 ? '' : 's'}, which Azure never changes: delete it yourself.`
      : `Delete it, or ${adopt}hand it over: az tag update --operation Merge --resource-id ${shellWord(id)} --tags ${ownerTagName}=${ownerWords(owner)}.`;
  return `The ${what} ${id} exists and is not ours (${whose}), so it was left as it is. ${wayOut}`;
};
