import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { MonitorClient } from '@azure/arm-monitor';
import { ClientAssertionCredential } from '@azure/identity';
import { expect, it } from 'vitest';
import {
  audience,
  clientId,
  clusterId,
  roles,
  smallWorld,
  startAzure,
  startIssuer,
  subject,
  subscriptionId,
  tenantId,
} from './fixtures.ts';
import { trust } from './trust.ts';

const query = `arg("").containerserviceeventresources | where id contains "${clusterId}/"`;

it('the real SDKs, signed in by a federated assertion, make and unmake everything that a notification needs', async () => {
  await using issuer = await startIssuer();
  const world = smallWorld();
  world.applications[0]!.federatedCredentials = [{ issuer: issuer.url, subject, audience }];
  await using azure = await startAzure({ world, issuerCa: issuer.ca, pageSize: 2 });
  const { url, ca, journal, resources } = azure.emulator;
  trust(ca);

  const retryOptions = { maxRetries: 0 };
  const credential = new ClientAssertionCredential(tenantId, clientId, () => issuer.sign(), {
    authorityHost: url,
    disableInstanceDiscovery: true,
    retryOptions,
  });
  const monitor = new MonitorClient(credential, subscriptionId, { endpoint: url, retryOptions });
  const authorization = new AuthorizationManagementClient(credential, subscriptionId, { endpoint: url, retryOptions });

  const group = await monitor.actionGroups.createOrUpdate('shop', 'team', {
    location: 'Global',
    groupShortName: 'team',
    enabled: true,
    emailReceivers: [{ name: 'oncall', emailAddress: 'oncall@contoso.com', useCommonAlertSchema: true }],
  });
  const rule = await monitor.scheduledQueryRules.createOrUpdate('shop', 'rule', {
    location: 'westeurope',
    kind: 'LogAlert',
    identity: { type: 'SystemAssigned' },
    scopes: [clusterId],
    severity: 3,
    evaluationFrequency: 'PT30M',
    windowSize: 'PT30M',
    autoMitigate: false,
    criteria: {
      allOf: [
        {
          query,
          timeAggregation: 'Count',
          operator: 'GreaterThan',
          threshold: 0,
          dimensions: [{ name: 'status', operator: 'Include', values: ['*'] }],
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
        },
      ],
    },
    actions: { actionGroups: [group.id!], actionProperties: { 'Email.Subject': 'AKS maintenance' } },
  });
  expect(rule).toMatchObject({
    enabled: true,
    identity: { tenantId },
    criteria: { allOf: [{ query, threshold: 0 }] },
    createdWithApiVersion: '2025-01-01-preview',
  });
  expect(rule.systemData?.createdAt).toBeInstanceOf(Date);

  const principalId = rule.identity!.principalId!;
  const name = '70000000-7777-4777-8777-000000000001';
  // The SDK writes `//subscriptions/…` for a scope that begins with a slash.
  const assignment = await authorization.roleAssignments.create(clusterId, name, {
    roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`,
    principalId,
    principalType: 'ServicePrincipal',
    description: 'ours',
  });
  expect(assignment).toMatchObject({ scope: clusterId, principalId, description: 'ours' });

  const found = [];
  for await (const each of authorization.roleAssignments.listForSubscription({ filter: `principalId eq '${principalId}'` }))
    found.push(each.name);
  expect(found).toEqual([name]);

  for (const extra of ['a', 'b', 'c'])
    await monitor.actionGroups.createOrUpdate('shop', extra, { location: 'Global', groupShortName: extra, enabled: true });
  const groups = [];
  for await (const each of monitor.actionGroups.listBySubscriptionId()) groups.push(each.name);
  expect(groups).toEqual(['a', 'b', 'c', 'team']);

  await expect(monitor.scheduledQueryRules.get('shop', 'missing')).rejects.toMatchObject({ code: 'ResourceNotFound', statusCode: 404 });
  await expect(
    monitor.actionGroups.createOrUpdate('shop', 'bad', { location: 'Global', groupShortName: 'longer than twelve', enabled: true }),
  ).rejects.toMatchObject({ code: 'BadRequest', statusCode: 400 });

  await authorization.roleAssignments.delete(clusterId, name);
  const statuses: number[] = [];
  const onResponse = ({ status }: { status: number }): void => void statuses.push(status);
  await monitor.scheduledQueryRules.delete('shop', 'rule', { onResponse });
  await monitor.scheduledQueryRules.delete('shop', 'rule', { onResponse });
  expect(statuses).toEqual([200, 204]);
  for (const each of groups) await monitor.actionGroups.delete('shop', each!);
  expect(resources()).toMatchObject({ actionGroups: [], alertRules: [] });
  // One for each of the two scopes: the authorization client asks for the endpoint's own.
  expect(journal.calls({ kind: 'token', status: 200 })).toHaveLength(2);
});
