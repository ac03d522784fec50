import { describe, expect, it } from 'vitest';
import { startEmulator } from '../../emulator/emulator.ts';
import { asWorld, type World } from '../../emulator/world.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  group,
  readerClientId,
  readerObjectId,
  roleAssignmentPath,
  roles,
  smallWorld,
  startAzure,
  subscriptionId,
  versions,
  watcherPrincipalId,
} from './fixtures.ts';

const clusterPath = `${clusterId}?api-version=${versions.clusters}`;
const windowsPath = `${clusterId}/maintenanceConfigurations?api-version=${versions.clusters}`;

describe('clusters', () => {
  it('are answered as AKS does, with a small g in resourcegroups', async () => {
    await using azure = await startAzure();
    const { body } = await azure.send('GET', clusterPath);
    expect(body).toMatchObject({
      id: clusterId.replace('resourceGroups', 'resourcegroups'),
      name: 'prod',
      type: 'Microsoft.ContainerService/ManagedClusters',
      location: 'westeurope',
      properties: { provisioningState: 'Succeeded', autoUpgradeProfile: { upgradeChannel: 'stable', nodeOSUpgradeChannel: 'NodeImage' } },
    });
  });

  it('come, change and go at run time', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    world.addCluster({ id: `${clusterId}-2`, location: 'northeurope' });
    const added = await azure.send('GET', clusterPath.replace('prod', 'prod-2'));
    expect(added.body.properties.autoUpgradeProfile).toEqual({ nodeOSUpgradeChannel: 'NodeImage' });
    world.changeCluster(clusterId.toUpperCase(), { upgradeChannel: 'rapid', maintenanceConfigurations: {} });
    expect((await azure.send('GET', clusterPath)).body.properties.autoUpgradeProfile.upgradeChannel).toBe('rapid');
    expect((await azure.send('GET', windowsPath)).body).toEqual({ value: [] });
    world.removeCluster(clusterId);
    expect(await azure.send('GET', clusterPath)).toMatchObject({ status: 404, body: { error: { code: 'ResourceNotFound' } } });
    expect(await azure.send('GET', windowsPath)).toMatchObject({ status: 404, body: { error: { code: 'ParentResourceNotFound' } } });
    expect(() => world.removeCluster(clusterId)).toThrow(/there is no cluster/u);
    expect(() => world.addCluster({ id: group, location: 'x' })).toThrow(/not the id of an AKS cluster/u);
  });

  it('have maintenance windows in every form of schedule', async () => {
    const window = (schedule: object, more: object = {}) => ({
      maintenanceWindow: { schedule, durationHours: 4, startTime: '02:00', ...more },
    });
    const maintenanceConfigurations = {
      default: {
        timeInWeek: [{ day: 'Monday', hourSlots: [1, 2] }],
        notAllowedTime: [{ start: '2026-12-24T00:00:00Z', end: '2026-12-27T00:00:00Z' }],
      },
      aksManagedAutoUpgradeSchedule: window(
        { absoluteMonthly: { intervalMonths: 1, dayOfMonth: 15 } },
        { utcOffset: '+01:00', startDate: '2026-11-01' },
      ),
      aksManagedNodeOSUpgradeSchedule: window({ relativeMonthly: { intervalMonths: 1, weekIndex: 'Last', dayOfWeek: 'Friday' } }),
      weekly: window(
        { weekly: { intervalWeeks: 2, dayOfWeek: 'Sunday' } },
        { notAllowedDates: [{ start: '2026-12-24', end: '2026-12-27' }] },
      ),
      daily: window({ daily: { intervalDays: 1 } }),
    };
    const world = smallWorld();
    world.clusters[0]!.maintenanceConfigurations = maintenanceConfigurations;
    await using azure = await startAzure({ world });
    const list = await azure.send('GET', windowsPath);
    const found = list.body.value.map(({ name, properties }: { name: string; properties: unknown }) => [name, properties]);
    expect(Object.fromEntries(found)).toEqual(maintenanceConfigurations);
    const one = await azure.send('GET', windowsPath.replace('?', '/DAILY?'));
    expect(one.body).toMatchObject({ name: 'daily', type: 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations' });
    expect((await azure.send('GET', windowsPath.replace('?', '/none?'))).status).toBe(404);
  });
});

it('lists the windows of a cluster for whoever may read that cluster and nothing else', async () => {
  const world = smallWorld();
  world.roleAssignments = [{ scope: clusterId, roleDefinitionId: roles.reader, principalId: readerObjectId }];
  await using azure = await startAzure({ world });
  expect((await azure.send('GET', windowsPath, { as: readerClientId })).status).toBe(200);
  const elsewhere = await azure.send('GET', windowsPath.replace('/prod/', '/other/'), { as: readerClientId });
  expect(elsewhere.body.error.message).toContain(`over scope '${clusterId.replace('/prod', '/other')}'`);
});

describe('what goes takes along what is in it', () => {
  it.each<[string, (azure: Awaited<ReturnType<typeof startAzure>>) => void, string]>([
    ['a resource group', ({ emulator }) => emulator.world.removeResourceGroup(subscriptionId, 'SHOP'), 'ResourceGroupNotFound'],
    ['a subscription', ({ emulator }) => emulator.world.removeSubscription(subscriptionId), 'SubscriptionNotFound'],
  ])('%s', async (_name, remove, code) => {
    await using azure = await startAzure();
    await azure.send('PUT', alertRulePath('a'), { body: alertRule() });
    await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
    const assignment = { properties: { roleDefinitionId: roles.reader, principalId: watcherPrincipalId } };
    await azure.send('PUT', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'), { body: assignment });
    remove(azure);
    const { alertRules, actionGroups, roleAssignments } = azure.emulator.resources();
    expect([alertRules, actionGroups, roleAssignments.filter(({ isSeed }) => !isSeed)]).toEqual([[], [], []]);
    for (const [method, path] of [
      ['GET', clusterPath],
      ['DELETE', alertRulePath('a')],
    ] as const) {
      expect((await azure.send(method, path)).body.error.code).toBe(code);
    }
  });
});

describe('a world', () => {
  it('is not changed by what happens in the emulator, nor changes it afterwards', async () => {
    const world = smallWorld();
    await using azure = await startAzure({ world });
    azure.emulator.world.changeCluster(clusterId, { upgradeChannel: 'none' });
    expect(world).toEqual(smallWorld());
    world.clusters.length = 0;
    expect((await azure.send('GET', clusterPath)).status).toBe(200);
  });

  const mistakes = (change: (world: World) => void): string[] => {
    const world = smallWorld();
    change(world);
    try {
      asWorld(world);
      return [];
    } catch (error) {
      return (error as Error).message.split('\n').slice(1);
    }
  };

  it.each<[string, (world: World) => void, RegExp[]]>([
    ['good', () => {}, []],
    [
      'wrong in three fields',
      (world) => {
        world.tenantId = 'contoso';
        world.clusters[0]!.upgradeChannel = 'fast';
        Object.assign(world, { clutsers: [] });
      },
      [/tenantId/u, /clusters\[0\].upgradeChannel/u, /clutsers/u],
    ],
    [
      'with a window of three hours',
      (world) => {
        const window = { maintenanceWindow: { schedule: { daily: { intervalDays: 1 } }, durationHours: 3, startTime: '02:00' } };
        world.clusters[0]!.maintenanceConfigurations = { default: window };
      },
      [/clusters\[0\].maintenanceConfigurations.default.maintenanceWindow.durationHours/u],
    ],
    [
      'with two schedules at once',
      (world) => {
        const schedule = { daily: { intervalDays: 1 }, weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } };
        world.clusters[0]!.maintenanceConfigurations = {
          default: { maintenanceWindow: { schedule, durationHours: 4, startTime: '02:00' } },
        };
      },
      [/schedule/u],
    ],
    [
      'with a cluster nowhere',
      (world) => world.subscriptions.splice(0, 1, { subscriptionId, resourceGroups: [] }),
      [/no resource group 'shop'/u],
    ],
    ['with an unknown role', (world) => (world.roleAssignments[0]!.roleDefinitionId = subscriptionId), [/no role/u]],
    ['with a role by name', (world) => (world.roleAssignments[0]!.roleDefinitionId = 'Owner'), [/does not end with a GUID/u]],
    ['with a foreign scope', (world) => (world.roleAssignments[0]!.scope = '/subscriptions/x'), [/does not lie in a listed subscription/u]],
    [
      'with a subscription twice',
      (world) => world.subscriptions.push({ subscriptionId: subscriptionId.toUpperCase(), resourceGroups: [] }),
      [/twice/u],
    ],
    ['with a cluster id that is none', (world) => (world.clusters[0]!.id = group), [/not the id of an AKS cluster/u]],
  ])('%s', (_name, change, expected) => {
    const found = mistakes(change);
    expect(found).toHaveLength(expected.length);
    for (const pattern of expected) expect(found.join('\n')).toMatch(pattern);
  });

  it('that is not a good one does not start', async () => {
    await expect(startEmulator({ world: { ...smallWorld(), tenantId: 'x' } })).rejects.toThrow(/tenantId/u);
  });
});
