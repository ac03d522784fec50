import type { Clusters } from '../azure/clusters.ts';
import type { ClusterFacts } from '../core/cluster-facts.ts';
import { ReconcileError } from '../core/failure.ts';
import { comparableId } from '../core/resource-id.ts';
import { abortable } from '../runtime/abortable.ts';

/** What was read of a cluster, and why part of it could not be. */
export interface ReadFacts {
  readonly facts: ClusterFacts;
  /** Why the maintenance windows are not known. */
  readonly unreadable: ReconcileError | undefined;
}

/** Cluster facts change seldom: they are read once per cluster for all its objects, and again after some hours. */
export interface ClusterFactsCache {
  /**
   * @param freshness how old an answer may be, in milliseconds
   * @param remembered what the object's status says, good until the next regular read; undefined: there is nothing
   * @throws ReconcileError when the cluster is missing or can't be read
   */
  get(clusterId: string, freshness: number, remembered: ClusterFacts | undefined, signal: AbortSignal): Promise<ReadFacts>;
}

const regularly = 6 * 3_600_000;
/** What could not be read for lack of a right is asked for again soon: a new grant takes some minutes to act. */
const unreadableMilliseconds = 10 * 60_000;
const readMilliseconds = 120_000;

interface Entry {
  readonly read: ReadFacts;
  readonly readAt: number;
  readonly expiresAt: number;
  /** Since when it could not be read again. */
  readonly staleSince?: number;
}

export const createClusterFactsCache = (clusters: Clusters, now: () => number, random: () => number): ClusterFactsCache => {
  const entries = new Map<string, Entry>();
  const underWay = new Map<string, Promise<ReadFacts>>();

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
      if (thrown instanceof ReconcileError && thrown.reason === 'AccessDenied')
        return { facts: { ...cluster, maintenanceWindows: undefined }, unreadable: thrown };
      throw thrown;
    }
  };

  return {
    get: async (clusterId, freshness, remembered, signal) => {
      const key = comparableId(clusterId);
      const entry = entries.get(key);
      if (entry && now() < entry.expiresAt && now() - entry.readAt <= freshness) return entry.read;
      if (!entry && remembered && freshness >= regularly) {
        // After a restart what the status says is as good as before; the next reads are spread over the whole time.
        const known: Entry = { read: { facts: remembered, unreadable: undefined }, readAt: now(), expiresAt: now() + random() * regularly };
        entries.set(key, known);
        return known.read;
      }
      const pending = underWay.get(key);
      if (pending) return abortable(pending, signal);
      const last = entry?.read.facts ?? remembered;
      // Shared by all who ask meanwhile, so it ends by its own deadline and not by that of who came first.
      const reading = read(clusterId, AbortSignal.timeout(readMilliseconds))
        .then((answer) => {
          // The first time anywhere in the period, then once per period: a thousand clusters never fall due together.
          const lifetime = answer.unreadable ? unreadableMilliseconds : (entry ? 1 : random()) * regularly;
          entries.set(key, { read: answer, readAt: now(), expiresAt: now() + lifetime });
          return answer;
        })
        .catch((thrown: unknown) => {
          if (!last || !(thrown instanceof ReconcileError) || thrown.reason === 'ClusterNotFound') throw thrown;
          // What was read last serves on. It is asked for again ever more seldom: in an outage a thousand clusters would be asked for all the time.
          const answer: ReadFacts = { facts: last, unreadable: thrown };
          const staleSince = entry?.staleSince ?? now();
          const wait = Math.min(Math.max(now() - staleSince, unreadableMilliseconds), regularly);
          entries.set(key, { read: answer, readAt: now(), expiresAt: now() + wait, staleSince });
          return answer;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, reading);
      return abortable(reading, signal);
    },
  };
};

/** How old facts may be: regular visits, a new spec (whose neighbours of the same cluster share one read), a person who asks now. */
export const freshness = { regular: regularly, newSpec: 60_000, asked: 1000 } as const;
