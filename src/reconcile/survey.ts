import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import type { ObservedAlertRule } from '../azure/alert-rules.ts';
import { hasReceivers, type ActionGroup } from '../core/action-group.ts';
import { ReconcileError } from '../core/failure.ts';
import type { InventoryEntry } from '../core/inventory.ts';
import { placeOf } from '../core/place.ts';
import { parseResourceId, resourceIdOf, type Place } from '../core/resource-id.ts';
import { readerScopes, type RoleAssignment } from '../core/role-assignment.ts';
import type { Azure } from './ports.ts';
import { createSharedLists, type SharedLists } from './shared-lists.ts';

/** What the shared lists show to one run. Undefined means that they show nothing, not that nothing is there. */
export interface Listed {
  actionGroup(id: string): ActionGroup | undefined;
  alertRule(id: string): ObservedAlertRule | undefined;
  /** @param clusterId the lists are those of the cluster's subscription */
  roleAssignment(id: string): RoleAssignment | undefined;
}

/** What a look at the lists came to: they are there; they are being read; or Azure could not be asked, and for which part that was. */
export type Look =
  | { readonly kind: 'listed'; readonly listed: Listed }
  | { readonly kind: 'later'; readonly ready: Promise<unknown> }
  | { readonly kind: 'failed'; readonly of: InventoryEntry['kind']; readonly failure: ReconcileError };

/** Looks for drift by lists that all objects of a subscription share. */
export interface Survey {
  /** @param maxAgeMilliseconds how old a list may be */
  look(spec: MaintenanceNotificationSpec, maxAgeMilliseconds: number): Look;
  /** Whether the object's rule is looked for in lists: then its visits fall together with those of the others. */
  isShared(spec: MaintenanceNotificationSpec): boolean;
  /** A thing was written or deleted: what older lists say of it no longer counts. */
  forget(id: string): void;
}

type Lists = { readonly [Kind in InventoryEntry['kind']]: SharedLists<unknown> };

interface Want {
  readonly of: InventoryEntry['kind'];
  readonly place: Place;
}

/** The lists in which a spec's things stand. */
const wantsOf = (spec: MaintenanceNotificationSpec): readonly Want[] => {
  const cluster = resourceIdOf(spec.clusterResourceId);
  const place = placeOf(spec, cluster);
  const others = (spec.actionGroupIds ?? []).map(resourceIdOf);
  return [
    ...[...(hasReceivers(spec) ? [place] : []), ...others].map((each): Want => ({ of: 'ActionGroup', place: each })),
    { of: 'AlertRule', place },
    ...(readerScopes(spec, cluster).length > 0 ? [{ of: 'RoleAssignment', place: cluster } as const] : []),
  ];
};

export const createSurvey = (
  { actionGroups, alertRules, roleAssignments }: Pick<Azure, 'actionGroups' | 'alertRules' | 'roleAssignments'>,
  now: () => number,
  random: () => number,
): Survey => {
  const groups = createSharedLists({
    list: (scope, signal) => actionGroups.list(scope, signal),
    idOf: ({ id }) => id,
    readsSpared: 1,
    label: 'action groups',
    now,
    random,
  });
  const rules = createSharedLists({
    list: (scope, signal) => alertRules.list(scope, signal),
    idOf: ({ rule }) => rule.id,
    readsSpared: 1,
    label: 'alert rules',
    now,
    random,
  });
  const assignments = createSharedLists({
    list: (scope, signal) => roleAssignments.list(scope, signal),
    idOf: ({ id }) => id,
    // One at the resource group and one at the subscription, unless the spec says otherwise.
    readsSpared: 2,
    label: 'role assignments',
    now,
    random,
  });
  const lists: Lists = { ActionGroup: groups, AlertRule: rules, RoleAssignment: assignments };

  return {
    look: (spec, maxAgeMilliseconds) => {
      const waits: Promise<void>[] = [];
      for (const { of, place } of wantsOf(spec)) {
        try {
          const wait = lists[of].prepare(place, maxAgeMilliseconds);
          if (wait) waits.push(wait);
        } catch (thrown) {
          if (!(thrown instanceof ReconcileError)) throw thrown;
          return { kind: 'failed', of, failure: thrown };
        }
      }
      if (waits.length > 0) return { kind: 'later', ready: Promise.all(waits) };
      const cluster = resourceIdOf(spec.clusterResourceId);
      const findIn = <Item>(shared: SharedLists<Item>, place: Place | undefined, id: string): Item | undefined =>
        place && shared.find(place, id, maxAgeMilliseconds);
      return {
        kind: 'listed',
        listed: {
          actionGroup: (id) => findIn(groups, parseResourceId(id), id),
          alertRule: (id) => findIn(rules, parseResourceId(id), id),
          roleAssignment: (id) => findIn(assignments, cluster, id),
        },
      };
    },
    isShared: (spec) => rules.isShared(placeOf(spec, resourceIdOf(spec.clusterResourceId))),
    forget: (id) => {
      for (const each of Object.values(lists)) each.forget(id);
    },
  };
};
