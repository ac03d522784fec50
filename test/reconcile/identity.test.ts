import { afterEach, describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { startDays } from '../support/days.ts';
import { specWith } from '../support/notification.ts';
import { byHand, key, shop, startBench, worldWithout, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minute = 60_000;
const identityId = `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`;
const first = { id: identityId, principalId: '99999999-9999-4999-8999-999999999999', clientId: '88888888-8888-4888-8888-888888888888' };
const second = { id: identityId, principalId: '99999999-9999-4999-8999-999999999998', clientId: '88888888-8888-4888-8888-888888888887' };
const spec: MaintenanceNotificationSpec = specWith({
  identity: { type: 'UserAssigned', resourceId: identityId },
  readerScopes: ['Subscription'],
});
const status = (which = key) => bench.object(which).status!;
const condition = (type: string, which = key) => status(which).conditions?.find((each) => each.type === type);
const ready = (which = key): string => `${condition('Ready', which)?.status} ${condition('Ready', which)?.reason}`;
const readers = (): readonly unknown[] =>
  bench.emulator
    .resources()
    .roleAssignments.filter(({ isSeed }) => !isSeed)
    .map(({ properties }) => (properties as { principalId: string }).principalId);
const identityReads = (): number => bench.azureCalls().filter((call) => call.startsWith('GET userAssignedIdentities')).length;

const start = async (options: Parameters<typeof startBench>[0] = {}): Promise<void> => {
  bench = await startBench(options);
  bench.emulator.world.addUserAssignedIdentity(first);
};
const makeAgain = (): void => {
  bench.emulator.world.removeUserAssignedIdentity(identityId);
  bench.emulator.world.addUserAssignedIdentity(second);
};
/** Somebody asks for a run, which reads everything anew. */
const ask = async (): Promise<void> => {
  bench.api.tamper(key, (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: { 'aks-notifier.dev/reconcile-requested-at': String(bench.clock.now()) } },
  }));
  bench.clock.advance(2 * minute);
  await bench.run();
};

describe('a user-assigned identity that is gone', () => {
  it('is told of when it is read next, and heals when it is there again', async () => {
    await start();
    await bench.settle(spec);
    bench.emulator.world.removeUserAssignedIdentity(identityId);
    const days = startDays(bench, [key]);
    await days.pass(6 * 60 * minute);
    expect(ready()).toBe('False WaitingForIdentity');
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'False', reason: 'WaitingForIdentity' });
    expect(condition('Ready')?.message).toBe(
      `The user-assigned identity ${identityId} does not exist, so the alert rule could see nothing. Make it, or name another in spec.identity.resourceId.`,
    );
    expect(bench.azureWrites()).toEqual([]);

    bench.emulator.world.addUserAssignedIdentity(second);
    await days.pass(10 * minute);
    expect(ready()).toBe('True Succeeded');
    expect(status().principalId).toBe(second.principalId);
    expect(readers()).toEqual([second.principalId]);
  });

  it('leaves no grace: nobody is told', async () => {
    await start();
    await bench.settle(spec);
    bench.emulator.world.removeUserAssignedIdentity(identityId);
    await ask();
    expect(ready()).toBe('False WaitingForIdentity');
    expect(bench.events).toHaveLength(1);
  });

  it('holds back the rule of a new object, and nothing else', async () => {
    bench = await startBench();
    bench.apply(spec);
    await bench.run();
    expect(ready()).toBe('False WaitingForIdentity');
    expect(bench.azureWrites()).toEqual(['PUT actionGroups 201']);
    bench.emulator.world.addUserAssignedIdentity(first);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
  });

  it('is no hindrance to deletion', async () => {
    await start();
    await bench.settle(spec);
    bench.emulator.world.removeUserAssignedIdentity(identityId);
    await ask();
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(readers()).toEqual([]);
  });
});

describe('a user-assigned identity that was made again under its id', () => {
  it('is given to the rule again, and gets Reader; the old one loses it', async () => {
    await start();
    await bench.settle(spec);
    makeAgain();
    await ask();
    expect(ready()).toBe('True Succeeded');
    expect(status().principalId).toBe(second.principalId);
    expect(readers()).toEqual([second.principalId]);
    expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 200', 'PUT roleAssignments 201', 'DELETE roleAssignments 200']);
    expect(bench.events[0]).toContain(`(identity.principalId: ${first.principalId} → ${second.principalId})`);
    bench.forget();
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);
  });

  it('heals for all objects that share it', async () => {
    const keys = ['platform/first', 'platform/second'];
    await start();
    for (const name of ['first', 'second']) bench.apply(spec, name);
    const days = startDays(bench, keys);
    await days.pass(minute);
    makeAgain();
    await days.pass(8 * 60 * minute);
    expect(keys.map((each) => [ready(each), status(each).principalId])).toEqual(keys.map(() => ['True Succeeded', second.principalId]));
    expect(readers()).toEqual([second.principalId]);
  });

  it('isn’t written over by what was read of the old one', async () => {
    await start();
    await bench.settle(spec);
    makeAgain();
    // Somebody puts the rule right by hand.
    await byHand(bench, status().alertRuleId!, (rule) => rule);
    bench.forget();
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(bench.azureWrites()).toEqual(['PUT roleAssignments 201', 'DELETE roleAssignments 200']);
    expect(identityReads()).toBe(1);
  });

  it('is told of when Azure holds on to the old one', async () => {
    await start();
    await bench.settle(spec);
    makeAgain();
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: { ...azure.alertRules, put: async (rule) => ({ rule, principalId: first.principalId }) },
    });
    await ask();
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(ready()).toBe('False WaitingForIdentity');
    expect(condition('Stalled')?.message).toContain('To end it, delete the rule');
    expect(condition('AlertRuleReady')?.status).toBe('False');
  });
});

describe('what is known of an identity', () => {
  it('is read once for all objects that share it, and not in quiet passes, nor after a restart', async () => {
    const keys = ['platform/first', 'platform/second'];
    await start();
    for (const name of ['first', 'second']) bench.apply(spec, name);
    for (const each of keys) await bench.run({ key: each });
    expect(identityReads()).toBe(1);
    bench.forget();
    bench.clock.advance(10 * minute);
    for (const each of keys) await bench.run({ key: each });
    bench.restart();
    for (const each of keys) await bench.run({ key: each });
    expect(identityReads()).toBe(0);
    bench.clock.advance(6 * 60 * minute);
    for (const each of keys) await bench.run({ key: each });
    expect(identityReads()).toBe(1);
    expect([...bench.azureWrites(), ...bench.kubernetesWrites().filter((what) => what === 'finalizer')]).toEqual([]);
  });

  it('need not be known: without the right to read it all goes on, and it is asked for ever more seldom', async () => {
    await start({ world: worldWithout('Microsoft.ManagedIdentity/userAssignedIdentities/read') });
    await bench.settle(spec);
    const days = startDays(bench, [key]);
    await days.pass(24 * 60 * minute);
    expect(ready()).toBe('True Succeeded');
    expect(bench.azureCalls().filter((call) => call === 'GET userAssignedIdentities 403').length).toBeLessThan(10);
    expect(bench.azureWrites()).toEqual([]);
  });

  it.each(['AzureUnavailable', 'AzureError', 'AccessDeniedByCondition'] as const)(
    'need not be known when it can’t be read: %s',
    async (reason) => {
      await start();
      const observe = async (): Promise<never> => {
        throw new ReconcileError(reason, 'No.');
      };
      bench.bend = (azure): Azure => ({ ...azure, identities: { observe } });
      await bench.settle(spec);
      expect(readers()).toEqual([first.principalId]);
    },
  );

  it('is not asked for where the rule has an identity of its own', async () => {
    await start();
    bench.apply();
    await bench.run();
    expect(identityReads()).toBe(0);
  });
});
