import { conditionFault } from './abac/condition.ts';
import { builtInRoles } from './authorization.ts';
import { idKey, isGuid, lastSegment, parentId, whereIs } from './resource-id.ts';
import { mistakesOf, schemas } from './schema.ts';

/** What an identity trusts: a token with exactly this issuer, subject and audience signs in as it. */
export interface FederatedCredential {
  /** `https://…`; a trailing slash counts. */
  issuer: string;
  /** `system:serviceaccount:<namespace>:<name>` for a Kubernetes service account. */
  subject: string;
  audience: string;
}

/** An identity that may sign in: an application with its service principal, or a user-assigned managed identity. */
export interface Application {
  /** GUID that the client names itself by. */
  clientId: string;
  /** GUID of its service principal; what roles are assigned to. */
  objectId: string;
  displayName?: string;
  federatedCredentials: FederatedCredential[];
}

/** A container of resources; everything in it goes when it goes. */
export interface ResourceGroup {
  name: string;
  location: string;
}

/** An AKS cluster, as far as announcing its maintenance goes. */
export interface Cluster {
  /** Full resource id; subscription and resource group must exist. */
  id: string;
  location: string;
  /** `rapid`, `stable`, `patch`, `node-image` or `none`; absent: `none`. */
  upgradeChannel?: string;
  /** `None`, `Unmanaged`, `NodeImage` or `SecurityPatch`; absent: `NodeImage`. */
  nodeOSUpgradeChannel?: string;
  /** By name (`default`, `aksManagedAutoUpgradeSchedule`, `aksManagedNodeOSUpgradeSchedule`); each value is the API's `properties`. */
  maintenanceConfigurations?: Record<string, unknown>;
}

/** A row of Resource Graph's table of AKS events. */
export interface EventRow {
  /** Below a cluster, which needn't exist: `…/managedClusters/prod/scheduledEvents/GUID`. */
  id: string;
  /** Absent: the last part of the id. */
  name?: string;
  /** Absent: `microsoft.containerservice/managedclusters/scheduledevents`. */
  type?: string;
  location?: string;
  /** Whatever; as a text: JSON with just these spaces, which queries that take it as text will see. */
  properties: Record<string, unknown> | string;
}

/** That an identity holds a role at a scope and below. */
interface RoleAssignment {
  scope: string;
  /** A full id or just the GUID. */
  roleDefinitionId: string;
  principalId: string;
  /** GUID; without one it is made up. */
  name?: string;
  /** Limits what the role allows; `abac/condition.ts` says how much of the language is understood. */
  condition?: string;
  /** `2.0` when there is a condition. */
  conditionVersion?: string;
}

/** What exists before the first request: plain data, as it can stand in a YAML file. */
export interface World {
  tenantId: string;
  applications: Application[];
  subscriptions: { subscriptionId: string; resourceGroups: ResourceGroup[] }[];
  /** Custom roles, besides the built-in ones. `id` is a GUID. */
  roleDefinitions?: { id: string; name: string; actions: string[]; notActions?: string[] }[];
  roleAssignments: RoleAssignment[];
  clusters: Cluster[];
  userAssignedIdentities?: { id: string; principalId: string; clientId: string }[];
  /** In this order. */
  eventRows?: EventRow[];
}

/** Whether an id is that of an AKS cluster. */
export const isClusterId = (id: string): boolean =>
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.containerservice\/managedclusters\/[^/]+$/u.test(idKey(id));

const isIdentityId = (id: string): boolean =>
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.managedidentity\/userassignedidentities\/[^/]+$/u.test(idKey(id));

function* repeated(what: string, values: readonly string[]): Generator<string> {
  const seen = new Set<string>();
  for (const value of values.map((each) => each.toLowerCase())) {
    if (seen.has(value)) yield `${what} '${value}' is there twice.`;
    seen.add(value);
  }
}

function* idChecks(world: World): Generator<string> {
  for (const [index, { id }] of (world.userAssignedIdentities ?? []).entries()) {
    if (!isIdentityId(id)) yield `userAssignedIdentities[${index}].id: '${id}' is not the id of a user-assigned identity.`;
  }
  for (const [index, { id }] of (world.eventRows ?? []).entries()) {
    if (!isClusterId(parentId(id))) yield `eventRows[${index}].id: '${id}' does not lie below an AKS cluster.`;
  }
}

function* crossChecks(world: World): Generator<string> {
  const groups = new Set(
    world.subscriptions.flatMap(({ subscriptionId, resourceGroups }) =>
      resourceGroups.map(({ name }) => idKey(`/subscriptions/${subscriptionId}/resourceGroups/${name}`)),
    ),
  );
  const subscriptions = new Set(world.subscriptions.map(({ subscriptionId }) => subscriptionId.toLowerCase()));
  const roles = new Set([...builtInRoles, ...(world.roleDefinitions ?? [])].map(({ id }) => id.toLowerCase()));

  for (const [index, { id }] of world.clusters.entries()) {
    const { subscriptionId = '', resourceGroup = '' } = whereIs(id);
    if (!isClusterId(id)) yield `clusters[${index}].id: '${id}' is not the id of an AKS cluster.`;
    else if (!groups.has(idKey(`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`)))
      yield `clusters[${index}].id: no resource group '${resourceGroup}' in a subscription '${subscriptionId}' is listed under subscriptions.`;
  }
  yield* idChecks(world);
  for (const [index, { scope, roleDefinitionId, condition, conditionVersion }] of world.roleAssignments.entries()) {
    if (condition !== undefined && conditionVersion !== '2.0')
      yield `roleAssignments[${index}].conditionVersion: it must be '2.0' when there is a condition.`;
    const fault = condition === undefined ? undefined : conditionFault(condition);
    if (fault !== undefined) yield `roleAssignments[${index}].condition: ${fault}.`;
    const role = lastSegment(roleDefinitionId).toLowerCase();
    const { subscriptionId } = whereIs(scope);
    if (!isGuid(role)) yield `roleAssignments[${index}].roleDefinitionId: '${roleDefinitionId}' does not end with a GUID.`;
    else if (!roles.has(role)) yield `roleAssignments[${index}].roleDefinitionId: no role '${role}'; list it under roleDefinitions.`;
    if (subscriptionId === undefined || !subscriptions.has(subscriptionId.toLowerCase()))
      yield `roleAssignments[${index}].scope: '${scope}' does not lie in a listed subscription.`;
  }
  yield* repeated(
    'The client id',
    world.applications.map(({ clientId }) => clientId),
  );
  yield* repeated(
    'The subscription',
    world.subscriptions.map(({ subscriptionId }) => subscriptionId),
  );
  yield* repeated(
    'The cluster',
    world.clusters.map(({ id }) => idKey(id)),
  );
}

/**
 * Takes whatever a file held for a world. Throws an error that names every mistake: of its shape, or, when that is right, of what its parts
 * say of one another.
 */
export const asWorld = (value: unknown): World => {
  const fits = schemas.world(value);
  const mistakes = fits ? [...crossChecks(value)] : mistakesOf(schemas.world);
  if (fits && mistakes.length === 0) return value;
  throw new Error(`This is not a world that the emulator can start with:\n${mistakes.map((mistake) => `- ${mistake}`).join('\n')}`);
};
