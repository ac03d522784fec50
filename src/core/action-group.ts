import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { ownerTagName } from '../api/names.ts';
import { ownerWords, type Owner } from './owner.ts';
import { derivedIds } from './place.ts';
import type { NotEnabled } from './receiver-status.ts';
import { receiversOf, type Receiver } from './receivers.ts';
import type { Place } from './resource-id.ts';

/** An action group in our own words. `id` has the full ARM form with its leading slash. */
export interface ActionGroup {
  readonly id: string;
  readonly enabled: boolean;
  /** At most 12 characters: it stands in front of SMS and in the subject of mails. */
  readonly shortName: string;
  readonly receivers: readonly Receiver[];
  /** Receivers and settings that somebody added and that we never make, as `webhook[hook].useAadAuth`. Empty in what we want. */
  readonly strangers: readonly string[];
  /** Receivers to which Azure sends nothing. Never compared, and empty in what we want. */
  readonly notEnabled: readonly NotEnabled[];
  readonly tags: Readonly<Record<string, string>>;
}

/** All receivers that a spec names, of whatever kind. */
export const allReceivers = ({ receivers }: MaintenanceNotificationSpec) => {
  const { shortName: _, ...lists } = receivers ?? {};
  return Object.values(lists).flat();
};

/** Whether a spec names a receiver of any kind: a short name or empty lists alone make no group. */
export const hasReceivers = (spec: MaintenanceNotificationSpec): boolean => allReceivers(spec).length > 0;

/** The action group that a spec asks for; undefined when it only uses groups that exist already. */
export const desiredActionGroup = (
  spec: MaintenanceNotificationSpec,
  owner: Owner,
  place: Place,
  clusterName: string,
): ActionGroup | undefined => {
  const { receivers } = spec;
  if (!receivers || !hasReceivers(spec)) return undefined;
  return {
    id: derivedIds(owner, clusterName, place).actionGroupId,
    enabled: true,
    shortName: receivers.shortName ?? clusterName.slice(0, 12),
    receivers: receiversOf(spec),
    strangers: [],
    notEnabled: [],
    tags: { ...spec.tags, [ownerTagName]: ownerWords(owner) },
  };
};
