import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { specWith } from '../support/notification.ts';
import { byHand, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const hour = 3_600_000;
const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const ready = (): string => `${condition('Ready')?.status} ${condition('Ready')?.reason}`;
const clustersFailWith = (error: ReconcileError): Bench['bend'] => {
  const observe = async (): Promise<never> => {
    throw error;
  };
  return (azure): Azure => ({ ...azure, clusters: { ...azure.clusters, observe } });
};

describe('a cluster that can’t be read', () => {
  const passing = ['AzureUnavailable', 'AzureError', 'AccessDeniedByCondition', 'Rejected'] as const;

  it.each(passing)('holds up no repair of what stood, however long: %s', async (reason) => {
    bench = await startBench();
    await bench.settle();
    bench.bend = clustersFailWith(new ReconcileError(reason, 'No.', { stalls: 'atOnce' }));
    for (const hours of [7, 24]) {
      await byHand(bench, bench.object().status!.alertRuleId!, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
      bench.clock.advance(hours * hour);
      bench.forget();
      await bench.run();
      expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 200']);
      expect(ready()).toBe('True Succeeded');
      expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason });
    }
    bench.bend = (azure) => azure;
    bench.clock.advance(7 * hour);
    await bench.run();
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'True', reason: 'Succeeded' });
  });

  it.each(passing)('holds up no new object that says where its rule goes: %s', async (reason) => {
    bench = await startBench();
    bench.bend = clustersFailWith(new ReconcileError(reason, 'No.', { stalls: 'atOnce' }));
    bench.apply(specWith({ placement: { location: 'westeurope' } }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(condition('PrerequisitesMet')).toMatchObject({ status: 'Unknown', reason, message: 'No.' });
  });

  it.each([
    'ClusterNotFound',
    'SubscriptionNotFound',
    'Throttled',
    'AuthenticationFailed',
    'AuthenticationUnavailable',
    'FederatedCredentialMismatch',
    'CredentialUnavailable',
  ] as const)('by what the rest would suffer too ends the run: %s', async (reason) => {
    bench = await startBench();
    bench.bend = clustersFailWith(new ReconcileError(reason, 'No.'));
    bench.apply(specWith({ placement: { location: 'westeurope' } }));
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(ready()).toBe(`False ${reason}`);
    expect(condition('PrerequisitesMet')?.reason).toBe(reason);
  });
});

describe('what was read for a new spec', () => {
  const later = new ReconcileError('Throttled', 'Later.', { retry: { kind: 'after', seconds: 120 } });
  const put = (): Promise<never> => Promise.reject(later);
  const clusterReads = (): readonly string[] => bench.azureCalls().filter((call) => /managedClusters/.test(call));
  const firstTwo = ['GET managedClusters 200', 'LIST managedClusters/maintenanceConfigurations 200'];

  it('serves all its runs, however long its calls wait for their turns', async () => {
    bench = await startBench();
    bench.bend = (azure): Azure => ({ ...azure, alertRules: { ...azure.alertRules, put } });
    bench.apply();
    const waited = 100 * 60_000;
    for (let elapsed = 0; elapsed <= waited; elapsed += 120_000) {
      await bench.run();
      bench.clock.advance(120_000);
    }
    bench.bend = (azure) => azure;
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(clusterReads()).toEqual(firstTwo);
  });

  it('does not serve the next', async () => {
    bench = await startBench();
    await bench.settle();
    bench.clock.advance(2 * 60_000);
    bench.apply(specWith({ alertRule: { severity: 1 } }));
    await bench.run();
    expect(clusterReads()).toEqual(firstTwo);
    bench.clock.advance(2 * 60_000);
    bench.apply(specWith({ alertRule: { severity: 2 } }));
    await bench.run();
    expect(clusterReads()).toEqual([...firstTwo, ...firstTwo]);
  });

  it('is read again after some hours all the same', async () => {
    bench = await startBench();
    bench.bend = (azure): Azure => ({ ...azure, alertRules: { ...azure.alertRules, put } });
    bench.apply();
    await bench.run();
    bench.clock.advance(7 * hour);
    await bench.run();
    expect(clusterReads()).toEqual([...firstTwo, ...firstTwo]);
  });
});
