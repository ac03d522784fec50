import { randomUUID } from 'node:crypto';
import type { StoredActionGroup } from './action-groups.ts';
import type { StoredAlertRule } from './alert-rules.ts';
import { readCondition } from './abac/condition.ts';
import { builtInRoles, type RoleDefinition } from './authorization.ts';
import { createRoleAssignmentStore, type RoleAssignmentStore } from './role-assignment-store.ts';
import { createRestrictions, type Restrictions } from './restrictions.ts';
import { idKey, lastSegment } from './resource-id.ts';
import type { Application, Cluster, EventRow, ResourceGroup, World } from './world.ts';

/** An object of the directory that roles can be assigned to. */
interface Principal {
  readonly objectId: string;
  /** Replication to the role service starts here; seeded principals have been there for ever. */
  readonly createdAt: Date;
}

/** A subscription and its resource groups, these by lower-cased name. */
interface Subscription {
  readonly subscriptionId: string;
  readonly resourceGroups: Map<string, ResourceGroup>;
}

/** Everything that exists, now. Keys are lower-cased GUIDs or `idKey`s; values are replaced, never changed in place. */
export interface State {
  readonly tenantId: string;
  /** By client id. */
  readonly applications: Map<string, Application>;
  readonly subscriptions: Map<string, Subscription>;
  readonly roles: Map<string, RoleDefinition>;
  readonly roleAssignments: RoleAssignmentStore;
  readonly clusters: Map<string, Cluster>;
  readonly userAssignedIdentities: Map<string, { id: string; principalId: string; clientId: string }>;
  readonly principals: Map<string, Principal>;
  readonly alertRules: Map<string, StoredAlertRule>;
  readonly actionGroups: Map<string, StoredActionGroup>;
  readonly restrictions: Restrictions;
  /** Those of Resource Graph, oldest first. */
  readonly eventRows: EventRow[];
}

/** Builds the state that a world describes. The world itself isn't kept: later changes to it have no effect. */
export const createState = (given: World): State => {
  const world = structuredClone(given);
  const longAgo = new Date(0);
  const state: State = {
    tenantId: world.tenantId,
    applications: new Map(world.applications.map((application) => [application.clientId.toLowerCase(), application])),
    subscriptions: new Map(
      world.subscriptions.map(({ subscriptionId, resourceGroups }) => [
        subscriptionId.toLowerCase(),
        { subscriptionId, resourceGroups: new Map(resourceGroups.map((group) => [group.name.toLowerCase(), group])) },
      ]),
    ),
    roles: new Map([...builtInRoles, ...(world.roleDefinitions ?? [])].map((role) => [role.id.toLowerCase(), role])),
    roleAssignments: createRoleAssignmentStore(),
    clusters: new Map(world.clusters.map((cluster) => [idKey(cluster.id), cluster])),
    userAssignedIdentities: new Map((world.userAssignedIdentities ?? []).map((identity) => [idKey(identity.id), identity])),
    principals: new Map(),
    alertRules: new Map(),
    actionGroups: new Map(),
    restrictions: createRestrictions(),
    eventRows: world.eventRows ?? [],
  };
  const principals = [
    ...world.applications.map(({ objectId }) => objectId),
    ...(world.userAssignedIdentities ?? []).map(({ principalId }) => principalId),
    ...world.roleAssignments.map(({ principalId }) => principalId),
  ];
  for (const objectId of principals) state.principals.set(objectId.toLowerCase(), { objectId, createdAt: longAgo });
  for (const assignment of world.roleAssignments) seedRoleAssignment(state, assignment, longAgo);
  return state;
};

/** Adds a role assignment that nobody asked for over HTTP, and returns its name. Throws when its condition can't be read. */
export const seedRoleAssignment = (state: State, seed: World['roleAssignments'][number], at: Date): string => {
  const name = (seed.name ?? randomUUID()).toLowerCase();
  const { condition, conditionVersion } = seed;
  if (condition !== undefined) readCondition(condition);
  state.roleAssignments.put({
    name,
    scope: idKey(seed.scope) === '/' ? '/' : seed.scope.replace(/\/$/u, ''),
    roleDefinitionId: lastSegment(seed.roleDefinitionId).toLowerCase(),
    principalId: seed.principalId,
    principalType: 'ServicePrincipal',
    ...(condition === undefined ? {} : { condition }),
    ...(conditionVersion === undefined ? {} : { conditionVersion }),
    createdOn: at,
    updatedOn: at,
    createdBy: '',
    updatedBy: '',
    isSeed: true,
  });
  return name;
};
