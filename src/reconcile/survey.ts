import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { ownerTagName, readerRoleId } from '../api/names.ts';
import type { ObservedAlertRule } from '../azure/alert-rules.ts';
import { hasReceivers, type ActionGroup } from '../core/action-group.ts';
import type { InventoryEntry } from '../core/inventory.ts';
import { placeOf } from '../core/place.ts';
import { parseResourceId, resourceIdOf, type Place } from '../core/resource-id.ts';
import { readerScopes, type RoleAssignment } from '../core/role-assignment.ts';
import type { Azure } from './ports.ts';
import { createSharedLists, type SharedLists } from './shared-lists.ts';

/**
 * What the shared lists show to one run. Undefined means that they show nothing, not that nothing is there. Each throws a ReconcileError when
 * Azure can't be asked for the list that would show it.
 */
export interface Listed {
  actionGroup(id: string): ActionGroup | undefined;
  alertRule(id: string): ObservedAlertRule | undefined;
  roleAssignment(id: string): RoleAssignment | undefined;
}

/** What a look at the lists came to: they show what they can; or it is to be made again, when `ready` has resolved or the time is over. */
export type Look =
  | { readonly kind: 'listed'; readonly listed: Listed }
  | { readonly kind: 'later'; readonly milliseconds: number; readonly ready: Promise<unknown> | undefined };

/** Looks for drift by lists that all objects of a subscription share. */
export interface Survey {
  /** @param maxAgeMilliseconds how old a list may be */
  look(spec: MaintenanceNotificationSpec, maxAgeMilliseconds: number): Look;
  /** Whether the object's rule is looked for in lists: then its visits fall together with those of the others. */
  isShared(spec: MaintenanceNotificationSpec): boolean;
  /** A thing was written, deleted or asked for by itself: what older lists say of it no longer counts. */
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

/** More than any list takes: who waits for one comes again by then, whatever became of it. */
const lateListMilliseconds = 5 * 60_000;

const isTagged = (tags: Readonly<Record<string, string>>): boolean => Object.keys(tags).some((name) => name.toLowerCase() === ownerTagName);

/** @param now milliseconds of a clock that never goes back */
export const createSurvey = (
  { actionGroups, alertRules, roleAssignments }: Pick<Azure, 'actionGroups' | 'alertRules' | 'roleAssignments'>,
  now: () => number,
  random: () => number,
): Survey => {
  const othersTakenAt = (subscriptionId: string): number => Math.max(...Object.values(lists).map((each) => each.takenAt(subscriptionId)));
  const common = { othersTakenAt, now, random };
  const groups = createSharedLists<ActionGroup>({
    list: (scope, signal) => actionGroups.list(scope, signal),
    idOf: ({ id }) => id,
    // Of a group that nobody of us made only matters that it exists.
    keep: (group) => (isTagged(group.tags) ? group : { ...group, receivers: [], strangers: [], notEnabled: [], tags: {} }),
    label: 'action groups',
    ...common,
  });
  const rules = createSharedLists<ObservedAlertRule>({
    list: (scope, signal) => alertRules.list(scope, signal),
    idOf: ({ rule }) => rule.id,
    keep: (observed) => (isTagged(observed.rule.tags) ? observed : undefined),
    label: 'alert rules',
    ...common,
  });
  const assignments = createSharedLists<RoleAssignment>({
    list: (scope, signal) => roleAssignments.list(scope, signal),
    idOf: ({ id }) => id,
    keep: (assignment) => (assignment.roleId === readerRoleId ? assignment : undefined),
    label: 'role assignments',
    ...common,
  });
  const lists: Lists = { ActionGroup: groups, AlertRule: rules, RoleAssignment: assignments };

  return {
    look: (spec, maxAgeMilliseconds) => {
      const wants = wantsOf(spec);
      // Lists of very different length are all young when the longest is there.
      const maxAge = maxAgeMilliseconds + Math.max(...wants.map(({ of, place }) => lists[of].duration(place)));
      const waits = wants.map(({ of, place }) => lists[of].prepare(place, maxAge)).filter((wait) => wait !== undefined);
      const readies = waits.flatMap((wait) => ('ready' in wait ? [wait.ready] : []));
      if (readies.length > 0) return { kind: 'later', milliseconds: lateListMilliseconds, ready: Promise.all(readies) };
      const milliseconds = Math.max(0, ...waits.flatMap((wait) => ('milliseconds' in wait ? [wait.milliseconds] : [])));
      if (milliseconds > 0) return { kind: 'later', milliseconds, ready: undefined };

      const cluster = resourceIdOf(spec.clusterResourceId);
      const findIn = <Item>(shared: SharedLists<Item>, place: Place | undefined, id: string): Item | undefined =>
        place && shared.find(place, id, maxAge);
      return {
        kind: 'listed',
        listed: {
          actionGroup: (id) => findIn(groups, parseResourceId(id), id),
          alertRule: (id) => findIn(rules, parseResourceId(id), id),
          // The lists are those of the cluster's subscription.
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
