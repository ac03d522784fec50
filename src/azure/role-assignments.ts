import type { RoleAssignment as AzureRoleAssignment } from '@azure/arm-authorization';
import { ReconcileError } from '../core/failure.ts';
import { parseRoleAssignmentId } from '../core/resource-id.ts';
import { grantsSame, roleDefinitionId, type RoleAssignment } from '../core/role-assignment.ts';
import { readAzureError } from './failure.ts';
import { listScopeId, readList, type Listing, type ListScope } from './listing.ts';
import { absentIfNotFound, resourceIn, type Session } from './session.ts';

/** Role assignments in Azure. Every call throws ReconcileError, and nothing else, for what Azure can answer. */
export interface RoleAssignments {
  observe(id: string, signal: AbortSignal): Promise<RoleAssignment | undefined>;
  /** Those at the scope, above and below it, of whatever role. */
  list(scope: ListScope, signal: AbortSignal): Promise<Listing<RoleAssignment>>;
  /**
   * Makes the assignment. When another one grants the same already, Azure refuses a second; then `exists` comes back, and `findSame`
   * says which it is.
   */
  create(assignment: RoleAssignment, signal: AbortSignal): Promise<'created' | 'exists'>;
  /** The assignment, of whatever name, that gives the same principal the same role at exactly the same scope. */
  findSame(assignment: RoleAssignment, signal: AbortSignal): Promise<RoleAssignment | undefined>;
  /** An assignment that isn't there is no error. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

const fromAzure = (assignment: AzureRoleAssignment, id: string): RoleAssignment => ({
  id: assignment.id ?? id,
  scope: assignment.scope ?? '',
  roleId: assignment.roleDefinitionId?.split('/').at(-1)?.toLowerCase() ?? '',
  principalId: assignment.principalId?.toLowerCase() ?? '',
  description: assignment.description ?? '',
});

/** The SDK wants scopes without a leading slash: with one it would call `//subscriptions/…`. */
const bare = (scope: string): string => scope.replace(/^\/+/, '');

const subscriptionOf = (scope: string): string => bare(scope).split('/')[1] ?? '';

const isAlreadyThere = (thrown: unknown): boolean =>
  thrown instanceof ReconcileError && readAzureError(thrown.cause).code === 'RoleAssignmentExists';

export const createRoleAssignments = (session: Session): RoleAssignments => {
  const at = (id: string) => {
    const parsed = parseRoleAssignmentId(id);
    if (!parsed) throw new TypeError(`not the id of a role assignment: ${id}`);
    return { ...parsed, assignments: session.authorization(subscriptionOf(parsed.scope)).roleAssignments };
  };
  return {
    observe: async (id, signal) => {
      const { scope, name, assignments } = at(id);
      const what = { operation: 'roleAssignments.get', doing: `read the role assignment ${name} at ${scope}`, signal };
      const found = await absentIfNotFound(
        session.call(what, async (options) => resourceIn(await assignments.get(bare(scope), name, options))),
      );
      return found && fromAzure(found, id);
    },
    list: async (scope, signal) => {
      const { roleAssignments } = session.authorization(scope.subscriptionId);
      const what = { operation: 'roleAssignments.list', doing: `list the role assignments of ${listScopeId(scope)}`, signal };
      const { items, pages } = await readList(session, what, (options) =>
        scope.resourceGroup === undefined
          ? roleAssignments.listForSubscription(options)
          : roleAssignments.listForResourceGroup(scope.resourceGroup, options),
      );
      return { items: items.map((each) => fromAzure(each, each.id ?? '')), pages };
    },
    create: async (assignment, signal) => {
      const { scope, name, assignments } = at(assignment.id);
      const what = { operation: 'roleAssignments.put', doing: `give the rule's identity Reader at ${scope}`, signal };
      const body = {
        roleDefinitionId: roleDefinitionId(scope, assignment.roleId),
        principalId: assignment.principalId,
        // Always sent: without it a young principal is not found, and a condition on the operator's own rights can't be fulfilled.
        principalType: 'ServicePrincipal',
        description: assignment.description,
      };
      try {
        await session.call(what, (options) => assignments.create(bare(scope), name, body, options));
        return 'created';
      } catch (thrown) {
        if (isAlreadyThere(thrown)) return 'exists';
        throw thrown;
      }
    },
    findSame: async (assignment, signal) => {
      const { scope, principalId } = assignment;
      const { roleAssignments } = session.authorization(subscriptionOf(scope));
      const what = { operation: 'roleAssignments.list', doing: `list the role assignments at ${scope}`, signal };
      return absentIfNotFound(
        session.call(what, async (options) => {
          for await (const each of roleAssignments.listForScope(bare(scope), { ...options, filter: `principalId eq '${principalId}'` })) {
            const found = fromAzure(each, each.id ?? '');
            if (grantsSame(found, assignment)) return found;
          }
          return undefined;
        }),
      );
    },
    remove: async (id, signal) => {
      const { scope, name, assignments } = at(id);
      const what = { operation: 'roleAssignments.delete', doing: `delete the role assignment ${name} at ${scope}`, signal };
      await absentIfNotFound(session.call(what, (options) => assignments.delete(bare(scope), name, options)));
    },
  };
};
