import { describe, expect, it } from 'vitest';
import type { Emulator } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  condition,
  roles,
  startAzure,
  subscription,
  type Send,
} from './fixtures.ts';

const groupId = actionGroupPath('notify').split('?')[0] ?? '';
const minute = 60_000;

const query = `arg("").containerserviceeventresources | where id contains "${clusterId}/" | project name, type`;

/** A rule that mails about the events of `prod`, and may read whatever lies in the subscription. */
const watch = async (emulator: Emulator, send: Send, properties: object = {}, change: object = {}): Promise<void> => {
  const actions = { actionGroups: [groupId] };
  expect((await send('PUT', actionGroupPath('notify'), { body: actionGroup() })).status).toBe(201);
  const body = alertRule({ actions, criteria: { allOf: [condition({ query, ...change })] }, ...properties });
  const made = await send('PUT', alertRulePath('watch'), { body });
  expect(made.status, made.text).toBe(201);
  emulator.world.addRoleAssignment({
    scope: subscription,
    roleDefinitionId: roles.reader,
    principalId: made.body.identity.principalId,
  });
};

const happen = (emulator: Emulator, name: string, cluster = clusterId): void =>
  emulator.world.addEventRow({ id: `${cluster}/scheduledEvents/${name}`, properties: { eventStatus: 'Scheduled' } });

describe('a stateless rule', () => {
  it('mails at each evaluation with results', async () => {
    await using azure = await startAzure({ evaluateAlerts: 'on' });
    const { emulator } = azure;
    await watch(emulator, azure.send);
    happen(emulator, '1');
    emulator.clock.advance(29 * minute);
    expect(emulator.mailbox.messages()).toEqual([]);
    emulator.clock.advance(32 * minute);
    expect(emulator.mailbox.messages().map(({ to }) => to)).toEqual(['oncall@contoso.com', 'oncall@contoso.com']);
  });
});
