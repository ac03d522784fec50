import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { byHand, key, startBench, subscription, worldWithout, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const made = (): number => {
  const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
  return actionGroups.length + alertRules.length + roleAssignments.filter(({ isSeed }) => !isSeed).length;
};
const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const wayOut = `To let the object go and leave what is in Azure: kubectl patch mn prod -n platform --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'.`;

/** An Azure in which some calls fail as if a lock were there. */
const locked = (azure: Azure, ...kinds: readonly (keyof Azure)[]): Azure => {
  const refuse = (): Promise<never> =>
    Promise.reject(new ReconcileError('ResourceLocked', 'Could not delete it. A lock is in the way.', { stalls: 'atOnce' }));
  return Object.fromEntries(
    Object.entries(azure).map(([kind, edge]) => [kind, kinds.includes(kind as keyof Azure) ? { ...edge, remove: refuse } : edge]),
  ) as unknown as Azure;
};

describe('deletion', () => {
  it('takes away assignments, rule and group in this order, and the finalizer last', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    expect(await bench.run()).toEqual({ kind: 'done' });
    expect(
      bench
        .lines()
        .map(({ line }) => line)
        .filter((line) => !line.startsWith('GET')),
    ).toEqual([
      'status',
      'DELETE roleAssignments 200',
      'DELETE roleAssignments 200',
      'DELETE scheduledQueryRules 200',
      'DELETE actionGroups 200',
      'finalizer',
    ]);
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });

  it('says in the status that it is at work, and in events what is gone', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    await bench.run();
    const [write] = bench.lines();
    expect('write' in write! && write.write.object.status).toMatchObject({
      observedGeneration: 1,
      conditions: [{ type: 'Ready', status: 'False', reason: 'Deleting' }, { type: 'Reconciling', status: 'True' }, {}, {}, {}, {}],
      resources: Array.from({ length: 4 }, () => ({ state: 'Deleting' })),
    });
    expect(bench.events.map((event) => event.split(':')[0])).toEqual([
      'Normal DeletedReaderAccess',
      'Normal DeletedAlertRule',
      'Normal DeletedActionGroup',
    ]);
  });

  it('takes what is gone already for done', async () => {
    bench = await startBench();
    await bench.settle();
    const { alertRuleId, readerAssignments } = bench.object().status!;
    await byHand(bench, readerAssignments![0]!.id, 'delete');
    await byHand(bench, alertRuleId!, 'delete');
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });

  it('takes a whole resource group that is gone for done', async () => {
    bench = await startBench();
    await bench.settle(specWith({ placement: { resourceGroup: 'ops' } }));
    bench.emulator.world.removeResourceGroup(subscription.split('/')[2]!, 'ops');
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(made()).toBe(0);
  });

  it('does not take a subscription that can’t be seen for gone, and says how to get out', async () => {
    bench = await startBench();
    await bench.settle();
    bench.emulator.world.removeSubscription(subscription.split('/')[2]!);
    bench.api.delete(key);
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 180_000 });
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'SubscriptionNotFound' });
    expect(condition('Ready')?.message).toContain(wayOut);
    bench.api.apply(specWith({ deletionPolicy: 'Orphan' }));
    await bench.run();
    expect(bench.api.list()).toEqual([]);
  });

  it('of an object that never made anything lets it go after two looks', async () => {
    bench = await startBench();
    bench.apply(specWith({ suspend: true }));
    await bench.run();
    bench.api.tamper(key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: ['aks-notifier.dev/azure-cleanup'] } }));
    bench.api.delete(key);
    await bench.run();
    expect(bench.azureCalls()).toEqual(['GET scheduledQueryRules 404', 'GET actionGroups 404']);
    expect(bench.api.list()).toEqual([]);
  });

  it('of a half-made object takes away the half', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.Insights/scheduledQueryRules/write') });
    bench.apply();
    await bench.run();
    expect(made()).toBe(1);
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });

  it('leaves the finalizers of others alone, and does nothing when its own is off', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.tamper(key, (object) => ({
      ...object,
      metadata: { ...object.metadata, finalizers: ['example.com/other', ...object.metadata.finalizers!] },
    }));
    bench.api.delete(key);
    await bench.run();
    expect(bench.object().metadata.finalizers).toEqual(['example.com/other']);
    bench.forget();
    expect(await bench.run()).toEqual({ kind: 'done' });
    expect(bench.lines()).toEqual([]);
  });

  it('of a suspended object still works', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ suspend: true }));
    await bench.run();
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });

  it('does not touch the things of another object of the same cluster', async () => {
    bench = await startBench();
    bench.apply(minimalSpec, 'other');
    await bench.run({ key: 'platform/other' });
    await bench.settle();
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(4);
    bench.forget();
    await bench.run({ key: 'platform/other' });
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('a deletion that Azure refuses', () => {
  it('shows the reason and the way out, in the status and in one event, and is tried again', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = (azure) => locked(azure, 'alertRules');
    bench.api.delete(key);
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 180_000 });
    const message = `Could not delete it. A lock is in the way. ${wayOut}`;
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'ResourceLocked', message });
    expect(condition('Reconciling')).toMatchObject({ status: 'True', reason: 'ProgressingWithRetry' });
    expect(condition('Stalled')).toBeUndefined();
    expect(bench.events.at(-1)).toBe(`Warning DeletionBlocked: ResourceLocked: ${message}`);
    expect(bench.object().status?.resources?.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'ActionGroup Deleting',
      'AlertRule Deleting',
    ]);

    bench.forget();
    await bench.run();
    expect([...bench.kubernetesWrites(), ...bench.events, ...bench.azureWrites()]).toEqual([]);

    bench.bend = (azure) => azure;
    await bench.run();
    expect(made()).toBe(0);
    expect(bench.api.list()).toEqual([]);
  });

  it('can be left by switching to Orphan while Terminating', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = (azure) => locked(azure, 'roleAssignments');
    bench.api.delete(key);
    await bench.run();
    bench.api.apply(specWith({ deletionPolicy: 'Orphan' }));
    bench.forget();
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(bench.api.list()).toEqual([]);
    expect(made()).toBe(4);
    expect(bench.events).toEqual(['Normal Orphaned: spec.deletionPolicy is Orphan: everything made in Azure was left there.']);
  });

  it('for a missing right names action and scope', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.Insights/actionGroups/delete') });
    await bench.settle();
    bench.api.delete(key);
    await bench.run();
    expect(condition('Ready')?.reason).toBe('AccessDenied');
    expect(condition('Ready')?.message).toContain(
      "The operator's identity may not do Microsoft.Insights/actionGroups/delete on /subscriptions/",
    );
    expect(condition('Ready')?.message).toContain(wayOut);
    expect(bench.object().status?.resources?.map(({ kind }) => kind)).toEqual(['ActionGroup']);
  });
});

describe('the deletion policy Orphan', () => {
  it('lets the object go at once and leaves everything in Azure', async () => {
    bench = await startBench();
    await bench.settle(specWith({ deletionPolicy: 'Orphan' }));
    bench.api.delete(key);
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(bench.kubernetesWrites()).toEqual(['finalizer']);
    expect(made()).toBe(4);
  });

  it('says nothing was left when nothing had been made', async () => {
    bench = await startBench();
    bench.apply(specWith({ deletionPolicy: 'Orphan', suspend: true }));
    bench.api.tamper(key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: ['aks-notifier.dev/azure-cleanup'] } }));
    bench.api.delete(key);
    await bench.run();
    expect(bench.events).toEqual([]);
  });

  it('lets a new object of the same name find everything again without a write to Azure', async () => {
    bench = await startBench();
    await bench.settle(specWith({ deletionPolicy: 'Orphan' }));
    const before = bench.object().status!;
    bench.api.delete(key);
    await bench.run();
    bench.forget();
    bench.apply();
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
    const { status, metadata } = bench.object();
    expect(metadata.finalizers).toEqual(['aks-notifier.dev/azure-cleanup']);
    expect(status?.resources).toEqual(before.resources);
    expect(status?.readerAssignments).toEqual(before.readerAssignments);
    expect(status?.principalId).toBe(before.principalId);
    bench.api.delete(key);
    await bench.run();
    expect(made()).toBe(0);
  });
});
