/** What a Deployment's status says. Pure. */
import type { Condition, Deployment, DeploymentCounts } from './types.ts';

/** Why a Deployment has fewer pods than it wants. */
export interface Problem {
  readonly hash: string;
  readonly message: string;
  /** Only another template helps. */
  readonly final: boolean;
}

interface Facts {
  /** Pods that aren't about to end, of any template. */
  readonly replicas: number;
  /** Those of them that are of the current template. */
  readonly updated: number;
  readonly ready: number;
  readonly problem: Problem | undefined;
}

/** The conditions by which kubectl, Helm and Argo CD tell how a Deployment is doing. One that says nothing new stays as it is. */
const conditionsFor = (
  before: readonly Condition[],
  wanted: number,
  { replicas, updated, ready, problem }: Facts,
): readonly Condition[] => {
  const now = new Date().toISOString();
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => {
    const old = before.find((each) => each.type === type);
    if (old?.status === status && old.reason === reason && old.message === message) return old;
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
    return { type, status, reason, message, lastUpdateTime: now, lastTransitionTime };
  };
  const conditions = [
    ready >= wanted
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
      : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
  ];
  const isComplete = ready >= wanted && updated === wanted && replicas === wanted;
  // A template that can't be run here will never progress: nobody shall wait for it.
  if (problem?.final) conditions.push(condition('Progressing', 'False', 'ProgressDeadlineExceeded', problem.message));
  else if (isComplete)
    conditions.push(condition('Progressing', 'True', 'NewReplicaSetAvailable', 'All pods of the template are available.'));
  else conditions.push(condition('Progressing', 'True', 'ReplicaSetUpdated', 'Pods of the template are being started.'));
  if (problem) conditions.push(condition('ReplicaFailure', 'True', 'FailedCreate', problem.message));
  return conditions;
};

/** The status that a Deployment should have, or `undefined` if it has that already. */
export const changedStatus = (deployment: Deployment, facts: Facts): object | undefined => {
  const wanted = deployment.spec?.replicas ?? 1;
  const counts: DeploymentCounts = {
    observedGeneration: deployment.metadata?.generation ?? 0,
    replicas: facts.replicas,
    updatedReplicas: facts.updated,
    readyReplicas: facts.ready,
    availableReplicas: facts.ready,
    unavailableReplicas: Math.max(0, wanted - facts.ready),
  };
  const before: Readonly<Record<string, unknown>> = { ...deployment.status };
  const conditions = conditionsFor(deployment.status?.conditions ?? [], wanted, facts);
  const isSame =
    // The API server leaves out what is 0.
    Object.entries(counts).every(([field, count]) => (before[field] ?? 0) === count) &&
    JSON.stringify(before['conditions'] ?? []) === JSON.stringify(conditions);
  return isSame ? undefined : { ...counts, conditions };
};
