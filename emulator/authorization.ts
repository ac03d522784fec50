import { lastSegment, scopeContains } from './resource-id.ts';

/** A set of actions that can be granted; `notActions` are taken out of `actions`. Both may hold wildcards. */
export interface RoleDefinition {
  /** GUID. */
  readonly id: string;
  readonly name: string;
  readonly actions: readonly string[];
  readonly notActions?: readonly string[];
}

/** That a principal holds a role at a scope and below. */
export interface Grant {
  readonly scope: string;
  /** A full id or just the GUID. */
  readonly roleDefinitionId: string;
}

/** Reader, the role that an alert rule's identity needs. */
const readerRoleId = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';

/**
 * The built-in roles that matter here, with their published GUIDs and actions. Left out: actions of services that the emulator doesn't
 * have, and data actions.
 */
export const builtInRoles: readonly RoleDefinition[] = [
  { id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', name: 'Owner', actions: ['*'] },
  {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    actions: ['*'],
    notActions: ['Microsoft.Authorization/*/Delete', 'Microsoft.Authorization/*/Write', 'Microsoft.Authorization/elevateAccess/Action'],
  },
  { id: readerRoleId, name: 'Reader', actions: ['*/read'] },
  {
    id: '749f88d5-cbae-40b8-bcfc-e573ddc772fa',
    name: 'Monitoring Contributor',
    actions: [
      '*/read',
      'Microsoft.Insights/actiongroups/*',
      'Microsoft.Insights/createNotifications/*',
      'Microsoft.Insights/notificationStatus/*',
      'Microsoft.Insights/scheduledqueryrules/*',
      'Microsoft.Insights/Register/Action',
    ],
  },
  { id: '43d0d8ad-25c7-4714-9337-8ba259a9fe05', name: 'Monitoring Reader', actions: ['*/read'] },
  {
    id: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
    name: 'Role Based Access Control Administrator',
    actions: ['Microsoft.Authorization/roleAssignments/write', 'Microsoft.Authorization/roleAssignments/delete', '*/read'],
  },
  { id: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9', name: 'User Access Administrator', actions: ['*/read', 'Microsoft.Authorization/*'] },
  {
    id: 'f1a07417-d97a-45cb-824c-7a7467783830',
    name: 'Managed Identity Operator',
    actions: [
      'Microsoft.ManagedIdentity/userAssignedIdentities/*/read',
      'Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
  },
];

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
const patterns = new Map<string, RegExp>();

// Whether an action is covered by a pattern. A `*` stands for any text, slashes included; case doesn't matter, since Microsoft itself
// writes both `Microsoft.Insights/ActionGroups/Read` and `actionGroups/read`. A `*` that fills a whole segment in the middle, as in
// `userAssignedIdentities/*/assign/action`, stands for the resource's name; action names don't carry one, so it may also match nothing.
export const actionMatches = (pattern: string, action: string): boolean => {
  const known = patterns.get(pattern);
  if (known !== undefined) return known.test(action);
  const source = pattern.split('/*/').map((part) => part.split('*').map(escaped).join('.*'));
  const compiled = new RegExp(`^${source.join('/(?:.*/)?')}$`, 'iu');
  patterns.set(pattern, compiled);
  return compiled.test(action);
};

/** Whether a role holds an action: some `actions` pattern covers it, and no `notActions` pattern takes it away. */
export const roleHolds = (role: RoleDefinition, action: string): boolean =>
  role.actions.some((pattern) => actionMatches(pattern, action)) &&
  !(role.notActions ?? []).some((pattern) => actionMatches(pattern, action));

/**
 * Whether any of a principal's grants allows an action at a scope. Grants add up, and are inherited downwards; what one role takes away by
 * `notActions` another may still give. There are no deny assignments.
 */
export const isAllowed = (grants: Iterable<Grant>, roles: ReadonlyMap<string, RoleDefinition>, action: string, scope: string): boolean => {
  for (const grant of grants) {
    if (!scopeContains(grant.scope, scope)) continue;
    const role = roles.get(lastSegment(grant.roleDefinitionId).toLowerCase());
    if (role !== undefined && roleHolds(role, action)) return true;
  }
  return false;
};
