import type { Throttling } from './rate-limits.ts';

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
  /** A role assignment starts to act so many seconds after the PUT that made it; those of the world act at once. Azure takes 0 to 600. Default 0. */
  readonly roleDelaySeconds: number;
  /**
   * Whether a missing right to write or delete role assignments is refused in the words that also stand for a condition that isn't fulfilled,
   * as Microsoft's page on troubleshooting shows it. Default false: those words mean a condition.
   */
  readonly jointAccessRefusals: boolean;
  /**
   * Which writes of an alert rule are refused (400 `BadRequest`, "insufficient access") until its identity has been able to read the rule's
   * scope for so many seconds: those that make it (only a user-assigned identity can have a right by then), those that change it, or those
   * that change it until the first one has passed. Default `never`.
   */
  readonly insufficientAccess: 'never' | { readonly on: 'create' | 'update' | 'updateAfterCreate'; readonly seconds: number };
  /** How many alert rules that read Resource Graph may share a user-assigned identity; the next one is refused (400). Default 50, as documented. */
  readonly rulesPerIdentity: number;
  /** Whether an alert rule's scope must exist (400 `BadRequest`); only kinds of resources that the emulator has are looked for. Default true. */
  readonly scopesMustExist: boolean;
  /** `lowerCase`: `microsoft.insights/scheduledqueryrules` in the ids of rules, as recorded; `specification`: as documented. Default `lowerCase`. */
  readonly alertRuleIds: 'lowerCase' | 'specification';
  /** Whether ids of action groups carry the subscription's GUID in upper case, as recorded. Default true. */
  readonly upperCaseActionGroupIds: boolean;
  /** Whether the action group service answers its own errors flat, `{code, message}`, as specified. Default true. */
  readonly flatActionGroupErrors: boolean;
  /** A test notification is sent so many seconds after it was asked for; until then its status is 202. Recorded: about 120. Default 0. */
  readonly testNotificationSeconds: number;
  /** What a test notification that went well says: `Complete` and `Succeeded`, as recorded, or twice `Completed`, as in the specification's examples. Default `recorded`. */
  readonly testNotificationWords: 'recorded' | 'specification';
  /** `minutes`: durations come back in minutes, `PT60M` for `PT1H`. Default `asSent`. */
  readonly durations: 'asSent' | 'minutes';
  /** `newlineCut`: a query's last newline is missing when it comes back. Default `asSent`. */
  readonly queryEnd: 'asSent' | 'newlineCut';
  /** What stands where a resource has no tags. Default `recorded`: an alert rule has no such key, an action group has null. */
  readonly emptyTags: 'recorded' | 'absent' | 'null' | 'empty';
  /**
   * The letters of ids and resource types: own ids, scopes, action groups of rules, user-assigned identities, resources of receivers, roles.
   * `exported`: `resourcegroups` and the group's name in capitals, as in some exports. Default `recorded`: what was sent as it was sent, and
   * own ids as the two settings above say.
   */
  readonly idCasing: 'recorded' | 'lower' | 'upper' | 'exported';
  /** The letters of words such as `GreaterThan`, `LogAlert` and `SystemAssigned`. Default `asSent`. */
  readonly wordCasing: 'asSent' | 'lower' | 'upper';
  /** `reversed`: receivers and dimensions come back in another order. Default `asSent`. */
  readonly listOrder: 'asSent' | 'reversed';
  /** Whether every resource and every object in it has a field more than specified. Default false. */
  readonly unknownFields: boolean;
  /**
   * Which fields that weren't sent come back with their defaults. `recorded`: a rule's `enabled`, the lists of receivers, their `status` and
   * `useCommonAlertSchema`; `none`: not even these; `all`: also those of a rule's conditions, `autoMitigate`, `skipQueryValidation`, a null
   * `muteActionsDuration`, and of receivers `managedIdentity`, `useAadAuth` and an event hub's `tenantId`. Default `recorded`.
   */
  readonly defaults: 'recorded' | 'none' | 'all';
  /** `bare`: roles are named without the subscription, `/providers/Microsoft.Authorization/roleDefinitions/…`. Default `subscription`. */
  readonly roleDefinitionIds: 'subscription' | 'bare';
  /** Whether the scope of a role assignment comes back in small letters. Default false: as it was sent. */
  readonly lowerCaseAssignmentScopes: boolean;
  /**
   * `on`: alert rules are evaluated whenever they are due by the emulator's clock. Default `off`: only when they are told to, so that rules
   * which nobody looks at cost nothing.
   */
  readonly evaluateAlerts: 'on' | 'off';
  /** Whom webhooks and the like may call: `here`, only servers on this machine, so that no test calls a stranger. Default `here`. */
  readonly postAlerts: 'here' | 'anywhere';
  /**
   * `off`: there are no rate limits, each answer's headers are those of the first; `counted`: they are counted down in headers; `enforced`: what
   * exceeds them is refused with 429 and `Retry-After`. Who keeps to the headers is as slow with `counted` as with `enforced`. Default `off`.
   */
  readonly throttling: Throttling;
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
  roleDelaySeconds: 0,
  jointAccessRefusals: false,
  insufficientAccess: 'never',
  rulesPerIdentity: 50,
  scopesMustExist: true,
  alertRuleIds: 'lowerCase',
  upperCaseActionGroupIds: true,
  flatActionGroupErrors: true,
  testNotificationSeconds: 0,
  testNotificationWords: 'recorded',
  durations: 'asSent',
  queryEnd: 'asSent',
  emptyTags: 'recorded',
  idCasing: 'recorded',
  wordCasing: 'asSent',
  listOrder: 'asSent',
  unknownFields: false,
  defaults: 'recorded',
  roleDefinitionIds: 'subscription',
  lowerCaseAssignmentScopes: false,
  evaluateAlerts: 'off',
  postAlerts: 'here',
  throttling: 'off',
  journalLimit: 200_000,
  journalBodies: true,
};
