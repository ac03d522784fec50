import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { placeOf } from './place.ts';
import { resourceGroupScope, resourceIdOf, subscriptionScope } from './resource-id.ts';
import { readerScopes } from './role-assignment.ts';

/** An ARM id at or below which objects may reach: those of one namespace, or of all. */
export interface AllowedScope {
  readonly prefix: string;
  /** Undefined: of all namespaces. */
  readonly namespace: string | undefined;
}

/** The boundary. Without any scope there is none, and everything is allowed. */
export type AllowedScopes = readonly AllowedScope[];

// Only ASCII letters lose their case, as CEL's lowerAscii() does it in the admission policy: elsewhere two letters may become one.
const segmentsOf = (id: string): readonly string[] =>
  id
    .replaceAll(/^\/+|\/+$/g, '')
    .replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
    .split('/');

/** False for what an address makes another one of: `/a/../b` is `/b`, `%2e` is a full stop, `\` is a slash, and a space at the end is none. */
const isPlain = (segment: string): boolean => !/^[. ]*(#|$)|[%\\?\p{Cc}]/u.test(segment);

/** Whether the objects of a namespace may reach an id: it is an allowed scope or below one, by whole segments and without letter case. */
export const isAllowed = (id: string, namespace: string, allowed: AllowedScopes): boolean => {
  if (allowed.length === 0) return true;
  const segments = segmentsOf(id);
  const isBelow = (prefix: string): boolean => segmentsOf(prefix).every((segment, index) => segment === segments[index]);
  return (
    segments.every(isPlain) &&
    allowed.some((scope) => (scope.namespace === undefined || scope.namespace === namespace) && isBelow(scope.prefix))
  );
};

/** One id that a spec makes the operator read, write or hand to Azure, and what its author can do when it is outside. */
interface Reach {
  readonly field: string;
  readonly id: string;
  readonly fix: string;
}

/** ARM ids of a receiver, and the subscriptions of those that are named without one. */
const idsOf = (receiver: object): readonly string[] =>
  Object.entries(receiver).flatMap(([field, value]) => {
    if (typeof value !== 'string') return [];
    if (field === 'subscriptionId') return [subscriptionScope(value)];
    if (field === 'workspaceId') return [subscriptionScope(value.split('|')[0] ?? '')];
    return /^\/*subscriptions\//i.test(value) ? [value] : [];
  });

const receiverReach = ({ receivers }: MaintenanceNotificationSpec): readonly Reach[] =>
  Object.entries(receivers ?? {}).flatMap(([kind, list]) =>
    typeof list === 'string'
      ? []
      : list.flatMap((receiver: object) =>
          idsOf(receiver).map((id) => ({ field: `spec.receivers.${kind}`, id, fix: 'take the receiver off the list' })),
        ),
  );

const readerWords = ['Subscription', 'ResourceGroup', 'Cluster'] as const;

const readerReach = (spec: MaintenanceNotificationSpec, isInside: (id: string) => boolean): readonly Reach[] => {
  const cluster = resourceIdOf(spec.clusterResourceId);
  const scopesOf = (words: MaintenanceNotificationSpec['readerScopes']): readonly string[] =>
    readerScopes(words ? { ...spec, readerScopes: words } : spec, cluster);
  const inside = readerWords.filter((word) => scopesOf([word]).every(isInside));
  const asked = inside.filter((word) => scopesOf(spec.readerScopes).some((scope) => scopesOf([word]).includes(scope)));
  const words = asked.length > 0 ? asked : inside.slice(0, 1);
  return scopesOf(spec.readerScopes).map((id) => ({
    field: spec.readerScopes ? 'spec.readerScopes' : 'the default of spec.readerScopes',
    id,
    fix: `write spec.readerScopes: [${words.join(', ')}]`,
  }));
};

/**
 * Why a spec reaches out of what is allowed to its namespace, in words its author can act on; undefined when it doesn't. For a spec that
 * `checkSpec` has passed.
 */
export const outsideBoundary = (spec: MaintenanceNotificationSpec, namespace: string, allowed: AllowedScopes): string | undefined => {
  if (allowed.length === 0) return undefined;
  const isInside = (id: string): boolean => isAllowed(id, namespace, allowed);
  const reach: readonly Reach[] = [
    { field: 'spec.clusterResourceId', id: spec.clusterResourceId, fix: 'make an object for a cluster that is allowed' },
    {
      field: spec.placement ? 'spec.placement' : 'the default of spec.placement',
      id: resourceGroupScope(placeOf(spec, resourceIdOf(spec.clusterResourceId))),
      fix: 'name a resource group that is allowed in spec.placement',
    },
    ...(spec.actionGroupIds ?? []).map((id) => ({ field: 'spec.actionGroupIds', id, fix: 'take it off the list' })),
    ...(spec.identity?.resourceId === undefined
      ? []
      : [{ field: 'spec.identity.resourceId', id: spec.identity.resourceId, fix: 'name an identity that is allowed' }]),
    ...receiverReach(spec),
    ...readerReach(spec, isInside),
  ];
  const outside = reach.find(({ id }) => !isInside(id));
  return (
    outside &&
    `${outside.field} reaches ${outside.id}, which --allowed-scopes does not allow to namespace ${namespace}, so Azure was not called: ${outside.fix}, or have it allowed.`
  );
};
