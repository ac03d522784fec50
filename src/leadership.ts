import { randomUUID } from 'node:crypto';
import type { Logger } from './observe/logger.ts';
import type { LeaderElectionConfig } from './config/leader-election.ts';
import type { KubeAccess } from './kube/config.ts';
import { startElector } from './kube/elector.ts';
import { createLeaseClient } from './kube/lease.ts';
import { createTransport, type RequestReport } from './kube/transport.ts';
import type { Clock } from './runtime/clock.ts';
import { sentence } from './trouble.ts';

/** Whether this process leads. Without election it does from the start. */
export interface Leadership {
  /** Resolves after the first look at the lease. */
  readonly looked: Promise<void>;
  readonly elected: Promise<void>;
  readonly isElected: () => boolean;
  /** Whether a write may begin at this moment. */
  readonly mayWrite: () => boolean;
  /** Why it isn't known yet who leads; undefined: it is. */
  readonly trouble: () => string | undefined;
  /** Resolves with the reason when the lease is lost. */
  readonly lost: Promise<string>;
  /** Gives the lease back; nothing may be written after this. Never rejects. */
  readonly release: () => Promise<void>;
}

interface LeadershipOptions {
  readonly access: KubeAccess;
  readonly election: LeaderElectionConfig | undefined;
  readonly namespace: string;
  readonly podName: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onRequest: (report: RequestReport) => void;
}

const alone: Leadership = {
  looked: Promise.resolve(),
  elected: Promise.resolve(),
  isElected: () => true,
  mayWrite: () => true,
  trouble: () => undefined,
  lost: new Promise(() => undefined),
  release: () => Promise.resolve(),
};

/** Starts to take part in the election, if there is one. */
export const startLeadership = ({ access, election, namespace, log, clock, ...options }: LeadershipOptions): Leadership => {
  if (!election) return alone;
  const transport = createTransport(access, { userAgent: options.userAgent, clock, connections: 1, onRequest: options.onRequest });
  const lease = `${namespace}/${election.leaseName}`;
  let isElected = false;
  /** Whether it has ever been known who leads. */
  let isSettled = false;
  let toldAt = -Infinity;
  let trouble = `the lease ${lease} has not been read yet`;
  const elector = startElector({
    // A third of the deadline: one request that gets no answer leaves time for another on a new connection.
    leases: createLeaseClient({
      transport,
      namespace,
      name: election.leaseName,
      timeoutSeconds: Math.min(5, election.renewDeadlineMilliseconds / 3000),
    }),
    identity: `${options.podName}_${randomUUID()}`,
    times: election,
    clock,
    random: options.random,
    observer: (occurrence) => {
      switch (occurrence.kind) {
        case 'leading':
          isElected = true;
          isSettled = true;
          log.info({ lease }, 'became the leader');
          break;
        case 'following':
          isSettled = true;
          log.info({ lease, leader: occurrence.leader }, 'standing by');
          break;
        case 'failed': {
          const said = sentence('lease', occurrence.error);
          // Said once a minute, not every two seconds.
          if (clock.monotonic() - toldAt >= 60_000) {
            log.warn({ lease, error: said }, 'could not look at the lease; going on');
            toldAt = clock.monotonic();
          }
          trouble = said;
          break;
        }
        case 'released':
          log.info({ lease }, 'released the lease');
          break;
      }
    },
  });
  return {
    looked: elector.looked,
    elected: elector.elected,
    isElected: () => isElected,
    mayWrite: elector.mayWrite,
    trouble: () => (isSettled ? undefined : trouble),
    lost: elector.lost,
    release: async () => {
      await elector.release();
      await transport.close();
    },
  };
};
