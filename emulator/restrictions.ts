import { disallowedByPolicy, scopeLocked, subscriptionNotRegistered } from './errors.ts';
import type { Operation } from './journal.ts';
import { idKey, scopeContains, type ArmPath } from './resource-id.ts';

/** `CanNotDelete` forbids deletes, `ReadOnly` all writes; both at the scope and everywhere below. */
export type LockLevel = 'CanNotDelete' | 'ReadOnly';

interface Lock {
  readonly scope: string;
  readonly level: LockLevel;
  readonly name: string;
}

interface Policy {
  readonly scope: string;
  /** Absent: every type. */
  readonly type?: string | undefined;
  readonly policyName: string;
}

/** What forbids writes although the caller has the right to them. Keys are made by `keyOf`. */
export interface Restrictions {
  readonly locks: Map<string, Lock>;
  readonly policies: Map<string, Policy>;
  /** Whether the refusal is a flat one, by subscription and namespace. */
  readonly unregistered: Map<string, { flat: boolean }>;
}

/** Starts without any. */
export const createRestrictions = (): Restrictions => ({ locks: new Map(), policies: new Map(), unregistered: new Map() });

const keyOf = (scope: string, name: string): string => `${idKey(scope)}/${name.toLowerCase()}`;

const namespaceOf = (type: string): string => type.split('/')[0] ?? '';

/** Refuses every request for a namespace that the subscription isn't registered for. */
export const checkRegistered = ({ unregistered }: Restrictions, { subscriptionId }: ArmPath, type: string): void => {
  const namespace = namespaceOf(type);
  const found = unregistered.get(keyOf(subscriptionId, namespace));
  if (found !== undefined) throw subscriptionNotRegistered(subscriptionId, namespace, found.flat);
};

/** Refuses what a lock forbids, naming every scope that is locked so. An action counts as a write, as documented. */
export const checkLocks = ({ locks }: Restrictions, { id }: ArmPath, operation: Operation): void => {
  if (operation === 'read' || operation === 'list') return;
  const inTheWay = [...locks.values()].filter(
    ({ scope, level }) => scopeContains(scope, id) && (operation === 'delete' || level === 'ReadOnly'),
  );
  if (inTheWay.length > 0)
    throw scopeLocked(id, operation === 'delete' ? 'delete' : 'write', [...new Set(inTheWay.map(({ scope }) => scope))]);
};

/** Refuses writes of a resource that a policy denies. */
export const checkPolicies = ({ policies }: Restrictions, { id, names }: ArmPath, type: string, operation: Operation): void => {
  if (operation !== 'write') return;
  for (const policy of policies.values()) {
    const isMeant = policy.type === undefined || policy.type.toLowerCase() === type.toLowerCase();
    if (isMeant && scopeContains(policy.scope, id)) throw disallowedByPolicy(names.at(-1) ?? '', policy.policyName, policy.scope);
  }
};

/** What an administrator does to a running emulator. Functions that take something away throw when it isn't there. */
export interface RestrictionsHandle {
  readonly addLock: (scope: string, level: LockLevel, name: string) => void;
  readonly removeLock: (scope: string, name: string) => void;
  /** A policy assignment with the effect `deny`, at a scope, for resources of one type or of all. */
  readonly denyByPolicy: (scope: string, policy: { type?: string; policyName: string }) => void;
  readonly allowByPolicy: (scope: string, policyName: string) => void;
  /** From now on requests for this namespace get 409; `flat`: in the service's own words, as Microsoft.Insights was seen to. */
  readonly unregisterProvider: (subscriptionId: string, namespace: string, options?: { flat?: boolean }) => void;
  readonly registerProvider: (subscriptionId: string, namespace: string) => void;
}

/** The handle on some restrictions. */
export const createRestrictionsHandle = ({ locks, policies, unregistered }: Restrictions): RestrictionsHandle => {
  const remove = (from: Map<string, unknown>, what: string, scope: string, name: string): void => {
    if (!from.delete(keyOf(scope, name))) throw new Error(`there is no ${what} ${name} at ${scope}`);
  };
  return {
    addLock: (scope, level, name) => {
      locks.set(keyOf(scope, name), { scope, level, name });
    },
    removeLock: (scope, name) => remove(locks, 'lock', scope, name),
    denyByPolicy: (scope, { type, policyName }) => {
      policies.set(keyOf(scope, policyName), { scope, type, policyName });
    },
    allowByPolicy: (scope, policyName) => remove(policies, 'policy', scope, policyName),
    unregisterProvider: (subscriptionId, namespace, { flat = false } = {}) => {
      if (namespace.toLowerCase() === 'microsoft.authorization')
        throw new Error(`${namespace} is registered for every subscription, always`);
      unregistered.set(keyOf(subscriptionId, namespace), { flat });
    },
    registerProvider: (subscriptionId, namespace) => remove(unregistered, 'unregistered provider', subscriptionId, namespace),
  };
};

/** Takes away the locks and policies of a scope that is no more, and of what lay below it. */
export const removeRestrictionsBelow = ({ locks, policies }: Restrictions, scope: string): void => {
  for (const map of [locks, policies]) {
    for (const [key, entry] of map) if (scopeContains(scope, entry.scope)) map.delete(key);
  }
};
