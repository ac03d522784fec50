import { readCondition, type Attempt } from './abac/condition.ts';
import { isAllowed } from './authorization.ts';
import { authorizationFailed, authorizationOrConditionFailed } from './errors.ts';
import type { Answer, Incoming } from './http.ts';
import type { ArmPath } from './resource-id.ts';
import type { StoredRoleAssignment } from './role-assignment-store.ts';
import type { Settings } from './settings.ts';
import type { State } from './state.ts';
import type { Caller } from './tokens.ts';

/** What every resource provider works with. */
export interface Azure {
  readonly state: State;
  /** May change between two requests: read it when it is needed. */
  readonly settings: Settings;
  readonly clock: () => Date;
  /** `https://127.0.0.1:PORT`, for links in answers. */
  readonly url: string;
}

/** A request that has passed the gateway: signed in, allowed, api-version offered, subscription and resource group there. */
export interface ArmRequest {
  readonly incoming: Incoming;
  readonly path: ArmPath;
  readonly apiVersion: string;
  readonly caller: Caller;
  /** The parsed body; `undefined` for methods without one. */
  readonly body: unknown;
}

/** A resource as a GET answers it. */
export interface WireResource {
  readonly [field: string]: unknown;
  readonly id: string;
  readonly name: string;
}

/** GET of one is `GET`, of a collection `LIST`; `POST` asks something of a resource, as in `…/actionGroups/NAME/subscribe`. */
export type Verb = 'GET' | 'LIST' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';

/** One resource type: its versions and what can be done with it. A verb that isn't listed is refused by the gateway. */
export interface ResourceProvider {
  /** In the casing that answers and the journal use. */
  readonly type: string;
  readonly apiVersions: readonly string[];
  /** Whether it lies in a resource group (and can be listed by group and subscription), or hangs on any scope. */
  readonly placement: 'resourceGroup' | 'anyScope';
  readonly verbs: Readonly<Partial<Record<Verb, (request: ArmRequest) => Answer>>>;
}

/** A request for something that stands beside all subscriptions. */
export type TenantRequest = Pick<ArmRequest, 'caller' | 'body'>;

/** What answers at `/providers/Namespace/type`: a POST, open to everyone signed in. */
export interface TenantProvider {
  /** In the casing that the journal uses. */
  readonly type: string;
  readonly apiVersions: readonly string[];
  readonly post: (request: TenantRequest) => Answer;
}

/** Everything that Resource Manager passes requests on to. */
export interface Providers {
  readonly ofResources: readonly ResourceProvider[];
  readonly ofTenant: readonly TenantProvider[];
}

/** Whether a principal may do something at a scope, by the role assignments that exist now. */
export const may = (azure: Azure, objectId: string, action: string, scope: string): boolean =>
  isAllowed(fulfilledGrantsOf(azure, objectId, { action }), azure.state.roles, action, scope);

/**
 * The role assignments of a principal that act.
 *
 * @param forSeconds for how long they must have been acting.
 */
export const grantsOf = (azure: Azure, objectId: string, forSeconds = 0): StoredRoleAssignment[] => {
  const { state, settings, clock } = azure;
  const now = clock().getTime();
  return [...state.roleAssignments.of(objectId)].filter(({ createdOn, isSeed }) => {
    const delaySeconds = (isSeed ? 0 : settings.roleDelaySeconds) + forSeconds;
    return createdOn.getTime() + delaySeconds * 1000 <= now;
  });
};

const fulfilledGrantsOf = (azure: Azure, objectId: string, attempt: Attempt): StoredRoleAssignment[] =>
  grantsOf(azure, objectId).filter(({ condition }) => (condition ?? '') === '' || readCondition(condition ?? '')(attempt));

/** What conditions on role assignments are about: whether they are fulfilled shows only once the request's body is known. */
const isDelegated = (action: string): boolean => /^microsoft\.authorization\/roleassignments\/(?:write|delete)$/iu.test(action);

/**
 * Refuses with 403 `AuthorizationFailed` what the caller may not do. Whether the conditions of its roles let it write or delete a certain role
 * assignment is left to `authorizeAssignment`.
 */
export const authorize = (azure: Azure, caller: Caller, action: string, scope: string): void => {
  const { objectId } = caller;
  const isAuthorized = isDelegated(action)
    ? isAllowed(grantsOf(azure, objectId), azure.state.roles, action, scope)
    : may(azure, objectId, action, scope);
  if (isAuthorized) return;
  const refusal = isDelegated(action) && azure.settings.jointAccessRefusals ? authorizationOrConditionFailed : authorizationFailed;
  throw refusal(objectId, action, scope);
};

/** Refuses with 403 `AuthorizationFailed` to write or delete a role assignment that no role of the caller lets it, all conditions considered. */
export const authorizeAssignment = (azure: Azure, { caller, path }: ArmRequest, attempt: Attempt): void => {
  const grants = fulfilledGrantsOf(azure, caller.objectId, attempt);
  if (!isAllowed(grants, azure.state.roles, attempt.action, path.id))
    throw authorizationOrConditionFailed(caller.objectId, attempt.action, path.id);
};
