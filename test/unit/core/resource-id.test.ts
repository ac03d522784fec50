import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  actionGroupId,
  alertRuleId,
  comparableId,
  parseResourceId,
  parseRoleAssignmentId,
  roleAssignmentId,
  sameId,
} from '../../../src/core/resource-id.ts';

const segment = fc.stringMatching(/^[a-zA-Z0-9_.()-]{1,20}$/);
const place = fc.record({ subscriptionId: segment, resourceGroup: segment });

describe('resource ids', () => {
  it('are read into their parts, whatever the letter case of the fixed words', () => {
    expect(parseResourceId('/SUBSCRIPTIONS/a/resourcegroups/Shop/PROVIDERS/Microsoft.Insights/actionGroups/g')).toEqual({
      subscriptionId: 'a',
      resourceGroup: 'Shop',
      type: 'Microsoft.Insights/actionGroups',
      name: 'g',
    });
  });

  it.each([
    ['no leading slash', 'subscriptions/a/resourceGroups/g/providers/N.s/types/x'],
    ['a trailing slash', '/subscriptions/a/resourceGroups/g/providers/N.s/types/x/'],
    ['a child resource', '/subscriptions/a/resourceGroups/g/providers/N.s/types/x/children/y'],
    ['a resource group', '/subscriptions/a/resourceGroups/g'],
    ['a subscription', '/subscriptions/a'],
    ['an empty part', '/subscriptions//resourceGroups/g/providers/N.s/types/x'],
    ['text around it', 'x/subscriptions/a/resourceGroups/g/providers/N.s/types/x'],
    ['nothing', ''],
  ])('are not taken for one with %s', (_, id) => {
    expect(parseResourceId(id)).toBeUndefined();
  });

  it('come back from what was built of them', () => {
    fc.assert(
      fc.property(place, segment, (where, name) => {
        expect(parseResourceId(actionGroupId(where, name))).toEqual({ ...where, type: 'Microsoft.Insights/actionGroups', name });
        expect(parseResourceId(alertRuleId(where, name))).toEqual({ ...where, type: 'Microsoft.Insights/scheduledQueryRules', name });
      }),
    );
  });

  it('are the same whatever their letter case and the slashes around them', () => {
    fc.assert(
      fc.property(place, segment, (where, name) => {
        const id = alertRuleId(where, name);
        for (const other of [id.toUpperCase(), id.toLowerCase(), id.slice(1), `/${id}`, `${id}/`]) expect(sameId(id, other)).toBe(true);
        expect(comparableId(comparableId(id))).toBe(comparableId(id));
      }),
    );
  });

  it('differ when one only begins with the other', () => {
    expect(sameId('/subscriptions/a/resourceGroups/prod', '/subscriptions/a/resourceGroups/prod-2')).toBe(false);
  });
});

describe('ids of role assignments', () => {
  it.each([
    '/subscriptions/a',
    '/subscriptions/a/resourceGroups/g',
    '/subscriptions/a/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c',
  ])('give back scope and name at %s', (scope) => {
    expect(parseRoleAssignmentId(roleAssignmentId(scope, 'n'))).toEqual({ scope, name: 'n' });
  });

  it('are read whatever the letter case of the provider', () => {
    expect(parseRoleAssignmentId('/subscriptions/a/providers/microsoft.authorization/RoleAssignments/n')?.name).toBe('n');
  });

  it.each(['/subscriptions/a', '/providers/Microsoft.Authorization/roleAssignments/', ''])('are not seen in %s', (id) => {
    expect(parseRoleAssignmentId(id)).toBeUndefined();
  });
});
