import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { specWith } from '../support/notification.ts';
import { startDays, type Days } from '../support/days.ts';
import { shop, startBench, type Bench } from '../support/reconcile-bench.ts';

const interval = 600_000;
const hours = 3_600_000;

let bench: Bench;
let days: Days;
let keys: readonly string[];

/** So many objects, each with a cluster of its own in the one subscription, all Ready and quiet. */
const stand = async (count: number): Promise<void> => {
  bench = await startBench();
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  for (const name of names) {
    const id = `${shop}/providers/Microsoft.ContainerService/managedClusters/${name}`;
    bench.emulator.world.addCluster({ id, location: 'westeurope', upgradeChannel: 'stable' });
    bench.apply(specWith({ clusterResourceId: id }), name);
  }
  keys = names.map((name) => `platform/${name}`);
  days = startDays(bench, keys);
  // The visit that makes everything, and a common one.
  await days.pass(1.2 * interval);
  bench.forget();
};
afterEach(() => bench[Symbol.asyncDispose]());

/** Cluster facts are read every six hours, spread evenly, and don't count. */
const reads = (): readonly string[] =>
  bench.azureCalls().filter((line) => (line.startsWith('GET') || line.startsWith('LIST')) && !line.includes('managedClusters'));
const isReady = (key: string): boolean =>
  bench.object(key).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

describe('a thousand notifications in one subscription', { timeout: 240_000 }, () => {
  it('cost sixty reads a pass at most and no write, none after a restart, and a hundred drifts are repaired within one interval', async () => {
    await stand(1000);
    await days.pass(interval);
    const quiet = reads().length;
    expect(quiet).toBeLessThanOrEqual(60);
    expect(quiet).toBeGreaterThan(0);
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);

    bench.restart();
    bench.forget();
    await startDays(bench, keys).pass(1000);
    const restart = reads().length;
    expect(restart).toBeLessThanOrEqual(60);
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);

    const drifted = keys.filter((_, index) => index % 10 === 0);
    for (const [index, key] of drifted.entries()) {
      const { alertRuleId, actionGroupId, readerAssignments } = bench.object(key).status!;
      if (index % 4 === 0)
        bench.emulator.world.changeAlertRule(alertRuleId!, (body) => ({ ...body, properties: { ...body.properties, enabled: false } }));
      if (index % 4 === 1) bench.emulator.world.deleteActionGroup(actionGroupId!);
      if (index % 4 === 2) bench.emulator.world.removeRoleAssignment(readerAssignments![0]!.id.split('/').at(-1)!);
      if (index % 4 === 3) bench.emulator.world.recreateAlertRule(alertRuleId!);
    }
    bench.forget();
    await days.pass(1.1 * interval);
    const corrected = bench.events.filter((event) => event.includes('DriftCorrected'));
    // A rule that was made anew has a new identity: what is corrected is its access.
    expect(corrected).toHaveLength(drifted.length);
    expect(keys.every(isReady)).toBe(true);
    const repair = { reads: reads().length, writes: bench.azureWrites().length };
    bench.forget();
    await days.pass(interval);
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);
    console.log(`reads: ${quiet} in a quiet pass, ${restart} after a restart; 100 drifts: ${JSON.stringify(repair)}`);
  });
});

describe('an outage of Azure of a day', { timeout: 120_000 }, () => {
  beforeEach(() => stand(50));

  it('costs a few calls an hour, however many objects there are, and is over within one interval', async () => {
    const outage = bench.emulator.faults.add({ effect: { kind: 'answer', status: 503, text: 'Service Unavailable' } });
    await days.pass(24 * hours);
    expect(keys.some(isReady)).toBe(false);
    const calls = bench.azureCalls().length;
    // Three lists, each tried again after three minutes at most; and each cluster, ever more seldom.
    console.log(
      `a day's outage with ${keys.length} objects: ${calls} calls, ${days.runs()} runs, ${bench.kubernetesWrites().length} status writes`,
    );
    expect(calls).toBeLessThanOrEqual(3 * ((24 * hours) / 135_000) + 11 * keys.length);
    expect(bench.azureWrites()).toEqual([]);
    // The part, when it has failed twice; Ready, when the grace is over; the prerequisites, when the cluster should have been read again.
    expect(bench.kubernetesWrites().length).toBeLessThanOrEqual(3 * keys.length);

    outage.remove();
    bench.forget();
    await days.pass(interval);
    expect(keys.every(isReady)).toBe(true);
    expect(bench.azureWrites()).toEqual([]);
  });
});
