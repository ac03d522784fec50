import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { azureName, type Owner } from './owner.ts';
import { actionGroupId, alertRuleId, type Place, type ResourceId } from './resource-id.ts';

/** Where rule and action group go: what the spec says, else beside the cluster. */
export const placeOf = ({ placement }: MaintenanceNotificationSpec, cluster: ResourceId): Place => ({
  subscriptionId: placement?.subscriptionId ?? cluster.subscriptionId,
  resourceGroup: placement?.resourceGroup ?? cluster.resourceGroup,
});

/** The ids that rule and action group of an owner have there. */
export const derivedIds = (
  owner: Owner,
  clusterName: string,
  place: Place,
): { readonly actionGroupId: string; readonly alertRuleId: string } => {
  const name = azureName(owner, clusterName);
  return { actionGroupId: actionGroupId(place, name), alertRuleId: alertRuleId(place, name) };
};
