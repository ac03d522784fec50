import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { specWith } from '../support/notification.ts';
import { key, onCallGroupId, otherSubscriptionId, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const status = () => bench.object().status!;
const condition = (type: string) => status().conditions?.find((each) => each.type === type);
const ready = (): string => `${condition('Ready')?.status} ${condition('Ready')?.reason}`;
const parts = (): readonly string[] =>
  ['ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'].map((type) => `${condition(type)?.status} ${condition(type)?.reason}`);
const elsewhere = specWith({ placement: { subscriptionId: otherSubscriptionId, resourceGroup: 'alerts', location: 'northeurope' } });
const isThere = (id: string): boolean => id.includes(otherSubscriptionId);
const oldEntries = () => status().resources!.filter(({ id }) => isThere(id));
const lost = new ReconcileError('SubscriptionNotFound', 'Could not read it. The subscription does not exist: check its id.', {
  stalls: 'atOnce',
});

/** Everything in the other subscription fails, and so does each group of others when `others` says so. */
const losing =
  (failure: ReconcileError, others = false): Bench['bend'] =>
  (azure): Azure => {
    const orFail = async <Answer>(id: string, answer: () => Promise<Answer>): Promise<Answer> => {
      if (isThere(id)) throw failure;
      return answer();
    };
    return {
      ...azure,
      alertRules: { ...azure.alertRules, observe: (id, signal) => orFail(id, () => azure.alertRules.observe(id, signal)) },
      actionGroups: {
        ...azure.actionGroups,
        observe: async (id, signal) => {
          if (others && id === onCallGroupId) throw new ReconcileError('AccessDenied', 'No.');
          return orFail(id, () => azure.actionGroups.observe(id, signal));
        },
      },
    };
  };

describe('what a spec no longer asks for and can’t be removed', () => {
  it('is named with why and the way out; what the spec asks for stands', async () => {
    bench = await startBench();
    await bench.settle(elsewhere);
    const { alertRuleId } = status();
    bench.bend = losing(lost);
    bench.apply(specWith({}));
    await bench.run();
    expect(ready()).toBe('False SubscriptionNotFound');
    expect(parts()).toEqual(['True Succeeded', 'True Succeeded', 'True Succeeded']);
    for (const type of ['Ready', 'Stalled'])
      expect(condition(type)?.message).toBe(
        `What the spec asks for stands, but ${alertRuleId}, which it no longer asks for, could not be removed. Could not read it. The subscription does not exist: check its id. To leave it there, take it off status.resources (kubectl edit mn prod -n platform --subresource=status).`,
      );
    expect(oldEntries()).toHaveLength(2);

    bench.api.tamper(key, (object) => ({
      ...object,
      status: { ...object.status!, resources: object.status!.resources!.filter(({ id }) => !isThere(id)) },
    }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
  });

  it('goes as soon as it can', async () => {
    bench = await startBench();
    await bench.settle(elsewhere);
    bench.bend = losing(new ReconcileError('AzureUnavailable', 'No.', { retry: { kind: 'fast' } }));
    bench.apply(specWith({}));
    expect(await bench.run()).toEqual({ kind: 'backOff', capMilliseconds: 30_000 });
    expect(condition('Reconciling')?.reason).toBe('ProgressingWithRetry');
    expect(parts()).toEqual(['True Succeeded', 'True Succeeded', 'True Succeeded']);
    bench.bend = (azure) => azure;
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(oldEntries()).toEqual([]);
    expect(bench.emulator.resources().alertRules).toHaveLength(1);
  });

  it('says the way out within what a condition holds', async () => {
    bench = await startBench();
    await bench.settle(elsewhere);
    bench.bend = losing(new ReconcileError('Rejected', 'No. '.repeat(250), { stalls: 'atOnce' }));
    bench.apply(specWith({}));
    await bench.run();
    expect(condition('Stalled')?.message).toMatch(/… To leave it there, take it off status\.resources .*\.$/);
  });

  it('leaves the last word on groups of others to these', async () => {
    bench = await startBench();
    await bench.settle(elsewhere);
    bench.bend = losing(lost, true);
    bench.apply(specWith({ actionGroupIds: [onCallGroupId] }));
    await bench.run();
    expect(parts()).toEqual(['True Succeeded', 'True Succeeded', 'True Succeeded']);
    bench.bend = losing(lost);
    await bench.run();
    // That group doesn't exist.
    expect(parts()[0]).toBe('False DependencyNotReady');
    expect(oldEntries()).toHaveLength(2);
  });
});
