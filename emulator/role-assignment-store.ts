import { scopeContains } from './resource-id.ts';

/** One role assignment as it is kept. */
export interface StoredRoleAssignment {
  /** GUID, unique in the tenant, lower case. */
  readonly name: string;
  readonly scope: string;
  /** The GUID alone, lower case. */
  readonly roleDefinitionId: string;
  readonly principalId: string;
  readonly principalType: string;
  readonly description?: string | null;
  readonly condition?: string | null;
  readonly conditionVersion?: string | null;
  readonly delegatedManagedIdentityResourceId?: string | null;
  readonly createdOn: Date;
  readonly updatedOn: Date;
  readonly createdBy: string;
  readonly updatedBy: string;
  /** It came from the world, not from a request. */
  readonly isSeed: boolean;
}

/** Role assignments by name and by principal: every call asks for the caller's, and there may be tens of thousands in all. */
export interface RoleAssignmentStore {
  readonly get: (name: string) => StoredRoleAssignment | undefined;
  readonly put: (assignment: StoredRoleAssignment) => void;
  readonly remove: (name: string) => StoredRoleAssignment | undefined;
  readonly of: (principalId: string) => Iterable<StoredRoleAssignment>;
  readonly all: () => Iterable<StoredRoleAssignment>;
  /** Forgets everything at a scope and below, as Azure does when a subscription, group or resource goes. */
  readonly removeBelow: (scope: string) => void;
}

/** An empty store. */
export const createRoleAssignmentStore = (): RoleAssignmentStore => {
  const byName = new Map<string, StoredRoleAssignment>();
  const byPrincipal = new Map<string, Map<string, StoredRoleAssignment>>();

  const remove = (name: string): StoredRoleAssignment | undefined => {
    const key = name.toLowerCase();
    const assignment = byName.get(key);
    if (assignment === undefined) return undefined;
    byName.delete(key);
    byPrincipal.get(assignment.principalId.toLowerCase())?.delete(key);
    return assignment;
  };

  return {
    get: (name) => byName.get(name.toLowerCase()),
    put: (assignment) => {
      remove(assignment.name);
      const principal = assignment.principalId.toLowerCase();
      byName.set(assignment.name.toLowerCase(), assignment);
      byPrincipal.set(principal, (byPrincipal.get(principal) ?? new Map()).set(assignment.name.toLowerCase(), assignment));
    },
    remove,
    of: (principalId) => byPrincipal.get(principalId.toLowerCase())?.values() ?? [],
    all: () => byName.values(),
    removeBelow: (scope) => {
      for (const assignment of byName.values()) if (scopeContains(scope, assignment.scope)) remove(assignment.name);
    },
  };
};
