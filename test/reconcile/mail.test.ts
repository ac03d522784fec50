import { afterEach, describe, expect, it } from 'vitest';
import type { EventRow } from '../../emulator/world.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import {
  benchWorld,
  clusterId,
  operatorObjectId,
  shop,
  startBench,
  subscription,
  worldWithout,
  type Bench,
} from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const minute = 60_000;
const owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const neighbourId = `${shop}/providers/Microsoft.ContainerService/managedClusters/prod-2`;

const start = async (world = benchWorld()): Promise<void> => {
  bench = await startBench({ world, evaluateAlerts: 'on' });
};

/** Has something announced for a cluster; the mail shows its details. */
const announce = (details: string, properties: Readonly<Record<string, unknown>> = {}, cluster = clusterId): void => {
  const now = bench.emulator.clock.now().toISOString();
  const row: EventRow = {
    id: `${cluster}/scheduledEvents/${details.replaceAll(' ', '-')}`,
    properties: { eventStatus: 'Scheduled', eventDetails: details, scheduledTime: now, lastUpdateTime: now, ...properties },
  };
  bench.emulator.world.addEventRow(row);
};

/** Lets four hours pass in Azure: more than any notice takes. */
const passHours = async (): Promise<void> => {
  bench.emulator.clock.advance(240 * minute);
  await bench.emulator.alerts.settled();
  expect(bench.emulator.alerts.evaluations().map(({ fault }) => fault)).not.toContainEqual(expect.any(String));
};

/** The subjects of the mails, each with what it says of `reason`. */
const mails = (): readonly string[] =>
  bench.emulator.mailbox.messages().map(({ to, text }) => `${to}: ${/^ +reason +(?<reason>.*)$/mu.exec(text)?.groups?.['reason'] ?? ''}`);

const reader = () => bench.object().status?.conditions?.find(({ type }) => type === 'ReaderAccessReady');

describe('the mail', () => {
  it('comes once for each announcement of the cluster, and not for a neighbour whose name begins alike', async () => {
    await start();
    await bench.settle();
    announce('K8sVersionUpgrade one');
    announce('NodeOSUpgrade two');
    announce('K8sVersionUpgrade three', {}, neighbourId);
    await passHours();
    expect(mails()).toEqual(['oncall@contoso.com: K8sVersionUpgrade one', 'oncall@contoso.com: NodeOSUpgrade two']);
  });

  it('does not come while Reader is missing, as the condition had said; once it is granted, it does', async () => {
    await start(worldWithout('Microsoft.Authorization/roleAssignments/write'));
    bench.apply();
    await bench.run();
    expect(reader()).toMatchObject({ status: 'False', reason: 'AccessDenied' });
    announce('NodeOSUpgrade one');
    await passHours();
    expect(mails()).toEqual([]);

    bench.emulator.world.addRoleAssignment({ scope: subscription, roleDefinitionId: owner, principalId: operatorObjectId });
    bench.clock.advance(10 * minute);
    await bench.run();
    expect(reader()).toMatchObject({ status: 'True' });
    announce('NodeOSUpgrade two');
    await passHours();
    expect(mails()).toEqual(['oncall@contoso.com: NodeOSUpgrade two']);
  });

  it('comes again when somebody took Reader away and the operator has given it back', async () => {
    await start();
    await bench.settle();
    for (const { name, isSeed } of bench.emulator.resources().roleAssignments) if (!isSeed) bench.emulator.world.removeRoleAssignment(name);
    announce('NodeOSUpgrade one');
    await passHours();
    expect(mails()).toEqual([]);
    bench.clock.advance(24 * 60 * minute);
    await bench.run();
    announce('NodeOSUpgrade two');
    await passHours();
    expect(mails()).toEqual(['oncall@contoso.com: NodeOSUpgrade two']);
  });

  it('comes again when somebody switched the rule off and the operator has switched it on', async () => {
    await start();
    await bench.settle();
    const id = bench.object().status?.alertRuleId ?? '';
    bench.emulator.world.changeAlertRule(id, (body) => ({ ...body, properties: { ...body.properties, enabled: false } }));
    announce('NodeOSUpgrade one');
    await passHours();
    expect(mails()).toEqual([]);
    bench.clock.advance(24 * 60 * minute);
    await bench.run();
    announce('NodeOSUpgrade two');
    await passHours();
    expect(mails()).toEqual(['oncall@contoso.com: NodeOSUpgrade two']);
  });

  it('goes to new receivers after a change of the spec, and to nobody after the end of the object', async () => {
    await start();
    await bench.settle();
    await bench.settle(specWith({ receivers: { email: [{ address: 'night@contoso.com' }] } }));
    announce('NodeOSUpgrade one');
    await passHours();
    expect(mails()).toEqual(['night@contoso.com: NodeOSUpgrade one']);
    bench.api.delete('platform/prod');
    await bench.run();
    announce('NodeOSUpgrade two');
    await passHours();
    expect(mails()).toHaveLength(1);
  });

  it('is limited to the kinds and statuses that the spec names', async () => {
    await start();
    await bench.settle({ ...minimalSpec, upgradeTypes: ['NodeOSUpgrade'], statuses: ['Started'] });
    announce('NodeOSUpgrade one');
    announce('NodeOSUpgrade two', { eventStatus: 'Started' });
    announce('K8sVersionUpgrade three', { eventStatus: 'Started' });
    await passHours();
    expect(mails()).toEqual(['oncall@contoso.com: NodeOSUpgrade two']);
  });
});
