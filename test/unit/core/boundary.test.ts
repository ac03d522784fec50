import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../../src/api/maintenance-notification.ts';
import { isAllowed, outsideBoundary, type AllowedScopes } from '../../../src/core/boundary.ts';
import { clusterId, specWith, subscriptionId } from '../../support/notification.ts';

const subscription = `/subscriptions/${subscriptionId}`;
const shop = `${subscription}/resourceGroups/shop`;
const ops = `${subscription}/resourceGroups/ops`;
const other = '/subscriptions/bbbbbbbb-4444-4444-8444-444444444444';
const toAll = (...prefixes: readonly string[]): AllowedScopes => prefixes.map((prefix) => ({ prefix, namespace: undefined }));
const toTeamA = (prefix: string): AllowedScopes => [{ prefix, namespace: 'team-a' }];

describe('an id', () => {
  it.each<[string, string, boolean]>([
    ['the scope itself', shop, true],
    ['something below', `${shop}/providers/Microsoft.Insights/actionGroups/x`, true],
    ['an assignment at the scope', `${shop}/providers/Microsoft.Authorization/roleAssignments/x`, true],
    ['other letter case', shop.toUpperCase(), true],
    ['more slashes around it', `//${shop}/`, true],
    ['what is above', subscription, false],
    ['an assignment above', `${subscription}/providers/Microsoft.Authorization/roleAssignments/x`, false],
    ['a neighbour whose name begins the same', `${shop}ping`, false],
    ['another subscription', `${other}/resourceGroups/shop`, false],
    ['a management group', '/providers/Microsoft.Management/managementGroups/shop', false],
    ['nothing', '', false],
    // What a URL makes of these is another id.
    ['a way out by ..', `${shop}/../ops`, false],
    ['a way out by .. at the end', `${shop}/..`, false],
    ['a way out by %2e%2e', `${shop}/%2e%2e/ops`, false],
    ['a way out by %2F', `${shop}/x%2F..%2F..`, false],
    ['a way out by a backslash', `${shop}/..\\ops`, false],
    ['a way out by a tab that an address drops', `${shop}/.\t./ops`, false],
    ['an empty segment', `${shop}//x`, false],
  ])('that is %s', (_, id, verdict) => {
    expect(isAllowed(id, 'team-a', toAll(shop))).toBe(verdict);
    expect(isAllowed(id, 'team-a', toTeamA(shop))).toBe(verdict);
    expect(isAllowed(id, 'team-b', toTeamA(shop))).toBe(false);
    expect(isAllowed(id, 'team-b', [])).toBe(true);
  });

  it('of a letter that becomes ASCII only when it is made small is another one', () => {
    expect(isAllowed(`${subscription}/resourceGroups/\u212A`, 'team-a', toAll(`${subscription}/resourceGroups/k`))).toBe(false);
  });

  it('is where a URL would go, if it is allowed', () => {
    const piece = fc.constantFrom(
      'shop',
      'SHOP',
      '..',
      '.',
      '%2e',
      '%2E%2e',
      '\\',
      '..\\',
      'x',
      '/',
      '//',
      '?',
      '#',
      '\t',
      '\n',
      ' ',
      'ops',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const id = `${shop}/${pieces.join('')}`;
        fc.pre(isAllowed(id, 'team-a', toAll(shop)));
        const { pathname } = new URL(`https://management.azure.com${id}`);
        expect(pathname.startsWith(`${shop}/`) || pathname === shop).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a spec', () => {
  const sentence = (field: string, id: string, fix: string): string =>
    `${field} reaches ${id}, which --allowed-scopes does not allow to namespace team-a, so Azure was not called: ${fix}, or have it allowed.`;
  const only = 'take it off the list';

  it.each<[string, Partial<MaintenanceNotificationSpec>, AllowedScopes, string | undefined]>([
    ['without a boundary reaches anything', {}, [], undefined],
    ['in its own subscription', {}, toTeamA(subscription), undefined],
    [
      'of another namespace',
      {},
      [{ prefix: subscription, namespace: 'team-b' }],
      sentence('spec.clusterResourceId', clusterId, 'make an object for a cluster that is allowed'),
    ],
    [
      'whose assignments would be above',
      {},
      toTeamA(shop),
      sentence('the default of spec.readerScopes', subscription, 'write spec.readerScopes: [ResourceGroup]'),
    ],
    [
      'that asks for assignments above',
      { readerScopes: ['Subscription'] },
      toTeamA(shop),
      sentence('spec.readerScopes', subscription, 'write spec.readerScopes: [ResourceGroup]'),
    ],
    [
      'that asks for assignments above, and for one inside',
      { readerScopes: ['Cluster', 'Subscription'] },
      toTeamA(shop),
      sentence('spec.readerScopes', subscription, 'write spec.readerScopes: [Cluster]'),
    ],
    ['that follows the fix', { readerScopes: ['ResourceGroup'] }, toTeamA(shop), undefined],
    ['that gives no assignment', { readerScopes: [] }, toTeamA(shop), undefined],
    [
      'whose rule would stand beside a cluster that alone is allowed',
      { readerScopes: ['Cluster'] },
      toTeamA(clusterId),
      sentence('the default of spec.placement', shop, 'name a resource group that is allowed in spec.placement'),
    ],
    [
      'whose rule stands where it is allowed',
      { readerScopes: ['Cluster'], placement: { resourceGroup: 'ops' } },
      [...toTeamA(clusterId), ...toAll(ops)],
      undefined,
    ],
    [
      'that knows only the cluster’s assignment to be allowed',
      { placement: { resourceGroup: 'ops' } },
      [...toTeamA(clusterId), ...toAll(ops)],
      sentence('the default of spec.readerScopes', shop, 'write spec.readerScopes: [Cluster]'),
    ],
    [
      'with a placement elsewhere',
      { placement: { subscriptionId: other.split('/')[2]! } },
      toTeamA(subscription),
      sentence('spec.placement', `${other}/resourceGroups/shop`, 'name a resource group that is allowed in spec.placement'),
    ],
    [
      'with a group elsewhere',
      { actionGroupIds: [`${other}/resourceGroups/x/providers/Microsoft.Insights/actionGroups/x`] },
      toTeamA(subscription),
      sentence('spec.actionGroupIds', `${other}/resourceGroups/x/providers/Microsoft.Insights/actionGroups/x`, only),
    ],
    [
      'with an identity elsewhere',
      {
        identity: {
          type: 'UserAssigned',
          resourceId: `${other}/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x`,
        },
      },
      toTeamA(subscription),
      sentence(
        'spec.identity.resourceId',
        `${other}/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x`,
        'name an identity that is allowed',
      ),
    ],
    [
      'with a receiver elsewhere',
      {
        receivers: {
          logicApp: [
            { name: 'x', resourceId: `${other}/resourceGroups/x/providers/Microsoft.Logic/workflows/x`, callbackUrl: 'https://x' },
          ],
        },
      },
      toTeamA(subscription),
      sentence(
        'spec.receivers.logicApp',
        `${other}/resourceGroups/x/providers/Microsoft.Logic/workflows/x`,
        'take the receiver off the list',
      ),
    ],
    [
      'with an event hub in another subscription',
      { receivers: { eventHub: [{ name: 'x', eventHubNameSpace: 'x', eventHubName: 'x', subscriptionId: other.split('/')[2]! }] } },
      toTeamA(subscription),
      sentence('spec.receivers.eventHub', other, 'take the receiver off the list'),
    ],
    [
      'with a workspace in another subscription',
      {
        receivers: {
          itsm: [{ name: 'x', workspaceId: `${other.split('/')[2]}|x`, connectionId: 'x', ticketConfiguration: '{}', region: 'eastus' }],
        },
      },
      toTeamA(subscription),
      sentence('spec.receivers.itsm', other, 'take the receiver off the list'),
    ],
    [
      'with receivers that name no id',
      {
        receivers: {
          shortName: '/subscriptions',
          email: [{ address: 'a@contoso.com' }],
          webhook: [{ name: 'x', serviceUri: 'https://x' }],
        },
      },
      toTeamA(subscription),
      undefined,
    ],
  ])('%s', (_, change, allowed, said) => {
    expect(outsideBoundary(specWith(change), 'team-a', allowed)).toBe(said);
  });
});
