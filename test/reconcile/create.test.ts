import { afterEach, describe, expect, it } from 'vitest';
import type { Requeue } from '../../src/runtime/controller.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { benchWorld, clusterId, key, owner, shop, startBench, subscription, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

/** All objects of a subscription look together, so the first interval of one may be short. */
const withinInterval = (requeue: Requeue, milliseconds: number): boolean =>
  requeue.kind === 'after' && requeue.milliseconds >= milliseconds / 10 && requeue.milliseconds <= milliseconds * 1.1;

const idsOf = (status: Bench['api']['writes'][number]['object']['status']): readonly string[] =>
  (status?.resources ?? []).map(({ id }) => id.toLowerCase());

describe('a new object', () => {
  it('takes eight calls to Azure, four of them writes, and four writes to Kubernetes', async () => {
    bench = await startBench();
    bench.apply();
    expect(withinInterval(await bench.run(), 600_000)).toBe(true);
    expect(bench.lines().map(({ line }) => line)).toEqual([
      'finalizer',
      'status',
      'GET managedClusters 200',
      'LIST managedClusters/maintenanceConfigurations 200',
      'GET actionGroups 404',
      'PUT actionGroups 201',
      'GET scheduledQueryRules 404',
      'PUT scheduledQueryRules 201',
      'status',
      'PUT roleAssignments 201',
      'PUT roleAssignments 201',
      'status',
    ]);
  });

  it('has its finalizer stored before the first write to Azure, and each id in the status before its PUT', async () => {
    bench = await startBench();
    bench.apply();
    await bench.run();
    let stored = bench.api.writes[0]!.object;
    expect(stored.metadata.finalizers).toEqual(['aks-notifier.dev/azure-cleanup']);
    const unannounced = bench.lines().filter((each) => {
      if ('write' in each) stored = each.write.object;
      return 'call' in each && each.call.operation === 'write' && !idsOf(stored.status).includes(each.call.path.toLowerCase());
    });
    expect(unannounced).toEqual([]);
  });

  it('ends Ready, with all that people and scripts look for in its status', async () => {
    bench = await startBench();
    bench.apply();
    await bench.run();
    const { status, metadata } = bench.object();
    const { principalId } = bench.emulator.resources().alertRules[0]!['identity'] as { principalId: string };
    const name = status?.alertRuleId?.split('/').at(-1);
    expect(metadata.finalizers).toEqual(['aks-notifier.dev/azure-cleanup']);
    expect(name).toMatch(/^aks-notifier-prod-[0-9a-f]{12}$/);
    expect(status).toMatchObject({
      observedGeneration: 1,
      alertRuleId: `${shop}/providers/Microsoft.Insights/scheduledQueryRules/${name}`,
      actionGroupId: `${shop}/providers/Microsoft.Insights/actionGroups/${name}`,
      principalId,
      cluster: {
        name: 'prod',
        location: 'westeurope',
        upgradeChannel: 'stable',
        nodeOSUpgradeChannel: 'NodeImage',
        maintenanceWindows: [{ name: 'default', summary: 'every week on Sunday, 02:00 +00:00 for 4 h' }],
      },
    });
    expect(status?.conditions?.map(({ type, status: word, reason }) => `${type} ${word} ${reason}`)).toEqual([
      'Ready True Succeeded',
      'PrerequisitesMet True Succeeded',
      'ActionGroupReady True Succeeded',
      'AlertRuleReady True Succeeded',
      'ReaderAccessReady True Succeeded',
    ]);
    expect(status?.resources?.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'ActionGroup Present',
      'AlertRule Present',
      'RoleAssignment Present',
      'RoleAssignment Present',
    ]);
    expect(status?.readerAssignments?.map(({ scope, ours, roleDefinitionId }) => ({ scope, ours, roleDefinitionId }))).toEqual(
      [shop, subscription].map((scope) => ({
        scope,
        ours: true,
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7`,
      })),
    );
  });

  it('tells of each thing that was made', async () => {
    bench = await startBench();
    bench.apply();
    await bench.run();
    expect(bench.events.map((event) => event.split(':')[0])).toEqual([
      'Normal CreatedActionGroup',
      'Normal CreatedAlertRule',
      'Normal CreatedReaderAccess',
    ]);
    expect(bench.events[2]).toBe(`Normal CreatedReaderAccess: Created the Reader assignment at ${shop} and ${subscription}.`);
  });

  it('has in Azure what the spec says, marked with its owner', async () => {
    bench = await startBench();
    bench.apply();
    await bench.run();
    const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
    expect(actionGroups[0]).toMatchObject({
      location: 'Global',
      tags: { 'aks-notifier-owner': owner },
      properties: { groupShortName: 'prod', emailReceivers: [{ name: 'oncall@contoso.com', useCommonAlertSchema: true }] },
    });
    expect(alertRules[0]).toMatchObject({
      kind: 'LogAlert',
      location: 'westeurope',
      tags: { 'aks-notifier-owner': owner },
      identity: { type: 'SystemAssigned' },
      properties: {
        scopes: [clusterId],
        severity: 3,
        evaluationFrequency: 'PT30M',
        windowSize: 'PT30M',
        autoMitigate: false,
        actions: { actionGroups: [bench.object().status?.actionGroupId] },
      },
    });
    const made = roleAssignments.filter(({ isSeed }) => !isSeed).map(({ properties }) => properties as Record<string, unknown>);
    expect(made.map(({ scope, principalType, description }) => ({ scope, principalType, description }))).toEqual(
      [subscription, shop].map((scope) => ({
        scope,
        principalType: 'ServicePrincipal',
        description: `aks-notifier-owner: ${owner}`,
      })),
    );
  });

  it('keeps the finalizers of others', async () => {
    bench = await startBench();
    bench.apply();
    bench.api.tamper(key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: ['example.com/other'] } }));
    await bench.run();
    expect(bench.object().metadata.finalizers).toEqual(['example.com/other', 'aks-notifier.dev/azure-cleanup']);
  });

  it('with groups of others only gets no group of its own, and its rule calls them', async () => {
    bench = await startBench();
    const groupId = await aGroupOfOthers();
    bench.apply({ clusterResourceId: clusterId, actionGroupIds: [groupId] });
    await bench.run();
    const { status } = bench.object();
    expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 201', 'PUT roleAssignments 201', 'PUT roleAssignments 201']);
    expect(status?.actionGroupId).toBeUndefined();
    expect(status?.conditions?.find(({ type }) => type === 'ActionGroupReady')).toMatchObject({ status: 'True', reason: 'NotManaged' });
    expect(bench.emulator.resources().alertRules[0]).toMatchObject({ properties: { actions: { actionGroups: [groupId] } } });
  });

  it('without reader scopes gets no assignment, and says that somebody else grants it', async () => {
    bench = await startBench();
    bench.apply(specWith({ readerScopes: [] }));
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT actionGroups 201', 'PUT scheduledQueryRules 201']);
    expect(bench.object().status?.conditions?.find(({ type }) => type === 'ReaderAccessReady')).toMatchObject({
      status: 'True',
      reason: 'NotManaged',
    });
  });
});

/** A group that somebody else made, by an object of another name that is left behind. */
const aGroupOfOthers = async (): Promise<string> => {
  bench.apply(minimalSpec, 'other');
  await bench.run({ key: 'platform/other' });
  const { actionGroupId } = bench.object('platform/other').status ?? {};
  bench.forget();
  return actionGroupId!;
};

describe('a quiet run', () => {
  it('writes nothing to Azure and nothing to Kubernetes, and says nothing', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(600_000);
    await bench.run();
    expect(
      bench
        .lines()
        .map(({ line }) => line)
        .toSorted(),
    ).toEqual(['LIST actionGroups 200', 'LIST roleAssignments 200', 'LIST scheduledQueryRules 200']);
    expect(bench.events).toEqual([]);
    expect(bench.logs).toEqual([]);
  });

  it('writes nothing after a restart either, and does not read the cluster at once', async () => {
    bench = await startBench();
    await bench.settle();
    bench.restart();
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
    expect(bench.kubernetesWrites()).toEqual([]);
    expect(bench.azureCalls().filter((line) => line.includes('managedClusters'))).toEqual([]);
  });

  it.each([
    { alertRuleIds: 'specification', upperCaseActionGroupIds: false },
    { alertRuleIds: 'lowerCase', upperCaseActionGroupIds: true },
  ] as const)('is quiet whatever the letter case of ids in answers: %j', async (settings) => {
    bench = await startBench(settings);
    await bench.settle(specWith({ tags: { Team: 'Blue' }, alertRule: { evaluationFrequency: '1h', customProperties: { a: 'b' } } }));
    await bench.run();
    expect(bench.lines().filter(({ line }) => !line.startsWith('LIST'))).toEqual([]);
  });

  it('reads the cluster again after six hours at the latest, and is still quiet', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(6 * 3_600_000);
    await bench.run();
    expect(bench.azureCalls()).toContain('GET managedClusters 200');
    expect(bench.kubernetesWrites()).toEqual([]);
  });

  it('comes again within the interval of the spec', async () => {
    bench = await startBench();
    await bench.settle(specWith({ interval: '1h30m' }));
    expect(withinInterval(await bench.run(), 5_400_000)).toBe(true);
  });
});

describe('a request to reconcile now', () => {
  const request = 'aks-notifier.dev/reconcile-requested-at';

  it('reads the cluster again, and is answered in the status', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(5000);
    bench.emulator.world.changeCluster(clusterId, { upgradeChannel: 'none', nodeOSUpgradeChannel: 'None' });
    bench.api.annotate(key, { [request]: 'today' });
    await bench.run();
    const { status } = bench.object();
    expect(status?.lastHandledReconcileAt).toBe('today');
    expect(status?.conditions?.find(({ type }) => type === 'PrerequisitesMet')).toMatchObject({
      status: 'False',
      reason: 'DependencyNotReady',
    });
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });

  it('asks once, also when the annotation stays or goes', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(5000);
    bench.api.annotate(key, { [request]: 'today' });
    await bench.run();
    for (const annotations of [{ [request]: 'today' }, {}]) {
      bench.api.annotate(key, annotations);
      bench.clock.advance(5000);
      bench.forget();
      await bench.run();
      expect(bench.azureCalls().filter((line) => line.includes('managedClusters'))).toEqual([]);
      expect(bench.kubernetesWrites()).toEqual([]);
    }
  });
});

describe('a cluster with a name that not everybody writes', () => {
  it.each(['Größe_(1).ä-b', '東京'])('is read, watched and let go: resource group %s', async (name) => {
    const group = `${subscription}/resourceGroups/${name}`;
    const id = `${group}/providers/Microsoft.ContainerService/managedClusters/Prod_1`;
    const world = benchWorld();
    world.subscriptions[0]!.resourceGroups.push({ name, location: 'westeurope' });
    world.clusters.push({ ...world.clusters[0]!, id });
    bench = await startBench({ world });
    await bench.settle(specWith({ clusterResourceId: id }));
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);
    expect(bench.object().status?.alertRuleId).toMatch(/aks-notifier-Prod_1-[0-9a-f]{12}$/);
    bench.api.delete(key);
    await bench.run();
    expect(bench.emulator.resources().alertRules).toEqual([]);
    expect(bench.emulator.resources().roleAssignments.filter(({ isSeed }) => !isSeed)).toEqual([]);
  });
});

describe('many objects', () => {
  it('of one cluster read it once', async () => {
    bench = await startBench();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    for (const name of names) bench.apply(minimalSpec, name);
    await Promise.all(names.map((name) => bench.run({ key: `platform/${name}` })));
    const calls = bench.azureCalls();
    expect(calls.filter((line) => line === 'GET managedClusters 200')).toHaveLength(1);
    expect(calls.filter((line) => line.startsWith('LIST managedClusters/'))).toHaveLength(1);
    expect(bench.emulator.resources().alertRules).toHaveLength(20);
  });
});
