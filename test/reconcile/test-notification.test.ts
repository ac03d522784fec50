import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultEffect } from '../../emulator/faults.ts';
import type { EmulatorOptions } from '../../emulator/emulator.ts';
import type { MaintenanceNotificationSpec, TestNotification } from '../../src/api/maintenance-notification.ts';
import { causeForLog } from '../../src/azure/failure.ts';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import type { Requeue } from '../../src/runtime/controller.ts';
import { specWith } from '../support/notification.ts';
import {
  byHand,
  clusterId,
  key,
  onCallGroupId,
  otherSubscriptionId,
  shop,
  startBench,
  worldWithout,
  type Bench,
} from '../support/reconcile-bench.ts';

const second = 1000;
const minute = 60 * second;
const annotation = 'aks-notifier.dev/test-notification-requested-at';
const hook = 'https://hooks.example.com/services/T00000000/B00000000';
/** Looks for drift are so rare that they don't come in between. */
const spec = specWith({
  interval: '24h',
  receivers: { email: [{ address: 'oncall@contoso.com' }], webhook: [{ name: 'teams', serviceUri: hook }] },
});

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const ask = (value: string): void => bench.api.annotate(key, { [annotation]: value });
const test = (): TestNotification | undefined => bench.object().status?.testNotification;
const ready = (): string | undefined => bench.object().status?.conditions?.find(({ type }) => type === 'Ready')?.status;
const posts = (): readonly string[] => bench.azureCalls().filter((line) => line.startsWith('POST'));
const looks = (): number => bench.azureCalls().filter((line) => line.startsWith('GET actionGroups/notificationStatus')).length;
const testEvents = (): readonly string[] => bench.events.filter((event) => event.includes('TestNotification'));
const groupId = (): string => bench.object().status!.actionGroupId!;

/** When the tests came that are in the mailbox, oldest first. */
const arrivals = (): readonly number[] => bench.emulator.mailbox.messages().map(({ at }) => Date.parse(at));

/** By the clock of the operator, as Azure's. */
const start = async (options: Partial<EmulatorOptions> = {}, of: MaintenanceNotificationSpec = spec): Promise<void> => {
  bench = await startBench({ sharesClock: true, ...options });
  await bench.settle(of);
};

/** Runs as the queue would, at the times that the runs ask for, until nothing is under way. */
const untilToldAll = async (): Promise<void> => {
  for (let runs = 0; runs < 20; runs += 1) {
    const next: Requeue = await bench.run();
    if (test()?.state !== 'Sending') return;
    if (next.kind !== 'after') throw new Error(`does not come again: ${JSON.stringify(next)}`);
    bench.clock.advance(next.milliseconds);
  }
  throw new Error('it never ends');
};

describe('a request for a test notice', () => {
  it('is sent once, and what became of it stands in the status and in Events', async () => {
    await start({ testNotificationSeconds: 5 });
    ask('first');
    expect(await bench.run()).toEqual({ kind: 'after', milliseconds: 2 * second });
    expect(test()).toMatchObject({ requestedAt: 'first', sentAt: '2026-01-01T12:00:00Z', state: 'Sending', message: 'Azure is at it.' });
    expect(test()?.notificationId).toMatch(/^\d+$/);
    await untilToldAll();
    expect(posts()).toEqual(['POST actionGroups/createNotifications 202']);
    expect(bench.emulator.mailbox.messages()).toMatchObject([{ to: 'oncall@contoso.com', isTest: true, at: '2026-01-01T12:00:00.000Z' }]);
    expect(test()).toEqual({
      requestedAt: 'first',
      sentAt: '2026-01-01T12:00:00Z',
      notificationId: test()?.notificationId,
      state: 'Succeeded',
      message: 'Azure has served email[oncall@contoso.com], webhook[teams].',
      receivers: [
        { kind: 'email', name: 'oncall@contoso.com', status: 'Succeeded' },
        { kind: 'webhook', name: 'teams', status: 'Succeeded' },
      ],
    });
    expect(bench.events).toEqual([
      'Normal TestNotificationSent: Azure has taken a test notice for email[oncall@contoso.com], webhook[teams]. What becomes of it will stand in status.testNotification.',
      'Normal TestNotificationSucceeded: Azure has served email[oncall@contoso.com], webhook[teams].',
    ]);
  });

  it('sends exactly the receivers of the group, as a log alert', async () => {
    await start();
    ask('first');
    await bench.run();
    const bodyOf = (method: string): Record<string, unknown> => {
      const calls = bench.emulator.journal.calls({ kind: 'arm' });
      const call = calls.find((each) => each.method === method && /actionGroups/i.test(each.path));
      return call?.requestBody as Record<string, unknown>;
    };
    const { emailReceivers, webhookReceivers, armRoleReceivers } = (bodyOf('PUT') as { properties: Record<string, unknown> }).properties;
    expect(bodyOf('POST')).toMatchObject({ alertType: 'logalertv2', emailReceivers, webhookReceivers, armRoleReceivers });
  });

  it('is not sent a second time for the same value, whatever happens to the object', async () => {
    await start();
    ask('first');
    await untilToldAll();
    bench.forget();
    bench.clock.advance(60 * minute);
    bench.restart();
    bench.apply({ ...spec, alertRule: { severity: 0 } });
    await bench.run();
    bench.clock.advance(60 * minute);
    await bench.run();
    expect(posts()).toEqual([]);
    expect(testEvents()).toEqual([]);
  });

  it('costs a quiet pass nothing', async () => {
    await start();
    ask('first');
    await untilToldAll();
    bench.clock.advance(60 * minute);
    bench.forget();
    // The shared lists are read one after another.
    const waits: number[] = [];
    while (waits.every((wait) => wait < minute) && waits.length < 5) {
      const { milliseconds } = (await bench.run()) as { readonly milliseconds: number };
      waits.push(milliseconds);
      bench.clock.advance(milliseconds);
    }
    expect(bench.lines().filter(({ line }) => !line.startsWith('LIST'))).toEqual([]);
    expect(waits.at(-1)).toBeGreaterThan(60 * minute);
  });

  it('first puts right what somebody has changed by hand', async () => {
    await start();
    await bench.run();
    const id = groupId();
    await byHand(bench, id, 'delete');
    ask('first');
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
  });

  it.each(['recorded', 'specification'] as const)('is understood in the words of Azure that are %s', async (testNotificationWords) => {
    await start({ testNotificationWords });
    bench.emulator.world.failReceiver(groupId(), 'teams', `404 Not Found from ${hook} (hooks.example.com/services/T00000000)`);
    ask('first');
    await untilToldAll();
    expect(test()).toMatchObject({
      state: 'Failed',
      receivers: [
        { kind: 'webhook', name: 'teams', status: 'Failed', detail: '404 Not Found from (address) ((hidden))' },
        { kind: 'email', name: 'oncall@contoso.com', status: 'Succeeded' },
      ],
    });
    expect(testEvents().at(-1)).toBe(
      'Warning TestNotificationFailed: Azure has not served webhook[teams] (404 Not Found from (address) ((hidden))); served email[oncall@contoso.com].',
    );
    expect(ready()).toBe('True');
  });

  it('shows nothing of an address that stands in a Secret', async () => {
    bench = await startBench({ sharesClock: true });
    bench.settings = { ...bench.settings, secretNamespaces: ['platform'] };
    bench.api.secrets.set('platform/hooks', { teams: hook });
    await bench.settle(
      specWith({ receivers: { webhook: [{ name: 'teams', serviceUriFrom: { secretKeyRef: { name: 'hooks', key: 'teams' } } }] } }),
    );
    bench.emulator.world.failReceiver(groupId(), 'teams', `${hook}: 500`);
    ask('first');
    await untilToldAll();
    expect(test()).toMatchObject({ state: 'Failed', receivers: [{ name: 'teams', status: 'Failed' }] });
    expect(JSON.stringify([bench.object(), bench.events, bench.logs])).not.toContain('services/T0000');
  });

  it.each([
    ['to send it, from a Secret', 'createNotifications', 400, 'from a Secret'],
    ['to send it, from the spec', 'createNotifications', 400, 'from the spec'],
    ['to say what became of it, from a Secret', 'notificationStatus', 403, 'from a Secret'],
    ['to say what became of it, from the spec', 'notificationStatus', 403, 'from the spec'],
  ])('shows nothing of an address with which Azure refuses %s', async (_, type, status, where) => {
    bench = await startBench({ sharesClock: true });
    bench.settings = { ...bench.settings, secretNamespaces: ['platform'] };
    bench.api.secrets.set('platform/hooks', { teams: hook });
    const serviceUri =
      where === 'from the spec' ? { serviceUri: hook } : { serviceUriFrom: { secretKeyRef: { name: 'hooks', key: 'teams' } } };
    await bench.settle(specWith({ receivers: { webhook: [{ name: 'teams', ...serviceUri }] } }));
    bench.emulator.faults.add({
      match: { type: `Microsoft.Insights/actionGroups/${type}` },
      effect: { kind: 'answer', status, body: { error: { code: 'Forbidden', message: `${hook} is not valid.` } } },
    });
    ask('first');
    await untilToldAll();
    expect(test()?.message).toContain('https://(hidden) is not valid.');
    const causes = bench.logs.flatMap(({ cause }) => (cause === undefined ? [] : [cause]));
    expect(causes).toHaveLength(1);
    expect(JSON.stringify([causes.map(causeForLog), causes, causes.map(String)])).toContain('(hidden)');
    expect(
      JSON.stringify([
        bench.api.writes.map(({ object }) => object.status),
        bench.events,
        bench.logs,
        causes.map(causeForLog),
        causes.map(String),
      ]),
    ).not.toMatch(/T0000|B0000/);
  });

  it('of an object that is new is sent when its group stands', async () => {
    bench = await startBench();
    bench.apply(spec);
    ask('first');
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
    expect(ready()).toBe('True');
  });
});

describe('at most one in ten minutes', () => {
  it('a later request waits, and is then sent if it still stands', async () => {
    await start();
    ask('first');
    await untilToldAll();
    bench.forget();
    bench.clock.advance(minute);
    ask('second');
    bench.restart();
    expect(await bench.run()).toEqual({ kind: 'after', milliseconds: 9 * minute - 2 * second });
    const message =
      'The last one was sent at 2026-01-01T12:00:00Z. This one will be sent at 2026-01-01T12:10:00Z, if the annotation still stands.';
    expect(test()).toEqual({ requestedAt: 'second', sentAt: '2026-01-01T12:00:00Z', state: 'Pending', message });
    expect(bench.events).toEqual([`Normal TestNotificationPending: ${message}`]);
    bench.forget();
    await bench.run();
    expect(bench.kubernetesWrites()).toEqual([]);
    expect(bench.events).toEqual([]);
    bench.clock.advance(9 * minute - 2 * second);
    await untilToldAll();
    expect(posts()).toHaveLength(1);
    expect(test()).toMatchObject({ requestedAt: 'second', sentAt: '2026-01-01T12:10:00Z', state: 'Succeeded' });
  });

  it('a request that is taken back is not sent', async () => {
    await start();
    ask('first');
    await untilToldAll();
    ask('second');
    await bench.run();
    bench.api.annotate(key, {});
    bench.forget();
    await bench.run();
    bench.clock.advance(11 * minute);
    await bench.run();
    expect(posts()).toEqual([]);
    expect(test()).toMatchObject({ requestedAt: 'second', state: 'NotSent', message: 'Nothing was sent: the annotation was taken away.' });
  });

  it('a request during another waits until that one has its outcome', async () => {
    await start({ testNotificationSeconds: 5 });
    ask('first');
    await bench.run();
    ask('second');
    await untilToldAll();
    expect(testEvents().map((event) => event.split(':')[0])).toEqual([
      'Normal TestNotificationSent',
      'Normal TestNotificationSucceeded',
      'Normal TestNotificationPending',
    ]);
    expect(test()).toMatchObject({ requestedAt: 'second', state: 'Pending' });
  });
});

describe('nothing is sent', () => {
  it.each<[string, MaintenanceNotificationSpec, RegExp]>([
    [
      'while it is suspended',
      { ...spec, suspend: true },
      /^Nothing was sent, since spec.suspend is true: set it to false, and then ask again/,
    ],
    [
      'through the groups of others',
      { clusterResourceId: clusterId, actionGroupIds: [onCallGroupId] },
      /^Nothing was sent: the object has no action group of its own. Test .* az monitor action-group test-notifications create/,
    ],
  ])('%s', async (_, of, message) => {
    await start();
    bench.apply(of);
    ask('first');
    await bench.run();
    expect(posts()).toEqual([]);
    expect(test()).toMatchObject({ requestedAt: 'first', state: 'NotSent', message: expect.stringMatching(message) });
    expect(testEvents()).toEqual([`Warning TestNotificationNotSent: ${test()?.message}`]);
    bench.forget();
    await bench.run();
    expect(testEvents()).toEqual([]);
  });

  it('by an object that is being deleted', async () => {
    await start();
    bench.emulator.world.addLock(shop, 'CanNotDelete', 'keep');
    ask('first');
    bench.api.delete(key);
    await bench.run();
    expect(posts()).toEqual([]);
    expect(test()).toMatchObject({ state: 'NotSent', message: 'Nothing was sent, since the object is being deleted.' });
  });

  it('where a PUT would not be allowed, and nothing is asked there either', async () => {
    await start({ testNotificationSeconds: 60 });
    ask('first');
    await bench.run();
    bench.settings = { ...bench.settings, allowedScopes: [{ prefix: `/subscriptions/${otherSubscriptionId}`, namespace: 'platform' }] };
    bench.forget();
    for (let runs = 0; runs < 6; runs += 1) {
      await bench.run();
      bench.clock.advance(minute);
    }
    expect(test()).toMatchObject({
      state: 'Unknown',
      message: 'It was sent. What became of it was not asked: the action group does not stand any more.',
    });
    bench.clock.advance(10 * minute);
    ask('second');
    await bench.run();
    expect(test()).toMatchObject({ requestedAt: 'second', state: 'NotSent' });
    expect(bench.azureCalls()).toEqual([]);
  });

  it('without the right to, which harms nothing else', async () => {
    await start({ world: worldWithout('Microsoft.Insights/actionGroups/createNotifications/action') });
    ask('first');
    await bench.run();
    expect(posts()).toEqual(['POST actionGroups/createNotifications 403']);
    expect(test()).toMatchObject({ requestedAt: 'first', state: 'NotSent' });
    expect(test()).not.toHaveProperty('sentAt');
    expect(test()?.message).toMatch(
      /^Could not send a test notice through the action group .*createNotifications\/action.* Then ask again with a new value of the annotation\.$/,
    );
    expect(ready()).toBe('True');
    expect(testEvents()).toEqual([`Warning TestNotificationNotSent: ${test()?.message}`]);
    ask('second');
    await bench.run();
    expect(posts()).toHaveLength(2);
  });
});

describe('what became of it', () => {
  it('is unknown after five minutes', async () => {
    await start({ testNotificationSeconds: 600 });
    ask('first');
    await untilToldAll();
    expect(bench.clock.now() - Date.UTC(2026, 0, 1, 12)).toBe(5 * minute);
    expect(test()).toMatchObject({ state: 'Unknown', message: 'It was sent. Azure did not say within five minutes what became of it.' });
    expect(testEvents().at(-1)).toBe(`Warning TestNotificationUnknown: ${test()?.message}`);
    // 2, 4, 8, 16, 32, 64, 124, 184, 244 and 300 seconds after it.
    expect(looks()).toBe(10);
  });

  it('is unknown without the right to ask', async () => {
    await start({ world: worldWithout('Microsoft.Insights/actionGroups/notificationStatus/read') });
    ask('first');
    await untilToldAll();
    expect(test()).toMatchObject({
      state: 'Unknown',
      message: expect.stringMatching(/^It was sent\. Could not read what became of .*notificationStatus\/read/),
    });
  });

  it('is asked for again when Azure fails', async () => {
    await start();
    bench.emulator.faults.add({
      match: { type: 'Microsoft.Insights/actionGroups/notificationStatus' },
      times: 2,
      effect: { kind: 'error', name: 'ServiceUnavailable' },
    });
    ask('first');
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
    expect(posts()).toHaveLength(1);
  });

  it.each([
    ['null', null, 'Failed'],
    ['nothing', undefined, 'Failed'],
    ['nothing but null', { MechanismType: null, Name: null, Status: null, SubState: null, Detail: null }, 'Unknown'],
  ] as const)('may say %s in its fields', async (_, fields, state) => {
    await start();
    const detail = { MechanismType: 'Webhook', Name: 'teams', Status: 'Failed', SubState: fields, Detail: fields };
    bench.emulator.faults.add({
      match: { type: 'Microsoft.Insights/actionGroups/notificationStatus' },
      effect: { kind: 'answer', status: 200, body: { state: 'Complete', actionDetails: [{ ...detail, ...fields }] } },
    });
    ask('first');
    await untilToldAll();
    expect(test()?.state).toBe(state);
  });

  it('is not asked for while the object is suspended', async () => {
    await start({ testNotificationSeconds: 60 });
    ask('first');
    await bench.run();
    bench.apply({ ...spec, suspend: true });
    bench.forget();
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(test()).toMatchObject({ state: 'Unknown', message: 'It was sent. What became of it was not asked: spec.suspend is true.' });
  });

  it('comes although the rule has its troubles', async () => {
    await start();
    const put = async (): Promise<never> => {
      throw new ReconcileError('DeniedByPolicy', 'No.', { stalls: 'atOnce' });
    };
    bench.bend = (azure): Azure => ({ ...azure, alertRules: { ...azure.alertRules, put } });
    bench.apply({ ...spec, alertRule: { severity: 0 } });
    ask('first');
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
    expect(ready()).toBe('False');
  });
});

describe('an object that fails', () => {
  it('comes again at its own time, and not sooner for its test', async () => {
    await start({ testNotificationSeconds: 5 });
    const put = async (): Promise<never> => {
      throw new ReconcileError('Throttled', 'Wait.', { retry: { kind: 'after', seconds: 120 } });
    };
    bench.bend = (azure): Azure => ({ ...azure, alertRules: { ...azure.alertRules, put } });
    bench.apply({ ...spec, alertRule: { severity: 0 } });
    ask('first');
    const next = await bench.run();
    expect(test()).toMatchObject({ state: 'Sending', message: 'Azure is at it.' });
    expect(next).toEqual({ kind: 'after', milliseconds: expect.closeTo(2 * minute, -4) });
  });
});

describe('a group that does not stand', () => {
  const refuseGroups = (stalls: 'atOnce' | 'never'): void => {
    bench.bend = (azure): Azure => ({
      ...azure,
      actionGroups: {
        ...azure.actionGroups,
        put: async () => {
          throw new ReconcileError(stalls === 'never' ? 'AzureUnavailable' : 'DeniedByPolicy', 'No.', { stalls });
        },
      },
    });
  };

  it('is waited for as long as that may pass by itself', async () => {
    bench = await startBench();
    refuseGroups('never');
    bench.apply(spec);
    ask('first');
    await bench.run();
    expect(test()).toEqual({ requestedAt: 'first', state: 'Pending', message: 'It waits for the action group.' });
    bench.bend = (azure) => azure;
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
  });

  it('is not waited for when a person must act', async () => {
    bench = await startBench();
    refuseGroups('atOnce');
    bench.apply(spec);
    ask('first');
    await bench.run();
    expect(test()).toMatchObject({ state: 'NotSent', message: expect.stringContaining('the action group does not stand') });
  });
});

describe('an answer of Azure that is', () => {
  it.each<[string, FaultEffect, TestNotification['state'], number]>([
    ['lost', { kind: 'reset', when: 'after' }, 'Unknown', 1],
    ['lost, with the request', { kind: 'reset', when: 'before' }, 'Unknown', 0],
    ['a failure', { kind: 'error', name: 'ServiceUnavailable' }, 'Unknown', 0],
    ["a proxy's page", { kind: 'garble', how: 'html' }, 'Unknown', 1],
    ['a refusal', { kind: 'answer', status: 400, body: { code: 'BadRequest', message: 'No.' } }, 'NotSent', 0],
  ])('%s leads to no second send', async (_, effect, state, sent) => {
    await start();
    bench.emulator.faults.add({ match: { type: 'Microsoft.Insights/actionGroups/createNotifications' }, times: 1, effect });
    ask('first');
    await bench.run();
    expect(test()?.state).toBe(state);
    expect(test()?.message).toMatch(/ask again with a new value of the annotation\.$/);
    for (let runs = 0; runs < 3; runs += 1) {
      bench.clock.advance(11 * minute);
      bench.restart();
      await bench.run();
    }
    expect(posts()).toHaveLength(1);
    expect(arrivals()).toHaveLength(sent);
    expect(ready()).toBe('True');
  });

  it('a wait is waited for', async () => {
    await start();
    bench.emulator.faults.add({
      match: { type: 'Microsoft.Insights/actionGroups/createNotifications' },
      times: 1,
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '60' },
        body: { error: { code: 'TooManyRequests', message: 'Slowly.' } },
      },
    });
    ask('first');
    expect(await bench.run()).toEqual({ kind: 'after', milliseconds: minute });
    expect(test()).toMatchObject({ state: 'Pending', message: expect.stringContaining('Could not send a test notice') });
    bench.clock.advance(minute);
    await untilToldAll();
    expect(test()?.state).toBe('Succeeded');
    expect(posts()).toHaveLength(2);
  });
});

describe('a wait that has no end', () => {
  it.each([409, 429])('(%i) is left after some minutes, and told once', async (status) => {
    await start();
    bench.emulator.faults.add({
      match: { type: 'Microsoft.Insights/actionGroups/createNotifications' },
      effect: { kind: 'answer', status, body: { error: { code: 'Busy', message: 'Slowly.' } } },
    });
    ask('first');
    const tries: number[] = [];
    const begun = bench.clock.now();
    do {
      const next = await bench.run();
      tries.push((bench.clock.now() - begun) / second);
      bench.clock.advance(next.kind === 'after' ? next.milliseconds : second);
    } while (test()?.state === 'Pending' && tries.length < 20);
    expect(tries).toEqual([0, 30, 60, 120, 240, 480]);
    expect(posts()).toHaveLength(6);
    expect(test()).toMatchObject({
      requestedAt: 'first',
      state: 'NotSent',
      message: expect.stringMatching(/^Could not send .* Then ask again with a new value of the annotation\.$/),
    });
    expect(testEvents().map((event) => event.split(':')[0])).toEqual(['Normal TestNotificationPending', 'Warning TestNotificationNotSent']);
    expect(ready()).toBe('True');
  });
});

class Crash extends Error {
  override readonly name = 'Crash' as const;
}

/** Where the process dies: before a write of that number was sent, or after it took effect and before its answer came. */
interface Point {
  readonly write: number;
  readonly when: 'before' | 'after';
}

/** Lets the process die at a point. Writes to Kubernetes and tests that are sent count, in the order in which they are made. */
const crashAt = (point: Point | undefined): { readonly writes: () => number } => {
  let writes = 0;
  let isDead = false;
  const around = async <Answer>(write: () => Promise<Answer>): Promise<Answer> => {
    if (isDead) throw new Crash('dead');
    writes += 1;
    isDead = point?.write === writes;
    if (isDead && point?.when === 'before') throw new Crash('before');
    const answer = await write();
    if (isDead) throw new Crash('after');
    return answer;
  };
  const { request } = bench.api.transport;
  bench.api.transport.request = async (asked) => around(() => request(asked));
  bench.bend = (azure): Azure => ({
    ...azure,
    testNotifications: {
      ...azure.testNotifications,
      send: async (group, signal) => around(() => azure.testNotifications.send(group, signal)),
    },
  });
  return {
    writes: () => {
      bench.api.transport.request = request;
      bench.bend = (azure) => azure;
      return writes;
    },
  };
};

describe('a crash', () => {
  it('at any write leads to no second send, and in the end to an outcome', async () => {
    await start();
    const counter = crashAt(undefined);
    ask('first');
    await untilToldAll();
    const total = counter.writes();
    // Sending, the test itself, its number, its outcome.
    expect(total).toBe(4);
    await bench[Symbol.asyncDispose]();
    const ends: unknown[] = [];
    for (let write = 1; write <= total; write += 1)
      for (const when of ['before', 'after'] as const) {
        await start();
        const crashing = crashAt({ write, when });
        ask('first');
        await expect(untilToldAll()).rejects.toMatchObject({ name: 'Crash' });
        crashing.writes();
        bench.restart();
        await untilToldAll();
        ends.push([write, when, arrivals().length, test()?.state]);
        if (write < total || when === 'before') await bench[Symbol.asyncDispose]();
      }
    expect(ends).toEqual([
      [1, 'before', 1, 'Succeeded'],
      [1, 'after', 0, 'Unknown'],
      [2, 'before', 0, 'Unknown'],
      [2, 'after', 1, 'Unknown'],
      [3, 'before', 1, 'Unknown'],
      [3, 'after', 1, 'Succeeded'],
      [4, 'before', 1, 'Succeeded'],
      [4, 'after', 1, 'Succeeded'],
    ]);
  });
});

describe('any history of requests, crashes, lost answers and changes', () => {
  it('sends no value twice, and no two within ten minutes', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ do: 'ask' as const }) },
      fc.record({ do: fc.constant('wait' as const), minutes: fc.constantFrom(0.1, 1, 4, 9, 10) }),
      fc.record({
        do: fc.constant('crash' as const),
        write: fc.integer({ min: 1, max: 4 }),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
      fc.record({ do: fc.constant('lose' as const), when: fc.constantFrom('before' as const, 'after' as const) }),
      fc.record({ do: fc.constant('suspend' as const), suspend: fc.boolean() }),
    );
    const type = 'Microsoft.Insights/actionGroups/createNotifications';
    let [all, rounds] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        if (rounds > 0) await bench[Symbol.asyncDispose]();
        rounds += 1;
        await start({ testNotificationSeconds: 30 });
        const values: string[] = [];
        for (const [index, each] of steps.entries()) {
          let crashing: ReturnType<typeof crashAt> | undefined;
          if (each.do === 'ask') ask(`request ${index}`);
          if (each.do === 'wait') bench.clock.advance(each.minutes * minute);
          if (each.do === 'suspend') bench.apply({ ...spec, suspend: each.suspend });
          if (each.do === 'lose') bench.emulator.faults.add({ match: { type }, times: 1, effect: { kind: 'reset', when: each.when } });
          if (each.do === 'crash') crashing = crashAt({ write: each.write, when: each.when });
          const sent = arrivals().length;
          await bench.run().catch((error: unknown) => {
            if (!(error instanceof Error && error.name === 'Crash')) throw error;
            bench.restart();
          });
          crashing?.writes();
          const value = bench.object().metadata.annotations?.[annotation] ?? '';
          for (let more = arrivals().length; more > sent; more -= 1) values.push(value);
        }
        bench.emulator.faults.clear();
        const times = arrivals();
        all += times.length;
        expect(values).toHaveLength(new Set(values).size);
        expect(times.slice(1).filter((time, index) => time - times[index]! < 10 * minute)).toEqual([]);
        // And in the end it has an outcome.
        bench.apply(spec);
        await bench.run();
        for (let runs = 0; runs < 40 && ['Sending', 'Pending'].includes(test()?.state ?? 'None'); runs += 1) {
          const next = await bench.run();
          bench.clock.advance(next.kind === 'after' ? Math.min(next.milliseconds, minute) : second);
        }
        expect(['Sending', 'Pending']).not.toContain(test()?.state);
      }),
      { numRuns: 25 },
    );
    // Many more as a rule; it must not come to nothing.
    expect(all).toBeGreaterThan(3);
  });
});
