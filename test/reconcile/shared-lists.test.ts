import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { startDays } from '../support/days.ts';
import { specWith } from '../support/notification.ts';
import { byHand, clusterId, shop, startBench, worldWithout, type Bench, type benchWorld } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);

/** So many objects, each for a cluster of its own, all Ready. */
const stand = async (count: number, change: Partial<MaintenanceNotificationSpec> = {}): Promise<void> => {
  for (const name of names(count)) {
    const id = `${shop}/providers/Microsoft.ContainerService/managedClusters/${name}`;
    bench.emulator.world.addCluster({ id, location: 'westeurope', upgradeChannel: 'stable' });
    bench.apply(specWith({ clusterResourceId: id, ...change }), name);
    await bench.run({ key: `platform/${name}` });
  }
  bench.forget();
};

/** One look for drift at all of them. */
const pass = async (count: number): Promise<void> => {
  bench.clock.advance(600_000);
  await Promise.all(names(count).map((name) => bench.run({ key: `platform/${name}` })));
};

const readyOf = (name: string): string | undefined =>
  bench.object(`platform/${name}`).status?.conditions?.find(({ type }) => type === 'Ready')?.status;

const reads = (): readonly string[] => bench.azureCalls().filter((line) => !line.includes('managedClusters'));

describe('a quiet pass', () => {
  it('costs as many reads as there are pages, whatever the number of objects', async () => {
    bench = await startBench({ pageSize: 10 });
    await stand(20);
    await pass(20);
    // Two pages of rules, two of groups; forty assignments of ours and the operator's own.
    expect(reads()).toHaveLength(2 + 2 + 5);
    expect(bench.azureWrites()).toEqual([]);
    expect(bench.kubernetesWrites()).toEqual([]);
  });

  it('costs the same after a restart, and writes nothing', async () => {
    bench = await startBench({ pageSize: 10 });
    await stand(20);
    bench.restart();
    await pass(20);
    expect(reads()).toHaveLength(9);
    expect(bench.azureWrites()).toEqual([]);
  });

  it('asks one by one for what differs, and repairs only that', async () => {
    bench = await startBench();
    await stand(5);
    await byHand(bench, bench.object('platform/n2').status!.alertRuleId!, (rule) => ({
      ...rule,
      properties: { ...rule.properties, severity: 0 },
    }));
    bench.forget();
    await pass(5);
    expect(reads().toSorted()).toEqual([
      'GET scheduledQueryRules 200',
      'LIST actionGroups 200',
      'LIST roleAssignments 200',
      'LIST scheduledQueryRules 200',
      'PUT scheduledQueryRules 200',
    ]);
    expect(bench.events).toEqual([expect.stringContaining('DriftCorrected: Somebody had changed the alert rule')]);
    expect(bench.events[0]).toContain('severity: 0 → 3');
  });

  it('changes nothing on the word of a list: what is as it should be by the time of the GET stays', async () => {
    bench = await startBench();
    await stand(1);
    const id = bench.object('platform/n0').status!.alertRuleId!;
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        list: async (scope, signal) => {
          const { items, pages } = await azure.alertRules.list(scope, signal);
          return { items: items.map((each) => Object.assign({}, each, { rule: { ...each.rule, severity: 0 } })), pages };
        },
      },
    });
    await pass(1);
    expect(reads()).toContain('GET scheduledQueryRules 200');
    expect(bench.azureWrites()).toEqual([]);
    expect(bench.object('platform/n0').status!.alertRuleId).toBe(id);
  });

  it('trusts no list that is older than a write of our own', async () => {
    bench = await startBench();
    await stand(1);
    await pass(1);
    bench.apply(specWith({ clusterResourceId: clusterOf('n0'), alertRule: { severity: 1 } }), 'n0');
    await bench.run({ key: 'platform/n0' });
    bench.forget();
    await bench.run({ key: 'platform/n0' });
    // The lists are still young, but not what they say of the rule, nor of the group that the run has asked for.
    expect(reads()).toEqual(['GET actionGroups 200', 'GET scheduledQueryRules 200']);
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('a list that takes longer than it stays young', () => {
  it('serves those who waited for it all the same, and is not read for ever', async () => {
    bench = await startBench();
    await stand(1);
    let lists = 0;
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        list: async (scope, signal) => {
          lists += 1;
          const listing = await azure.alertRules.list(scope, signal);
          bench.clock.advance(90_000);
          if (lists > 3) throw new Error('read for ever');
          return listing;
        },
      },
    });
    await pass(1);
    expect(lists).toBe(1);
    expect(bench.object('platform/n0').status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });
});

const clusterOf = (name: string): string => clusterId.replace(/prod$/, name);

describe('a subscription that may not be listed', () => {
  it('is looked at by one list per resource group', async () => {
    bench = await startBench({ world: groupOwner() });
    await stand(3, { readerScopes: ['ResourceGroup'] });
    await pass(3);
    bench.forget();
    await pass(3);
    expect(reads().toSorted()).toEqual(['LIST actionGroups 200', 'LIST roleAssignments 200', 'LIST scheduledQueryRules 200']);
  });

  it('and whose groups may not be listed either is looked at one by one', async () => {
    bench = await startBench();
    await stand(2);
    const denied = (): Promise<never> => Promise.reject(new ReconcileError('AccessDenied', 'No.', { stalls: 'afterTenMinutes' }));
    bench.bend = (azure): Azure => ({
      ...azure,
      actionGroups: { ...azure.actionGroups, list: denied },
      alertRules: { ...azure.alertRules, list: denied },
      roleAssignments: { ...azure.roleAssignments, list: denied },
    });
    await pass(2);
    expect(reads().filter((line) => line.startsWith('GET'))).toHaveLength(2 * 4);
    expect(bench.object('platform/n0').status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });
});

describe('a list that alone can’t be read', () => {
  const broken = (failure: ReconcileError): void => {
    bench.bend = (azure): Azure => ({
      ...azure,
      roleAssignments: { ...azure.roleAssignments, list: () => Promise.reject(failure) },
    });
  };

  it('is done without when it has failed for ten minutes and the others have not', async () => {
    bench = await startBench();
    await stand(1);
    broken(new ReconcileError('AzureUnavailable', 'Azure could not be reached.'));
    bench.emulator.world.removeRoleAssignment(bench.object('platform/n0').status!.readerAssignments![0]!.id.split('/').at(-1)!);
    const days = startDays(bench, ['platform/n0']);
    await days.pass(25 * 60_000);
    expect(bench.events).toContainEqual(expect.stringContaining('DriftCorrected: The Reader assignment'));
    expect(readyOf('n0')).toBe('True');
  });

  it('holds up no other part', async () => {
    bench = await startBench();
    await stand(1);
    broken(new ReconcileError('AzureUnavailable', 'Azure could not be reached.'));
    bench.emulator.world.changeAlertRule(bench.object('platform/n0').status!.alertRuleId!, (body) => ({
      ...body,
      properties: { ...body.properties, enabled: false },
    }));
    await startDays(bench, ['platform/n0']).pass(5000);
    expect(bench.events).toContainEqual(expect.stringContaining('DriftCorrected: Somebody had changed the alert rule'));
  });

  it('of a subscription for lack of a right is tried again after half an hour', async () => {
    bench = await startBench();
    await stand(1);
    broken(new ReconcileError('AccessDenied', 'No.'));
    await pass(1);
    bench.bend = (azure) => azure;
    for (let passes = 0; passes < 4; passes += 1) await pass(1);
    bench.forget();
    await pass(1);
    expect(reads().filter((line) => line.startsWith('GET'))).toEqual([]);
  });
});

describe('a list for which Azure asks to wait a day', () => {
  it('shows in the conditions of whose part it is', async () => {
    bench = await startBench();
    await stand(1);
    const wait = new ReconcileError('Throttled', 'Wait.', { retry: { kind: 'after', seconds: 86_400 } });
    let lists = 0;
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        list: () => {
          lists += 1;
          return Promise.reject(wait);
        },
      },
    });
    await startDays(bench, ['platform/n0']).pass(3 * 3_600_000);
    expect(lists).toBe(1);
    expect(bench.object('platform/n0').status?.conditions?.find(({ type }) => type === 'AlertRuleReady')?.reason).toBe('Throttled');
    expect(readyOf('n0')).toBe('False');
  });
});

describe('lists of very different length', () => {
  it('are all young when the longest is there, whatever the interval', async () => {
    bench = await startBench();
    await stand(1, { interval: '30s' });
    let lists = 0;
    const slow =
      <Answer>(seconds: number, list: () => Promise<Answer>) =>
      async (): Promise<Answer> => {
        lists += 1;
        if (lists > 20) throw new Error('read in turns for ever');
        const answer = await list();
        bench.clock.advance(seconds * 1000);
        return answer;
      };
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        list: (scope, signal) => slow(20, () => azure.alertRules.list(scope, signal))(),
      },
      roleAssignments: {
        ...azure.roleAssignments,
        list: (scope, signal) => slow(40, () => azure.roleAssignments.list(scope, signal))(),
      },
    });
    bench.clock.advance(60_000);
    await bench.run({ key: 'platform/n0' });
    expect(lists).toBeLessThanOrEqual(4);
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('lists that are longer than what they save', () => {
  it('are given up after an hour, and everything is looked at one by one', async () => {
    bench = await startBench({ pageSize: 1 });
    for (let index = 0; index < 30; index += 1)
      bench.emulator.world.addRoleAssignment({
        scope: shop,
        roleDefinitionId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
        principalId: `00000000-0000-4000-8000-0000000000${10 + index}`,
      });
    await stand(1);
    for (let passes = 0; passes < 7; passes += 1) await pass(1);
    bench.forget();
    await pass(1);
    expect(reads().filter((line) => line.includes('roleAssignments'))).toEqual(['GET roleAssignments 200', 'GET roleAssignments 200']);
    // One rule, one group: their lists pay.
    expect(reads().filter((line) => line.startsWith('LIST'))).toHaveLength(2);
  });
});

/** An operator that owns the resource group and reads no more of the subscription. */
const groupOwner = (): ReturnType<typeof benchWorld> => {
  const world = worldWithout();
  return {
    ...world,
    roleAssignments: world.roleAssignments.map((each) => Object.assign({}, each, { scope: shop })),
  };
};

describe('an outage', () => {
  it('costs one call per list and wait, not per object, and is over when a list comes', async () => {
    bench = await startBench();
    await stand(10);
    const outage = new ReconcileError('AzureUnavailable', 'Azure could not be reached.');
    let lists = 0;
    const failing = (): Promise<never> => {
      lists += 1;
      return Promise.reject(outage);
    };
    bench.bend = (azure): Azure => ({
      ...azure,
      actionGroups: { ...azure.actionGroups, list: failing },
      alertRules: { ...azure.alertRules, list: failing },
      roleAssignments: { ...azure.roleAssignments, list: failing },
    });
    await pass(10);
    expect(lists).toBe(3);
    expect(reads()).toEqual([]);
    // One failure is no news: nobody's status is written for it.
    expect(bench.kubernetesWrites()).toEqual([]);
    expect(bench.object('platform/n3').status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    bench.bend = (azure) => azure;
    await pass(10);
    expect(reads()).toHaveLength(3);
  });
});
