/** What the probes answer from. Everything is counted from the start of the process. */
export interface HealthFacts {
  readonly isStopping: boolean;
  /** What the operator waits for before it can work, in one sentence; undefined: nothing. */
  readonly waitingFor: string | undefined;
  /** How long the API server has given no sign of life. */
  readonly silentMilliseconds: number;
  /** Keys being worked on, and for how long, milliseconds. */
  readonly running: ReadonlyMap<string, number>;
  /** Undefined: no election, or not elected. False: elected, but the lease has run out. */
  readonly mayWrite: boolean | undefined;
}

export interface HealthLimits {
  /** More than a watch is quiet and a regular list is apart: three times that. */
  readonly silentMilliseconds: number;
  /** More than a run may take: it should have been aborted long ago. */
  readonly runMilliseconds: number;
}

/** Why the process isn't ready; undefined: it is. A standby replica is ready: it could take over at once. */
export const whyNotReady = ({ isStopping, waitingFor }: HealthFacts): string | undefined => (isStopping ? 'stopping' : waitingFor);

/**
 * Why the process had better be started anew; undefined: it works. An API server or an Azure that can't be reached is no such reason for a
 * long time, because a new process would be no better off; a sign-in that fails never is.
 */
export const whyNotAlive = (facts: HealthFacts, limits: HealthLimits): string | undefined => {
  // A stop has a limit of its own.
  if (facts.isStopping) return undefined;
  if (facts.silentMilliseconds > limits.silentMilliseconds)
    return `the API server has given no sign of life for ${Math.round(facts.silentMilliseconds / 60_000)} minutes`;
  const stuck = [...facts.running].find(([, milliseconds]) => milliseconds > limits.runMilliseconds);
  if (stuck) return `the run of ${stuck[0]} has been going on for ${Math.round(stuck[1] / 60_000)} minutes and can't be stopped`;
  return facts.mayWrite === false ? 'the lease has run out and the process has not ended' : undefined;
};
