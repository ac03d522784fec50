import { afterEach, describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { specWith } from '../support/notification.ts';
import { benchWorld, byHand, key, owner, shop, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const condition = (type: string, which = key) => bench.object(which).status?.conditions?.find((each) => each.type === type);
const ready = (which = key): string => `${condition('Ready', which)?.status} ${condition('Ready', which)?.reason}`;
const status = (which = key) => bench.object(which).status!;
const tagsOf = (id: string): unknown =>
  [...bench.emulator.resources().actionGroups, ...bench.emulator.resources().alertRules].find(
    (each) => each.id.toLowerCase() === id.toLowerCase(),
  )?.['tags'];

/** Makes everything, then lets the object go without a trace, so that its things stand there without it. */
const orphan = async (): Promise<{ readonly alertRuleId: string; readonly actionGroupId: string }> => {
  await bench.settle(specWith({ deletionPolicy: 'Orphan' }));
  const { alertRuleId, actionGroupId } = status();
  bench.api.delete(key);
  await bench.run();
  expect(bench.api.get(key)).toBeUndefined();
  bench.forget();
  return { alertRuleId: alertRuleId!, actionGroupId: actionGroupId! };
};

const disown = async (id: string, tags: Record<string, string>): Promise<void> => {
  await byHand(bench, id, (body) => ({ ...body, tags }));
  bench.forget();
};

describe('an orphan of our own', () => {
  it('is found again by the object of the same name, and nothing is made twice', async () => {
    bench = await startBench();
    await orphan();
    await bench.settle();
    const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
    expect([actionGroups.length, alertRules.length, roleAssignments.filter(({ isSeed }) => !isSeed).length]).toEqual([1, 1, 2]);
    expect(status().readerAssignments?.every(({ ours }) => ours)).toBe(true);
    bench.api.delete(key);
    await bench.run();
    expect(bench.emulator.resources().alertRules).toEqual([]);
    expect(bench.emulator.resources().roleAssignments.filter(({ isSeed }) => !isSeed)).toEqual([]);
  });
});

describe('a thing of our name that isn’t ours', () => {
  it.each([
    ['made by hand', {}],
    ['another operator’s', { 'aks-notifier-owner': 'elsewhere/platform/prod' }],
  ])('is refused when it is %s, and taken over with conflictPolicy Adopt', async (_, tags) => {
    bench = await startBench();
    const { alertRuleId, actionGroupId } = await orphan();
    await disown(alertRuleId, tags);
    await disown(actionGroupId, tags);
    bench.apply();
    await bench.run();
    expect(ready()).toBe('False NotOwned');
    expect(bench.azureWrites()).toEqual([]);

    bench.apply(specWith({ conflictPolicy: 'Adopt' }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect([tagsOf(alertRuleId), tagsOf(actionGroupId)]).toEqual([{ 'aks-notifier-owner': owner }, { 'aks-notifier-owner': owner }]);
    expect(bench.events).toContainEqual(
      expect.stringMatching(/^Normal AdoptedAlertRule: Took over the alert rule .*tags\.aks-notifier-owner: .* → test/),
    );
    expect(bench.events).toContainEqual(expect.stringMatching(/^Normal AdoptedActionGroup: /));
  });

  it('is not taken back from who took it later: two that adopt from each other end', async () => {
    bench = await startBench();
    const { alertRuleId } = await orphan();
    await disown(alertRuleId, {});
    await bench.settle(specWith({ conflictPolicy: 'Adopt' }));
    await disown(alertRuleId, { 'aks-notifier-owner': 'elsewhere/platform/prod' });
    bench.clock.advance(600_000);
    await bench.run();
    expect(ready()).toBe('False NotOwned');
    expect(bench.azureWrites()).toEqual([]);
  });

  it.each(['the same process', 'a restart'])(
    'is not taken back once all stood, by %s, and nobody is told to do what is done',
    async (by) => {
      bench = await startBench();
      await bench.settle(specWith({ conflictPolicy: 'Adopt' }));
      await disown(status().alertRuleId!, {});
      bench.clock.advance(600_000);
      await bench.run();
      if (by === 'a restart') bench.restart();
      bench.clock.advance(600_000);
      await bench.run();
      expect(ready()).toBe('False NotOwned');
      expect(condition('Stalled')?.message).toMatch(/Delete it, or hand it over: az tag update/);
      expect(bench.azureWrites()).toEqual([]);
    },
  );

  it('is taken over by a new generation, though it was ours before', async () => {
    bench = await startBench();
    await bench.settle();
    await disown(status().alertRuleId!, {});
    bench.clock.advance(600_000);
    await bench.run();
    expect(ready()).toBe('False NotOwned');
    bench.apply(specWith({ conflictPolicy: 'Adopt' }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(tagsOf(status().alertRuleId!)).toEqual({ 'aks-notifier-owner': owner });
  });

  it('stays when the object that was refused it is deleted', async () => {
    bench = await startBench();
    const { alertRuleId, actionGroupId } = await orphan();
    await disown(alertRuleId, {});
    await disown(actionGroupId, {});
    bench.apply();
    await bench.run();
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.get(key)).toBeUndefined();
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('a rule that has to be replaced', () => {
  const principalOf = (): unknown =>
    bench.emulator.resources().alertRules.map((each) => (each['identity'] as { principalId: string }).principalId)[0];
  const location = (): unknown => bench.emulator.resources().alertRules[0]?.['location'];
  const moved = specWith({ placement: { location: 'westeurop' } });
  const grants = (): readonly unknown[] =>
    bench.emulator
      .resources()
      .roleAssignments.filter(({ isSeed }) => !isSeed)
      .map((each) => (each['properties'] as { principalId: string }).principalId);

  it('is put back when Azure refuses the new one, with all that belongs to it, and what was refused is told', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = refusing('westeurop');
    bench.apply(moved);
    await bench.run();
    expect(bench.azureWrites()).toEqual([
      'DELETE scheduledQueryRules 200',
      'PUT scheduledQueryRules 201',
      'PUT roleAssignments 201',
      'PUT roleAssignments 201',
      'DELETE roleAssignments 200',
      'DELETE roleAssignments 200',
    ]);
    expect(location()).toBe('westeurope');
    expect(status().principalId).toBe(principalOf());
    expect(grants()).toEqual([principalOf(), principalOf()]);
    expect(ready()).toBe('False Rejected');
    expect(condition('ReaderAccessReady')?.status).toBe('True');
    expect(condition('AlertRuleReady')?.message).toBe(
      'No such location. The rule was put back as it was. Mend the spec, or have it tried again: kubectl annotate mn prod -n platform --overwrite aks-notifier.dev/reconcile-requested-at="$(date)".',
    );
    expect(bench.events).toContainEqual(expect.stringMatching(/^Normal DeletedAlertRule: /));
    expect(bench.events).toContainEqual(expect.stringMatching(/^Normal CreatedAlertRule: /));
    expect(bench.events).toContainEqual(expect.stringMatching(/^Warning Stalled: Rejected: No such location\. /));
  });

  it('is not taken away a second time for the same spec, and is looked after where it stands', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = refusing('westeurop');
    bench.apply(moved);
    await bench.run();
    const told = condition('Stalled');
    await byHand(bench, status().alertRuleId!, (rule) => ({ ...rule, properties: { ...rule.properties, severity: 0 } }));
    bench.forget();
    bench.clock.advance(600_000);
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT scheduledQueryRules 200']);
    expect(condition('Stalled')).toEqual(told);

    bench.forget();
    bench.clock.advance(600_000);
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
    expect(bench.kubernetesWrites()).toEqual([]);
  });

  it('is replaced when somebody asks for it again and nothing is in the way any more', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = refusing('northeurope');
    bench.apply(specWith({ placement: { location: 'northeurope' } }));
    await bench.run();
    bench.bend = (azure) => azure;
    await bench.run();
    expect(location()).toBe('westeurope');
    bench.api.annotate(key, { 'aks-notifier.dev/reconcile-requested-at': '1' });
    await bench.run();
    expect(location()).toBe('northeurope');
    expect(ready()).toBe('True Succeeded');
    expect(grants()).toEqual([principalOf(), principalOf()]);
  });

  it('is made anew, and its loss told, after trouble that passes', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = refusing('northeurope', new ReconcileError('AzureUnavailable', 'No.', { retry: { kind: 'fast' } }));
    bench.apply(specWith({ placement: { location: 'northeurope' } }));
    await bench.run();
    expect(bench.events).toContainEqual(expect.stringMatching(/^Normal DeletedAlertRule: /));
    bench.bend = (azure) => azure;
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(location()).toBe('northeurope');
  });

  it('is put back also when what Azure won’t have comes out only after trouble that passes', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = refusing('westeurop', new ReconcileError('AzureUnavailable', 'No.', { retry: { kind: 'fast' } }));
    bench.apply(moved);
    await bench.run();
    expect(bench.emulator.resources().alertRules).toEqual([]);
    bench.bend = refusing('westeurop');
    await bench.run();
    expect(ready()).toBe('False Rejected');
    expect(location()).toBe('westeurope');
    expect(grants()).toEqual([principalOf(), principalOf()]);
    expect(bench.events.filter((event) => event.startsWith('Normal DeletedAlertRule'))).toHaveLength(1);
  });

  it('is left where it is when it is somebody else’s, also with conflictPolicy Adopt', async () => {
    bench = await startBench();
    const { alertRuleId } = await orphan();
    await disown(alertRuleId, { team: 'theirs' });
    bench.apply(specWith({ conflictPolicy: 'Adopt', placement: { location: 'northeurope' } }));
    await bench.run();
    expect(ready()).toBe('False NotOwned');
    expect(condition('Stalled')?.message).toMatch(/its location differs, which Azure never changes: delete it yourself/);
    expect(bench.azureWrites().filter((line) => line.includes('scheduledQueryRules'))).toEqual([]);
  });
});

/** Azure, in which no rule can be made at a location. */
const refusing =
  (location: string, error = new ReconcileError('Rejected', 'No such location.', { stalls: 'atOnce' })) =>
  (azure: Azure): Azure => ({
    ...azure,
    alertRules: {
      ...azure.alertRules,
      put: (rule, signal) => (rule.location === location ? Promise.reject(error) : azure.alertRules.put(rule, signal)),
    },
  });

const identityId = `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`;
const principalId = '99999999-9999-4999-8999-999999999999';
const shared: MaintenanceNotificationSpec['identity'] = { type: 'UserAssigned', resourceId: identityId };

const withIdentity = async (): Promise<void> => {
  bench = await startBench();
  bench.emulator.world.addUserAssignedIdentity({ id: identityId, principalId, clientId: '88888888-8888-4888-8888-888888888888' });
};

const made = () => bench.emulator.resources().roleAssignments.filter(({ isSeed }) => !isSeed);

describe('a user-assigned identity', () => {
  it('is given to the rule and gets Reader', async () => {
    await withIdentity();
    bench.apply(specWith({ identity: shared }));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(status().principalId).toBe(principalId);
    expect(made().map((each) => (each['properties'] as { principalId: string }).principalId)).toEqual([principalId, principalId]);
    bench.forget();
    bench.clock.advance(600_000);
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
    expect(bench.kubernetesWrites()).toEqual([]);
  });

  it.each([
    ['to it', undefined, shared],
    ['from it', shared, undefined],
  ])('may be changed %s: the new principal gets Reader, then the old one loses it', async (_, before, after) => {
    await withIdentity();
    await bench.settle(specWith(before ? { identity: before } : {}));
    const old = status().principalId;
    bench.apply(specWith(after ? { identity: after } : {}));
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(status().principalId).not.toBe(old);
    const principals = new Set(made().map((each) => (each['properties'] as { principalId: string }).principalId));
    expect([...principals]).toEqual([status().principalId]);
    expect(bench.azureWrites()).toEqual([
      'PUT scheduledQueryRules 200',
      'PUT roleAssignments 201',
      'PUT roleAssignments 201',
      'DELETE roleAssignments 200',
      'DELETE roleAssignments 200',
    ]);
  });

  it('that the operator may not assign is told with the way out', async () => {
    bench = await startBench({ world: withoutAssign() });
    bench.emulator.world.addUserAssignedIdentity({ id: identityId, principalId, clientId: '88888888-8888-4888-8888-888888888888' });
    bench.apply(specWith({ identity: shared }));
    await bench.run();
    expect(ready()).toBe('False IdentityAssignDenied');
    expect(condition('AlertRuleReady')?.message).toContain('Microsoft.ManagedIdentity/userAssignedIdentities/assign/action');
    expect(condition('AlertRuleReady')?.message).toContain(identityId);
  });

  it('serves fifty rules; the youngest objects beyond that are told so', async () => {
    await withIdentity();
    for (let index = 0; index < 51; index += 1) {
      bench.apply(specWith({ identity: shared, readerScopes: [] }), `n${String(index).padStart(2, '0')}`);
    }
    await bench.run({ key: 'platform/n50' });
    expect(ready('platform/n50')).toBe('False QuotaExceeded');
    expect(condition('Stalled', 'platform/n50')?.message).toContain('50 alert rules');
    await bench.run({ key: 'platform/n49' });
    expect(ready('platform/n49')).toBe('True Succeeded');
    bench.api.delete('platform/n00');
    await bench.run({ key: 'platform/n50' });
    expect(ready('platform/n50')).toBe('True Succeeded');
  });
});

describe('the fifty places of an identity', () => {
  it('are kept by the rules that stand, whatever older object comes to it later', async () => {
    await withIdentity();
    const older = 'platform/a-older';
    bench.apply(specWith({ readerScopes: [] }), 'a-older');
    await bench.run({ key: older });
    for (let index = 0; index < 50; index += 1) {
      const name = `n${String(index).padStart(2, '0')}`;
      bench.apply(specWith({ identity: shared, readerScopes: [] }), name);
      await bench.run({ key: `platform/${name}` });
    }
    bench.apply(specWith({ identity: shared, readerScopes: [] }), 'a-older');
    await bench.run({ key: older });
    expect(ready(older)).toBe('False QuotaExceeded');
    bench.clock.advance(600_000);
    await bench.run({ key: 'platform/n49' });
    expect(ready('platform/n49')).toBe('True Succeeded');
    // Also when nothing is known of it but what stands in Azure.
    bench.api.tamper('platform/n49', ({ status: _status, ...object }) => object);
    await bench.run({ key: 'platform/n49' });
    expect(ready('platform/n49')).toBe('True Succeeded');
  });
});

describe('a list that shows no principal', () => {
  it('is no word on the rule’s identity', async () => {
    bench = await startBench();
    await bench.settle();
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        list: async (scope, signal) => {
          const { items, pages } = await azure.alertRules.list(scope, signal);
          return { items: items.map(({ rule }) => ({ rule, principalId: undefined })), pages };
        },
      },
    });
    bench.clock.advance(600_000);
    await bench.run();
    expect(condition('AlertRuleReady')?.status).toBe('True');
    expect(bench.azureCalls()).toContain('GET scheduledQueryRules 200');
    expect(bench.azureWrites()).toEqual([]);
  });
});

const withoutAssign = (): ReturnType<typeof benchWorld> => {
  const world = benchWorld();
  const id = '77777777-7777-4777-8777-777777777777';
  return {
    ...world,
    roleDefinitions: [{ id, name: 'Operator', actions: ['*'], notActions: ['Microsoft.ManagedIdentity/*'] }],
    roleAssignments: world.roleAssignments.map((each) => Object.assign({}, each, { roleDefinitionId: id })),
  };
};

const [first, second] = ['platform/first', 'platform/second'] as const;

/** Two objects with one identity; the first made the assignments, and the second lives by them. */
const partners = async (): Promise<void> => {
  await withIdentity();
  for (const name of ['first', 'second']) bench.apply(specWith({ identity: shared }), name);
  for (const each of [first, second]) await bench.run({ key: each });
  expect(status(first).readerAssignments?.map(({ ours }) => ours)).toEqual([true, true]);
  expect(status(second).readerAssignments?.map(({ ours }) => ours)).toEqual([false, false]);
  bench.forget();
};

const otherPrincipalId = '99999999-9999-4999-8999-999999999998';

const withAnotherIdentity = (): NonNullable<MaintenanceNotificationSpec['identity']> => {
  const id = identityId.replace('reader', 'other');
  bench.emulator.world.addUserAssignedIdentity({ id, principalId: otherPrincipalId, clientId: '88888888-8888-4888-8888-888888888887' });
  return { type: 'UserAssigned', resourceId: id };
};

/** Bends one kind of call for role assignments. */
const onAssignment = (
  kind: 'create' | 'findSame' | 'observe',
  how: (go: () => Promise<unknown>, asked: unknown) => Promise<unknown>,
): void => {
  const { bend } = bench;
  bench.bend = (edge): Azure => {
    const azure = bend(edge);
    return {
      ...azure,
      roleAssignments: {
        ...azure.roleAssignments,
        [kind]: (...args: unknown[]) => how(() => Reflect.apply(azure.roleAssignments[kind], undefined, args) as Promise<unknown>, args[0]),
      },
    };
  };
};

describe('two objects with one user-assigned identity', () => {
  it('share its assignments: deleting the one that made them leaves them to the other, without a moment’s gap', async () => {
    await partners();
    const before = made().map(({ id }) => id);
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(bench.api.get(first)).toBeUndefined();
    expect(bench.azureWrites().filter((line) => line.includes('roleAssignments'))).toEqual([
      'PUT roleAssignments 200',
      'PUT roleAssignments 200',
    ]);
    expect(made().map(({ id }) => id)).toEqual(before);
    expect(bench.events).toContainEqual(expect.stringContaining('HandedOverReaderAccess: Handed over the Reader assignment at'));

    await bench.run({ key: second });
    expect(ready(second)).toBe('True Succeeded');
    expect(status(second).readerAssignments?.map(({ ours }) => ours)).toEqual([true, true]);
    expect(status(second).resources?.filter(({ kind }) => kind === 'RoleAssignment')).toHaveLength(2);

    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });

  it('may be deleted the other way round', async () => {
    await partners();
    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toHaveLength(2);
    bench.forget();
    bench.clock.advance(600_000);
    await bench.run({ key: first });
    expect(bench.azureWrites()).toEqual([]);
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when the heir goes before it knew', async () => {
    await partners();
    bench.api.delete(first);
    await bench.run({ key: first });
    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when the heir has lost the scope before it knew', async () => {
    await partners();
    bench.api.delete(first);
    await bench.run({ key: first });
    bench.apply(specWith({ identity: shared, readerScopes: ['Subscription'] }), 'second');
    await bench.run({ key: second });
    expect(made()).toHaveLength(1);
  });

  it('keep what the other lives by when one takes a scope off its list', async () => {
    await partners();
    bench.apply(specWith({ identity: shared, readerScopes: ['Subscription'] }), 'first');
    await bench.run({ key: first });
    expect(made()).toHaveLength(2);
    await bench.run({ key: second });
    expect(status(second).readerAssignments?.map(({ ours }) => ours)).toEqual([true, false]);
  });

  it('leave nothing behind when the heir goes while it is made one', async () => {
    await partners();
    let isFirst = true;
    onAssignment('create', async (go) => {
      if (isFirst) {
        isFirst = false;
        bench.api.delete(second);
        await bench.run({ key: second });
      }
      return go();
    });
    bench.api.delete(first);
    await bench.run({ key: first });
    expect([bench.api.get(first), bench.api.get(second)]).toEqual([undefined, undefined]);
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when, besides, the operator crashes just then', async () => {
    await partners();
    const life = new AbortController();
    onAssignment('create', async (go) => {
      bench.api.delete(second);
      await bench.run({ key: second });
      const answer = await go();
      life.abort(new Error('crash'));
      return answer;
    });
    bench.api.delete(first);
    await expect(bench.run({ key: first, signal: life.signal })).rejects.toThrow('crash');
    bench.bend = (azure) => azure;
    bench.restart();
    await bench.run({ key: first });
    expect([bench.api.get(first), bench.api.get(second)]).toEqual([undefined, undefined]);
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when the heir went before it had found out by what it lives', async () => {
    await withIdentity();
    for (const name of ['first', 'second']) bench.apply(specWith({ identity: shared }), name);
    await bench.run({ key: first });
    onAssignment('findSame', () => Promise.reject(new ReconcileError('AzureUnavailable', 'No.', { retry: { kind: 'fast' } })));
    await bench.run({ key: second });
    expect(ready(second)).toBe('False AzureUnavailable');
    bench.bend = (azure) => azure;
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(made()).toHaveLength(2);
    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when the heir was leaving for another identity', async () => {
    await partners();
    const elsewhere = withAnotherIdentity();
    bench.apply(specWith({ identity: elsewhere }), 'second');
    const [shareId] = made().map(({ id }) => id.toLowerCase());
    let looks = 0;
    let hasGone = false;
    // The last look of the second before it goes by the assignment: by its id, or by whom it is for.
    onAssignment('observe', async (go, asked) => {
      const seen = await go();
      if (String(asked).toLowerCase() === shareId && ++looks === 2) await firstGoes();
      return seen;
    });
    onAssignment('findSame', async (go, asked) => {
      const seen = await go();
      if ((asked as { principalId: string }).principalId === principalId) await firstGoes();
      return seen;
    });
    const firstGoes = async (): Promise<void> => {
      if (hasGone) return;
      hasGone = true;
      bench.api.delete(first);
      await bench.run({ key: first });
    };
    await bench.run({ key: second });
    await bench.run({ key: second });
    expect(bench.api.get(first)).toBeUndefined();
    expect(ready(second)).toBe('True Succeeded');
    expect(made().map((each) => (each['properties'] as { principalId: string }).principalId)).toEqual([otherPrincipalId, otherPrincipalId]);
    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });

  it('leave nothing behind when the heir leaves for another identity before it knew, however often it has to try', async () => {
    await partners();
    bench.api.delete(first);
    await bench.run({ key: first });
    bench.apply(specWith({ identity: withAnotherIdentity() }), 'second');
    onAssignment('create', () => Promise.reject(new ReconcileError('AzureUnavailable', 'No.', { retry: { kind: 'fast' } })));
    await bench.run({ key: second });
    await bench.run({ key: second });
    bench.bend = (azure) => azure;
    bench.restart();
    await bench.run({ key: second });
    expect(ready(second)).toBe('True Succeeded');
    expect(made().map((each) => (each['properties'] as { principalId: string }).principalId)).toEqual([otherPrincipalId, otherPrincipalId]);
  });

  it('go on with another one when the maker goes while the other is being made', async () => {
    await withIdentity();
    for (const name of ['first', 'second']) bench.apply(specWith({ identity: shared, readerScopes: ['Subscription'] }), name);
    await bench.run({ key: first });
    let isFirst = true;
    onAssignment('findSame', async (go) => {
      const found = await go();
      if (isFirst) {
        isFirst = false;
        bench.api.delete(first);
        await bench.run({ key: first });
      }
      return found;
    });
    await bench.run({ key: second });
    expect(bench.api.get(first)).toBeUndefined();
    expect(made()).toHaveLength(1);
    bench.clock.advance(600_000);
    await bench.run({ key: second });
    expect(ready(second)).toBe('True Succeeded');
    expect(status(second).readerAssignments?.map(({ ours }) => ours)).toEqual([true]);
    bench.api.delete(second);
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });

  it('leave it to the next one when the first heir turns out to be none', async () => {
    await partners();
    bench.apply(specWith({ identity: shared }), 'third');
    await bench.run({ key: 'platform/third' });
    await disown(status(second).alertRuleId!, {});
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(bench.events).toContainEqual(expect.stringMatching(/^Normal HandedOverReaderAccess: .* to platform\/third/));
    await bench.run({ key: 'platform/third' });
    expect(status('platform/third').readerAssignments?.map(({ ours }) => ours)).toEqual([true, true]);
  });

  it('that may not be looked at are believed', async () => {
    await partners();
    const theirs = status(second).alertRuleId;
    bench.bend = (azure): Azure => ({
      ...azure,
      alertRules: {
        ...azure.alertRules,
        observe: (id, signal) =>
          id === theirs
            ? Promise.reject(new ReconcileError('AccessDenied', 'No.', { stalls: 'afterTenMinutes' }))
            : azure.alertRules.observe(id, signal),
      },
    });
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(bench.api.get(first)).toBeUndefined();
    expect(made()).toHaveLength(2);
  });

  it('that go together leave nothing', async () => {
    await partners();
    bench.api.delete(first);
    bench.api.delete(second);
    await bench.run({ key: first });
    await bench.run({ key: second });
    expect(made()).toEqual([]);
  });
});

describe('an object that only says that it lives by an assignment', () => {
  it('inherits nothing', async () => {
    await withIdentity();
    bench.apply(specWith({}), 'first');
    bench.apply(specWith({ identity: shared }), 'second');
    for (const each of [first, second]) await bench.run({ key: each });
    const { principalId: coveted } = status(first);
    bench.api.tamper(second, (object) => ({ ...object, status: { ...object.status!, principalId: coveted! } }));
    bench.api.delete(first);
    await bench.run({ key: first });
    expect(made().map((each) => (each['properties'] as { principalId: string }).principalId)).toEqual([principalId, principalId]);
  });
});

describe('the description of an assignment', () => {
  const describeAs = async (description: string): Promise<void> => {
    await byHand(bench, status().readerAssignments![0]!.id, (body) => ({ properties: { ...body.properties, description } }));
    bench.forget();
  };
  const onGroup = specWith({ readerScopes: ['ResourceGroup'] });

  it('that was changed by hand is put right, and told', async () => {
    bench = await startBench();
    await bench.settle(onGroup);
    await describeAs('for the AKS notices');
    bench.clock.advance(600_000);
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT roleAssignments 200']);
    expect(bench.events).toEqual([
      `Normal DriftCorrected: Somebody had changed the Reader assignment at ${shop} (description: for the AKS notices → aks-notifier-owner: ${owner}): put right.`,
    ]);
    expect(ready()).toBe('True Succeeded');
    expect(status().readerAssignments).toMatchObject([{ ours: true }]);
    bench.api.delete(key);
    await bench.run();
    expect(made()).toEqual([]);
  });

  it('that was changed by hand just before the object goes leaves nothing behind', async () => {
    bench = await startBench();
    await bench.settle(onGroup);
    await describeAs('');
    bench.api.delete(key);
    await bench.run();
    expect(made()).toEqual([]);
  });

  it('that names another operator’s object makes it theirs', async () => {
    bench = await startBench();
    await bench.settle(onGroup);
    await describeAs('aks-notifier-owner: elsewhere/platform/prod');
    bench.clock.advance(600_000);
    await bench.run();
    expect(ready()).toBe('True Succeeded');
    expect(status().readerAssignments).toMatchObject([{ ours: false }]);
    bench.api.delete(key);
    await bench.run();
    expect(bench.azureWrites().filter((line) => line.includes('roleAssignments'))).toEqual([]);
  });

  it('that says nothing, on what was not made by us, makes nothing ours: the list may be forged', async () => {
    await withIdentity();
    const name = bench.emulator.world.addRoleAssignment({
      scope: shop,
      roleDefinitionId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
      principalId,
    });
    await bench.settle(specWith({ identity: shared, readerScopes: ['ResourceGroup'] }));
    const id = `${shop}/providers/Microsoft.Authorization/roleAssignments/${name}`;
    bench.api.tamper(key, (each) => ({
      ...each,
      status: { ...each.status, resources: [...each.status!.resources!, { kind: 'RoleAssignment', id, state: 'Present' }] },
    }));
    bench.clock.advance(600_000);
    await bench.run();
    bench.api.delete(key);
    await bench.run();
    expect(bench.azureWrites().filter((line) => line.includes('roleAssignments'))).toEqual([]);
  });
});

describe('somebody else’s assignment that does the job', () => {
  it('satisfies us, is not ours, and stays', async () => {
    await withIdentity();
    const name = bench.emulator.world.addRoleAssignment({
      scope: shop,
      roleDefinitionId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
      principalId,
    });
    bench.apply(specWith({ identity: shared, readerScopes: ['ResourceGroup'] }));
    await bench.run();
    expect(status().readerAssignments).toMatchObject([{ ours: false, id: expect.stringContaining(name) as string }]);
    bench.api.delete(key);
    await bench.run();
    expect(bench.emulator.resources().roleAssignments.some(({ id }) => id.endsWith(name))).toBe(true);
  });
});
