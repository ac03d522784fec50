import type { Claim, Reason } from '../api/condition.ts';
import type { UpgradeType } from './query.ts';

/** What we know of a cluster: where it is, and whether Azure will announce anything for it. */
export interface ClusterFacts {
  readonly location: string;
  /** `rapid`, `stable`, `patch`, `node-image` or `none`; Azure's default is `none`. */
  readonly upgradeChannel: string;
  /** `None`, `Unmanaged`, `NodeImage` or `SecurityPatch`; Azure's default is `NodeImage`. */
  readonly nodeOSUpgradeChannel: string;
  /** The planned maintenance windows; undefined when they could not be read. */
  readonly maintenanceWindows: readonly MaintenanceWindow[] | undefined;
}

export interface MaintenanceWindow {
  /** `default`, `aksManagedAutoUpgradeSchedule` or `aksManagedNodeOSUpgradeSchedule`. */
  readonly name: string;
  /** One line for people: `every week on Sunday, 02:00 +01:00 for 4 h`. */
  readonly summary: string;
}

interface Prerequisite {
  readonly label: string;
  readonly channel: (facts: ClusterFacts) => string;
  readonly silent: readonly string[];
  readonly flag: string;
  readonly window: string;
}

const prerequisites: Readonly<Record<UpgradeType, Prerequisite>> = {
  K8sVersionUpgrade: {
    label: 'Kubernetes version upgrades',
    channel: ({ upgradeChannel }) => upgradeChannel,
    silent: ['none', ''],
    flag: '--auto-upgrade-channel',
    window: 'aksManagedAutoUpgradeSchedule',
  },
  NodeOSUpgrade: {
    label: 'node OS upgrades',
    channel: ({ nodeOSUpgradeChannel }) => nodeOSUpgradeChannel,
    // With Unmanaged the nodes patch themselves, unseen by AKS.
    silent: ['none', 'unmanaged', ''],
    flag: '--node-os-upgrade-channel',
    window: 'aksManagedNodeOSUpgradeSchedule',
  },
};

/** What keeps Azure from announcing one type of upgrade: undefined when nothing does. */
const missing = (type: UpgradeType, facts: ClusterFacts): string | undefined => {
  const { label, channel, silent, flag, window } = prerequisites[type];
  if (silent.includes(channel(facts).toLowerCase())) return `${label}: no auto-upgrade channel is on (az aks update ${flag})`;
  const names = (facts.maintenanceWindows ?? []).map(({ name }) => name.toLowerCase());
  if (!names.includes(window.toLowerCase()) && !names.includes('default'))
    return `${label}: no planned maintenance window exists (az aks maintenanceconfiguration add --name ${window})`;
  return undefined;
};

/**
 * Whether Azure will send notices for this cluster at all: an auto-upgrade channel must be on and a planned maintenance window
 * must exist (Azure's page "AKS Communication Manager"). It warns and never blocks; what could not be read is Unknown.
 */
export const prerequisitesMet = (
  types: readonly UpgradeType[],
  facts: ClusterFacts,
  unreadable: { readonly reason: Reason; readonly message: string } | undefined,
): Claim<'PrerequisitesMet'> => {
  if (unreadable) return { type: 'PrerequisitesMet', status: 'Unknown', reason: unreadable.reason, message: unreadable.message };
  const lacking = types.map((type) => missing(type, facts)).filter((each) => each !== undefined);
  if (lacking.length === types.length)
    return {
      type: 'PrerequisitesMet',
      status: 'False',
      reason: 'DependencyNotReady',
      message: `Azure sends no notice for this cluster yet. For ${lacking.join('; for ')}.`,
    };
  return {
    type: 'PrerequisitesMet',
    status: 'True',
    reason: 'Succeeded',
    message:
      lacking.length === 0
        ? 'An auto-upgrade channel is on and a planned maintenance window exists.'
        : `An auto-upgrade channel is on and a planned maintenance window exists, but not for everything asked for. For ${lacking.join('; for ')}.`,
  };
};
