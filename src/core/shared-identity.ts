import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { isAllowed, type AllowedScopes } from './boundary.ts';
import { conditionOf } from './conditions.ts';
import type { Owner } from './owner.ts';
import { derivedIds, placeOf } from './place.ts';
import { parseResourceId, sameId } from './resource-id.ts';
import { readerScopes, type RoleAssignment } from './role-assignment.ts';

/** Azure Monitor: "a managed identity can be used in up to 50 log alert rules that query Azure Resource Graph". */
const rulesPerIdentity = 50;

const userAssignedIn = ({ spec }: MaintenanceNotification): string | undefined =>
  spec.identity?.type === 'UserAssigned' ? spec.identity.resourceId : undefined;

const nameOf = ({ metadata: { namespace, name } }: MaintenanceNotification): string => `${namespace}/${name}`;

const age = (each: MaintenanceNotification): string => `${each.metadata.creationTimestamp} ${nameOf(each)}`;

/** Those that name an identity and may use it: no others get a rule with it. */
const sharing = (
  identityId: string,
  objects: readonly MaintenanceNotification[],
  allowed: AllowedScopes,
): readonly MaintenanceNotification[] =>
  objects.filter((each) => {
    const theirs = userAssignedIn(each);
    return theirs !== undefined && sameId(theirs, identityId) && isAllowed(theirs, each.metadata.namespace, allowed);
  });

/** Whether the rule has the identity that the spec names: until then the principal may be another's. */
const isCarriedOut = ({ metadata, status }: MaintenanceNotification): boolean => {
  const condition = conditionOf(status?.conditions, 'AlertRuleReady');
  return condition?.status === 'True' && condition.observedGeneration === metadata.generation;
};

/**
 * Why an object's user-assigned identity has no room for its rule; undefined: it has. Rules that stand keep their places, as far as statuses
 * tell, and what is left goes to the oldest of the others.
 */
export const identityIsFull = (
  object: MaintenanceNotification,
  objects: readonly MaintenanceNotification[],
  allowed: AllowedScopes,
): string | undefined => {
  const identityId = userAssignedIn(object);
  if (identityId === undefined) return undefined;
  const users = sharing(identityId, objects, allowed);
  const principals = new Set(users.filter(isCarriedOut).map(({ status }) => status?.principalId?.toLowerCase()));
  const stands = ({ status }: MaintenanceNotification): boolean =>
    status?.principalId !== undefined && principals.has(status.principalId.toLowerCase());
  if (stands(object)) return undefined;
  const newcomers = users.filter((each) => !stands(each)).toSorted((one, other) => (age(one) < age(other) ? -1 : 1));
  const rank = newcomers.findIndex((each) => nameOf(each) === nameOf(object));
  return users.length - newcomers.length + rank < rulesPerIdentity
    ? undefined
    : `Azure lets one identity serve ${rulesPerIdentity} alert rules of this kind, and so many other objects use ${identityId} already: name another identity in spec.identity.resourceId.`;
};

/**
 * Who else may live by a role assignment of an object that no longer wants it, by name: those that are to stay and ask for Reader at its scope
 * for a user-assigned identity, either the one that the object names too, or one with the assignment's principal. What they have in Azure
 * decides.
 */
export const mayLiveBy = (
  assignment: RoleAssignment,
  object: MaintenanceNotification,
  objects: readonly MaintenanceNotification[],
): readonly MaintenanceNotification[] => {
  const identityId = userAssignedIn(object);
  return objects
    .filter((each) => nameOf(each) !== nameOf(object) && !each.metadata.deletionTimestamp)
    .filter((each) => {
      const theirs = userAssignedIn(each);
      if (theirs === undefined) return false;
      const isNamed = identityId !== undefined && sameId(theirs, identityId);
      return isNamed || each.status?.principalId?.toLowerCase() === assignment.principalId.toLowerCase();
    })
    .filter(({ spec }) => {
      const cluster = parseResourceId(spec.clusterResourceId);
      return cluster && readerScopes(spec, cluster).some((scope) => sameId(scope, assignment.scope));
    })
    .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
};

/** Where an object's rule may stand: where its spec puts it, and where it was made before. */
export const rulesOf = ({ spec, status }: MaintenanceNotification, owner: Owner): readonly string[] => {
  const cluster = parseResourceId(spec.clusterResourceId);
  const noted = (status?.resources ?? []).filter(({ kind, id }) => kind === 'AlertRule' && parseResourceId(id)).map(({ id }) => id);
  if (!cluster) return noted;
  const { alertRuleId } = derivedIds(owner, cluster.name, placeOf(spec, cluster));
  return [alertRuleId, ...noted.filter((id) => !sameId(id, alertRuleId))];
};
