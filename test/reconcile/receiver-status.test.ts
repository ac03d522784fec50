import { afterEach, describe, expect, it } from 'vitest';
import { minimalSpec, specWith } from '../support/notification.ts';
import { oneOfEach } from '../support/receivers.ts';
import { key, startBench, type Bench } from '../support/reconcile-bench.ts';
import { statusMistakes } from '../support/status-rules.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minutes = 60_000;
const spec = specWith({ receivers: { email: [{ address: 'Ops@contoso.com' }], sms: oneOfEach.sms } });
const groupId = (): string => bench.object().status?.actionGroupId ?? '';
const message = (type: string): string | undefined => bench.object().status?.conditions?.find((each) => each.type === type)?.message;
/** A look for drift, as it comes every interval. */
const look = async (): Promise<void> => {
  bench.forget();
  bench.clock.advance(10 * minutes);
  await bench.run();
};
const quiet = [
  'The action group stands as the spec asks.',
  'Everything stands in Azure: the alert rule watches the cluster and reaches its receivers.',
];

describe('a receiver that isn’t enabled', () => {
  it('is told once, in a quiet look and without a call more, and so is its end', async () => {
    bench = await startBench();
    await bench.settle(spec);
    await look();
    // The lists are asked for at the same time.
    const calls = bench.azureCalls().toSorted();
    expect(calls.filter((call) => !call.startsWith('LIST'))).toEqual([]);
    expect([message('ActionGroupReady'), message('Ready')]).toEqual(quiet);
    const { resourceVersion: _, ...before } = bench.object().metadata;

    bench.emulator.world.setReceiverStatus(groupId(), 'ops@contoso.com', 'Disabled');
    await look();
    expect(bench.azureCalls().toSorted()).toEqual(calls);
    expect(bench.kubernetesWrites()).toEqual(['status']);
    expect(bench.object().status?.receivers).toEqual([{ name: 'Ops@contoso.com', kind: 'email', status: 'Disabled' }]);
    expect(bench.object().status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Ready', 'True', 'Succeeded'],
      ['PrerequisitesMet', 'True', 'Succeeded'],
      ['ActionGroupReady', 'True', 'Succeeded'],
      ['AlertRuleReady', 'True', 'Succeeded'],
      ['ReaderAccessReady', 'True', 'Succeeded'],
    ]);
    expect(message('ActionGroupReady')).toBe(
      `The action group stands as the spec asks. Azure sends nothing to Ops@contoso.com (email, Disabled). A new address has to enter the passcode that Azure mailed to it. Who had been switched off is enabled with az monitor action-group enable-receiver --ids ${groupId()} --receiver-name 'Ops@contoso.com'.`,
    );
    expect(message('Ready')).toBe('Everything stands in Azure, but Azure sends nothing to some receivers: see ActionGroupReady.');
    expect(bench.events).toEqual([
      'Warning ReceiverNotEnabled: Azure sends nothing to Ops@contoso.com: the condition ActionGroupReady says what to do.',
    ]);
    expect(statusMistakes(bench.object(), 'end of run')).toEqual([]);

    await look();
    expect(bench.azureCalls().toSorted()).toEqual(calls);
    expect([...bench.kubernetesWrites(), ...bench.events]).toEqual([]);

    bench.emulator.world.setReceiverStatus(groupId(), 'ops@contoso.com', 'Enabled');
    await look();
    expect(bench.azureCalls().toSorted()).toEqual(calls);
    expect(bench.kubernetesWrites()).toEqual(['status']);
    expect(bench.object().status?.receivers).toBeUndefined();
    expect(bench.events).toEqual(['Normal ReceiverEnabled: Azure sends to Ops@contoso.com now.']);
    expect([message('ActionGroupReady'), message('Ready')]).toEqual(quiet);
    const { resourceVersion: __, ...after } = bench.object().metadata;
    expect(after).toEqual(before);
  });

  it('is told of after a restart no second time', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'NotSpecified');
    await look();
    expect(bench.events).toHaveLength(1);
    expect(message('ActionGroupReady')).toBe('The action group stands as the spec asks. Azure sends nothing to Duty (sms, NotSpecified).');
    bench.restart();
    await look();
    expect([...bench.kubernetesWrites(), ...bench.azureWrites(), ...bench.events]).toEqual([]);
  });

  it('stays told as Azure last said it, not as an older list does', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Disabled');
    await look();
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Enabled');
    bench.api.annotate(key, { 'aks-notifier.dev/reconcile-requested-at': '1' });
    await bench.run();
    expect(bench.events.at(-1)).toBe('Normal ReceiverEnabled: Azure sends to Duty now.');
    bench.forget();
    bench.clock.advance(2000);
    await bench.run();
    expect([...bench.kubernetesWrites(), ...bench.events]).toEqual([]);
  });

  it('is not told of the address that comes in its place', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Disabled');
    await look();
    bench.forget();
    bench.apply(specWith({ receivers: { ...spec.receivers, sms: [{ ...oneOfEach.sms[0], phoneNumber: '5550199' }] } }));
    await bench.run();
    expect(bench.object().status?.receivers).toBeUndefined();
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Normal UpdatedActionGroup']);
    await look();
    expect(bench.object().status?.receivers).toHaveLength(1);
  });

  it('stays told while the form of its mails is put right', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'ops@contoso.com', 'Disabled');
    await look();
    bench.forget();
    bench.apply(specWith({ receivers: { ...spec.receivers, email: [{ address: 'Ops@contoso.com', useCommonAlertSchema: false }] } }));
    await bench.run();
    expect(bench.object().status?.receivers).toHaveLength(1);
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Normal UpdatedActionGroup']);
  });

  it('is forgotten without a word when the spec no longer names it', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Disabled');
    await look();
    bench.forget();
    bench.apply(minimalSpec);
    await bench.run();
    expect(bench.object().status?.receivers).toBeUndefined();
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Normal UpdatedActionGroup']);
  });

  it('stays told while something else is put right, and while Azure can’t be asked', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Disabled');
    await look();
    const told = message('ActionGroupReady');
    bench.emulator.world.changeActionGroup(groupId(), (body) => ({ ...body, properties: { ...body.properties, enabled: false } }));
    await look();
    expect(bench.azureWrites()).toEqual(['PUT actionGroups 200']);
    expect(bench.kubernetesWrites()).toEqual([]);
    expect(bench.events.map((event) => event.split(':')[0])).toEqual(['Normal DriftCorrected']);
    expect(message('ActionGroupReady')).toBe(told);

    const { remove } = bench.emulator.faults.add({ match: { method: 'GET' }, effect: { kind: 'answer', status: 403, body: {} } });
    await look();
    remove();
    expect(bench.object().status?.receivers).toHaveLength(1);
    expect(bench.events.filter((event) => event.includes('Receiver'))).toEqual([]);
  });

  it('of a group of others is none of ours', async () => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.world.setReceiverStatus(groupId(), 'duty', 'Disabled');
    bench.apply({ clusterResourceId: spec.clusterResourceId, actionGroupIds: [groupId()] }, 'other');
    await bench.run({ key: 'platform/other' });
    const status = bench.object('platform/other').status;
    expect(status?.receivers).toBeUndefined();
    expect(status?.conditions?.find(({ type }) => type === 'ActionGroupReady')).toMatchObject({ status: 'True', reason: 'NotManaged' });
  });
});
