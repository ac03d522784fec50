import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { byHand, key, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const ruleId = (): string => bench.object().status?.alertRuleId ?? '';
const minutes = (count: number): number => count * 60_000;

/** An edge whose writes of one kind fail in one way, until it is bent back. */
const failing =
  (kind: 'actionGroups' | 'alertRules', error: ReconcileError) =>
  (azure: Azure): Azure => ({ ...azure, [kind]: { ...azure[kind], put: () => Promise.reject(error) } });
const locked = new ReconcileError('ResourceLocked', 'Could not write it. A lock is in the way.', { stalls: 'atOnce' });
const unavailable = new ReconcileError('AzureUnavailable', 'Could not write it. Trying again.');
const straight = (azure: Azure): Azure => azure;

describe('our own action group', () => {
  it('is refused in actionGroupIds, so that it is never deleted under the rule that calls it', async () => {
    bench = await startBench();
    await bench.settle();
    const own = bench.object().status?.actionGroupId ?? '';
    const { receivers: _, ...spec } = minimalSpec;
    bench.forget();
    bench.apply({ ...spec, actionGroupIds: [own] });
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(condition('Ready')?.message).toContain(own);
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('what a rule must not have', () => {
  it.each([
    ['a second condition', { criteria: 'twice' }, 'conditions'],
    ['another time range', { overrideQueryTimeRange: 'PT5M' }, 'overrideQueryTimeRange'],
    ['further action properties', { actionProperties: { 'Icm.Title': 'x' } }, 'actionProperties.Icm.Title'],
  ])('is drift: %s', async (_, change, field) => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, ruleId(), (body) => {
      const { criteria, actions } = body.properties as { criteria: { allOf: object[] }; actions: object };
      const properties = {
        ...body.properties,
        ...('overrideQueryTimeRange' in change ? change : {}),
        ...('criteria' in change ? { criteria: { allOf: [...criteria.allOf, ...criteria.allOf] } } : {}),
        ...('actionProperties' in change ? { actions: { ...actions, ...change } } : {}),
      };
      return { ...body, properties };
    });
    bench.forget();
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 200']);
    expect(bench.events.join('\n')).toContain(field);
    bench.forget();
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('a spec that was refused at first', () => {
  it('loses its old tag all the same once it can be carried out', async () => {
    bench = await startBench();
    await bench.settle(specWith({ tags: { team: 'blue' } }));
    bench.bend = failing('actionGroups', locked);
    bench.apply(minimalSpec);
    await bench.run();
    expect(condition('Stalled')).toMatchObject({ reason: 'ResourceLocked' });
    bench.bend = straight;
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
    expect(JSON.stringify(bench.emulator.resources())).not.toContain('"team"');
  });

  it('is not called drift when it is carried out at last', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = failing('alertRules', locked);
    bench.apply(specWith({ alertRule: { severity: 1 } }));
    await bench.run();
    bench.bend = straight;
    bench.forget();
    await bench.run();
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Normal UpdatedAlertRule', 'Normal Recovered']);
  });
});

describe('drift', () => {
  it('is called drift even when the first repair fails', async () => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, ruleId(), 'delete');
    bench.bend = failing('alertRules', unavailable);
    await bench.run();
    bench.bend = straight;
    bench.forget();
    await bench.run();
    expect(bench.events.join('\n')).toContain('DriftCorrected: The alert rule');
    expect(bench.events.join('\n')).not.toContain('CreatedAlertRule');
  });
});

describe('a lost status', () => {
  it('does not keep a deletion from taking everything away', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.tamper(key, (object) => ({ ...object, status: { observedGeneration: -1 } }));
    bench.watch();
    bench.restart();
    bench.api.delete(key);
    await bench.run();
    const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
    expect([...actionGroups, ...alertRules, ...roleAssignments.filter(({ isSeed }) => !isSeed)]).toEqual([]);
    expect(bench.api.list()).toEqual([]);
  });
});

describe('a deletion that fails', () => {
  it('says of each part what has become of it', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = (azure) => ({ ...azure, alertRules: { ...azure.alertRules, remove: () => Promise.reject(locked) } });
    bench.api.delete(key);
    await bench.run();
    expect(condition('ReaderAccessReady')).toMatchObject({ status: 'False', reason: 'Deleting' });
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'False', reason: 'ResourceLocked' });
    expect(condition('ActionGroupReady')).toMatchObject({ status: 'False', reason: 'Deleting' });
  });
});

describe('ten minutes of patience', () => {
  const denied = new ReconcileError('AccessDenied', 'The operator may not.', { stalls: 'afterTenMinutes' });

  it('begin anew after a suspension', async () => {
    bench = await startBench();
    bench.bend = failing('actionGroups', denied);
    bench.apply();
    await bench.run();
    bench.apply({ ...minimalSpec, suspend: true });
    await bench.run();
    bench.clock.advance(minutes(60));
    bench.apply(minimalSpec);
    await bench.run();
    expect(condition('Stalled')).toBeUndefined();
  });

  it('begin anew with a new spec', async () => {
    bench = await startBench();
    bench.bend = failing('actionGroups', denied);
    bench.apply();
    await bench.run();
    bench.clock.advance(minutes(9));
    bench.apply(specWith({ alertRule: { severity: 1 } }));
    await bench.run();
    bench.clock.advance(minutes(2));
    await bench.run();
    expect(condition('Stalled')).toBeUndefined();
  });
});

describe('an error that nobody expected', () => {
  it('shows in the status as a transient one, without its text, and goes on to the log', async () => {
    bench = await startBench();
    bench.bend = (azure) => ({ ...azure, actionGroups: { ...azure.actionGroups, observe: () => Promise.reject(new TypeError('oops')) } });
    bench.apply();
    await expect(bench.run()).rejects.toThrow('oops');
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'AzureError' });
    expect(condition('Ready')?.message).not.toContain('oops');
  });
});

describe('a missing group of actionGroupIds', () => {
  it('is told, and holds back neither our own group nor the rule', async () => {
    bench = await startBench();
    const missing = `${ruleFree()}/providers/Microsoft.Insights/actionGroups/nobody`;
    bench.apply(specWith({ actionGroupIds: [missing] }));
    await bench.run();
    expect(condition('ActionGroupReady')).toMatchObject({ status: 'False', reason: 'DependencyNotReady' });
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'True' });
    expect(condition('ReaderAccessReady')).toMatchObject({ status: 'True' });
  });
});

const ruleFree = (): string => minimalSpec.clusterResourceId.split('/').slice(0, 5).join('/');
