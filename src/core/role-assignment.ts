import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { readerRoleId } from '../api/names.ts';
import { ownerDescription, roleAssignmentName, type Owner } from './owner.ts';
import { resourceGroupScope, roleAssignmentId, sameId, subscriptionScope, type ResourceId } from './resource-id.ts';

/** A role assignment in our own words. `id` has the full ARM form with its leading slash. */
export interface RoleAssignment {
  readonly id: string;
  readonly scope: string;
  /** Only the GUID: Azure gives the id of a role with and without a subscription in front. */
  readonly roleId: string;
  readonly principalId: string;
  readonly description: string;
}

/** The full ARM id of a built-in role, as seen from a scope. */
export const roleDefinitionId = (scope: string, roleId: string): string =>
  `/subscriptions/${scope.split('/')[2] ?? ''}/providers/Microsoft.Authorization/roleDefinitions/${roleId}`;

/** The ARM scopes at which the rule's identity gets Reader, for the words of `spec.readerScopes` (absent: group and subscription of the cluster). */
export const readerScopes = (spec: MaintenanceNotificationSpec, cluster: ResourceId): readonly string[] => {
  const scopeOf = {
    Cluster: spec.clusterResourceId,
    ResourceGroup: resourceGroupScope(cluster),
    Subscription: subscriptionScope(cluster.subscriptionId),
  };
  return (spec.readerScopes ?? ['ResourceGroup', 'Subscription']).map((word) => scopeOf[word]);
};

/** All scopes that a spec could ask for. */
export const everyReaderScope = (spec: MaintenanceNotificationSpec, cluster: ResourceId): readonly string[] =>
  readerScopes({ ...spec, readerScopes: ['Cluster', 'ResourceGroup', 'Subscription'] }, cluster);

/** The assignment that gives the rule's identity Reader at a scope. */
export const desiredRoleAssignment = (owner: Owner, scope: string, principalId: string): RoleAssignment => ({
  id: roleAssignmentId(scope, roleAssignmentName(owner, scope, principalId, readerRoleId)),
  scope,
  roleId: readerRoleId,
  principalId,
  description: ownerDescription(owner),
});

/** True when both give the same principal the same role at exactly the same scope, whatever their names. */
export const grantsSame = (one: RoleAssignment, other: RoleAssignment): boolean =>
  sameId(one.scope, other.scope) && one.roleId === other.roleId && one.principalId.toLowerCase() === other.principalId.toLowerCase();
