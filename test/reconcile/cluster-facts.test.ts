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
const clustersFailWith =
  (error: ReconcileError) =>
  (azure: Azure): Azure => ({ ...azure, clusters: { ...azure.clusters, observe: () => Promise.reject(error) } });

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
