import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { oneOfEach } from '../support/receivers.ts';
import {
  azureOf,
  benchWorld,
  byHand,
  clusterId,
  key,
  onCallGroupId,
  operatorObjectId,
  shop,
  startBench,
  strangerClientId,
  subscription,
  worldWithout,
  type Bench,
} from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minute = 60_000;
const backOff = { kind: 'backOff', capMilliseconds: 180_000 };
const atInterval = { kind: 'after', milliseconds: 600_000 };
const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const ready = (): string => `${condition('Ready')?.status} ${condition('Ready')?.reason}`;
const made = (): number => {
  const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
  return actionGroups.length + alertRules.length + roleAssignments.filter(({ isSeed }) => !isSeed).length;
};

/** An Azure in which one function of one edge fails. */
const failing =
  (kind: keyof Azure, member: string, error: Error) =>
  (azure: Azure): Azure => ({ ...azure, [kind]: { ...azure[kind], [member]: () => Promise.reject(error) } });
const unavailable = new ReconcileError('AzureUnavailable', 'Azure could not be reached.');

describe('a spec that can’t be carried out', () => {
  it.each([
    ['InvalidSpec', specWith({ receivers: { ...oneOfEach, sms: [{ name: 'HOOK', countryCode: '49', phoneNumber: '1712345678' }] } })],
    ['InvalidSpec', specWith({ identity: { type: 'UserAssigned', resourceId: '/x' } })],
    ['InvalidSpec', specWith({ tags: { a: '1', A: '2' } })],
  ] as const)('touches nothing in Azure: %s', async (reason, spec) => {
    bench = await startBench();
    bench.apply(spec);
    expect(await bench.run()).toEqual(atInterval);
    expect(bench.lines().map(({ line }) => line)).toEqual(['status']);
    expect(bench.object().metadata.finalizers ?? []).toEqual([]);
    expect(ready()).toBe(`False ${reason}`);
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason });
    expect(bench.object().status?.observedGeneration).toBe(1);
    expect(bench.events.map((event) => event.split(':').slice(0, 2).join())).toEqual([`Warning Stalled, ${reason}`]);
  });

  it('leaves alone what stands from a better one, and goes on when it is mended', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ tags: { a: '1', A: '2' } }));
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(made()).toBe(4);
    bench.apply(minimalSpec);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(bench.azureWrites()).toEqual([]);
  });

  it('can be deleted', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ tags: { a: '1', A: '2' } }));
    await bench.run();
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });
});

describe('a cluster that is missing', () => {
  it('is waited for, and Stalled only after ten minutes', async () => {
    bench = await startBench();
    bench.emulator.world.removeCluster(clusterId);
    bench.apply();
    expect(await bench.run()).toEqual(backOff);
    expect(ready()).toBe('False ClusterNotFound');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'False', reason: 'ClusterNotFound' });
    expect(condition('Reconciling')).toMatchObject({ status: 'True', reason: 'ProgressingWithRetry' });
    expect(condition('Ready')?.message).toContain(`The cluster ${clusterId} does not exist`);
    expect(made()).toBe(0);

    bench.clock.advance(10 * minute - 1);
    expect(await bench.run()).toEqual(backOff);
    expect(condition('Stalled')).toBeUndefined();

    bench.clock.advance(1);
    expect(await bench.run()).toEqual(atInterval);
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason: 'ClusterNotFound' });
    expect(condition('Reconciling')).toBeUndefined();
    expect(bench.object().status?.observedGeneration).toBe(1);
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Warning ReconcileFailed', 'Warning Stalled']);
  });

  it('heals as soon as it is there', async () => {
    bench = await startBench();
    bench.emulator.world.removeCluster(clusterId);
    bench.apply();
    await bench.run();
    bench.clock.advance(11 * minute);
    await bench.run();
    bench.emulator.world.addCluster(benchWorld().clusters[0]!);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(bench.events.at(-1)).toBe('Normal Recovered: What failed before works: everything stands in Azure.');
  });

  it('is told apart from a missing resource group of the placement', async () => {
    bench = await startBench();
    bench.apply(specWith({ placement: { resourceGroup: 'nowhere' } }));
    await bench.run();
    expect(ready()).toBe('False ResourceGroupNotFound');
    expect(condition('ActionGroupReady')?.reason).toBe('ResourceGroupNotFound');
    expect(condition('PrerequisitesMet')?.status).toBe('True');
    expect(condition('Ready')?.message).toContain('create it, or name another in spec.placement.resourceGroup');
  });
});

describe('a cluster that can’t be read', () => {
  /** The edge to clusters signed in as somebody without a right. */
  const blind = (azure: Azure): Azure => ({ ...azure, clusters: azureOf(bench.emulator, strangerClientId).clusters });

  it('holds nothing back when it is known where the rule goes: PrerequisitesMet is Unknown', async () => {
    bench = await startBench();
    bench.bend = blind;
    bench.apply(specWith({ placement: { location: 'westeurope' } }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AccessDenied' });
    expect(condition('PrerequisitesMet')?.message).toContain(
      `The operator's identity may not do Microsoft.ContainerService/managedClusters/read on ${clusterId}`,
    );
    bench.forget();
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites(), ...bench.events]).toEqual([]);
  });

  it('holds a new object back when nobody says where the rule goes', async () => {
    bench = await startBench();
    bench.bend = blind;
    bench.apply();
    expect(await bench.run()).toEqual(backOff);
    expect(ready()).toBe('False AccessDenied');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AccessDenied' });
    expect(made()).toBe(0);
  });

  it('does not stop an object that knew it before', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = blind;
    bench.apply(specWith({ alertRule: { severity: 0 } }));
    bench.clock.advance(2 * minute);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 200']);
  });

  it('only as to its windows is a warning', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.ContainerService/managedClusters/maintenanceConfigurations/read') });
    await bench.settle();
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AccessDenied' });
    expect(bench.object().status?.cluster).toMatchObject({ location: 'westeurope', upgradeChannel: 'stable' });
    bench.clock.advance(10 * minute);
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites(), ...bench.events]).toEqual([]);
  });

  it('because Azure fails leaves the prerequisites unknown, not unmet, and says it once', async () => {
    bench = await startBench();
    bench.bend = failing('clusters', 'observe', unavailable);
    bench.apply();
    expect(await bench.run()).toEqual(backOff);
    expect(ready()).toBe('False AzureUnavailable');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AzureUnavailable' });
    expect(bench.events).toHaveLength(1);
    await bench.run();
    expect(bench.events).toHaveLength(1);
  });

  it('because Azure fails serves as it was last read; only the prerequisites are unknown, and it is asked for ever more seldom', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(7 * 60 * minute);
    let reads = 0;
    bench.bend = (azure): Azure => ({
      ...azure,
      clusters: {
        ...azure.clusters,
        observe: () => {
          reads += 1;
          return Promise.reject(unavailable);
        },
      },
    });
    for (let passes = 0; passes < 24 * 6; passes += 1) {
      await bench.run();
      bench.clock.advance(10 * minute);
    }
    expect(ready()).toBe('True Succeeded');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AzureUnavailable' });
    expect(reads).toBeLessThan(12);
    expect(bench.azureWrites()).toEqual([]);
    bench.bend = (azure) => azure;
    bench.clock.advance(6 * 60 * minute);
    await bench.run();
    expect(condition('PrerequisitesMet')?.status).toBe('True');
  });
});

describe('a missing right', () => {
  it.each([
    ['Microsoft.Insights/actionGroups/write', 'ActionGroupReady', `${shop}/providers/Microsoft.Insights/actionGroups/aks-notifier-prod-`],
    [
      'Microsoft.Insights/scheduledQueryRules/write',
      'AlertRuleReady',
      `${shop}/providers/Microsoft.Insights/scheduledQueryRules/aks-notifier-prod-`,
    ],
    ['Microsoft.Authorization/roleAssignments/write', 'ReaderAccessReady', `${shop}/providers/Microsoft.Authorization/roleAssignments/`],
  ])('is named with action and scope, in Ready and in its part: %s', async (action, part, scope) => {
    bench = await startBench({ world: worldWithout(action) });
    bench.apply();
    expect(await bench.run()).toEqual(backOff);
    for (const type of ['Ready', part]) {
      expect(condition(type)).toMatchObject({ status: 'False', reason: 'AccessDenied' });
      expect(condition(type)?.message.toLowerCase()).toContain(`the operator's identity may not do ${action} on ${scope}`.toLowerCase());
      expect(condition(type)?.message).toContain('grant it a role that holds this action there. A new grant takes some minutes to act.');
    }
    bench.clock.advance(10 * minute);
    expect(await bench.run()).toEqual(atInterval);
    expect(condition('Stalled')?.reason).toBe('AccessDenied');
  });

  it('is the same sentence in every run, so that nothing is written again', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.Insights/actionGroups/write') });
    bench.apply();
    await bench.run();
    bench.forget();
    bench.clock.advance(minute);
    await bench.run();
    expect([...bench.kubernetesWrites(), ...bench.events]).toEqual([]);
  });

  it('to read the group of another is no reason to stop', async () => {
    bench = await startBench();
    bench.apply(minimalSpec, 'other');
    await bench.run({ key: 'platform/other' });
    const foreign = bench.object('platform/other').status!.actionGroupId!;
    const stranger = azureOf(bench.emulator, strangerClientId).actionGroups;
    bench.bend = (azure) => ({
      ...azure,
      actionGroups: {
        ...azure.actionGroups,
        observe: (id, signal) => (id === foreign ? stranger : azure.actionGroups).observe(id, signal),
      },
    });
    bench.apply(specWith({ actionGroupIds: [foreign] }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
  });

  it('on the cluster, which the rule refers to, is shown by the rule', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.ContainerService/managedClusters/read') });
    bench.apply(specWith({ placement: { location: 'westeurope' } }));
    await bench.run();
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason: 'AccessDenied' });
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'False', reason: 'IdentityAssignDenied' });
    expect(condition('AlertRuleReady')?.message).toContain('Microsoft.ContainerService/managedClusters/read');
  });
});

describe('a group of others that is gone', () => {
  it('is told, because a rule that calls it tells nobody', async () => {
    bench = await startBench();
    bench.apply(specWith({ actionGroupIds: [onCallGroupId] }));
    expect(await bench.run()).toEqual(backOff);
    expect(ready()).toBe('False DependencyNotReady');
    expect(condition('ActionGroupReady')?.message).toBe(
      `The action group ${onCallGroupId} of spec.actionGroupIds does not exist: create it, or take it off the list.`,
    );
  });
});

describe('a transient failure', () => {
  it.each<[keyof Azure, string, string]>([
    ['actionGroups', 'observe', 'ActionGroupReady'],
    ['actionGroups', 'put', 'ActionGroupReady'],
    ['alertRules', 'observe', 'AlertRuleReady'],
    ['alertRules', 'put', 'AlertRuleReady'],
    ['roleAssignments', 'create', 'ReaderAccessReady'],
  ])('of a new object shows in its part and in Ready, and is tried again: %s.%s', async (kind, member, part) => {
    bench = await startBench();
    bench.bend = failing(kind, member, unavailable);
    bench.apply();
    expect(await bench.run()).toEqual(backOff);
    expect(ready()).toBe('False AzureUnavailable');
    expect(condition(part)).toMatchObject({ status: 'False', reason: 'AzureUnavailable' });
    expect(condition('Reconciling')?.reason).toBe('ProgressingWithRetry');
    expect(bench.object().status?.observedGeneration).toBe(-1);
    bench.bend = (azure) => azure;
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(made()).toBe(4);
    expect(bench.events.at(-1)).toBe('Normal Recovered: What failed before works: everything stands in Azure.');
  });

  it('comes again when Azure said so, and never earlier', async () => {
    bench = await startBench();
    bench.bend = failing('alertRules', 'put', new ReconcileError('Throttled', 'Wait.', { retry: { kind: 'after', seconds: 30 } }));
    bench.apply();
    expect(await bench.run()).toEqual({ kind: 'after', milliseconds: 30_500 });
  });

  it('of an object that stood whole leaves it Ready for five minutes, without Reconciling', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = failing('alertRules', 'list', unavailable);
    // Once is no news.
    await bench.run();
    expect(bench.kubernetesWrites()).toEqual([]);
    bench.clock.advance(1000);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'False', reason: 'AzureUnavailable' });
    expect(condition('Reconciling')).toBeUndefined();

    bench.clock.advance(5 * minute - 1);
    await bench.run();
    expect(ready()).toBe('True Succeeded');

    bench.clock.advance(1);
    await bench.run();
    expect(ready()).toBe('False AzureUnavailable');
    expect(condition('Reconciling')).toMatchObject({ status: 'True', reason: 'ProgressingWithRetry' });
    expect(bench.object().status?.observedGeneration).toBe(1);
    expect(bench.events).toEqual(['Warning ReconcileFailed: AzureUnavailable: Azure could not be reached.']);
  });

  it('has no grace when a thing was seen missing: Ready says so at once', async () => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, bench.object().status!.alertRuleId!, 'delete');
    bench.bend = failing('alertRules', 'put', unavailable);
    await bench.run();
    expect(ready()).toBe('False AzureUnavailable');
  });

  it('has no grace when an assignment was seen missing', async () => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, bench.object().status!.readerAssignments![0]!.id, 'delete');
    bench.bend = failing('roleAssignments', 'create', unavailable);
    await bench.run();
    expect(ready()).toBe('False AzureUnavailable');
  });

  it('has no grace for a new generation', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = failing('alertRules', 'observe', unavailable);
    bench.apply(specWith({ interval: '1h' }));
    await bench.run();
    expect(ready()).toBe('False AzureUnavailable');
  });

  it('that a person must mend has no grace', async () => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, bench.object().status!.alertRuleId!, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
    bench.bend = failing('alertRules', 'put', new ReconcileError('ResourceLocked', 'Locked.', { stalls: 'atOnce' }));
    await bench.run();
    expect(ready()).toBe('False ResourceLocked');
  });

  it('after a restart gets its ten minutes again', async () => {
    bench = await startBench();
    bench.emulator.world.removeCluster(clusterId);
    bench.apply();
    await bench.run();
    bench.clock.advance(9 * minute);
    bench.restart();
    await bench.run();
    bench.clock.advance(9 * minute);
    await bench.run();
    expect(condition('Stalled')).toBeUndefined();
  });
});

describe('an identity that is not known everywhere yet', () => {
  it('is waited for, and no assignment is lost', async () => {
    bench = await startBench({ principalReplicationSeconds: 3600, replicationIgnoresPrincipalType: true });
    bench.apply();
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 30_000 });
    expect(ready()).toBe('False WaitingForIdentity');
    expect(condition('AlertRuleReady')?.status).toBe('True');
    expect(bench.object().status?.resources?.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'ActionGroup Present',
      'AlertRule Present',
      'RoleAssignment Creating',
      'RoleAssignment Creating',
    ]);
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(made()).toBe(0);
  });
});

describe('an object that changes under a run', () => {
  it('is looked at again soon, without a word', async () => {
    bench = await startBench();
    bench.apply();
    const { request } = bench.api.transport;
    bench.api.transport.request = async (asked) => {
      bench.api.transport.request = request;
      bench.api.annotate(key, { note: 'meanwhile' });
      return request(asked);
    };
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 10_000 });
    expect(bench.lines()).toEqual([]);
    expect(bench.events).toEqual([]);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
  });

  it('and is replaced by another of its name does not get the status of the old one', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ alertRule: { severity: 0 } }));
    bench.api.onWrite = () => {
      bench.api.onWrite = undefined;
      bench.api.tamper(key, (object) => ({
        ...object,
        metadata: { ...object.metadata, uid: 'another' },
        status: { observedGeneration: -1 },
      }));
      bench.watch();
    };
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 10_000 });
    expect(bench.object().status).toEqual({ observedGeneration: -1 });
  });

  it('and goes away is over', async () => {
    bench = await startBench();
    expect(await bench.run({ key: 'platform/gone' })).toEqual({ kind: 'done' });
    expect(bench.lines()).toEqual([]);
  });

  it('is carried out as it was when the run began; the edit is the next run’s', async () => {
    bench = await startBench();
    bench.apply();
    bench.api.onWrite = ({ what }) => {
      if (what !== 'status') return;
      bench.api.onWrite = undefined;
      bench.apply(specWith({ alertRule: { severity: 0 } }));
    };
    await bench.run();
    expect(bench.object().metadata.generation).toBe(2);
    expect(bench.object().status?.observedGeneration).toBe(1);
    expect(condition('Ready')).toMatchObject({ status: 'True', observedGeneration: 1 });
    await bench.run();
    expect(bench.object().status?.observedGeneration).toBe(2);
    expect(bench.emulator.resources().alertRules[0]).toMatchObject({ properties: { severity: 0 } });
  });
});

describe('shutdown', () => {
  it('lets no new write begin, wherever in a run it comes', async () => {
    const written: number[] = [];
    for (let stopAfter = 0; ; stopAfter += 1) {
      bench = await startBench();
      bench.apply();
      const stopping = new AbortController();
      const writes = (): number => bench.azureWrites().length + bench.kubernetesWrites().length;
      const watch = (): void => {
        if (writes() >= stopAfter) stopping.abort(new Error('stopping'));
      };
      watch();
      bench.api.onWrite = () => {
        if (writes() >= stopAfter) stopping.abort(new Error('stopping'));
      };
      bench.bend = (azure) => ({
        ...azure,
        actionGroups: { ...azure.actionGroups, put: async (...all) => azure.actionGroups.put(...all).finally(watch) },
        alertRules: { ...azure.alertRules, put: async (...all) => azure.alertRules.put(...all).finally(watch) },
        roleAssignments: { ...azure.roleAssignments, create: async (...all) => azure.roleAssignments.create(...all).finally(watch) },
      });
      await bench.run({ stopping: stopping.signal }).catch((error: Error) => {
        if (error.message !== 'stopping') throw error;
      });
      if (!stopping.signal.aborted) break;
      written.push(writes());
      await bench.emulator.stop();
    }
    // Stopped before the first, after the first, the second, … of eight writes, and none came after.
    expect(written).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('breaks a run off when its time is over', async () => {
    bench = await startBench();
    bench.apply();
    const deadline = new AbortController();
    deadline.abort(new Error('time is over'));
    await expect(bench.run({ signal: deadline.signal })).rejects.toThrow('time is over');
    expect(bench.lines()).toEqual([]);
  });
});

describe('two objects that share nothing but the cluster', () => {
  it('have each their own things', async () => {
    bench = await startBench();
    bench.apply(minimalSpec, 'one');
    bench.apply(minimalSpec, 'two');
    await Promise.all([bench.run({ key: 'platform/one' }), bench.run({ key: 'platform/two' })]);
    const ids = ['one', 'two'].flatMap((name) =>
      (bench.object(`platform/${name}`).status?.resources ?? []).map(({ id }) => id.toLowerCase()),
    );
    expect(new Set(ids).size).toBe(8);
    expect(made()).toBe(8);
    expect(
      bench.emulator
        .resources()
        .roleAssignments.filter(({ isSeed }) => isSeed)
        .map(({ properties }) => (properties as { principalId: string }).principalId),
    ).toEqual([operatorObjectId, operatorObjectId]);
    expect(subscription).toContain('/subscriptions/');
  });
});

describe('a wait for Azure’s limits', () => {
  const wait = new ReconcileError('Throttled', 'Waiting for its turn.', { retry: { kind: 'after', seconds: 30 } });
  const locked = new ReconcileError('ResourceLocked', 'Locked.', { stalls: 'atOnce' });

  it('wipes out nothing that the conditions say, and is no reason to say it twice', async () => {
    bench = await startBench();
    bench.bend = failing('alertRules', 'put', locked);
    bench.apply();
    await bench.run();
    expect(condition('Stalled')?.reason).toBe('ResourceLocked');
    bench.forget();
    bench.bend = failing('alertRules', 'put', wait);
    expect(await bench.run()).toEqual({ kind: 'after', milliseconds: 30_500 });
    expect(condition('Stalled')?.reason).toBe('ResourceLocked');
    bench.bend = failing('alertRules', 'put', locked);
    await bench.run();
    expect([bench.kubernetesWrites(), bench.events]).toEqual([[], []]);
    bench.bend = (azure) => azure;
    await bench.run();
    expect(bench.events).toContainEqual(expect.stringContaining('Recovered'));
  });

  it('of an object that is Ready shows only when it has lasted for ten minutes', async () => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, bench.object().status!.alertRuleId!, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
    bench.forget();
    bench.bend = failing('alertRules', 'put', wait);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(bench.kubernetesWrites()).toEqual([]);
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(ready()).toBe('False Throttled');
  });

  it('of a deletion advertises no way out', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    bench.bend = failing('alertRules', 'remove', wait);
    await bench.run();
    expect(condition('Ready')).toMatchObject({ reason: 'Throttled', message: 'Waiting for its turn.' });
  });
});
