import type { ObservedAlertRule } from '../azure/alert-rules.ts';
import type { Identities } from '../azure/identities.ts';
import type { AlertRule } from '../core/alert-rule.ts';
import type { Difference } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { sameId } from '../core/resource-id.ts';
import { createFactsCache, freshness, stopsTheRest, type FactsCache } from './facts-cache.ts';
import { maximumAge, type Run } from './run.ts';

/** The principal of a user-assigned identity; undefined inside when it is not known: the right to read it is not needed. */
interface ReadIdentity {
  readonly principalId: string | undefined;
}

export type IdentityCache = FactsCache<ReadIdentity>;

const unknown: ReadIdentity = { principalId: undefined };

export const createIdentityCache = (identities: Identities, now: () => number, random: () => number): IdentityCache =>
  createFactsCache<ReadIdentity>(
    {
      read: async (id, signal) => {
        const principalId = await identities.observe(id, signal);
        if (principalId !== undefined) return { principalId };
        throw new ReconcileError(
          'WaitingForIdentity',
          `The user-assigned identity ${id} does not exist, so the alert rule could see nothing.`,
          { later: 'Make it, or name another in spec.identity.resourceId.' },
        );
      },
      isPartial: () => false,
      instead: (last, failure) => (failure.reason === 'WaitingForIdentity' || stopsTheRest(failure) ? undefined : (last ?? unknown)),
    },
    now,
    random,
  );

/**
 * The principal that the rule's user-assigned identity has. Undefined when the rule has one of its own, or the shared one can't be read.
 * @throws ReconcileError when the identity doesn't exist
 */
export const sharedPrincipal = async (run: Run, age = maximumAge(run)): Promise<string | undefined> => {
  const { identity } = run.object.spec;
  if (identity?.type !== 'UserAssigned' || identity.resourceId === undefined) return undefined;
  // After a restart nothing is asked before the next regular read.
  return (await run.deps.identities.get(identity.resourceId, age, unknown, run.signal)).principalId;
};

/** A rule goes on showing, and being, the principal that its identity had when the rule was written. */
export const principalDifference = (
  desired: AlertRule,
  { rule, principalId: is }: ObservedAlertRule,
  should: string | undefined,
): readonly Difference[] => {
  const hasIdentity = rule.identityIds.some((id) => desired.identityIds.some((wanted) => sameId(id, wanted)));
  return hasIdentity && is !== undefined && should !== undefined && is.toLowerCase() !== should
    ? [{ field: 'identity.principalId', is, should }]
    : [];
};

/** The same principal, read anew where the rule shows another: the rule may be younger than what is known of its identity. */
export const confirmPrincipal = async (
  run: Run,
  desired: AlertRule,
  seen: ObservedAlertRule | undefined,
  known: string | undefined,
): Promise<string | undefined> =>
  seen && principalDifference(desired, seen, known).length > 0 ? sharedPrincipal(run, freshness.asked) : known;

/** @throws ReconcileError when a rule that stands, and was written if need be, shows another principal than its identity has */
export const expectPrincipal = (desired: AlertRule, standing: ObservedAlertRule | undefined, should: string | undefined): void => {
  if (!standing || principalDifference(desired, standing, should).length === 0) return;
  throw new ReconcileError(
    'WaitingForIdentity',
    `The user-assigned identity of the alert rule was made again, and Azure still shows the old one for the rule ${desired.id}: trying again. To end it, delete the rule: it is made anew at once.`,
    { stalls: 'afterTenMinutes' },
  );
};
