import { afterEach, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { byHand, key, startBench, worldWithout, type Bench } from '../support/reconcile-bench.ts';

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

describe('an action group of our own', () => {
  it.each([
    ['the present one', minimalSpec],
    ['that of a former placement', specWith({ placement: { resourceGroup: 'ops' } })],
  ])('is refused in actionGroupIds, so that it is never deleted under the rule that calls it: %s', async (_, before) => {
    bench = await startBench();
    await bench.settle(before);
    const own = bench.object().status?.actionGroupId ?? '';
    const { receivers: __, ...spec } = minimalSpec;
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

describe('a restart', () => {
  it.each([
    ['the rule', ruleId],
    ['the group', () => bench.object().status?.actionGroupId ?? ''],
  ])('of an object that is not Ready leaves the tags of others on %s, where it stood', async (_, idOf) => {
    bench = await startBench();
    await bench.settle();
    await byHand(bench, idOf(), (body) => ({ ...body, tags: { ...(body['tags'] as object), costCenter: '42' } }));
    await byHand(bench, bench.object().status?.readerAssignments?.[0]?.id ?? '', 'delete');
    const create = async (): Promise<never> => {
      throw new ReconcileError('AccessDenied', 'No.', { stalls: 'afterTenMinutes' });
    };
    bench.bend = (azure): Azure => ({ ...azure, roleAssignments: { ...azure.roleAssignments, create } });
    bench.clock.advance(minutes(10));
    await bench.run();
    expect(condition('Ready')?.reason).toBe('AccessDenied');
    bench.restart();
    bench.forget();
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
    // A new spec is another matter: one of the tags may have been taken off it.
    bench.apply(specWith({ tags: { team: 'a' } }));
    bench.restart();
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT actionGroups 200', 'PUT scheduledQueryRules 200']);
  });
});

describe('a lost status', () => {
  const lose = (): void => {
    bench.api.tamper(key, (object) => ({ ...object, status: { observedGeneration: -1 } }));
    bench.watch();
    bench.restart();
  };
  const left = (): readonly unknown[] => {
    const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
    return [...actionGroups, ...alertRules, ...roleAssignments.filter(({ isSeed }) => !isSeed), ...bench.api.list()];
  };

  it('does not keep a deletion from taking everything away', async () => {
    bench = await startBench();
    await bench.settle();
    lose();
    bench.api.delete(key);
    await bench.run();
    expect(left()).toEqual([]);
  });

  it('does not do so when the first look fails either', async () => {
    bench = await startBench();
    await bench.settle();
    lose();
    bench.api.delete(key);
    bench.bend = (azure) => ({ ...azure, alertRules: { ...azure.alertRules, observe: () => Promise.reject(unavailable) } });
    await bench.run();
    expect(bench.api.list()).toHaveLength(1);
    bench.bend = straight;
    await bench.run();
    expect(left()).toEqual([]);
  });

  it('nor when the object was suspended, or refused, in between', async () => {
    bench = await startBench();
    await bench.settle();
    const own = bench.object().status?.actionGroupId ?? '';
    lose();
    bench.apply(specWith({ suspend: true }));
    await bench.run();
    bench.apply(specWith({ actionGroupIds: [own] }));
    await bench.run();
    expect(condition('Stalled')).toMatchObject({ reason: 'InvalidSpec' });
    bench.api.delete(key);
    await bench.run();
    expect(left()).toEqual([]);
  });
});

describe('a status that another process writes during a run', () => {
  it('is not overwritten: nothing that it lists gets lost', async () => {
    bench = await startBench();
    await bench.settle();
    const late = {
      kind: 'RoleAssignment',
      id: `${ruleId().split('/providers/')[0]}/providers/Microsoft.Authorization/roleAssignments/0f2c6f6e-3a54-4a51-9c1e-6d1b5a9c0e11`,
      state: 'Creating',
    } as const;
    bench.bend = (azure) => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        put: (...given) => {
          bench.api.tamper(key, ({ status, ...object }) => ({
            ...object,
            status: { ...status, resources: [...(status?.resources ?? []), late] },
          }));
          return azure.alertRules.put(...given);
        },
      },
    });
    bench.apply(specWith({ alertRule: { severity: 1 } }));
    expect(await bench.run()).toMatchObject({ kind: 'backOff' });
    expect(bench.object().status?.resources).toContainEqual(late);
    // What isn't wanted is taken away by the next run, which has seen the list.
    bench.bend = straight;
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
    expect(bench.object().status?.resources).not.toContainEqual(late);
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

describe('a deletion that fails twice', () => {
  it('says what became of the parts that went meanwhile', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    bench.bend = (azure) => ({ ...azure, roleAssignments: { ...azure.roleAssignments, remove: () => Promise.reject(locked) } });
    await bench.run();
    bench.bend = (azure) => ({ ...azure, alertRules: { ...azure.alertRules, remove: () => Promise.reject(locked) } });
    await bench.run();
    expect(condition('ReaderAccessReady')).toMatchObject({ status: 'False', reason: 'Deleting' });
    expect(condition('AlertRuleReady')).toMatchObject({ status: 'False', reason: 'ResourceLocked' });
  });
});

describe('an object that can not become Ready', () => {
  it('does not fight over tags that a policy adds', async () => {
    bench = await startBench({ world: worldWithout('Microsoft.Authorization/roleAssignments/write') });
    bench.bend = (azure) => ({
      ...azure,
      actionGroups: {
        ...azure.actionGroups,
        observe: async (id, signal) => {
          const group = await azure.actionGroups.observe(id, signal);
          return group && { ...group, tags: { ...group.tags, costCenter: '7' } };
        },
      },
    });
    bench.apply();
    await bench.run();
    bench.forget();
    await bench.run();
    expect(bench.azureWrites().filter((line) => line.includes('actionGroups'))).toEqual([]);
  });
});

describe('an object of the same name', () => {
  it('is not taken for the one before it', async () => {
    bench = await startBench();
    await bench.settle();
    const { alertRuleId, actionGroupId } = bench.object().status ?? {};
    bench.api.tamper(key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
    bench.api.delete(key);
    await byHand(bench, alertRuleId ?? '', 'delete');
    await byHand(bench, actionGroupId ?? '', 'delete');
    bench.forget();
    bench.apply(minimalSpec);
    await bench.run();
    expect(bench.events.map((event) => event.split(':')[0])).toEqual([
      'Normal CreatedActionGroup',
      'Normal CreatedAlertRule',
      'Normal CreatedReaderAccess',
    ]);
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

  it('are not prolonged by a failure of another kind in between', async () => {
    bench = await startBench();
    bench.bend = failing('actionGroups', denied);
    bench.apply();
    await bench.run();
    bench.clock.advance(minutes(9));
    bench.bend = failing('actionGroups', unavailable);
    await bench.run();
    bench.clock.advance(minutes(2));
    bench.bend = failing('actionGroups', denied);
    await bench.run();
    expect(condition('Stalled')).toMatchObject({ reason: 'AccessDenied' });
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

  it('during a deletion says how to let the object go', async () => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    bench.bend = (azure) => ({
      ...azure,
      roleAssignments: { ...azure.roleAssignments, observe: () => Promise.reject(new TypeError('oops')) },
    });
    bench.forget();
    await expect(bench.run()).rejects.toThrow('oops');
    expect(condition('Ready')?.message).toContain('"deletionPolicy":"Orphan"');
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Warning DeletionBlocked']);
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

  it('does not keep a scope that was taken off from losing its assignment, and gives no grace', async () => {
    bench = await startBench();
    await bench.settle();
    const missing = `${ruleFree()}/providers/Microsoft.Insights/actionGroups/nobody`;
    bench.apply(specWith({ actionGroupIds: [missing], readerScopes: ['Subscription'] }));
    await bench.run();
    expect(bench.emulator.resources().roleAssignments.filter(({ isSeed }) => !isSeed)).toHaveLength(1);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'DependencyNotReady' });
  });
});

const ruleFree = (): string => minimalSpec.clusterResourceId.split('/').slice(0, 5).join('/');
