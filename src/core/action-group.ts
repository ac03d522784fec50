import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { ownerTagName } from '../api/names.ts';
import { ownerWords, type Owner } from './owner.ts';
import { derivedIds } from './place.ts';
import type { Place } from './resource-id.ts';

/** The kinds of receivers that this program makes. */
export type ReceiverKind = 'email' | 'webhook' | 'armRole';

/** One receiver of an action group. */
export interface Receiver {
  readonly kind: ReceiverKind;
  readonly name: string;
  /** The mail address, the URI or the GUID of the role. */
  readonly target: string;
  readonly commonAlertSchema: boolean;
}

/** An action group in our own words. `id` has the full ARM form with its leading slash. */
export interface ActionGroup {
  readonly id: string;
  readonly enabled: boolean;
  /** At most 12 characters: it stands in front of SMS and in the subject of mails. */
  readonly shortName: string;
  readonly receivers: readonly Receiver[];
  /** Receivers that somebody added and that we do not make, as `sms/duty phone`. Empty in what we want. */
  readonly strangers: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

/** All receivers that a spec names, of whatever kind, supported or not. */
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
    receivers: [
      ...(receivers.email ?? []).map((each) => receiver('email', each.name ?? each.address, each.address, each)),
      ...(receivers.webhook ?? []).map((each) => receiver('webhook', each.name, each.serviceUri ?? '', each)),
      ...(receivers.armRole ?? []).map((each) => receiver('armRole', each.name, each.roleId, each)),
    ],
    strangers: [],
    tags: { ...spec.tags, [ownerTagName]: ownerWords(owner) },
  };
};

const receiver = (
  kind: ReceiverKind,
  name: string,
  target: string,
  each: { readonly useCommonAlertSchema?: boolean | undefined },
): Receiver => ({
  kind,
  name,
  target,
  commonAlertSchema: each.useCommonAlertSchema ?? true,
});
