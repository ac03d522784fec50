import { ownerTagName } from '../api/names.ts';
import { needsReplacement, type Difference } from './difference.ts';
import { ownerDescription, ownerWords, type Owner } from './owner.ts';

/** What to do about one thing in Azure. */
export type Decision =
  | { readonly kind: 'create' }
  | { readonly kind: 'keep' }
  | Change
  /** It is not ours, so it stays as it is. `owner` is what its tag says, if it has one. */
  | { readonly kind: 'refuse'; readonly owner: string | undefined };

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

/**
 * What to do, from what is there (undefined: nothing) and how it differs. What isn't ours is never changed, unless the object may take it
 * over.
 */
export const decide = (
  observed: { readonly tags: Tags } | undefined,
  differences: readonly Difference[],
  owner: Owner,
  mayAdopt: boolean,
): Decision => {
  if (!observed) return { kind: 'create' };
  const adopts = !isOurs(observed.tags, owner);
  if (adopts && !mayAdopt) return { kind: 'refuse', owner: ownerOf(observed.tags) };
  if (differences.length === 0) return { kind: 'keep' };
  return { kind: needsReplacement(differences) ? 'replace' : 'update', differences, adopts };
};

/** Why something that isn't ours was left alone, whose it is, and how to hand it over. */
export const refusal = (what: string, id: string, foreignOwner: string | undefined, owner: Owner): string =>
  `The ${what} ${id} exists and is not ours (${foreignOwner === undefined ? `it has no tag ${ownerTagName}` : `its tag ${ownerTagName} says ${foreignOwner}`}), so it was left as it is. ` +
  `Delete it, or let it be taken over with spec.conflictPolicy: Adopt, or hand it over: az tag update --operation Merge --resource-id ${id} --tags ${ownerTagName}=${ownerWords(owner)}.`;
