import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { parseResourceId, sameId } from './resource-id.ts';
import { readerScopes, type RoleAssignment } from './role-assignment.ts';

/** Azure Monitor: "a managed identity can be used in up to 50 log alert rules that query Azure Resource Graph". */
const rulesPerIdentity = 50;

const userAssignedIn = ({ spec }: MaintenanceNotification): string | undefined =>
  spec.identity?.type === 'UserAssigned' ? spec.identity.resourceId : undefined;

const nameOf = ({ metadata: { namespace, name } }: MaintenanceNotification): string => `${namespace}/${name}`;

const age = (each: MaintenanceNotification): string => `${each.metadata.creationTimestamp} ${nameOf(each)}`;

const sharing = (identityId: string, objects: readonly MaintenanceNotification[]): readonly MaintenanceNotification[] =>
  objects.filter((each) => {
    const theirs = userAssignedIn(each);
    return theirs !== undefined && sameId(theirs, identityId);
  });

/** Why an object's user-assigned identity has no room for its rule; the oldest objects keep their places. Undefined: it has. */
export const identityIsFull = (object: MaintenanceNotification, objects: readonly MaintenanceNotification[]): string | undefined => {
  const identityId = userAssignedIn(object);
  if (identityId === undefined) return undefined;
  const users = sharing(identityId, objects);
  if (users.length <= rulesPerIdentity) return undefined;
  const rank = users.toSorted((one, other) => (age(one) < age(other) ? -1 : 1)).findIndex((each) => nameOf(each) === nameOf(object));
  return rank < rulesPerIdentity
    ? undefined
    : `Azure lets one identity serve ${rulesPerIdentity} alert rules of this kind, and so many older objects use ${identityId} already: name another identity in spec.identity.resourceId.`;
};

/**
 * Who else lives by a role assignment of an object that no longer wants it: those that ask for Reader at its scope for the same
 * user-assigned identity and are to stay, by name. Azure keeps one assignment for all of them.
 */
export const heirsOf = (
  assignment: RoleAssignment,
  object: MaintenanceNotification,
  objects: readonly MaintenanceNotification[],
): readonly MaintenanceNotification[] =>
  objects
    .filter((each) => nameOf(each) !== nameOf(object) && !each.metadata.deletionTimestamp)
    .filter(({ status }) => status?.principalId?.toLowerCase() === assignment.principalId)
    .filter(({ spec }) => {
      const cluster = parseResourceId(spec.clusterResourceId);
      const scopes = spec.identity?.type === 'UserAssigned' && cluster ? readerScopes(spec, cluster) : [];
      return scopes.some((scope) => sameId(scope, assignment.scope));
    })
    .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
