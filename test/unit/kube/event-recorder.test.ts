import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventRecorder } from '../../../src/kube/event-recorder.ts';
import type { EventContent, EventDrop, EventRecorder, ObjectReference } from '../../../src/kube/event-recorder.ts';
import { KubeError, errorFromSocket, errorFromStatus } from '../../../src/kube/failure.ts';
import type { KubeRequest, KubeTransport } from '../../../src/kube/transport.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';

let clock: FakeClock;
let sent: KubeRequest[];
/** What the next requests meet; afterwards they succeed. */
let answers: (Error | 'never')[];
let drops: EventDrop[];
let recorder: EventRecorder;

const transport: KubeTransport = {
  request: async <T>(request: KubeRequest): Promise<T> => {
    sent.push(request);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    if (answer === 'never') {
      await new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true }));
    }
    return undefined as T;
  },
  stream: () => Promise.reject(new Error('not here')),
  close: () => Promise.resolve(),
};

beforeEach(() => {
  clock = createFakeClock(Date.UTC(2026, 4, 1, 12, 0, 0, 250));
  sent = [];
  answers = [];
  drops = [];
  recorder = createEventRecorder({
    transport,
    component: 'tester',
    instance: 'tester-0',
    clock,
    random: () => 0,
    onDrop: (why) => {
      drops.push(why);
      throw new Error('observer');
    },
  });
});

afterEach(async () => {
  const stopped = recorder.stop(0);
  await clock.advance(0);
  await stopped;
});

const widget = (name = 'prod'): ObjectReference => ({
  apiVersion: 'example.dev/v1',
  kind: 'Widget',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
});
const content = (message = 'made it', type: 'Normal' | 'Warning' = 'Normal'): EventContent => ({ type, reason: 'Created', message });
const bodies = (): readonly Record<string, unknown>[] => sent.map(({ body }) => body as Record<string, unknown>);

describe('an event', () => {
  it('is a core v1 Event in the namespace of its object', async () => {
    recorder.record(widget(), { ...content(), action: 'Create' });
    await recorder.flush(1000);
    expect(sent).toMatchObject([{ method: 'POST', path: '/api/v1/namespaces/shop/events' }]);
    expect(bodies()[0]).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^prod\.[0-9a-f]{16}$/), namespace: 'shop' },
      involvedObject: widget(),
      type: 'Normal',
      reason: 'Created',
      message: 'made it',
      action: 'Create',
      count: 1,
      firstTimestamp: '2026-05-01T12:00:00Z',
      lastTimestamp: '2026-05-01T12:00:00Z',
      source: { component: 'tester' },
      reportingComponent: 'tester',
      reportingInstance: 'tester-0',
    });
  });

  it('about something without a namespace stands in default', async () => {
    recorder.record({ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }, content());
    await recorder.flush(1000);
    expect(sent[0]?.path).toBe('/api/v1/namespaces/default/events');
  });

  it('is cut at 1024 characters', async () => {
    recorder.record(widget(), content('x'.repeat(2000)));
    await recorder.flush(1000);
    expect(bodies()[0]?.['message']).toBe(`${'x'.repeat(1023)}…`);
  });

  it('is said once in two minutes, unless its object, type, reason or message is another', async () => {
    recorder.record(widget(), content());
    recorder.record(widget(), content());
    recorder.record(widget('other'), content());
    recorder.record(widget(), content('made more'));
    recorder.record(widget(), content('made it', 'Warning'));
    await clock.advance(119_000);
    recorder.record(widget(), content());
    expect(drops).toEqual(['duplicate', 'duplicate']);
    await clock.advance(1000);
    recorder.record(widget(), content());
    await recorder.flush(1000);
    expect(sent.length).toBe(5);
  });

  it('of an object that talks too much is dropped, others are not', async () => {
    for (let index = 0; index < 15; index += 1) recorder.record(widget(), content(`message ${index}`));
    recorder.record(widget('other'), content());
    await recorder.flush(1000);
    expect(sent.length).toBe(11);
    expect(drops).toEqual(Array.from({ length: 5 }, () => 'overBudget'));
    await clock.advance(30_000);
    recorder.record(widget(), content('message 16'));
    recorder.record(widget(), content('message 17'));
    await recorder.flush(1000);
    expect(sent.length).toBe(12);
  });

  it('is dropped when all objects together talk too much', async () => {
    for (let index = 0; index < 1100; index += 1) recorder.record(widget(`w${index}`), content());
    await recorder.flush(1000);
    expect(sent.length).toBe(1000);
    await clock.advance(1000);
    for (let index = 0; index < 20; index += 1) recorder.record(widget(`v${index}`), content());
    await recorder.flush(1000);
    expect(sent.length).toBe(1010);
  });
});

describe('trouble', () => {
  it('is tried again three times in all, under the same name', async () => {
    answers = [errorFromSocket('POST', new Error('reset')), errorFromStatus('POST', 503, undefined)];
    recorder.record(widget(), content());
    await clock.advance(10_000);
    expect(sent.length).toBe(3);
    expect(new Set(bodies().map(({ metadata }) => JSON.stringify(metadata))).size).toBe(1);
    expect(drops).toEqual([]);
  });

  it('that lasts drops the event', async () => {
    answers = [1, 2, 3].map(() => errorFromSocket('POST', new Error('reset')));
    recorder.record(widget(), content());
    await clock.advance(60_000);
    expect(sent.length).toBe(3);
    expect(drops).toEqual(['failed']);
  });

  it("that won't go away drops the event at once", async () => {
    answers = [errorFromStatus('POST', 403, undefined)];
    recorder.record(widget(), content());
    recorder.record(widget('other'), content());
    await clock.advance(0);
    expect(sent.length).toBe(2);
    expect(drops).toEqual(['failed']);
  });

  it('waits for Retry-After', async () => {
    answers = [errorFromStatus('POST', 429, undefined, '20')];
    recorder.record(widget(), content());
    await clock.advance(19_999);
    expect(sent.length).toBe(1);
    await clock.advance(1);
    expect(sent.length).toBe(2);
  });

  it('that was none, an answer that got lost, is no trouble', async () => {
    answers = [
      errorFromSocket('POST', new Error('reset')),
      new KubeError('is there', { operation: 'POST', status: 409, reason: 'AlreadyExists' }),
    ];
    recorder.record(widget(), content());
    await clock.advance(10_000);
    expect(drops).toEqual([]);
  });

  it('never reaches the one who records, and never makes him wait', () => {
    answers = ['never'];
    for (let index = 0; index < 3000; index += 1) recorder.record(widget(`w${index}`), content());
    expect(sent.length).toBe(1);
    expect(drops.length).toBe(2000);
  });
});

describe('stop', () => {
  it('sends what is waiting', async () => {
    for (let index = 0; index < 5; index += 1) recorder.record(widget(`w${index}`), content());
    await recorder.stop(1000);
    expect(sent.length).toBe(5);
    expect(drops).toEqual([]);
  });

  it('ends at its deadline, drops the rest, and takes nothing more', async () => {
    answers = ['never'];
    recorder.record(widget('a'), content());
    recorder.record(widget('b'), content());
    const stopped = recorder.stop(1000);
    await clock.advance(1000);
    await stopped;
    recorder.record(widget('c'), content());
    expect(drops).toEqual(['stopped', 'stopped', 'stopped']);
    expect(sent.length).toBe(1);
    expect(clock.pendingTimers()).toBe(0);
  });
});
