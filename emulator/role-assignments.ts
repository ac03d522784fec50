import { conditionFault, type AssignmentAttributes } from './abac/condition.ts';
import { echoed } from './echo.ts';
import { ArmError, badRequest } from './errors.ts';
import type { Answer } from './http.ts';
import { page } from './page.ts';
import { authorizeAssignment, type ArmRequest, type Azure, type ResourceProvider, type WireResource } from './provider.ts';
import { idKey, isGuid, lastSegment, scopeContains, whereIs } from './resource-id.ts';
import type { StoredRoleAssignment } from './role-assignment-store.ts';
import { checkedBody, schemas } from './schema.ts';
import { withSevenDigits } from './time.ts';

/** The body of a PUT, read-only properties taken out. */
export interface RoleAssignmentBody {
  readonly properties: {
    readonly roleDefinitionId: string;
    readonly principalId: string;
    readonly principalType?: string;
    readonly description?: string | null;
    readonly condition?: string | null;
    readonly conditionVersion?: string | null;
    readonly delegatedManagedIdentityResourceId?: string | null;
  };
}

const type = 'Microsoft.Authorization/roleAssignments';

/** A role assignment as answers show it. `createdBy` is null in the answer to the PUT that made it, and set from then on. */
export const roleAssignmentToWire = ({ settings }: Azure, assignment: StoredRoleAssignment, isAnswerToPut = false): WireResource => {
  const { subscriptionId = '' } = whereIs(assignment.scope);
  const scope = settings.lowerCaseAssignmentScopes ? assignment.scope.toLowerCase() : assignment.scope;
  const roles = `${settings.roleDefinitionIds === 'bare' ? '' : `/subscriptions/${subscriptionId}`}/providers/Microsoft.Authorization/roleDefinitions`;
  return echoed(settings, {
    properties: {
      roleDefinitionId: `${roles}/${assignment.roleDefinitionId}`,
      principalId: assignment.principalId,
      principalType: assignment.principalType,
      scope,
      condition: assignment.condition ?? null,
      conditionVersion: assignment.conditionVersion ?? null,
      createdOn: withSevenDigits(assignment.createdOn),
      updatedOn: withSevenDigits(assignment.updatedOn),
      createdBy: isAnswerToPut ? null : assignment.createdBy,
      updatedBy: assignment.updatedBy,
      delegatedManagedIdentityResourceId: assignment.delegatedManagedIdentityResourceId ?? null,
      description: assignment.description ?? null,
    },
    id: `${scope}/providers/${type}/${assignment.name}`,
    type,
    name: assignment.name,
  });
};

const notFound = (name: string): ArmError =>
  new ArmError(404, { code: 'RoleAssignmentNotFound', message: `The role assignment '${name}' is not found.` });

const principalNotFound = (principalId: string, tenantId: string): ArmError =>
  new ArmError(400, {
    code: 'PrincipalNotFound',
    message:
      `Principal ${principalId.replaceAll('-', '')} does not exist in the directory ${tenantId}. Check that you have the correct principal ID. ` +
      'If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, ' +
      'set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype',
  });

const attributesOf = ({ roleDefinitionId, principalId, principalType }: AssignmentAttributes): AssignmentAttributes => ({
  roleDefinitionId: lastSegment(roleDefinitionId).toLowerCase(),
  principalId,
  principalType,
});

/** Azure refuses conditions that it can't read; so does the emulator, in words of its own, and it reads less. */
const checkCondition = ({ condition, conditionVersion }: RoleAssignmentBody['properties']): void => {
  if (condition === undefined || condition === null) return;
  if (conditionVersion !== '2.0') throw badRequest(`The condition version '${conditionVersion ?? ''}' is not supported; it must be '2.0'.`);
  const fault = conditionFault(condition);
  if (fault !== undefined) throw badRequest(`The condition is not valid: ${fault}.`);
};

/** Reads `$filter`: which assignments a list at a scope shows, and of which principal. Without a filter: at, above and below the scope. */
const readFilter = (filter: string | null): { below: boolean; principalId: string | undefined } => {
  const match = /^\s*(?<at>atScope\(\))?(?<and>\s+and\s+)?(?:principalId\s+eq\s+'(?<id>[^']+)'|assignedTo\('(?<to>[^']+)'\))?\s*$/iu.exec(
    filter ?? '',
  );
  const { at, and, id, to } = match?.groups ?? {};
  const isJoined = at !== undefined && to !== undefined;
  if (match === null || (and !== undefined) !== isJoined || (at !== undefined && id !== undefined)) {
    throw new ArmError(400, {
      code: 'UnsupportedQuery',
      message: `The filter '${filter ?? ''}' is not supported. Supported filters are either 'atScope()', 'principalId eq '{value}'', 'assignedTo('{value}')' or 'atScope() and assignedTo('{value}')'.`,
    });
  }
  return { below: at === undefined, principalId: id ?? to };
};

/** Role assignments at any scope. Groups of principals don't exist here, so `assignedTo` and `principalId eq` find the same. */
export const roleAssignments = (azure: Azure): ResourceProvider => {
  const { state } = azure;
  const store = state.roleAssignments;

  const find = ({ path }: ArmRequest): StoredRoleAssignment | undefined => {
    const assignment = store.get(path.names.at(-1) ?? '');
    return assignment !== undefined && idKey(assignment.scope) === idKey(path.scope) ? assignment : undefined;
  };

  /** A principal that isn't there at all is always refused; a young one only when the request leaves its kind to be looked up. */
  const checkPrincipal = (principalId: string, principalType: string | undefined): void => {
    const principal = state.principals.get(principalId.toLowerCase());
    if (principal === undefined) throw principalNotFound(principalId, state.tenantId);
    const ageSeconds = (azure.clock().getTime() - principal.createdAt.getTime()) / 1000;
    const isLookedUp = principalType === undefined || azure.settings.replicationIgnoresPrincipalType;
    if (isLookedUp && ageSeconds < azure.settings.principalReplicationSeconds) throw principalNotFound(principalId, state.tenantId);
  };

  /** At most one assignment of a role to a principal at a scope, and a name says for good what it is for. */
  const checkUnique = (
    wanted: Pick<StoredRoleAssignment, 'name' | 'scope' | 'roleDefinitionId' | 'principalId'>,
  ): StoredRoleAssignment | undefined => {
    const isSame = (other: StoredRoleAssignment): boolean =>
      idKey(other.scope) === idKey(wanted.scope) &&
      other.roleDefinitionId === wanted.roleDefinitionId &&
      other.principalId.toLowerCase() === wanted.principalId.toLowerCase();
    const existing = store.get(wanted.name);
    if (existing !== undefined) {
      if (isSame(existing)) return existing;
      throw new ArmError(400, {
        code: 'RoleAssignmentUpdateNotPermitted',
        message: 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
      });
    }
    if ([...store.of(wanted.principalId)].some(isSame)) {
      throw new ArmError(409, { code: 'RoleAssignmentExists', message: 'The role assignment already exists.' });
    }
    return undefined;
  };

  const put = (request: ArmRequest): Answer => {
    const { path, caller } = request;
    const name = path.names.at(-1) ?? '';
    if (!isGuid(name)) {
      throw new ArmError(400, {
        code: 'InvalidRoleAssignmentId',
        message: `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
      });
    }
    const { properties } = checkedBody(schemas.roleAssignment, request.body);
    const there = find(request);
    authorizeAssignment(azure, request, {
      action: `${type}/write`,
      request: attributesOf(properties),
      resource: there && attributesOf(there),
    });
    checkCondition(properties);
    const { principalId, principalType } = properties;
    const roleDefinitionId = lastSegment(properties.roleDefinitionId).toLowerCase();
    if (!isGuid(principalId)) {
      throw new ArmError(400, {
        code: 'InvalidPrincipalId',
        message: `A valid principal ID must be provided; '${principalId}' is not a GUID.`,
      });
    }
    if (!state.roles.has(roleDefinitionId)) {
      throw new ArmError(400, {
        code: 'RoleDefinitionDoesNotExist',
        message: `The specified role definition with ID '${roleDefinitionId}' does not exist.`,
      });
    }
    checkPrincipal(principalId, principalType);
    const existing = checkUnique({ name, scope: path.scope, roleDefinitionId, principalId });

    const now = azure.clock();
    const assignment: StoredRoleAssignment = {
      ...properties,
      name: name.toLowerCase(),
      scope: existing?.scope ?? path.scope,
      roleDefinitionId,
      // Left out, it is looked up; all principals here are service principals.
      principalType: principalType ?? 'ServicePrincipal',
      createdOn: existing?.createdOn ?? now,
      updatedOn: now,
      createdBy: existing?.createdBy ?? caller.objectId,
      updatedBy: caller.objectId,
      isSeed: existing?.isSeed ?? false,
    };
    store.put(assignment);
    return { status: existing === undefined ? 201 : 200, body: roleAssignmentToWire(azure, assignment, true) };
  };

  return {
    type,
    apiVersions: ['2022-04-01'],
    placement: 'anyScope',
    verbs: {
      GET: (request) => {
        const assignment = find(request);
        if (assignment === undefined) throw notFound(request.path.names.at(-1) ?? '');
        return { status: 200, body: roleAssignmentToWire(azure, assignment) };
      },
      LIST: (request) => {
        const { below, principalId } = readFilter(request.incoming.query.get('$filter'));
        const { scope } = request.path;
        const shown = new Map<string, StoredRoleAssignment>();
        for (const assignment of principalId === undefined ? store.all() : store.of(principalId)) {
          const isIn = scopeContains(assignment.scope, scope) || (below && scopeContains(scope, assignment.scope));
          if (isIn) shown.set(assignment.name, assignment);
        }
        return page(azure, request, shown, (assignment) => roleAssignmentToWire(azure, assignment));
      },
      PUT: put,
      DELETE: (request) => {
        const assignment = find(request);
        if (assignment === undefined) return { status: 204 };
        authorizeAssignment(azure, request, { action: `${type}/delete`, resource: attributesOf(assignment) });
        store.remove(assignment.name);
        return { status: 200, body: roleAssignmentToWire(azure, assignment) };
      },
    },
  };
};
