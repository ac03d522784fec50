import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../../src/api/maintenance-notification.ts';
import { hasLostItsWords } from '../../../src/core/decide.ts';
import { desiredRoleAssignment } from '../../../src/core/role-assignment.ts';
import { identityIsFull, mayLiveBy, rulesOf } from '../../../src/core/shared-identity.ts';
import { specWith, subscriptionId } from '../../support/notification.ts';

const shop = `/subscriptions/${subscriptionId}/resourceGroups/shop`;
const identityIn = (name: string) => ({
  type: 'UserAssigned' as const,
  resourceId: `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
});
const owner = { installationId: 'test', namespace: 'platform', name: 'one' };

interface Brief {
  readonly identity?: string;
  readonly principalId?: string;
  /** Whether the rule has the identity of the spec. */
  readonly carriedOut?: boolean;
  readonly born?: number;
  readonly deleting?: boolean;
}

const objectOf = (
  name: string,
  { identity, principalId, carriedOut = false, born = 0, deleting = false }: Brief,
): MaintenanceNotification => ({
  apiVersion: 'aks-notifier.dev/v1alpha1',
  kind: 'MaintenanceNotification',
  metadata: {
    name,
    resourceVersion: '1',
    namespace: 'platform',
    uid: name,
    generation: 2,
    creationTimestamp: new Date(born * 1000).toISOString(),
    ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: specWith(identity === undefined ? {} : { identity: identityIn(identity) }),
  status: {
    ...(principalId === undefined ? {} : { principalId }),
    conditions: [
      {
        type: 'AlertRuleReady',
        status: 'True',
        reason: 'Succeeded',
        message: '',
        observedGeneration: carriedOut ? 2 : 1,
        lastTransitionTime: '',
      },
    ],
  },
});

describe('the fifty places of an identity', () => {
  const briefs = fc.array(
    fc.record({ born: fc.nat(5), how: fc.constantFrom('stands', 'stands, with a newer spec', 'comes from another identity', 'is new') }),
    { minLength: 45, maxLength: 60 },
  );
  const principalIn = (how: string): string | undefined =>
    how === 'is new' ? undefined : how === 'comes from another identity' ? 'other' : 'shared';

  it('are all given, never one too many, and none is taken from a rule that stands', () => {
    fc.assert(
      fc.property(briefs, (each) => {
        let stand = 0;
        const objects = each.map(({ born, how }, index) => {
          // Never more than Azure lets be.
          const is = how.startsWith('stands') && ++stand > 50 ? 'is new' : how;
          const principalId = principalIn(is);
          const carriedOut = is === 'stands';
          return objectOf(`n${index}`, { identity: 'reader', born, carriedOut, ...(principalId === undefined ? {} : { principalId }) });
        });
        const served = objects.filter((object) => identityIsFull(object, objects, []) === undefined);
        expect(served).toHaveLength(Math.min(50, objects.length));
        const isKnown = objects.some(({ status }) => status?.conditions?.[0]?.observedGeneration === 2);
        const standing = objects.filter(({ status }) => isKnown && status?.principalId === 'shared');
        expect(standing.filter((object) => !served.includes(object))).toEqual([]);
      }),
    );
  });
});

describe('the places of an identity with a boundary', () => {
  const mine = objectOf('mine', { identity: 'reader', born: 1 });
  const others = Array.from({ length: 50 }, (_, index) => {
    const object = objectOf(`n${index}`, { identity: 'reader', principalId: 'shared', carriedOut: index % 2 === 0 });
    return { ...object, metadata: { ...object.metadata, namespace: 'team-b' } };
  });
  const allowedTo = (namespace: string | undefined) => [{ prefix: shop, namespace }];

  it('are not taken by objects that may not use it', () => {
    expect(identityIsFull(mine, [...others, mine], allowedTo('platform'))).toBeUndefined();
  });

  it('are taken by those that may', () => {
    for (const allowed of [[], allowedTo(undefined), [...allowedTo('platform'), ...allowedTo('team-b')]])
      expect(identityIsFull(mine, [...others, mine], allowed)).toContain('name another identity');
  });
});

describe('who may live by an assignment', () => {
  const assignment = desiredRoleAssignment(owner, shop, 'PRINCIPAL');
  const one = objectOf('one', { identity: 'reader' });

  it.each<[string, Brief, boolean]>([
    ['one that names the same identity, though its status says nothing yet', { identity: 'READER' }, true],
    ['one of the same principal', { identity: 'other', principalId: 'principal' }, true],
    ['one with another identity', { identity: 'other', principalId: 'x' }, false],
    ['one with an identity of its own', { principalId: 'principal' }, false],
    ['one that goes', { identity: 'reader', deleting: true }, false],
  ])('%s: %#', (_, brief, expected) => {
    const two = objectOf('two', brief);
    expect(mayLiveBy(assignment, one, [one, two])).toEqual(expected ? [two] : []);
  });

  it('is asked in the order of names, and only for Reader at that scope', () => {
    const others = ['c', 'b', 'a'].map((name) => objectOf(name, { identity: 'reader' }));
    expect(mayLiveBy(assignment, one, others).map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
    expect(mayLiveBy(desiredRoleAssignment(owner, `${shop}/x`, 'p'), one, others)).toEqual([]);
  });

  it('has its rule where the spec puts it, or where it was made before', () => {
    const moved = objectOf('two', {});
    const old = `/subscriptions/${subscriptionId}/resourceGroups/ops/providers/Microsoft.Insights/scheduledQueryRules/x`;
    const status = {
      resources: [
        { kind: 'AlertRule' as const, id: old, state: 'Present' as const },
        { kind: 'AlertRule' as const, id: 'forged', state: 'Present' as const },
      ],
    };
    expect(rulesOf({ ...moved, status }, owner)).toEqual([expect.stringContaining(`${shop}/providers/Microsoft.Insights/`), old]);
  });
});

describe('the description of an assignment', () => {
  const ours = desiredRoleAssignment(owner, shop, 'principal');

  it.each([
    ['', true],
    ['for the AKS notices', true],
    ['aks-notifier-owner: test/platform/one, do not delete.', true],
    ['aks-notifier-owner: test/platform/one – do not delete', true],
    ['aks-notifier-owner: test/platform/one', false],
    ['aks-notifier-owner: test/platform/one-more', false],
    ['was aks-notifier-owner: elsewhere/a/b', false],
  ])('%j: lost its words: %s', (description, expected) => {
    expect(hasLostItsWords({ ...ours, description }, owner)).toBe(expected);
    expect(hasLostItsWords({ ...ours, id: `${ours.id}0`, description }, owner)).toBe(false);
  });
});
