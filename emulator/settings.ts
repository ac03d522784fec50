/** How the emulator behaves where Azure varies, or where a test wants something particular. Every field has a default. */
export interface Settings {
  /** Resources per page of a list. Default 100. */
  readonly pageSize: number;
  /** Life of an access token in seconds. Default 3600. */
  readonly accessTokenSeconds: number;
  /** By how many seconds an assertion may miss `exp` and `nbf`. Default 0. */
  readonly assertionLeewaySeconds: number;
  /** `detailed`: AADSTS700211, 700213 and 700212 say which part didn't match; `general`: the older AADSTS70021 for all three. Default `detailed`. */
  readonly federationErrors: 'detailed' | 'general';
  /** For so many seconds a new identity is unknown to role assignments (400 `PrincipalNotFound`). Default 0: known at once. */
  readonly principalReplicationSeconds: number;
  /** Whether that also holds for requests that carry `principalType`, which normally spares the look-up. Default false. */
  readonly replicationIgnoresPrincipalType: boolean;
  /** Whether an alert rule's scope must exist (400 `BadRequest`); only kinds of resources that the emulator has are looked for. Default true. */
  readonly scopesMustExist: boolean;
  /** `lowerCase`: `microsoft.insights/scheduledqueryrules` in the ids of rules, as recorded; `specification`: as documented. Default `lowerCase`. */
  readonly alertRuleIds: 'lowerCase' | 'specification';
  /** Whether ids of action groups carry the subscription's GUID in upper case, as recorded. Default true. */
  readonly upperCaseActionGroupIds: boolean;
  /** Whether the action group service answers its own errors flat, `{code, message}`, as specified. Default true. */
  readonly flatActionGroupErrors: boolean;
  /** The journal keeps at least so many of the newest calls. Default 200,000. */
  readonly journalLimit: number;
  /** Whether the journal keeps the bodies of requests and answers; off saves memory in long runs. Default true. */
  readonly journalBodies: boolean;
}

/** The documented defaults. */
export const defaultSettings: Settings = {
  pageSize: 100,
  accessTokenSeconds: 3600,
  assertionLeewaySeconds: 0,
  federationErrors: 'detailed',
  principalReplicationSeconds: 0,
  replicationIgnoresPrincipalType: false,
  scopesMustExist: true,
  alertRuleIds: 'lowerCase',
  upperCaseActionGroupIds: true,
  flatActionGroupErrors: true,
  journalLimit: 200_000,
  journalBodies: true,
};
