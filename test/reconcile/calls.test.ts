import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { key, shop, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minute = 60_000;
const identityId = `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`;
const identity = { id: identityId, principalId: '99999999-9999-4999-8999-999999999999', clientId: '88888888-8888-4888-8888-888888888888' };
const sharing = specWith({ identity: { type: 'UserAssigned', resourceId: identityId } });

/** Reads and writes, as the table under "Calls" in docs/azure.md gives them. */
const documented = async (path: string): Promise<readonly [reads: number, writes: number]> => {
  const page = await readFile(new URL('../../docs/azure.md', import.meta.url), 'utf8');
  const [, reads, writes] = page.split('\n').flatMap((line) => (line.startsWith(`| ${path} |`) ? line.split('|').slice(1) : []));
  return [Number.parseInt(reads ?? '', 10), Number.parseInt(writes ?? '', 10)];
};
const counted = (): readonly [reads: number, writes: number] => {
  const calls = bench.azureCalls();
  const reads = calls.filter((line) => /^(GET|LIST) /.test(line)).length;
  return [reads, calls.length - reads];
};

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);
/** So many objects, each for a cluster of its own, all Ready. */
const stand = async (count: number): Promise<void> => {
  for (const name of names(count)) {
    const id = `${shop}/providers/Microsoft.ContainerService/managedClusters/${name}`;
    bench.emulator.world.addCluster({ id, location: 'westeurope', upgradeChannel: 'stable' });
    bench.apply(specWith({ clusterResourceId: id }), name);
    await bench.run({ key: `platform/${name}` });
  }
  bench.forget();
};
const look = async (count: number): Promise<void> => {
  bench.clock.advance(10 * minute);
  await Promise.all(names(count).map((name) => bench.run({ key: `platform/${name}` })));
};

describe('as docs/azure.md says, Azure is called for', () => {
  it.each<[string, MaintenanceNotificationSpec]>([
    ['a new object', minimalSpec],
    ['a new object with a user-assigned identity', sharing],
  ])('%s', async (path, spec) => {
    bench = await startBench();
    bench.emulator.world.addUserAssignedIdentity(identity);
    bench.apply(spec);
    await bench.run();
    expect(counted()).toEqual(await documented(path));
  });

  it.each([
    // As many pages, of fewer objects.
    ['a quiet look at 100 objects of one subscription (pages of 100)', 20],
    ['the same at 1,000 objects', 2],
  ])('%s, also right after a restart', async (path, pageSize) => {
    bench = await startBench({ pageSize });
    await stand(20);
    await look(20);
    expect(counted()).toEqual(await documented(path));
    bench.restart();
    bench.forget();
    await look(20);
    expect(counted()).toEqual(await documented(path));
  });

  it('without the right to list: an object', async () => {
    bench = await startBench();
    await bench.settle();
    const list = async (): Promise<never> => {
      throw new ReconcileError('AccessDenied', 'No.', { stalls: 'afterTenMinutes' });
    };
    bench.bend = (azure): Azure => ({
      ...azure,
      actionGroups: { ...azure.actionGroups, list },
      alertRules: { ...azure.alertRules, list },
      roleAssignments: { ...azure.roleAssignments, list },
    });
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(counted()).toEqual(await documented('without the right to list: an object'));
  });

  it('a deletion', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    await bench.run();
    expect(counted()).toEqual(await documented('a deletion'));
  });

  it('a test notice, asked for by annotation, and a first look at what became of it', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.annotate(key, { 'aks-notifier.dev/test-notification-requested-at': 'please' });
    await bench.run();
    await bench.run();
    expect(bench.object().status?.testNotification?.state).toBe('Succeeded');
    expect(counted()).toEqual(await documented('a test notice, asked for by annotation, and a first look at what became of it'));
  });

  it.each<[string, MaintenanceNotificationSpec, RegExp]>([
    ['a cluster’s facts, every 6 h, once for all its objects', minimalSpec, /managedClusters/],
    ['a user-assigned identity, every 6 h, once for all its objects', sharing, /userAssignedIdentities/],
  ])('%s', async (path, spec, of) => {
    bench = await startBench();
    bench.emulator.world.addUserAssignedIdentity(identity);
    const [first, second] = ['platform/first', 'platform/second'];
    for (const name of ['first', 'second']) bench.apply(spec, name);
    for (const each of [first, second]) await bench.run({ key: each });
    bench.forget();
    // The first time anywhere in the six hours, then after each six.
    for (const hours of [4, 6.1]) {
      bench.clock.advance(hours * 60 * minute);
      for (const each of [first, second]) await bench.run({ key: each });
    }
    const lines = bench.azureCalls().filter((line) => of.test(line));
    expect([lines.length / 2, 0]).toEqual(await documented(path.replace('’', "'")));
    expect(bench.azureWrites()).toEqual([]);
  });
});
