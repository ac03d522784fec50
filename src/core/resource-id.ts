/** ARM resource ids. Azure changes their letter case between request and answer, so they are compared without it and shown as given. */

/** Where a thing lives, taken from its id. Segments keep the case they were written in. */
export interface ResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** `Microsoft.Insights/actionGroups` */
  readonly type: string;
  readonly name: string;
}

/** Subscription, resource group: where rule and action group go. */
export interface Place {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

const pattern = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/([^/]+\/[^/]+)\/([^/]+)$/i;

/** Reads the id of a resource in a resource group. Undefined when it is not one. */
export const parseResourceId = (id: string): ResourceId | undefined => {
  const [, subscriptionId, resourceGroup, type, name] = pattern.exec(id) ?? [];
  return subscriptionId && resourceGroup && type && name ? { subscriptionId, resourceGroup, type, name } : undefined;
};

/** The same for an id that is known to be one. @throws TypeError when it isn't: a mistake of ours */
export const resourceIdOf = (id: string): ResourceId => {
  const parsed = parseResourceId(id);
  if (!parsed) throw new TypeError(`not the id of a resource in a resource group: ${id}`);
  return parsed;
};

/** True when both name the same thing in Azure, whatever their letter case and leading slash. */
export const sameId = (one: string, other: string): boolean => comparableId(one) === comparableId(other);

/** The form in which ids are compared: lower case, one leading slash, none at the end. Never shown. */
export const comparableId = (id: string): string => `/${id.replaceAll(/^\/+|\/+$/g, '')}`.toLowerCase();

export const subscriptionScope = (subscriptionId: string): string => `/subscriptions/${subscriptionId}`;

export const resourceGroupScope = ({ subscriptionId, resourceGroup }: Place): string =>
  `${subscriptionScope(subscriptionId)}/resourceGroups/${resourceGroup}`;

export const actionGroupId = (place: Place, name: string): string =>
  `${resourceGroupScope(place)}/providers/Microsoft.Insights/actionGroups/${name}`;

export const alertRuleId = (place: Place, name: string): string =>
  `${resourceGroupScope(place)}/providers/Microsoft.Insights/scheduledQueryRules/${name}`;

export const roleAssignmentId = (scope: string, name: string): string =>
  `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;

/** The scope a role assignment was made at, and its name. Undefined when the id is not a role assignment's. */
export const parseRoleAssignmentId = (id: string): { scope: string; name: string } | undefined => {
  const [, scope, name] = /^(.*)\/providers\/Microsoft\.Authorization\/roleAssignments\/([^/]+)$/i.exec(id) ?? [];
  return scope && name ? { scope, name } : undefined;
};
