import { describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../../src/api/maintenance-notification.ts';
import { desiredActionGroup } from '../../../src/core/action-group.ts';
import { desiredAlertRule } from '../../../src/core/alert-rule.ts';
import type { Owner } from '../../../src/core/owner.ts';
import { desiredRoleAssignment, readerScopes, roleDefinitionId } from '../../../src/core/role-assignment.ts';
import { clusterId, minimalSpec, specWith, subscriptionId } from '../../support/notification.ts';

const owner: Owner = { installationId: 'test', namespace: 'platform', name: 'prod' };
const cluster = { subscriptionId, resourceGroup: 'shop', type: 'Microsoft.ContainerService/managedClusters', name: 'prod' };
const place = { subscriptionId, resourceGroup: 'alerts' };

/** The hash of this owner. */
const hash = '7dd15b4ad463';

const group = (spec: MaintenanceNotificationSpec, clusterName = 'prod') => desiredActionGroup(spec, owner, place, clusterName);
const rule = (change: Partial<MaintenanceNotificationSpec> = {}) =>
  desiredAlertRule({ spec: specWith(change), owner, cluster, place, location: 'westeurope', actionGroupIds: ['/group'] });

describe('the desired action group', () => {
  it('does not exist when only groups of others are used', () => {
    expect(group({ clusterResourceId: clusterId, actionGroupIds: ['/x'] })).toBeUndefined();
  });

  it('lies in the place, under its name, with the mark of its owner', () => {
    expect(group(minimalSpec)).toEqual({
      id: `/subscriptions/${subscriptionId}/resourceGroups/alerts/providers/Microsoft.Insights/actionGroups/aks-notifier-prod-${hash}`,
      enabled: true,
      shortName: 'prod',
      receivers: [
        { kind: 'email', name: 'oncall@contoso.com', fields: { emailAddress: 'oncall@contoso.com', useCommonAlertSchema: true } },
      ],
      strangers: [],
      notEnabled: [],
      tags: { 'aks-notifier-owner': 'test/platform/prod' },
    });
  });

  it('takes the first twelve characters of a long cluster name as its short name, unless told otherwise', () => {
    expect(group(minimalSpec, 'a-very-long-cluster-name')?.shortName).toBe('a-very-long-');
    expect(group(specWith({ receivers: { shortName: 'ops', email: [{ address: 'a@b.c' }] } }))?.shortName).toBe('ops');
  });

  it('is none when only a short name or empty lists are given', () => {
    expect(group(specWith({ receivers: { shortName: 'ops', email: [] }, actionGroupIds: ['x'] }))).toBeUndefined();
  });

  it('takes the common alert schema wherever it is not switched off', () => {
    const receivers = group(
      specWith({
        receivers: {
          email: [{ address: 'a@b.c', name: 'people', useCommonAlertSchema: false }],
          webhook: [{ name: 'hook', serviceUri: 'https://example.com/x' }],
          armRole: [{ name: 'owners', roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' }],
        },
      }),
    )?.receivers;
    expect(receivers).toEqual([
      { kind: 'email', name: 'people', fields: { emailAddress: 'a@b.c', useCommonAlertSchema: false } },
      { kind: 'webhook', name: 'hook', fields: { serviceUri: 'https://example.com/x', useCommonAlertSchema: true } },
      { kind: 'armRole', name: 'owners', fields: { roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', useCommonAlertSchema: true } },
    ]);
  });

  it('carries the tags of the spec beside the mark, which no tag can replace', () => {
    const tags = group(specWith({ tags: { team: 'blue', 'aks-notifier-owner': 'mine' } }))?.tags;
    expect(tags).toEqual({ team: 'blue', 'aks-notifier-owner': 'test/platform/prod' });
  });
});

describe('the desired alert rule', () => {
  it('is this for the defaults', () => {
    const { query, ...rest } = rule();
    expect(rest).toEqual({
      id: `/subscriptions/${subscriptionId}/resourceGroups/alerts/providers/Microsoft.Insights/scheduledQueryRules/aks-notifier-prod-${hash}`,
      kind: 'LogAlert',
      location: 'westeurope',
      scopes: [clusterId],
      enabled: true,
      displayName: 'AKS maintenance of prod',
      description:
        'Announces planned maintenance of the AKS cluster prod. Managed by aks-notifier for platform/prod: changes made here are undone.',
      severity: 3,
      frequencyMinutes: 30,
      windowMinutes: 30,
      timeAggregation: 'Count',
      operator: 'GreaterThan',
      threshold: 0,
      dimensions: ['upgradeType', 'status', 'plannedStart', 'reason', 'recordId'].map((name) => ({
        name,
        operator: 'Include',
        values: ['*'],
      })),
      failingPeriods: [1, 1],
      autoMitigate: false,
      muteMinutes: 0,
      strangers: {},
      actionGroupIds: ['/group'],
      customProperties: {},
      emailSubject: 'AKS maintenance of prod in shop',
      identityType: 'SystemAssigned',
      identityIds: [],
      tags: { 'aks-notifier-owner': 'test/platform/prod' },
    });
    expect(query).toContain('updated >= ago(63m) and updated <= ago(30m)');
  });

  it('takes every setting of the spec', () => {
    expect(
      rule({
        alertRule: {
          severity: 0,
          displayName: 'Name',
          description: 'Text',
          emailSubject: 'Subject',
          customProperties: { team: 'blue' },
        },
        tags: { cost: '1' },
      }),
    ).toMatchObject({
      severity: 0,
      displayName: 'Name',
      description: 'Text',
      emailSubject: 'Subject',
      customProperties: { team: 'blue' },
      tags: { cost: '1', 'aks-notifier-owner': 'test/platform/prod' },
    });
  });

  it.each([
    ['5m', 5, 1],
    ['30m', 30, 3],
    ['45m', 45, 5],
    ['1h', 60, 5],
    ['24h', 1440, 5],
  ] as const)('derives frequency, window and look-back from evaluationFrequency %s', (evaluationFrequency, minutes, overlap) => {
    const { frequencyMinutes, windowMinutes, query } = rule({ alertRule: { evaluationFrequency } });
    expect([frequencyMinutes, windowMinutes]).toEqual([minutes, minutes]);
    expect(query).toContain(`updated >= ago(${30 + minutes + overlap}m) and updated <= ago(30m)`);
  });

  it.each([
    [{ settlingTime: '0m', overlap: '0m' }, 'updated >= ago(30m) and updated <= ago(0m)'],
    [{ settlingTime: '1h30m' }, 'updated >= ago(123m) and updated <= ago(90m)'],
    [{ overlap: '30m' }, 'updated >= ago(90m) and updated <= ago(30m)'],
    // Azure lets no query of an alert reach back further than two days.
    [{ evaluationFrequency: '24h', settlingTime: '12h', overlap: '12h' }, 'updated >= ago(2880m) and updated <= ago(720m)'],
  ] as const)('takes settling time and overlap from %j', (alertRule, window) => {
    expect(rule({ alertRule }).query).toContain(window);
  });

  it('announces the end of support when it is asked for', () => {
    expect(rule({ endOfSupportNotices: true }).query).toContain('"EndOfSupport"');
    expect(rule().query).not.toContain('"EndOfSupport"');
  });

  it('keeps within what Azure takes for any name of a cluster', () => {
    const long = desiredAlertRule({
      spec: minimalSpec,
      owner,
      cluster: { ...cluster, name: 'c'.repeat(63) },
      place,
      location: 'westeurope',
      actionGroupIds: [],
    });
    expect(long.displayName.length).toBeLessThanOrEqual(260);
    expect(long.id.split('/').at(-1)).toMatch(/^[^#<>%&:?/{}*;]{1,260}$/);
  });
});

describe('the desired Reader assignments', () => {
  const shop = `/subscriptions/${subscriptionId}/resourceGroups/shop`;
  it.each([
    [undefined, [shop, `/subscriptions/${subscriptionId}`]],
    [[], []],
    [['Cluster'], [clusterId]],
    [
      ['Subscription', 'Cluster'],
      [`/subscriptions/${subscriptionId}`, clusterId],
    ],
  ] as const)('for readerScopes %j stand at %j', (scopes, expected) => {
    expect(readerScopes(specWith(scopes ? { readerScopes: scopes } : {}), cluster)).toEqual(expected);
  });

  it('stand where the cluster is, wherever the rule is put', () => {
    expect(readerScopes(specWith({ placement: { resourceGroup: 'alerts' } }), cluster)).toContain(shop);
  });

  it('name scope, role, principal and owner', () => {
    expect(desiredRoleAssignment(owner, shop, 'p')).toMatchObject({
      scope: shop,
      roleId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
      principalId: 'p',
      description: 'aks-notifier-owner: test/platform/prod',
    });
    expect(desiredRoleAssignment(owner, shop, 'p').id).toMatch(
      new RegExp(`^${shop}/providers/Microsoft.Authorization/roleAssignments/[0-9a-f-]{36}$`),
    );
  });

  it('give the role by its full id, as seen from the subscription of the scope', () => {
    expect(roleDefinitionId(clusterId, 'r')).toBe(`/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/r`);
  });
});
