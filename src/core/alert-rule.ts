import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { ownerTagName } from '../api/names.ts';
import { parseDuration } from './duration.ts';
import { ownerWords, type Owner } from './owner.ts';
import { derivedIds } from './place.ts';
import { dimensionNames, eventStatuses, maintenanceQuery, upgradeTypes } from './query.ts';
import type { Place, ResourceId } from './resource-id.ts';
import { defaultOverlapMinutes, defaultSettlingMinutes, noticeWindow } from './window.ts';

/** A log alert rule in our own words: only what we own and compare. Ids have the full ARM form with their leading slash. */
export interface AlertRule {
  readonly id: string;
  readonly kind: string;
  readonly location: string;
  /** The cluster. Azure never lets the scope of a rule change. */
  readonly scopes: readonly string[];
  readonly enabled: boolean;
  readonly displayName: string;
  readonly description: string;
  readonly severity: number;
  readonly frequencyMinutes: number;
  readonly windowMinutes: number;
  readonly query: string;
  readonly timeAggregation: string;
  readonly operator: string;
  readonly threshold: number;
  readonly dimensions: readonly { readonly name: string; readonly operator: string; readonly values: readonly string[] }[];
  readonly failingPeriods: readonly [minimum: number, outOf: number];
  readonly autoMitigate: boolean;
  /** For how long Azure keeps silent after an alert. We never want that: a notice would be lost without a trace. */
  readonly muteMinutes: number;
  readonly actionGroupIds: readonly string[];
  readonly customProperties: Readonly<Record<string, string>>;
  /** Azure fills in `${path}` with a field of the common alert schema; undefined is Azure's own subject. */
  readonly emailSubject: string | undefined;
  readonly identityType: string;
  /** The ids of user-assigned identities: at most one in what we want. */
  readonly identityIds: readonly string[];
  /** Settings that we never make and that change what a rule does, as `overrideQueryTimeRange: PT5M`. Empty in what we want. */
  readonly strangers: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

const minutesOf = (duration: string | undefined): number | undefined => {
  const milliseconds = parseDuration(duration ?? '');
  return milliseconds === undefined ? undefined : milliseconds / 60_000;
};

/** The alert rule that a spec asks for. `actionGroupIds` are all groups to call, our own first. */
export const desiredAlertRule = (options: {
  readonly spec: MaintenanceNotificationSpec;
  readonly owner: Owner;
  readonly cluster: ResourceId;
  readonly place: Place;
  readonly location: string;
  readonly actionGroupIds: readonly string[];
}): AlertRule => {
  const { spec, owner, cluster } = options;
  const wanted = spec.alertRule ?? {};
  const frequencyMinutes = minutesOf(wanted.evaluationFrequency) ?? 30;
  const { fromMinutes, untilMinutes } = noticeWindow({
    frequencyMinutes,
    settlingMinutes: minutesOf(wanted.settlingTime) ?? defaultSettlingMinutes,
    overlapMinutes: minutesOf(wanted.overlap) ?? defaultOverlapMinutes(frequencyMinutes),
  });
  return {
    id: derivedIds(owner, cluster.name, options.place).alertRuleId,
    kind: 'LogAlert',
    location: options.location,
    scopes: [spec.clusterResourceId],
    enabled: true,
    displayName: wanted.displayName ?? `AKS maintenance of ${cluster.name}`,
    description:
      wanted.description ??
      `Announces planned maintenance of the AKS cluster ${cluster.name}. Managed by aks-notifier for ${owner.namespace}/${owner.name}: changes made here are undone.`,
    severity: wanted.severity ?? 3,
    frequencyMinutes,
    windowMinutes: frequencyMinutes,
    query: maintenanceQuery({
      cluster,
      upgradeTypes: spec.upgradeTypes ?? upgradeTypes,
      statuses: spec.statuses ?? eventStatuses,
      endOfSupport: spec.endOfSupportNotices ?? false,
      lookBackMinutes: fromMinutes,
      settlingMinutes: untilMinutes,
    }),
    timeAggregation: 'Count',
    operator: 'GreaterThan',
    threshold: 0,
    dimensions: dimensionNames.map((name) => ({ name, operator: 'Include', values: ['*'] })),
    failingPeriods: [1, 1],
    autoMitigate: false,
    muteMinutes: 0,
    actionGroupIds: options.actionGroupIds,
    customProperties: wanted.customProperties ?? {},
    emailSubject: wanted.emailSubject ?? `AKS maintenance of ${cluster.name} in ${cluster.resourceGroup}`,
    identityType: spec.identity?.type ?? 'SystemAssigned',
    identityIds: spec.identity?.resourceId === undefined ? [] : [spec.identity.resourceId],
    strangers: {},
    tags: { ...spec.tags, [ownerTagName]: ownerWords(owner) },
  };
};
