import type { ClusterFacts, MaintenanceWindow } from '../core/cluster-facts.ts';
import { maintenanceSummary, type MaintenanceConfiguration } from './maintenance-window.ts';
import { absentIfNotFound, readRaw, resourceIn, type Session } from './session.ts';

/** AKS clusters, read only. Every call throws ReconcileError, and nothing else, for what Azure can answer. */
export interface Clusters {
  /** Location and upgrade channels; undefined when the cluster, or its resource group, isn't there. */
  observe(id: string, signal: AbortSignal): Promise<Omit<ClusterFacts, 'maintenanceWindows'> | undefined>;
  maintenanceWindows(id: string, signal: AbortSignal): Promise<readonly MaintenanceWindow[]>;
}

const apiVersion = '2026-06-01';

interface ManagedCluster {
  readonly id?: string;
  readonly location?: string;
  readonly properties?: { readonly autoUpgradeProfile?: { readonly upgradeChannel?: string; readonly nodeOSUpgradeChannel?: string } };
}

interface Page {
  readonly value?: readonly MaintenanceConfiguration[];
  readonly nextLink?: string;
}

/** The items of a list. A 200 without a list is a failure, as with a single resource. */
const itemsIn = (answer: unknown): readonly MaintenanceConfiguration[] => {
  const { value } = (answer ?? {}) as Page;
  if (!Array.isArray(value)) throw new TypeError('the answer holds no list');
  return value;
};

export const createClusters = (session: Session): Clusters => {
  return {
    observe: async (id, signal) => {
      const what = { path: id, apiVersion, operation: 'managedClusters.get', doing: `read the cluster ${id}`, signal };
      const body = await absentIfNotFound(readRaw(session, what, (answer) => resourceIn(answer as ManagedCluster | undefined)));
      if (!body) return undefined;
      const { upgradeChannel, nodeOSUpgradeChannel } = body.properties?.autoUpgradeProfile ?? {};
      return {
        location: body.location ?? '',
        upgradeChannel: upgradeChannel ?? 'none',
        nodeOSUpgradeChannel: nodeOSUpgradeChannel ?? 'NodeImage',
      };
    },
    maintenanceWindows: async (id, signal) => {
      const what = {
        path: `${id}/maintenanceConfigurations`,
        apiVersion,
        operation: 'maintenanceConfigurations.list',
        doing: `list the planned maintenance windows of ${id}`,
        signal,
      };
      // A cluster has at most three windows, and Azure puts them on one page.
      const configurations = await readRaw(session, what, itemsIn);
      return configurations
        .map((each) => ({ name: each.name ?? '', summary: maintenanceSummary(each) }))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
    },
  };
};
