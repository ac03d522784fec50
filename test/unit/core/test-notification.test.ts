import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TestNotification } from '../../../src/api/maintenance-notification.ts';
import {
  afterQuestion,
  afterTest,
  isTestDue,
  namesOf,
  nextTestStep,
  testRequestIn,
  type Readiness,
  type TestAnswer,
  type TestSent,
  type TestStep,
  type ToldOfReceiver,
} from '../../../src/core/test-notification.ts';

const now = Date.UTC(2026, 0, 1, 12);
const at = (seconds: number): string => new Date(now + seconds * 1000).toISOString().replace('.000Z', 'Z');
const annotation = 'aks-notifier.dev/test-notification-requested-at';

const pending: TestNotification = { requestedAt: 'a', state: 'Pending' };
const begun: TestNotification = { requestedAt: 'a', state: 'Sending', sentAt: at(-30) };
const sending: TestNotification = { ...begun, notificationId: '1' };
const ended: TestNotification = { requestedAt: 'a', state: 'Succeeded', sentAt: at(-30) };

describe('the request', () => {
  it.each<[string, Record<string, string> | undefined, string | undefined]>([
    ['none without annotations', undefined, undefined],
    ['none without a value', { [annotation]: '' }, undefined],
    ['any text', { [annotation]: 'please' }, 'please'],
    ['the first 64 characters of a long one', { [annotation]: 'x'.repeat(65) }, 'x'.repeat(64)],
    ['a text that the API server gives back as it was', { [annotation]: `${'x'.repeat(63)}😀` }, `${'x'.repeat(63)}\uFFFD`],
  ])('is %s', (_, annotations, request) => {
    expect(testRequestIn(annotations)).toBe(request);
  });
});

describe('what is to be done', () => {
  it.each<[string, string | undefined, TestNotification | undefined, Readiness, TestStep['kind'], TestNotification['state'] | undefined]>([
    ['nothing was asked for', undefined, undefined, 'stands', 'nothing', undefined],
    ['a first request', 'a', undefined, 'stands', 'send', 'Sending'],
    ['a request that waited for the group', 'a', pending, 'stands', 'send', 'Sending'],
    ['a request without a group yet', 'a', undefined, 'awaited', 'wait', 'Pending'],
    ['a request, and a person must act', 'a', undefined, 'stalled', 'end', 'NotSent'],
    ['a request without a group of its own', 'a', undefined, 'others', 'end', 'NotSent'],
    ['a request while suspended', 'a', undefined, 'suspended', 'end', 'NotSent'],
    ['a request that waited, while suspended', 'a', pending, 'suspended', 'end', 'NotSent'],
    ['a request while being deleted', 'a', undefined, 'deleting', 'end', 'NotSent'],
    ['a request that has its outcome', 'a', ended, 'stands', 'nothing', 'Succeeded'],
    ['the same, suspended', 'a', ended, 'suspended', 'nothing', 'Succeeded'],
    ['an outcome whose request is gone', undefined, ended, 'stands', 'nothing', 'Succeeded'],
    ['a request too soon', 'b', ended, 'stands', 'wait', 'Pending'],
    ['a request ten minutes later', 'b', { ...ended, sentAt: at(-600) }, 'stands', 'send', 'Sending'],
    ['a request a second earlier', 'b', { ...ended, sentAt: at(-599) }, 'stands', 'wait', 'Pending'],
    ['a request after a time that nobody wrote', 'b', { ...ended, sentAt: 'yesterday' }, 'stands', 'send', 'Sending'],
    ['a request after a time far ahead', 'b', { ...ended, sentAt: at(86_400) }, 'stands', 'send', 'Sending'],
    ['a request after a time a little ahead', 'b', { ...ended, sentAt: at(60) }, 'stands', 'wait', 'Pending'],
    ['a request that was taken back', undefined, pending, 'stands', 'end', 'NotSent'],
    ['one that was cut off', 'a', begun, 'stands', 'end', 'Unknown'],
    ['one that was cut off, and another', 'b', begun, 'stands', 'end', 'Unknown'],
    ['one under way', 'a', sending, 'stands', 'ask', 'Sending'],
    ['one under way, and another', 'b', sending, 'stands', 'ask', 'Sending'],
    ['one under way, and the request is gone', undefined, sending, 'stands', 'ask', 'Sending'],
    ['one under way, and the group is not seen', 'a', sending, 'awaited', 'wait', 'Sending'],
    ['one under way, and a person must act', 'a', sending, 'stalled', 'wait', 'Sending'],
    ['the same for five minutes', 'a', { ...sending, sentAt: at(-300) }, 'stalled', 'end', 'Unknown'],
    ['one under way, suspended', 'a', sending, 'suspended', 'end', 'Unknown'],
    ['one under way, and a deletion', 'a', sending, 'deleting', 'end', 'Unknown'],
  ])('%s', (_, request, known, readiness, kind, state) => {
    const step = nextTestStep({ request, known, readiness, now });
    expect([step.kind, step.test?.state]).toEqual([kind, state]);
    expect(isTestDue({ request, known, now })).toBe(nextTestStep({ request, known, readiness: 'stands', now }).kind === 'send');
  });

  it('keeps the time of the last one as long as that counts', () => {
    expect(nextTestStep({ request: 'b', known: ended, readiness: 'stands', now })).toEqual({
      kind: 'wait',
      test: {
        requestedAt: 'b',
        sentAt: at(-30),
        state: 'Pending',
        message: `The last one was sent at ${at(-30)}. This one will be sent at ${at(570)}, if the annotation still stands.`,
      },
      milliseconds: 570_000,
    });
    expect(nextTestStep({ request: 'b', known: ended, readiness: 'suspended', now }).test?.sentAt).toBe(at(-30));
  });

  it('never rounds the gap down', () => {
    const step = nextTestStep({ request: 'a', known: undefined, readiness: 'stands', now: now + 1 });
    expect(step.test?.sentAt).toBe(at(1));
  });
});

describe('after it was tried to send it', () => {
  it.each<[string, TestSent, Partial<TestNotification>, number | undefined]>([
    ['taken', { kind: 'accepted', notificationId: '7' }, { state: 'Sending', notificationId: '7', sentAt: at(0) }, 2000],
    ['taken without a number', { kind: 'accepted', notificationId: undefined }, { state: 'Unknown', sentAt: at(0) }, undefined],
    [
      'refused',
      { kind: 'refused', message: 'No.', cause: undefined },
      { state: 'NotSent', message: 'No. Then ask again with a new value of the annotation.' },
      undefined,
    ],
    ['not yet', { kind: 'later', message: 'Slowly.', milliseconds: 17, cause: undefined }, { state: 'Pending', message: 'Slowly.' }, 17],
    ['open', { kind: 'open', message: 'Hm.', cause: undefined }, { state: 'Unknown', sentAt: at(0) }, undefined],
  ])('%s', (_, sent, test, milliseconds) => {
    const step = afterTest({ requestedAt: 'a', state: 'Sending', sentAt: at(0) }, sent, now, now);
    expect(step.test).toMatchObject(test);
    expect(step.test?.sentAt).toBe(test.sentAt);
    expect(step.kind === 'wait' ? step.milliseconds : undefined).toBe(milliseconds);
  });
});

const told = (name: string, status: string, detail = '', mechanism = 'Email'): ToldOfReceiver => ({ mechanism, name, status, detail });
const answer = (isOver: boolean, ...receivers: readonly ToldOfReceiver[]): TestAnswer => ({ kind: 'told', isOver, receivers });
const addressees = [
  { kind: 'email', name: 'one@contoso.com' },
  { kind: 'webhook', name: 'hook' },
];
const asked = (given: TestAnswer, seconds = 30): TestStep =>
  afterQuestion(
    { ...sending, sentAt: at(-seconds) },
    given,
    addressees,
    (texts) => texts.map((text) => text.replaceAll('secret', '…')),
    now,
  );

describe('after Azure was asked', () => {
  it.each<[string, TestAnswer, number, TestStep['kind'], Partial<TestNotification>]>([
    ['it is at it', { kind: 'running' }, 30, 'wait', { state: 'Sending' }],
    [
      'it is at it for five minutes',
      { kind: 'running' },
      300,
      'end',
      { state: 'Unknown', message: 'It was sent. Azure did not say within five minutes what became of it.' },
    ],
    ['it says something in between', answer(false, told('hook', 'Failed')), 30, 'wait', { state: 'Sending' }],
    [
      'it says something in between for five minutes',
      answer(false, told('hook', 'Failed', 'No.'), told('one@contoso.com', 'InProgress')),
      300,
      'end',
      {
        state: 'Failed',
        message: 'Azure has not served webhook[hook] (No); said nothing clear of email[one@contoso.com] (Azure says InProgress).',
      },
    ],
    ['it won’t say', { kind: 'denied', message: 'No right.' }, 30, 'end', { state: 'Unknown', message: 'It was sent. No right.' }],
    [
      'all is well, in the words that were seen',
      answer(true, told('ONE@contoso.com', 'Succeeded'), told('hook', 'Succeeded')),
      30,
      'end',
      { state: 'Succeeded', message: 'Azure has served email[one@contoso.com], webhook[hook].' },
    ],
    [
      'all is well, in the words of the page',
      answer(true, told('one@contoso.com', 'Completed'), told('hook', 'Completed')),
      30,
      'end',
      { state: 'Succeeded' },
    ],
    [
      'it has served one, and is at the other for five minutes',
      answer(false, told('one@contoso.com', 'Succeeded'), told('hook', 'InProgress')),
      300,
      'end',
      {
        state: 'Unknown',
        receivers: [
          { kind: 'webhook', name: 'hook', status: 'Unknown', detail: 'Azure says InProgress.' },
          { kind: 'email', name: 'one@contoso.com', status: 'Succeeded' },
        ],
      },
    ],
    [
      'it names nobody for five minutes',
      answer(false),
      300,
      'end',
      { state: 'Unknown', message: 'It was sent. Azure did not say within five minutes what became of it.' },
    ],
    ...([false, true] as const).map((isReversed): [string, TestAnswer, number, TestStep['kind'], Partial<TestNotification>] => {
      const both = [told('Hook', 'Failed', 'No.'), told('hook', 'Succeeded'), told('other', 'Failed', 'No.'), told('other', 'Succeeded')];
      return [
        `it names one twice${isReversed ? ', the worse last' : ''}`,
        answer(true, told('one@contoso.com', 'Succeeded'), ...(isReversed ? both.toReversed() : both)),
        30,
        'end',
        { state: 'Failed', message: 'Azure has not served webhook[hook] (No), email[other] (No); served email[one@contoso.com].' },
      ];
    }),
    [
      'one is left out',
      answer(true, told('hook', 'Succeeded')),
      30,
      'end',
      {
        state: 'Unknown',
        message: 'Azure has said nothing clear of email[one@contoso.com] (Azure does not mention it); served webhook[hook].',
      },
    ],
  ])('%s', (_, given, seconds, kind, test) => {
    const step = asked(given, seconds);
    expect(step.kind).toBe(kind);
    expect(step.test).toMatchObject(test);
  });

  it('tells failures first, without addresses and secrets, and of those that it didn’t ask for too', () => {
    const { test } = asked(
      answer(
        true,
        told('one@contoso.com', 'Succeeded'),
        told('hook', 'Failed', 'POST https://example.com/a?sig=1 of\n secret: 404'),
        told('phone', 'Throttled', '', 'Sms'),
      ),
    );
    expect(test?.receivers).toEqual([
      { kind: 'webhook', name: 'hook', status: 'Failed', detail: 'POST (address) of …: 404' },
      { kind: 'sms', name: 'phone', status: 'Unknown', detail: 'Azure says Throttled.' },
      { kind: 'email', name: 'one@contoso.com', status: 'Succeeded' },
    ]);
  });

  it('has little looked at for what nobody may read, however much Azure says', () => {
    const many = Array.from({ length: 1000 }, (_, index) => told(`receiver-${index}`, 'Failed', `${index} ${'secret '.repeat(1000)}`));
    const given: (readonly string[])[] = [];
    const conceal = (texts: readonly string[]): readonly string[] => {
      given.push(texts);
      return texts.map((text) => text.replaceAll(/s\w+/g, '…'));
    };
    const all = many.map(({ name }) => ({ kind: 'email', name }));
    const step = afterQuestion(sending, answer(true, ...many), all, conceal, now);
    expect(given.map(({ length }) => length)).toEqual([0, 100]);
    expect(Math.max(...given.flat().map(({ length }) => length))).toBe(1024);
    expect(JSON.stringify(step)).not.toContain('sec');
    expect(step.test?.receivers?.every(({ detail }) => detail !== undefined)).toBe(true);
  });

  it('keeps to what the schema has room for', () => {
    const many = Array.from({ length: 150 }, (_, index) => told(`receiver-${index}`, 'Failed', 'x'.repeat(1000)));
    const { test } = asked(answer(true, ...many));
    expect(test?.receivers).toHaveLength(100);
    expect(Math.max(...(test?.receivers ?? []).map(({ detail = '' }) => detail.length))).toBe(256);
    expect(test?.message?.length).toBe(1024);
  });

  it('comes again after two seconds at first, then more and more slowly, and when five minutes are over', () => {
    const waits: number[] = [];
    let elapsed = 0;
    for (let step = asked({ kind: 'running' }, 0); step.kind === 'wait'; step = asked({ kind: 'running' }, elapsed / 1000)) {
      waits.push((step.milliseconds ?? 0) / 1000);
      elapsed += step.milliseconds ?? 0;
    }
    expect(waits).toEqual([2, 2, 4, 8, 16, 32, 60, 60, 60, 56]);
  });

  it('whatever Azure says comes to an end, and an end is never left again', () => {
    const word = fc.constantFrom('Succeeded', 'Completed', 'Failed', 'InProgress', '', 'failure');
    const anyAnswer: fc.Arbitrary<TestAnswer> = fc.oneof(
      fc.constant<TestAnswer>({ kind: 'running' }),
      fc.constant<TestAnswer>({ kind: 'denied', message: 'No.' }),
      fc
        .tuple(fc.boolean(), fc.array(fc.record({ mechanism: fc.string(), name: fc.string(), status: word, detail: fc.string() })))
        .map(([isOver, receivers]): TestAnswer => ({ kind: 'told', isOver, receivers })),
    );
    fc.assert(
      fc.property(
        anyAnswer,
        fc.nat(400),
        fc.constantFrom<Readiness>('stands', 'awaited', 'stalled', 'suspended'),
        (given, seconds, readiness) => {
          const step = asked(given, seconds);
          expect(step.kind === 'wait' && seconds >= 300).toBe(false);
          if (step.kind !== 'end') return;
          expect(nextTestStep({ request: 'a', known: step.test, readiness, now }).kind).toBe('nothing');
        },
      ),
    );
  });
});

describe('the names of receivers', () => {
  it.each<[number, string]>([
    [0, ''],
    [1, 'sms[r0]'],
    [10, Array.from({ length: 10 }, (_, index) => `sms[r${index}]`).join(', ')],
    [12, `${Array.from({ length: 10 }, (_, index) => `sms[r${index}]`).join(', ')} and 2 more`],
  ])('of %i', (count, text) => {
    expect(namesOf(Array.from({ length: count }, (_, index) => ({ kind: 'sms', name: `r${index}` })))).toBe(text);
  });
});
