import { createHash } from 'node:crypto';

/** When a leader ends and another one begins. */
export interface LeaderElectionConfig {
  /** `aks-notifier`, with a hash of the label selector behind it if there is one: each shard elects a leader of its own. */
  readonly leaseName: string;
  readonly leaseMilliseconds: number;
  readonly renewDeadlineMilliseconds: number;
  readonly retryMilliseconds: number;
}

const leaseName = 'aks-notifier';

/** The chart derives the same name, for the role that lets the operator write the lease. */
export const leaseNameOf = (selector: string | undefined): string =>
  selector === undefined ? leaseName : `${leaseName}-${createHash('sha256').update(selector).digest('hex').slice(0, 10)}`;

/** What the times must be to each other. */
export const checkElectionTimes = (times: LeaderElectionConfig, mistakes: string[]): void => {
  const { leaseMilliseconds, renewDeadlineMilliseconds, retryMilliseconds } = times;
  // One that is wrong in itself has been told already, as 0.
  if (Math.min(leaseMilliseconds, renewDeadlineMilliseconds, retryMilliseconds) === 0) return;
  if (leaseMilliseconds % 1000 !== 0)
    mistakes.push('--leader-election-lease-duration has a fraction of a second: a Lease counts whole seconds.');
  if (renewDeadlineMilliseconds > leaseMilliseconds * longestRenewal)
    mistakes.push(
      '--leader-election-renew-deadline is more than nine tenths of --leader-election-lease-duration: a leader must have stopped writing before another may begin, by a clock that may run faster.',
    );
  if (retryMilliseconds * 2 > renewDeadlineMilliseconds)
    mistakes.push(
      '--leader-election-retry-period is more than half of --leader-election-renew-deadline: one renewal that fails would end the leader.',
    );
};

/** Of the lease duration. */
const longestRenewal = 0.9;
