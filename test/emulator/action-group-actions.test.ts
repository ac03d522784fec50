import { MonitorClient } from '@azure/arm-monitor';
import { describe, expect, it } from 'vitest';
import type { EmulatorOptions } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  clientId,
  group,
  readerClientId,
  readerObjectId,
  roles,
  smallWorld,
  startAzure,
  stoppedClock,
  subscriptionId,
  versions,
  type Reply,
} from './fixtures.ts';
import { trust } from './trust.ts';

const groupId = `${group}/providers/Microsoft.Insights/actionGroups/team`;
const partPath = (part: string): string => actionGroupPath(`team/${part}`);
const email = (name: string) => ({ name, emailAddress: `${name}@contoso.com` });
const sms = (name: string) => ({ name, countryCode: '49', phoneNumber: '1701234567' });
const webhook = (name: string) => ({ name, serviceUri: 'https://example.com/hook' });

/** An emulator with a group of one mail, one SMS and one webhook receiver. */
const startTeam = async (options: Partial<EmulatorOptions> = {}) => {
  const azure = await startAzure(options);
  const body = actionGroup({ emailReceivers: [email('oncall')], smsReceivers: [sms('phone')], webhookReceivers: [webhook('hook')] });
  await azure.send('PUT', actionGroupPath('team'), { body });
  const test = (receivers: object, as = clientId): Promise<Reply> =>
    azure.send('POST', partPath('createNotifications'), { body: { alertType: 'logalertv2', ...receivers }, as });
  const statusOf = ({ headers }: Reply): Promise<Reply> => azure.send('GET', headers['location']!.slice(azure.emulator.url.length));
  return Object.assign(azure, { test, statusOf });
};

describe('a test notification', () => {
  it('is promised at an address on the same host, and then tells of the receivers in the body and no other', async () => {
    const clock = stoppedClock();
    await using azure = await startTeam({ clock: clock.now });
    const accepted = await azure.test({ webhookReceivers: [webhook('hook')], emailReceivers: [email('oncall')] });
    expect(accepted).toMatchObject({ status: 202, text: '' });
    expect(accepted.headers['location']).toMatch(
      new RegExp(`^${azure.emulator.url}${groupId}/notificationStatus/\\d+\\?api-version=${versions.actionGroups}$`, 'u'),
    );
    const at = '2026-11-01T12:00:00.1230000+00:00';
    expect(await azure.statusOf(accepted)).toMatchObject({
      status: 200,
      body: {
        context: { notificationSource: 'Microsoft.Insights/TestNotification', contextType: null },
        state: 'Complete',
        createdTime: at,
        completedTime: at,
        actionDetails: [
          { MechanismType: 'Email', Name: 'oncall', Status: 'Succeeded', SubState: 'Default', SendTime: at },
          { MechanismType: 'Webhook', Name: 'hook', Status: 'Succeeded', SubState: 'Default', SendTime: at },
        ],
      },
    });
  });

  it('runs as long as the setting says', async () => {
    const clock = stoppedClock();
    await using azure = await startTeam({ clock: clock.now, testNotificationSeconds: 120 });
    const accepted = await azure.test({ emailReceivers: [email('oncall')] });
    const seen = [await azure.statusOf(accepted)];
    clock.advance(119);
    seen.push(await azure.statusOf(accepted));
    clock.advance(1);
    seen.push(await azure.statusOf(accepted));
    expect(seen.map(({ status }) => status)).toEqual([202, 202, 200]);
    expect(seen[0]!.headers['location']).toBe(accepted.headers['location']);
    expect(seen[2]!.body.completedTime).toBe('2026-11-01T12:02:00.1230000+00:00');
  });

  it('tells what the receivers that fail say, while they do', async () => {
    await using azure = await startTeam();
    const all = { emailReceivers: [email('ONCALL')], smsReceivers: [sms('phone')], webhookReceivers: [webhook('hook')] };
    const { world } = azure.emulator;
    const outcome = async (): Promise<unknown[]> => {
      const { body } = await azure.statusOf(await azure.test(all));
      return body.actionDetails.map(({ Name, Status, Detail }: Record<string, string>) => [Name, Status, Detail]);
    };
    world.failReceiver(groupId, 'oncall', 'Recipient not found.');
    world.failReceiver(groupId, 'Hook', '404 Not Found');
    world.setReceiverStatus(groupId, 'phone', 'Disabled');
    await azure.send('PATCH', actionGroupPath('team'), { body: { tags: { a: 'b' } } });
    expect(await outcome()).toEqual([
      ['ONCALL', 'Failed', 'Recipient not found.'],
      ['phone', 'Failed', "The receiver 'phone' is not enabled."],
      ['hook', 'Failed', '404 Not Found'],
    ]);
    world.failReceiver(groupId, 'oncall', undefined);
    world.failReceiver(groupId, 'hook', undefined);
    world.setReceiverStatus(groupId, 'phone', 'Enabled');
    expect(await outcome()).toEqual([
      ['ONCALL', 'Succeeded', undefined],
      ['phone', 'Succeeded', undefined],
      ['hook', 'Succeeded', undefined],
    ]);
    expect(() => world.failReceiver(groupId, 'nobody', 'x')).toThrow('has no receiver nobody');
    expect(() => world.failReceiver(`${groupId}2`, 'oncall', 'x')).toThrow('there is no action group');
  });

  it('is in the words of the specification when that is switched', async () => {
    await using azure = await startTeam({ testNotificationWords: 'specification' });
    const { body } = await azure.statusOf(await azure.test({ emailReceivers: [email('oncall')], alertType: 'servicehealth' }));
    expect(body).toMatchObject({
      state: 'Completed',
      context: { contextType: 'Microsoft.Insights/ServiceHealth' },
      actionDetails: [{ Status: 'Completed' }],
    });
  });

  it('goes with its group', async () => {
    await using azure = await startTeam();
    const accepted = await azure.test({});
    await azure.send('DELETE', actionGroupPath('team'));
    expect((await azure.statusOf(accepted)).body.error.code).toBe('ResourceNotFound');
    await azure.send('PUT', actionGroupPath('team'), { body: actionGroup() });
    expect(await azure.statusOf(accepted)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  });

  it('has addresses that can be followed whatever the name of the group', async () => {
    await using azure = await startTeam();
    const name = encodeURIComponent('team #1 ü');
    await azure.send('PUT', actionGroupPath(name), { body: actionGroup() });
    const accepted = await azure.send('POST', actionGroupPath(`${name}/createNotifications`), { body: { alertType: 'logalertv2' } });
    expect((await azure.statusOf(accepted)).status).toBe(200);
  });

  it('is what the SDK waits for', async () => {
    await using azure = await startTeam();
    const { url, ca, mintToken, world, faults } = azure.emulator;
    trust(ca);
    world.failReceiver(groupId, 'hook', '404 Not Found');
    // One poll that finds it running, without a clock that somebody must put forward.
    faults.add({
      match: { type: 'Microsoft.Insights/actionGroups/notificationStatus' },
      times: 1,
      effect: { kind: 'answer', status: 202 },
    });
    const credential = { getToken: async () => ({ token: await mintToken(clientId), expiresOnTimestamp: Date.now() + 3_600_000 }) };
    const monitor = new MonitorClient(credential, subscriptionId, { endpoint: url });
    const result = await monitor.actionGroups.createNotificationsAtActionGroupResourceLevel(
      'shop',
      'team',
      { alertType: 'logalertv2', emailReceivers: [email('oncall')], webhookReceivers: [webhook('hook')] },
      { updateIntervalInMs: 1 },
    );
    expect(result).toMatchObject({
      state: 'Complete',
      actionDetails: [
        { mechanismType: 'Email', name: 'oncall', status: 'Succeeded' },
        { mechanismType: 'Webhook', name: 'hook', status: 'Failed', detail: '404 Not Found' },
      ],
    });
    world.setReceiverStatus(groupId, 'oncall', 'Disabled');
    await monitor.actionGroups.enableReceiver('shop', 'team', { receiverName: 'oncall' });
    await expect(monitor.actionGroups.enableReceiver('shop', 'team', { receiverName: 'oncall' })).rejects.toMatchObject({
      statusCode: 409,
    });
  });
});

describe('enabling a receiver', () => {
  it.each<[string, string, number, unknown]>([
    ['a disabled mail receiver', 'ONCALL', 200, undefined],
    ['an enabled SMS receiver', 'phone', 409, 'Conflict'],
    ['a webhook', 'hook', 409, 'Conflict'],
    ['nobody', 'nobody', 409, 'Conflict'],
  ])('%s', async (_name, receiverName, status, code) => {
    await using azure = await startTeam();
    azure.emulator.world.setReceiverStatus(groupId, 'oncall', 'Disabled');
    const answer = await azure.send('POST', partPath('subscribe'), { body: { receiverName } });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    const { body } = await azure.send('GET', actionGroupPath('team'));
    expect(body.properties.emailReceivers[0].status).toBe(status === 200 ? 'Enabled' : 'Disabled');
  });
});

describe('what is refused', () => {
  it.each<[string, string, string, unknown, number, string]>([
    ['a test without a type', 'POST', 'createNotifications', {}, 400, 'InvalidRequestContent'],
    ['a type of 31 characters', 'POST', 'createNotifications', { alertType: 'x'.repeat(31) }, 400, 'InvalidRequestContent'],
    ['a typing mistake', 'POST', 'createNotifications', { alertType: 'x', emailReciever: [] }, 400, 'InvalidRequestContent'],
    [
      'a receiver without address',
      'POST',
      'createNotifications',
      { alertType: 'x', emailReceivers: [{ name: 'a' }] },
      400,
      'InvalidRequestContent',
    ],
    ['no body', 'POST', 'createNotifications', undefined, 400, 'InvalidRequestContent'],
    ['nobody to enable', 'POST', 'subscribe', {}, 400, 'InvalidRequestContent'],
    ['reading what can only be asked', 'GET', 'createNotifications', undefined, 405, 'MethodNotAllowed'],
    ['asking what can only be read', 'POST', 'notificationStatus', { alertType: 'x' }, 405, 'MethodNotAllowed'],
    ['an action that there is none of', 'POST', 'explode', {}, 404, 'InvalidResourceType'],
  ])('%s', async (_name, method, part, body, status, code) => {
    await using azure = await startTeam();
    const answer = await azure.send(method, partPath(part), { body });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });

  it('not: a type of 30 characters', async () => {
    await using azure = await startTeam();
    expect((await azure.test({ alertType: 'x'.repeat(30) })).status).toBe(202);
  });

  it('groups that are not there, or named without their resource group', async () => {
    await using azure = await startAzure();
    const body = { alertType: 'x' };
    const missing = await azure.send('POST', partPath('createNotifications'), { body });
    expect(missing.body.error.code).toBe('ResourceNotFound');
    const path = partPath('createNotifications').replace('/resourceGroups/shop', '');
    expect((await azure.send('POST', path, { body })).body.error.code).toBe('MethodNotAllowed');
  });

  it('actions by whoever lacks the right to them at the group, and what is locked', async () => {
    const action = 'Microsoft.Insights/actionGroups/createNotifications/action';
    const tester = 'dddddddd-1111-4111-8111-111111111111';
    const world = { ...smallWorld(), roleDefinitions: [{ id: tester, name: 'Tester', actions: [action] }] };
    await using azure = await startTeam({ world });
    const refused = await azure.test({}, readerClientId);
    expect(refused.body.error).toMatchObject({
      code: 'AuthorizationFailed',
      message: expect.stringContaining(`'${action}' over scope '${groupId}'`),
    });
    azure.emulator.world.addRoleAssignment({ scope: groupId, roleDefinitionId: tester, principalId: readerObjectId });
    const accepted = await azure.test({}, readerClientId);
    expect(accepted.status).toBe(202);
    const address = accepted.headers['location']!.slice(azure.emulator.url.length);
    expect((await azure.send('GET', address, { as: readerClientId })).status).toBe(200);
    azure.emulator.world.addLock(groupId, 'CanNotDelete', 'kept');
    expect((await azure.test({})).status).toBe(202);
    azure.emulator.world.addLock(groupId, 'ReadOnly', 'frozen');
    expect((await azure.test({})).body.error.code).toBe('ScopeLocked');
  });

  it('what a fault for actions of this group says, which the journal tells by name', async () => {
    await using azure = await startTeam();
    const { faults, journal } = azure.emulator;
    faults.add({ match: { operation: 'action', name: 'team' }, times: 1, effect: { kind: 'error', name: 'AuthorizationFailed' } });
    const { body } = await azure.test({});
    expect(body.error.message).toContain("'Microsoft.Insights/actionGroups/createNotifications/action'");
    await azure.test({});
    expect(journal.calls({ operation: 'action' })).toMatchObject([
      { name: 'team', type: 'Microsoft.Insights/actionGroups/createNotifications', status: 403 },
      { name: 'team', type: 'Microsoft.Insights/actionGroups/createNotifications', status: 202 },
    ]);
  });

  it('reads no status without the right to it', async () => {
    const world = smallWorld();
    world.roleAssignments = world.roleAssignments.filter(({ principalId }) => principalId !== readerObjectId);
    world.roleAssignments.push({ scope: `${groupId}2`, roleDefinitionId: roles.reader, principalId: readerObjectId });
    await using azure = await startTeam({ world });
    const answer = await azure.send('GET', partPath('notificationStatus/1'), { as: readerClientId });
    expect(answer.body.error.message).toContain("'Microsoft.Insights/actionGroups/notificationStatus/read'");
  });
});
