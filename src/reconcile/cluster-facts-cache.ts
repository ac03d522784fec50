import type { Clusters } from '../azure/clusters.ts';
import type { ClusterFacts } from '../core/cluster-facts.ts';
import { isDenied, ReconcileError } from '../core/failure.ts';
import { createFactsCache, stopsTheRest, type FactsCache } from './facts-cache.ts';

/** What was read of a cluster, and why part of it could not be. */
export interface ReadFacts {
  readonly facts: ClusterFacts;
  /** Why the maintenance windows are not known, or nothing newer is. */
  readonly unreadable: ReconcileError | undefined;
}

export type ClusterFactsCache = FactsCache<ReadFacts>;

export const createClusterFactsCache = (clusters: Clusters, now: () => number, random: () => number): ClusterFactsCache => {
  const read = async (clusterId: string, signal: AbortSignal): Promise<ReadFacts> => {
    const cluster = await clusters.observe(clusterId, signal);
    if (!cluster)
      throw new ReconcileError(
        'ClusterNotFound',
        `The cluster ${clusterId} does not exist, or its resource group doesn't: check spec.clusterResourceId. It can't be changed, so a wrong one means a new object.`,
        { stalls: 'afterTenMinutes' },
      );
    try {
      return { facts: { ...cluster, maintenanceWindows: await clusters.maintenanceWindows(clusterId, signal) }, unreadable: undefined };
    } catch (thrown) {
      // Windows only decide a warning: not being allowed to see them must not hold the rule back.
      if (isDenied(thrown)) return { facts: { ...cluster, maintenanceWindows: undefined }, unreadable: thrown };
      throw thrown;
    }
  };
  return createFactsCache(
    {
      read,
      isPartial: ({ unreadable }) => unreadable !== undefined,
      // What was read last serves on.
      instead: (last, failure) =>
        last && failure.reason !== 'ClusterNotFound' && !stopsTheRest(failure) ? { facts: last.facts, unreadable: failure } : undefined,
    },
    now,
    random,
  );
};
