import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeError } from '../../../src/kube/failure.ts';
import { startListWatch } from '../../../src/kube/list-watch.ts';
import type { ListWatch, ListWatchLimits, Occurrence } from '../../../src/kube/list-watch.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { Store } from '../../../src/kube/store.ts';
import { createTransport } from '../../../src/kube/transport.ts';
import type { KubeTransport } from '../../../src/kube/transport.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { errorEvent, expiredEvent, faults, namespace, resource, startFakeApiServer } from '../../support/fake-api-server.ts';
import type { FakeApiServer, FakeObject } from '../../support/fake-api-server.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { waitFor } from '../../support/wait.ts';

/** Short enough to wait for, in the proportions of the real ones. */
const quick: Partial<ListWatchLimits> = { backOffBaseMilliseconds: 20, backOffCapMilliseconds: 100, shortWatchMilliseconds: 10 };

let server: FakeApiServer;
let transport: KubeTransport;
let store: Store<FakeObject>;
let listWatch: ListWatch | undefined;
/** `added a`, `updated a`, `deleted a`, in the order in which they were told. */
let told: string[];
let occurrences: Occurrence[];

beforeEach(async () => {
  server = await startFakeApiServer();
  transport = createTransport(server.access);
  store = createStore<FakeObject>();
  told = [];
  occurrences = [];
});

afterEach(async () => {
  await listWatch?.stop();
  listWatch = undefined;
  await transport.close();
  await server.close();
});

const start = (limits: Partial<ListWatchLimits> = {}, onChange?: (key: string) => void): ListWatch => {
  listWatch = startListWatch({
    transport,
    resource,
    namespace,
    store,
    clock: systemClock,
    random: Math.random,
    limits: { ...quick, ...limits },
    observer: (occurrence) => occurrences.push(occurrence),
    onChange: ({ kind, key }) => {
      told.push(`${kind} ${key.split('/')[1]}`);
      onChange?.(key);
    },
  });
  return listWatch;
};

const occurred = <K extends Occurrence['kind']>(kind: K): readonly Extract<Occurrence, { kind: K }>[] =>
  occurrences.filter((occurrence): occurrence is Extract<Occurrence, { kind: K }> => occurrence.kind === kind);

/** Starts with these objects and waits until they are watched. */
const watching = async (names: readonly string[], limits: Partial<ListWatchLimits> = {}): Promise<void> => {
  for (const name of names) server.put(name);
  await start(limits).synced;
  await waitFor('watch', () => server.watches() === 1);
  told = [];
};

const isTold = (...expected: readonly string[]): Promise<unknown> =>
  waitFor(`word of ${expected.join(', ')} (but: ${told.join(', ')})`, () => expected.every((change) => told.includes(change)), 5000);

const lists = (): number => server.requestsOf('list').length;
const watches = (): number => server.requestsOf('watch').length;

describe('list and watch', () => {
  it('lists in pages, then watches from the version of the list, with bookmarks and a random end', async () => {
    for (let index = 0; index < 7; index += 1) server.put(`w${index}`);
    await start({ pageSize: 3 }).synced;
    await waitFor('watch', () => server.watches() === 1);
    expect(store.list().map(({ metadata }) => metadata.name)).toEqual(['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6']);
    expect(server.requestsOf('list').map(({ query }) => query)).toEqual([
      { limit: '3' },
      { limit: '3', continue: '3:107' },
      { limit: '3', continue: '6:107' },
    ]);
    const [watch] = server.requestsOf('watch');
    expect(watch?.path).toBe('/apis/example.dev/v1/namespaces/shop/widgets');
    expect(watch?.query).toMatchObject({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '107' });
    expect(Number(watch?.query['timeoutSeconds'])).toBeGreaterThanOrEqual(300);
    expect(Number(watch?.query['timeoutSeconds'])).toBeLessThanOrEqual(600);
    expect(occurred('listed')).toMatchObject([{ cause: 'start', objects: 7, pages: 3, changes: 7, missed: 0 }]);
  });

  it('tells what is added, changed and deleted, and keeps no managedFields', async () => {
    await watching(['a']);
    server.put('b');
    server.put('a', { size: 2 });
    server.remove('b');
    await isTold('added b', 'updated a', 'deleted b');
    expect(store.get('shop/a')?.spec).toEqual({ size: 2 });
    expect(store.get('shop/a')?.metadata).not.toHaveProperty('managedFields');
    expect(store.get('shop/b')).toBeUndefined();
  });

  it('has everything in the store before it says that it has synced', async () => {
    server.put('a');
    const listing = start();
    expect(listing.hasSynced()).toBe(false);
    await listing.synced;
    expect(listing.hasSynced()).toBe(true);
    expect(told).toEqual(['added a']);
    expect(listing.silentMilliseconds()).toBeLessThan(5000);
  });

  it('sends selectors with the list and with the watch', async () => {
    listWatch = startListWatch({
      transport,
      resource,
      store,
      labelSelector: 'shard=1',
      fieldSelector: 'metadata.name=a',
      clock: systemClock,
      random: Math.random,
      onChange: () => undefined,
    });
    await waitFor('watch', () => watches() === 1);
    for (const { path, query } of server.requests) {
      expect(path).toBe('/apis/example.dev/v1/widgets');
      expect(query).toMatchObject({ labelSelector: 'shard=1', fieldSelector: 'metadata.name=a' });
    }
  });

  it('resumes after a clean end from the last version told, bookmarks included, without a list', async () => {
    await watching(['a'], { shortWatchMilliseconds: 0 });
    server.put('b');
    await isTold('added b');
    server.endWatches('close');
    await waitFor('second watch', () => server.watches() === 1);
    const version = server.bookmark();
    await waitFor('bookmark', () => occurred('event').some(({ type }) => type === 'BOOKMARK'));
    server.endWatches('close');
    await waitFor('third watch', () => watches() === 3);
    expect(server.requestsOf('watch').map(({ query }) => query['resourceVersion'])).toEqual(['101', '102', version]);
    expect(lists()).toBe(1);
    expect(occurred('failed')).toEqual([]);
  });

  it('is told what happened while it was away', async () => {
    await watching(['a', 'b']);
    server.fail('watch', faults.reset(), faults.status(500), faults.status(503));
    server.endWatches('reset');
    server.put('c');
    server.remove('a');
    await isTold('added c', 'deleted a');
    expect(lists()).toBe(1);
  });
});

describe('faults', () => {
  it.each([
    ['a reset', faults.reset()],
    ['403', faults.status(403, 'Forbidden')],
    ['500', faults.status(500)],
    ["503 from a proxy that isn't Kubernetes", faults.page(503)],
    ['an answer that is no list', faults.pieces('close', '{"kind":"WidgetList","items":[]}')],
    ['half an answer', faults.pieces('reset', '{"kind":"Widg')],
  ])('a list that meets %s is tried again', async (_, fault) => {
    server.put('a');
    server.fail('list', fault, fault, fault);
    await start().synced;
    expect(store.size).toBe(1);
    expect(occurred('failed').map(({ during }) => during)).toEqual(['list', 'list', 'list']);
  });

  it.each([
    ['a reset', faults.reset()],
    ['401', faults.status(401, 'Unauthorized')],
    ['403', faults.status(403, 'Forbidden')],
    ['500', faults.status(500)],
    ['an ERROR event', faults.pieces('silence', errorEvent(500))],
    ['an end at once', faults.pieces('close')],
  ])('a watch that meets %s is tried again after a back-off, from where it was', async (_, fault) => {
    server.fail('watch', fault, fault, fault);
    // However slow the machine is: a watch that ends at once is a short one.
    await watching(['a'], { shortWatchMilliseconds: 60_000 });
    await waitFor('the watch after the faults', () => occurred('failed').length === 3 && watches() === 4 && server.watches() === 1);
    server.put('b');
    await isTold('added b');
    expect(occurred('failed').length).toBe(3);
    expect(occurred('failed').every(({ waitMilliseconds }) => waitMilliseconds >= 10)).toBe(true);
    expect(lists()).toBe(1);
    expect(new Set(server.requestsOf('watch').map(({ query }) => query['resourceVersion']))).toEqual(new Set(['101']));
  });

  it('waits at least as long as Retry-After says', async () => {
    server.fail('list', faults.status(429, 'TooManyRequests', { 'retry-after': '0.5' }));
    server.fail('watch', faults.status(429, 'TooManyRequests', { 'retry-after': '0.4' }));
    await watching(['a']);
    const [list1, list2] = server.requestsOf('list');
    expect(list2!.at - list1!.at).toBeGreaterThanOrEqual(499);
    const [watch1, watch2] = server.requestsOf('watch');
    expect(watch2!.at - watch1!.at).toBeGreaterThanOrEqual(399);
  });

  it.each([
    ['as HTTP status', faults.status(410, 'Expired')],
    ['as an ERROR event with an end', faults.pieces('close', expiredEvent)],
    ['as an ERROR event without an end', faults.pieces('silence', expiredEvent)],
  ])('a version that is too old, told %s, leads to a list at once, and to the right differences', async (_, fault) => {
    await watching(['a', 'b', 'c']);
    server.fail('watch', fault);
    server.endWatches('reset');
    server.put('a', 'changed');
    server.remove('b');
    server.remove('c');
    server.put('c');
    server.put('d');
    await isTold('updated a', 'deleted b', 'deleted c', 'added c', 'added d');
    expect(told.toSorted()).toEqual(['added c', 'added d', 'deleted b', 'deleted c', 'updated a']);
    expect(told.indexOf('deleted c')).toBeLessThan(told.indexOf('added c'));
    expect(lists()).toBe(2);
    expect(occurred('expired').length).toBe(1);
    expect(occurred('listed').at(-1)).toMatchObject({ cause: 'expired' });
  });

  it('lists at once when its version grew old while the server was away, however often it had failed before', async () => {
    await watching(['a'], { backOffBaseMilliseconds: 20, backOffCapMilliseconds: 60_000 });
    server.fail('watch', ...Array.from({ length: 4 }, () => faults.status(503)), faults.status(410, 'Expired'));
    server.endWatches('reset');
    await waitFor('second list', () => occurred('listed').length === 2);
    // The reset and four times 503, but nothing between the 410 and the list.
    expect(occurred('failed').map(({ error: { status } }) => status)).toEqual([undefined, 503, 503, 503, 503]);
    expect(occurrences.findIndex(({ kind }) => kind === 'expired') + 1).toBe(
      occurrences.findIndex((occurrence) => occurrence.kind === 'listed' && occurrence.cause === 'expired'),
    );
  });

  it.each([
    ['a bookmark', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '101' } } }],
    ['what it had told before', { type: 'ADDED', object: { metadata: { name: 'a', namespace, uid: 'a', resourceVersion: '101' } } }],
  ])('does not call a server in a loop that says %s and hangs up', async (_, event) => {
    const metadata = { name: 'a', namespace, uid: 'a', resourceVersion: '101' };
    server.fail('list', faults.pieces('close', JSON.stringify({ metadata: { resourceVersion: '101' }, items: [{ metadata }] })));
    const line = `${JSON.stringify(event)}\n`;
    server.fail('watch', faults.pieces('close', line), faults.pieces('close', line), faults.pieces('close', line));
    await start({ shortWatchMilliseconds: 60_000 }).synced;
    await waitFor('the watch after the faults', () => watches() === 4 && server.watches() === 1);
    expect(occurred('failed').map(({ error: { code } }) => code)).toEqual(['ShortWatch', 'ShortWatch', 'ShortWatch']);
  });

  it('takes the rest of a list that has something in it which is no object', async () => {
    const metadata = { name: 'a', namespace, uid: 'a', resourceVersion: '101' };
    server.fail('list', faults.pieces('close', JSON.stringify({ metadata: { resourceVersion: '101' }, items: [null, {}, { metadata }] })));
    await start().synced;
    expect(told).toEqual(['added a']);
    expect(occurred('unparsable').length).toBe(2);
    expect(occurred('failed')).toEqual([]);
  });

  it('does not follow a list that goes round in circles', async () => {
    const circle = faults.pieces('close', JSON.stringify({ metadata: { resourceVersion: '101', continue: 'again' }, items: [] }));
    server.fail('list', circle, circle);
    server.put('a');
    await start().synced;
    expect(occurred('failed')).toMatchObject([{ during: 'list', error: { code: 'MalformedAnswer' } }]);
    expect(told).toEqual(['added a']);
  });

  it('notices by itself that its version is too old for the server', async () => {
    await watching(['a']);
    server.failAlways('watch', faults.reset());
    server.endWatches('reset');
    server.put('b');
    server.compact();
    server.failAlways('watch', undefined);
    await isTold('added b');
    expect(lists()).toBe(2);
  });

  it("doesn't list in a loop when every version is too old", async () => {
    server.failAlways('watch', faults.status(410, 'Expired'));
    await start({ backOffBaseMilliseconds: 30, backOffCapMilliseconds: 240 }).synced;
    await waitFor('fifth list', () => lists() >= 5);
    const waits = occurred('failed').map(({ waitMilliseconds }) => waitMilliseconds);
    expect(waits.length).toBeGreaterThanOrEqual(3);
    expect(waits[2]!).toBeGreaterThan(waits[0]!);
    server.failAlways('watch', undefined);
    await waitFor('watch', () => server.watches() === 1);
  });

  it('begins the list again when its continue token has expired', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(name);
    server.fail('list', undefined, faults.status(410, 'Expired'));
    await start({ pageSize: 2 }).synced;
    expect(server.requestsOf('list').map(({ query }) => query['continue'])).toEqual([undefined, '2:105', undefined, '2:105', '4:105']);
    expect(told).toEqual(['added a', 'added b', 'added c', 'added d', 'added e']);
    expect(occurred('listRestarted').length).toBe(1);
    expect(occurred('failed')).toEqual([]);
  });

  it('destroys a watch that is silent for longer than the idle limit, and resumes on a fresh socket', async () => {
    server.fail('watch', faults.pieces('silence'));
    await watching(['a'], { watchIdleSeconds: 0.2 });
    expect(occurred('failed')).toMatchObject([{ during: 'watch', error: { code: 'IdleTooLong' } }]);
    const [first, second] = server.requestsOf('watch');
    expect(second?.connection).not.toBe(first?.connection);
  });

  it('destroys a watch that outlives its time', async () => {
    server.fail('watch', faults.pieces('silence'));
    await watching(['a'], { watchSeconds: [0, 0], watchSlackSeconds: 0.2 });
    expect(occurred('failed')).toMatchObject([{ during: 'watch', error: { code: 'DeadlineExceeded' } }]);
  });

  it('gives up on a list that never answers', async () => {
    server.put('a');
    server.fail('list', faults.silence());
    await start({ listTimeoutSeconds: 0.2 }).synced;
    expect(occurred('failed')).toMatchObject([{ during: 'list', error: { code: 'DeadlineExceeded' } }]);
  });

  it('skips a line that it cannot read, and goes on', async () => {
    await watching(['a']);
    server.say('{"type":"MODIFIED","object":{"metadata":{"na');
    server.say('[]');
    server.say('{"type":"SURPRISE","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"1"}}}');
    server.say('{"type":"ADDED","object":{"metadata":{"name":"x"}}}');
    server.put('b');
    await isTold('added b');
    expect(occurred('unparsable').length).toBe(4);
    expect(watches()).toBe(1);
  });

  it('loses nothing when a line is cut off', async () => {
    const line = JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'b', namespace, uid: 'b', resourceVersion: '102' } } });
    server.put('a');
    server.fail('watch', faults.pieces('close', line.slice(0, 30)), faults.pieces('reset', line.slice(0, 30)));
    const listing = start();
    await listing.synced;
    server.put('b');
    await isTold('added b');
    expect(server.requestsOf('watch').map(({ query }) => query['resourceVersion'])).toEqual(['101', '101', '101']);
  });

  it('reads an event that arrives in pieces, even in the middle of a character', async () => {
    await watching(['a']);
    server.put('b', { motto: '€'.repeat(60_000) });
    await isTold('added b');
    expect(store.get('shop/b')?.spec).toEqual({ motto: '€'.repeat(60_000) });
  });

  it('survives a handler that throws, and an observer that throws', async () => {
    server.put('a');
    server.put('b');
    listWatch = startListWatch({
      transport,
      resource,
      store,
      clock: systemClock,
      random: Math.random,
      observer: (occurrence) => {
        occurrences.push(occurrence);
        throw new Error('observer');
      },
      onChange: ({ key }) => {
        told.push(key);
        throw new Error('handler');
      },
    });
    await listWatch.synced;
    await waitFor('watch', () => server.watches() === 1);
    server.put('c');
    await waitFor('c', () => told.length === 3);
    expect(told).toEqual(['shop/a', 'shop/b', 'shop/c']);
    expect(store.size).toBe(3);
    expect(occurred('handlerFailed').length).toBe(3);
  });
});

describe('the regular list', () => {
  it('comes although nothing is wrong, and tells only what is different', async () => {
    await watching(['a', 'b'], { relistMilliseconds: 150 });
    await waitFor('third list', () => lists() >= 3);
    expect(told).toEqual([]);
    expect(occurred('listed').at(-1)).toMatchObject({ cause: 'interval', changes: 0, missed: 0 });
    expect(occurred('failed')).toEqual([]);
    await waitFor('watch', () => server.watches() === 1);
    server.put('c');
    await isTold('added c');
  });

  it('that fails does not end the watching', async () => {
    await watching(['a'], { relistMilliseconds: 100, backOffBaseMilliseconds: 60_000, backOffCapMilliseconds: 60_000 });
    server.failAlways('list', faults.status(500));
    await waitFor('failed list', () => occurred('failed').length > 0);
    await waitFor('watch', () => server.watches() === 1);
    server.put('b');
    await isTold('added b');
    expect(occurred('failed').map(({ during }) => during)).toEqual(['list']);
    server.failAlways('list', undefined);
    await listWatch?.refresh();
    expect(occurred('listed').at(-1)).toMatchObject({ cause: 'refresh', missed: 0 });
  });

  it('that fails is tried again after a back-off, and not before a Retry-After', async () => {
    await watching(['a'], { relistMilliseconds: 100 });
    server.fail('list', faults.status(500), faults.status(429, 'TooManyRequests', { 'retry-after': '0.3' }));
    await waitFor('fourth list', () => occurred('listed').length >= 2);
    const [, first, second, third] = server.requestsOf('list');
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(10);
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(299);
    expect(occurred('listed').at(-1)).toMatchObject({ cause: 'interval' });
  });

  it('counts what the watch has not told', async () => {
    const silentWatch = faults.pieces(
      'silence',
      `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '200' } } })}\n`,
    );
    server.put('a');
    server.fail('watch', silentWatch);
    await start({ relistMilliseconds: 300 }).synced;
    server.put('b');
    await isTold('added b');
    await waitFor('second list', () => occurred('listed').length >= 2);
    expect(occurred('listed')[1]).toMatchObject({ cause: 'interval', changes: 1, missed: 1 });
  });
});

describe('refresh', () => {
  it('lists at once although a watch is open, tells the differences, and watches on', async () => {
    await watching(['a']);
    // A watch that tells nothing of what happens: this is what refresh is for.
    server.fail('watch', faults.pieces('silence'));
    server.endWatches('reset');
    await waitFor('watch that says nothing', () => watches() === 2);
    server.put('b');
    expect(told).toEqual([]);
    const failuresBefore = occurred('failed').length;
    await listWatch?.refresh();
    expect(told).toEqual(['added b']);
    expect(store.get('shop/b')).toBeDefined();
    expect(occurred('listed').map(({ cause }) => cause)).toEqual(['start', 'refresh']);
    await waitFor('watch', () => server.watches() === 1);
    expect(server.requestsOf('watch').at(-1)?.query['resourceVersion']).toBe('102');
    expect(occurred('failed').length).toBe(failuresBefore);
    await waitFor('end of the old watch', () => server.connections().open <= 2);
  });

  it('waits for a list that begins after the call, and one list serves all who asked before it', async () => {
    server.put('a');
    // The first list has begun, and is answered only when the test says so.
    const held: (() => void)[] = [];
    server.fail('list', (_, response) => {
      const items = [server.put('a')];
      held.push(() => response.end(JSON.stringify({ metadata: { resourceVersion: '102' }, items })));
    });
    const listing = start();
    await waitFor('first list', () => held.length === 1);
    const listsWhenDone = [listing.refresh(), listing.refresh()].map((done) => done.then(lists));
    server.put('b');
    for (const answer of held) answer();
    await listing.synced;
    expect(await Promise.all(listsWhenDone)).toEqual([2, 2]);
    expect(told.toSorted()).toEqual(['added a', 'added b']);
    expect(lists()).toBe(2);
    await waitFor('watch', () => server.watches() === 1);
    expect(watches()).toBe(1);
    expect(occurred('failed')).toEqual([]);
  });

  it('keeps trying, and counts the next list when the first one fails', async () => {
    await watching(['a']);
    server.fail('list', faults.reset(), faults.status(500));
    await listWatch?.refresh();
    expect(lists()).toBe(4);
    expect(occurred('failed').map(({ during }) => during)).toEqual(['list', 'list']);
  });

  it('ends a back-off', async () => {
    server.fail('list', faults.status(500));
    const listing = start({ backOffBaseMilliseconds: 60_000, backOffCapMilliseconds: 60_000 });
    await waitFor('failure', () => occurred('failed').length === 1);
    await listing.refresh();
    expect(lists()).toBe(2);
    expect(listing.hasSynced()).toBe(true);
  });

  it('does not end the wait of a Retry-After', async () => {
    server.fail('list', faults.status(429, 'TooManyRequests', { 'retry-after': '0.5' }));
    const listing = start();
    await waitFor('failure', () => occurred('failed').length === 1);
    await listing.refresh();
    const [first, second] = server.requestsOf('list');
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(499);
  });

  it('does not shorten the back-off after its own list has failed', async () => {
    const clock = createFakeClock();
    // No socket: with a clock that stands still, only what the test moves may happen.
    let listed = 0;
    const failing: KubeTransport = {
      request: () => {
        listed += 1;
        return Promise.reject(new KubeError('down', { operation: 'LIST', status: 500 }));
      },
      stream: () => Promise.reject(new Error('never reached')),
      close: () => Promise.resolve(),
    };
    listWatch = startListWatch({ transport: failing, resource, store, clock, random: () => 0, onChange: () => undefined });
    await clock.advance(0);
    expect(listed).toBe(1);
    let isDone = false;
    void listWatch.refresh().then(() => {
      isDone = true;
    });
    await clock.advance(0);
    expect(listed).toBe(2);
    await clock.advance(1599);
    expect(listed).toBe(2);
    await clock.advance(1);
    expect(listed).toBe(3);
    await listWatch.stop();
    expect(clock.pendingTimers()).toBe(0);
    await clock.advance(0);
    expect(isDone).toBe(false);
  });

  it('may be called by a handler', async () => {
    const refreshed: Promise<void>[] = [];
    server.put('a');
    const listing = start({}, () => void refreshed.push(listing.refresh()));
    await waitFor('call', () => refreshed.length === 1);
    await Promise.all(refreshed);
    expect(lists()).toBe(2);
  });
});

describe('stop', () => {
  it.each([
    ['a quiet watch', undefined, undefined],
    ['a list that never answers', faults.silence(), undefined],
    ['a watch that never answers', undefined, faults.silence()],
    ['a back-off', faults.status(429, 'TooManyRequests', { 'retry-after': '60' }), undefined],
  ])('ends %s at once, without a word', async (_, list, watch) => {
    if (list) server.fail('list', list);
    if (watch) server.fail('watch', watch);
    const listing = start();
    await waitFor('request', () => (list ? lists() === 1 : watches() === 1));
    if (list) await waitFor('quiet', () => server.connections().open <= 1);
    const before = occurrences.length;
    const started = performance.now();
    await listing.stop();
    expect(performance.now() - started).toBeLessThan(200);
    expect(occurrences.slice(before).filter(({ kind }) => kind !== 'failed')).toEqual([]);
    await waitFor('end of the watch', () => server.watches() === 0);
  });

  it('uses one connection for requests and one for each watch', async () => {
    await watching(['a'], { shortWatchMilliseconds: 0 });
    for (let index = 0; index < 3; index += 1) {
      server.endWatches('close');
      await waitFor('watch', () => watches() === index + 2 && server.watches() === 1);
    }
    await waitFor('only two open sockets', () => server.connections().open <= 2);
    expect(server.connections().accepted).toBe(5);
  });
});
