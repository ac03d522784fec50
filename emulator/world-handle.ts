import { createDrift, type Drift } from './drift.ts';
import { dropIdentity } from './identity.ts';
import { createRestrictionsHandle, removeRestrictionsBelow, type RestrictionsHandle } from './restrictions.ts';
import {
  isClusterId,
  type Application,
  type Cluster,
  type EventRow,
  type FederatedCredential,
  type ResourceGroup,
  type World,
} from './world.ts';
import { idKey, parentId, whereIs } from './resource-id.ts';
import { seedRoleAssignment, type State } from './state.ts';

/** Changes what exists while the emulator runs, as somebody with other tools would. Nothing here is journalled. */
export interface WorldHandle extends Drift, RestrictionsHandle {
  readonly addResourceGroup: (subscriptionId: string, group: ResourceGroup) => void;
  /** With everything in it, and every role assignment at it and below. */
  readonly removeResourceGroup: (subscriptionId: string, name: string) => void;
  readonly addSubscription: (subscriptionId: string, resourceGroups?: readonly ResourceGroup[]) => void;
  /** With everything in it. */
  readonly removeSubscription: (subscriptionId: string) => void;
  readonly addCluster: (cluster: Cluster) => void;
  readonly removeCluster: (id: string) => void;
  /** Replaces the given fields. A channel can be set to `none` or `None`, but not taken away. */
  readonly changeCluster: (id: string, change: Partial<Omit<Cluster, 'id'>>) => void;
  /** Rows stay when their cluster goes. */
  readonly addEventRow: (row: EventRow) => void;
  /** Returns the new assignment's name. */
  readonly addRoleAssignment: (assignment: World['roleAssignments'][number]) => string;
  /** Takes away the assignment of this name, whoever made it. */
  readonly removeRoleAssignment: (name: string) => void;
  readonly addApplication: (application: Application) => void;
  readonly removeApplication: (clientId: string) => void;
  readonly setFederatedCredentials: (clientId: string, credentials: readonly FederatedCredential[]) => void;
  readonly addUserAssignedIdentity: (identity: { id: string; principalId: string; clientId: string }) => void;
  /** Its role assignments stay behind, as orphans, and resources that have it go on naming it. */
  readonly removeUserAssignedIdentity: (id: string) => void;
}

const removeBelow = (state: State, scope: string): void => {
  const prefix = `${idKey(scope)}/`;
  for (const key of state.clusters.keys()) if (key.startsWith(prefix)) state.clusters.delete(key);
  for (const [key, { principalId }] of state.userAssignedIdentities) {
    if (!key.startsWith(prefix)) continue;
    state.userAssignedIdentities.delete(key);
    state.principals.delete(principalId.toLowerCase());
  }
  for (const resources of [state.alertRules, state.actionGroups]) {
    for (const [key, { identity }] of resources) {
      if (!key.startsWith(prefix)) continue;
      resources.delete(key);
      dropIdentity({ state }, identity);
    }
  }
  state.roleAssignments.removeBelow(scope);
  removeRestrictionsBelow(state.restrictions, scope);
};

/** A handle on a state. Every function throws when it is asked to change what isn't there: a mistake of the test, not of the client. */
export const createWorldHandle = (state: State, clock: () => Date): WorldHandle => {
  const subscription = (subscriptionId: string) => {
    const found = state.subscriptions.get(subscriptionId.toLowerCase());
    if (found === undefined) throw new Error(`there is no subscription ${subscriptionId}`);
    return found;
  };
  const cluster = (id: string): Cluster => {
    const found = state.clusters.get(idKey(id));
    if (found === undefined) throw new Error(`there is no cluster ${id}`);
    return found;
  };
  const application = (clientId: string): Application => {
    const found = state.applications.get(clientId.toLowerCase());
    if (found === undefined) throw new Error(`there is no application ${clientId}`);
    return found;
  };
  const addPrincipal = (objectId: string): void => {
    state.principals.set(objectId.toLowerCase(), { objectId, createdAt: clock() });
  };

  return {
    ...createRestrictionsHandle(state.restrictions),
    ...createDrift(state, clock),
    addResourceGroup: (subscriptionId, group) => {
      subscription(subscriptionId).resourceGroups.set(group.name.toLowerCase(), group);
    },
    removeResourceGroup: (subscriptionId, name) => {
      if (!subscription(subscriptionId).resourceGroups.delete(name.toLowerCase())) throw new Error(`there is no resource group ${name}`);
      removeBelow(state, `/subscriptions/${subscriptionId}/resourceGroups/${name}`);
    },
    addSubscription: (subscriptionId, resourceGroups = []) => {
      const groups = new Map(resourceGroups.map((group) => [group.name.toLowerCase(), group]));
      state.subscriptions.set(subscriptionId.toLowerCase(), { subscriptionId, resourceGroups: groups });
    },
    removeSubscription: (subscriptionId) => {
      subscription(subscriptionId);
      state.subscriptions.delete(subscriptionId.toLowerCase());
      removeBelow(state, `/subscriptions/${subscriptionId}`);
    },
    addCluster: (added) => {
      const { subscriptionId = '', resourceGroup = '' } = whereIs(added.id);
      if (!isClusterId(added.id)) throw new Error(`${added.id} is not the id of an AKS cluster`);
      if (!subscription(subscriptionId).resourceGroups.has(resourceGroup.toLowerCase()))
        throw new Error(`there is no resource group ${resourceGroup}`);
      state.clusters.set(idKey(added.id), structuredClone(added));
    },
    removeCluster: (id) => {
      cluster(id);
      state.clusters.delete(idKey(id));
      state.roleAssignments.removeBelow(id);
    },
    changeCluster: (id, change) => {
      state.clusters.set(idKey(id), { ...cluster(id), ...structuredClone(change) });
    },
    addEventRow: (row) => {
      if (!isClusterId(parentId(row.id))) throw new Error(`${row.id} does not lie below an AKS cluster`);
      state.eventRows.push(structuredClone(row));
    },
    addRoleAssignment: (assignment) => {
      if (!state.principals.has(assignment.principalId.toLowerCase())) addPrincipal(assignment.principalId);
      return seedRoleAssignment(state, assignment, clock());
    },
    removeRoleAssignment: (name) => {
      if (state.roleAssignments.remove(name) === undefined) throw new Error(`there is no role assignment ${name}`);
    },
    addApplication: (added) => {
      state.applications.set(added.clientId.toLowerCase(), structuredClone(added));
      addPrincipal(added.objectId);
    },
    removeApplication: (clientId) => {
      state.principals.delete(application(clientId).objectId.toLowerCase());
      state.applications.delete(clientId.toLowerCase());
    },
    setFederatedCredentials: (clientId, credentials) => {
      state.applications.set(clientId.toLowerCase(), { ...application(clientId), federatedCredentials: structuredClone([...credentials]) });
    },
    addUserAssignedIdentity: (identity) => {
      state.userAssignedIdentities.set(idKey(identity.id), identity);
      addPrincipal(identity.principalId);
    },
    removeUserAssignedIdentity: (id) => {
      const identity = state.userAssignedIdentities.get(idKey(id));
      if (identity === undefined) throw new Error(`there is no user-assigned identity ${id}`);
      state.userAssignedIdentities.delete(idKey(id));
      state.principals.delete(identity.principalId.toLowerCase());
    },
  };
};
