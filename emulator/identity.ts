import { randomUUID } from 'node:crypto';
import { ArmError, linkedAuthorizationFailed } from './errors.ts';
import { may, type ArmRequest, type Azure } from './provider.ts';
import { idKey } from './resource-id.ts';

/** The `identity` of a request. */
export interface IdentityBody {
  readonly type: string;
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null;
}

/** The identity of a stored resource. */
export interface StoredIdentity {
  readonly type: string;
  /** The system-assigned principal. */
  readonly principalId?: string;
  readonly userAssigned?: readonly AssignedIdentity[];
}

/** A user-assigned identity as a resource remembers it: it goes on showing what it was given after the identity has gone. */
interface AssignedIdentity {
  /** As it was sent. */
  readonly id: string;
  readonly principalId?: string;
  readonly clientId?: string;
}

/** What of Azure an identity depends on. */
type Directory = Pick<Azure, 'state' | 'clock'>;

const assignAction = 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action';

const userAssignedIn = (identity: IdentityBody | null | undefined): string[] => Object.keys(identity?.userAssignedIdentities ?? {});

/** Refuses a request that hands out a user-assigned identity which the caller may not assign (403), or which doesn't exist (400). */
export const checkAssignable = (azure: Azure, request: ArmRequest, writeAction: string, sent: IdentityBody | null | undefined): void => {
  const { objectId } = request.caller;
  for (const id of userAssignedIn(sent)) {
    if (!may(azure, objectId, assignAction, id)) {
      throw linkedAuthorizationFailed({
        objectId,
        action: writeAction,
        scope: request.path.id,
        linkedAction: assignAction,
        linkedScope: id,
      });
    }
    if (!azure.state.userAssignedIdentities.has(idKey(id))) {
      throw new ArmError(400, {
        code: 'FailedIdentityOperation',
        message:
          `Identity operation for resource '${request.path.id}' failed with error 'Failed to perform resource identity operation. Status: 'NotFound'. ` +
          `Response: 'Resource '${id}' was not found.''.`,
      });
    }
  }
};

/**
 * The identity that a resource has after a write. A system-assigned principal is made on first use and kept over later writes; it leaves
 * the directory when the resource no longer asks for one (its role assignments stay behind, as orphans).
 */
export const settleIdentity = (
  azure: Directory,
  wanted: IdentityBody | null | undefined,
  existing: StoredIdentity | undefined,
): StoredIdentity | undefined => {
  const userAssigned = userAssignedIn(wanted).map((id): AssignedIdentity => {
    const known = azure.state.userAssignedIdentities.get(idKey(id));
    if (known === undefined) return { id };
    return { id, principalId: known.principalId.toLowerCase(), clientId: known.clientId.toLowerCase() };
  });
  if (wanted === undefined || wanted === null) {
    dropIdentity(azure, existing);
    return undefined;
  }
  if (!wanted.type.includes('SystemAssigned')) {
    dropIdentity(azure, existing);
    return { type: wanted.type, ...(userAssigned.length > 0 ? { userAssigned } : {}) };
  }
  const principalId = existing?.principalId ?? randomUUID();
  if (existing?.principalId === undefined) azure.state.principals.set(principalId, { objectId: principalId, createdAt: azure.clock() });
  return { type: wanted.type, principalId, ...(userAssigned.length > 0 ? { userAssigned } : {}) };
};

/** The request that would leave a stored identity as it is. */
export const identityAsSent = (identity: StoredIdentity | undefined): IdentityBody | undefined =>
  identity && {
    type: identity.type,
    ...(identity.userAssigned === undefined
      ? {}
      : { userAssignedIdentities: Object.fromEntries(identity.userAssigned.map(({ id }) => [id, {}])) }),
  };

/** Takes a resource's system-assigned principal out of the directory. */
export const dropIdentity = ({ state }: Pick<Directory, 'state'>, identity: StoredIdentity | undefined): void => {
  if (identity?.principalId !== undefined) state.principals.delete(identity.principalId);
};

/** The principals that a resource will act as after a write, as far as they are there already. */
export const principalsAfter = (
  { state }: Pick<Directory, 'state'>,
  wanted: IdentityBody | null | undefined,
  existing: StoredIdentity | undefined,
): string[] =>
  [
    wanted?.type.includes('SystemAssigned') === true ? existing?.principalId : undefined,
    ...userAssignedIn(wanted).map((id) => state.userAssignedIdentities.get(idKey(id))?.principalId),
  ].filter((principalId) => principalId !== undefined);

/** The identity as answers show it: `principalId` and `tenantId` on top for a system-assigned one, below each id for user-assigned ones. */
export const identityToWire = ({ state }: Azure, identity: StoredIdentity): Record<string, unknown> => ({
  type: identity.type,
  ...(identity.principalId === undefined ? {} : { principalId: identity.principalId }),
  ...(identity.type === 'None' ? {} : { tenantId: state.tenantId }),
  ...(identity.userAssigned === undefined
    ? {}
    : {
        userAssignedIdentities: Object.fromEntries(identity.userAssigned.map(({ id, ...ids }) => [id, ids])),
      }),
});
