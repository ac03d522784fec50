import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionMatches, builtInRoles, isAllowed, roleHolds, type RoleDefinition } from '../../emulator/authorization.ts';
import { scopeContains } from '../../emulator/resource-id.ts';
import { clusterId, group, roles, subscription } from './fixtures.ts';

const byId = new Map<string, RoleDefinition>(builtInRoles.map((role) => [role.id, role]));
const role = (id: string): RoleDefinition => byId.get(id)!;

describe('action patterns', () => {
  it.each([
    ['*', 'Microsoft.Insights/actionGroups/write', true],
    ['*/read', 'Microsoft.Insights/actionGroups/read', true],
    ['*/read', 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations/read', true],
    ['*/read', 'Microsoft.Insights/actionGroups/write', false],
    ['*/read', 'Microsoft.Insights/actionGroups/readAll', false],
    ['Microsoft.Insights/*', 'Microsoft.Insights/scheduledQueryRules/delete', true],
    ['Microsoft.Insights/*', 'Microsoft.Insightsful/scheduledQueryRules/delete', false],
    ['Microsoft.Insights/scheduledqueryrules/*', 'Microsoft.Insights/scheduledQueryRules/write', true],
    ['microsoft.insights/ActionGroups/Read', 'Microsoft.Insights/actionGroups/read', true],
    ['Microsoft.Insights/actionGroups/read', 'MicrosoftXInsights/actionGroups/read', false],
    ['Microsoft.Authorization/*/Write', 'Microsoft.Authorization/roleAssignments/write', true],
    [
      'Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action',
      'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
      true,
    ],
    ['Microsoft.ManagedIdentity/userAssignedIdentities/*/read', 'Microsoft.ManagedIdentity/userAssignedIdentities/read', true],
  ])('%s covers %s: %s', (pattern, action, expected) => {
    expect(actionMatches(pattern, action)).toBe(expected);
  });

  const word = fc.stringMatching(/^[A-Za-z.]{1,8}$/u);
  const action = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('/'));

  it('an action covers itself, whatever its case', () => {
    fc.assert(
      fc.property(action, (each) => {
        expect(actionMatches(each.toUpperCase(), each.toLowerCase())).toBe(true);
      }),
    );
  });

  it('a pattern with one star covers exactly what starts and ends like it', () => {
    fc.assert(
      fc.property(word, word, action, (start, end, each) => {
        const [text, lower] = [each.toLowerCase(), (part: string) => part.toLowerCase()];
        const expected = text.length >= start.length + end.length && text.startsWith(lower(start)) && text.endsWith(lower(end));
        expect(actionMatches(`${start}*${end}`, each)).toBe(expected);
      }),
    );
  });

  it('characters that mean something in regular expressions are plain characters here', () => {
    const plain = fc.string({ minLength: 1 }).filter((text) => !text.includes('*'));
    fc.assert(
      fc.property(plain, (text) => {
        expect(actionMatches(text, text)).toBe(true);
      }),
    );
  });
});

describe('built-in roles', () => {
  it.each([
    [roles.owner, 'Microsoft.Authorization/roleAssignments/write', true],
    [roles.contributor, 'Microsoft.Insights/actionGroups/write', true],
    [roles.contributor, 'Microsoft.Authorization/roleAssignments/write', false],
    [roles.contributor, 'Microsoft.Authorization/roleAssignments/delete', false],
    [roles.contributor, 'Microsoft.Authorization/roleAssignments/read', true],
    [roles.reader, 'Microsoft.ContainerService/managedClusters/read', true],
    [roles.reader, 'Microsoft.Insights/actionGroups/write', false],
    [roles.monitoringContributor, 'Microsoft.Insights/scheduledQueryRules/write', true],
    [roles.monitoringContributor, 'Microsoft.Insights/actionGroups/delete', true],
    [roles.monitoringContributor, 'Microsoft.Authorization/roleAssignments/write', false],
    [roles.monitoringContributor, 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action', false],
    [roles.accessAdministrator, 'Microsoft.Authorization/roleAssignments/delete', true],
    [roles.accessAdministrator, 'Microsoft.Insights/actionGroups/write', false],
    [roles.managedIdentityOperator, 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action', true],
  ])('%s holds %s: %s', (id, action, expected) => {
    expect(roleHolds(role(id), action)).toBe(expected);
  });
});

describe('scopes', () => {
  it.each([
    [subscription, group, true],
    [subscription, clusterId, true],
    [group, clusterId, true],
    [clusterId, clusterId, true],
    [clusterId, group, false],
    [group, subscription, false],
    [group.toUpperCase(), clusterId.toLowerCase(), true],
    [`${group}/`, clusterId, true],
    [`/${group}`, clusterId, true],
    [`${subscription}/resourceGroups/sho`, group, false],
    [clusterId, `${clusterId}-2`, false],
    ['/', clusterId, true],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(scopeContains(outer, inner)).toBe(expected);
  });

  it('what a grant allows at a scope it allows at every scope below, and nowhere beside', () => {
    const segment = fc.stringMatching(/^[a-z]{1,5}$/u);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), fc.array(segment), segment, (above, below, beside) => {
        const scope = `/${above.join('/')}`;
        const grants = [{ scope, roleDefinitionId: roles.reader }];
        const allows = (where: string): boolean => isAllowed(grants, byId, 'Microsoft.X/y/read', where);
        expect([[scope, ...below].join('/'), `${scope}${beside}`, `/zzzzzz${scope}`].map(allows)).toEqual([true, false, false]);
      }),
    );
  });

  it('grants add up: what one role leaves out another may give', () => {
    const grants = [
      { scope: subscription, roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roles.contributor}` },
      { scope: clusterId, roleDefinitionId: roles.accessAdministrator.toUpperCase() },
    ];
    expect(isAllowed(grants, byId, 'Microsoft.Authorization/roleAssignments/write', clusterId)).toBe(true);
    expect(isAllowed(grants, byId, 'Microsoft.Authorization/roleAssignments/write', group)).toBe(false);
  });
});
