/** Every condition type this operator writes, in display order. Nobody else writes these and it writes no others. */
export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'PrerequisitesMet',
  'ActionGroupReady',
  'AlertRuleReady',
  'ReaderAccessReady',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** The conditions that speak of one part each; `Ready` sums them up. */
export type PartType = 'PrerequisitesMet' | 'ActionGroupReady' | 'AlertRuleReady' | 'ReaderAccessReady';

/** The closed list of reasons. People write alerts against these words: adding one is a change of the API. */
export const reasons = [
  'Succeeded',
  'Progressing',
  'ProgressingWithRetry',
  'Suspended',
  'Deleting',
  'InvalidSpec',
  'NotOwned',
  'NotManaged',
  'NotImplemented',
  'ResourceGroupNotFound',
  'ClusterNotFound',
  'SubscriptionNotFound',
  'DependencyNotReady',
  'WaitingForRole',
  'ScopeNotFound',
  'ReplacementNeeded',
  'IdentityMissing',
  'Rejected',
  'ApiNotAvailable',
  'WaitingForIdentity',
  'RoleAssignmentReplaced',
  'RoleAssignmentPending',
  'RoleAssignmentLimit',
  'AccessDenied',
  'AccessDeniedByCondition',
  'IdentityAssignDenied',
  'DeniedByPolicy',
  'ResourceLocked',
  'ProviderNotRegistered',
  'Busy',
  'QuotaExceeded',
  'Throttled',
  'AzureUnavailable',
  'AuthenticationFailed',
  'AuthenticationUnavailable',
  'FederatedCredentialMismatch',
  'CredentialUnavailable',
  'EventsNotReadable',
  'DriftDetected',
  'AzureError',
] as const;
export type Reason = (typeof reasons)[number];

/** What a part, or the whole, has to say at the end of a run. The message is for people, and the same from run to run. */
export interface Claim<Type extends ConditionType = ConditionType> {
  readonly type: Type;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}
