import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOurAssignment, isOurs } from '../../../src/core/decide.ts';
import { azureName, ownerDescription, ownerWords, roleAssignmentName, type Owner } from '../../../src/core/owner.ts';

const owner: Owner = { installationId: '5f1c0f3e-9f3a-4d55-8f0e-1d7f6b8a9c01', namespace: 'platform', name: 'prod' };
const subscription = '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444';
const principalId = 'bbbbbbbb-1111-4111-8111-111111111111';
const reader = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const owners = fc.record({ installationId: label, namespace: label, name: fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/) });
const clusterName = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$/);

describe('names in Azure', () => {
  // These three never change: with another name every installed rule would be made anew, and the old ones be lost.
  it.each([
    [owner, 'prod', 'aks-notifier-prod-4b4c5a3a1155'],
    [{ ...owner, namespace: 'team' }, 'prod', 'aks-notifier-prod-b937ce41b22c'],
    [{ ...owner, name: 'a.b' }, 'prod', 'aks-notifier-prod-ad5054901ac8'],
  ])('stay what they were in the first release (%#)', (whose, cluster, name) => {
    expect(azureName(whose, cluster)).toBe(name);
  });

  it('show the cluster, and what Azure allows', () => {
    fc.assert(
      fc.property(owners, clusterName, (whose, cluster) => {
        const name = azureName(whose, cluster);
        expect(name).toContain(cluster);
        expect(name).toMatch(/^[A-Za-z0-9_-]{1,260}$/);
      }),
    );
  });

  it('differ between any two owners', () => {
    fc.assert(
      fc.property(owners, owners, (one, other) => {
        const same = one.installationId === other.installationId && one.namespace === other.namespace && one.name === other.name;
        expect(azureName(one, 'prod') === azureName(other, 'prod')).toBe(same);
        expect(ownerWords(one) === ownerWords(other)).toBe(same);
      }),
    );
  });

  it('differ when the parts of two owners only run together to the same text', () => {
    expect(azureName({ ...owner, namespace: 'a', name: 'b-c' }, 'prod')).not.toBe(
      azureName({ ...owner, namespace: 'a-b', name: 'c' }, 'prod'),
    );
  });

  it('give a thousand objects a thousand names', () => {
    const names = Array.from({ length: 1000 }, (_, index) => azureName({ ...owner, name: `n${index}` }, 'prod'));
    expect(new Set(names).size).toBe(1000);
  });
});

describe('names of role assignments', () => {
  // A changed seed would leave every assignment behind as a stranger's.
  it.each([
    [subscription, 'd64caf42-481c-5b97-bdde-4c91f0cdc02d'],
    [`${subscription}/resourceGroups/shop`, 'b5a86934-a2d8-5fde-90fa-83b1e3062f0d'],
  ])('stay what they were in the first release at %s', (scope, name) => {
    expect(roleAssignmentName(owner, scope, principalId, reader)).toBe(name);
  });

  it('are version 5 UUIDs', () => {
    fc.assert(
      fc.property(owners, fc.uuid(), (whose, principal) => {
        expect(roleAssignmentName(whose, subscription, principal, reader)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it('do not depend on letter case', () => {
    expect(roleAssignmentName(owner, subscription.toUpperCase(), principalId.toUpperCase(), reader.toUpperCase())).toBe(
      roleAssignmentName(owner, subscription, principalId, reader),
    );
  });

  it('change with the principal, the scope, the role and the owner', () => {
    const names = [
      roleAssignmentName(owner, subscription, principalId, reader),
      roleAssignmentName(owner, subscription, 'cccccccc-1111-4111-8111-111111111111', reader),
      roleAssignmentName(owner, `${subscription}/resourceGroups/shop`, principalId, reader),
      roleAssignmentName(owner, subscription, principalId, '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'),
      roleAssignmentName({ ...owner, name: 'other' }, subscription, principalId, reader),
      roleAssignmentName({ ...owner, installationId: 'other' }, subscription, principalId, reader),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the mark of an owner', () => {
  it('is seen whatever the letter case of the tag name, and not of its value', () => {
    expect(isOurs({ 'AKS-Notifier-Owner': ownerWords(owner) }, owner)).toBe(true);
    expect(isOurs({ 'aks-notifier-owner': ownerWords(owner).toUpperCase() }, owner)).toBe(false);
  });

  it('is never another owner’s, and never missing', () => {
    fc.assert(
      fc.property(owners, owners, (one, other) => {
        const same = ownerWords(one) === ownerWords(other);
        expect(isOurs({ 'aks-notifier-owner': ownerWords(one) }, other)).toBe(same);
        expect(isOurAssignment(ownerDescription(one), other)).toBe(same);
      }),
    );
    expect(isOurs({}, owner)).toBe(false);
    expect(isOurAssignment('', owner)).toBe(false);
  });

  it('fits into a tag for the longest names there can be', () => {
    expect(ownerWords({ installationId: 'i'.repeat(63), namespace: 'n'.repeat(63), name: 'o'.repeat(63) }).length).toBeLessThanOrEqual(256);
  });
});
