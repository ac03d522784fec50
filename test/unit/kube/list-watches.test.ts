import { afterEach, beforeEach, expect, it } from 'vitest';
import { startListWatches } from '../../../src/kube/list-watches.ts';
import { createStore } from '../../../src/kube/store.ts';
import { createTransport, type KubeTransport } from '../../../src/kube/transport.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { faults, startFakeApiServer, type FakeApiServer } from '../../support/fake-api-server.ts';
import { waitFor } from '../../support/wait.ts';

let server: FakeApiServer;
let transport: KubeTransport;

beforeEach(async () => {
  server = await startFakeApiServer();
  transport = createTransport(server.access);
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

const start = (namespaces: readonly string[]) => {
  let observers = 0;
  const watches = startListWatches(namespaces, {
    transport,
    resource: { group: 'example.dev', version: 'v1', plural: 'widgets' },
    store: createStore(),
    clock: systemClock,
    random: Math.random,
    onChange: () => undefined,
    newObserver: () => {
      observers += 1;
      return () => undefined;
    },
  });
  return { watches, observers: () => observers };
};

const lists = (): readonly string[] => server.requests.filter(({ query }) => query['watch'] === undefined).map(({ path }) => path);

it('watches all namespaces when none is named', async () => {
  const { watches, observers } = start([]);
  await watches.synced;
  expect(lists()).toEqual(['/apis/example.dev/v1/widgets']);
  expect(observers()).toBe(1);
  await watches.stop();
});

it('watches each that is named, with an observer of its own, and is one to the outside', async () => {
  const { watches, observers } = start(['a', 'b']);
  await watches.synced;
  expect(watches.hasSynced()).toBe(true);
  expect(lists().toSorted()).toEqual(['/apis/example.dev/v1/namespaces/a/widgets', '/apis/example.dev/v1/namespaces/b/widgets']);
  expect(observers()).toBe(2);
  await watches.refresh();
  expect(lists()).toHaveLength(4);
  expect(watches.silentMilliseconds()).toBeGreaterThanOrEqual(0);
  await waitFor('both watches', () => server.watches() === 2);
  await watches.stop();
  await waitFor('the end of both', () => server.watches() === 0);
});

it('has something to work on although one of them is refused', async () => {
  const empty = JSON.stringify({ metadata: { resourceVersion: '5' }, items: [] });
  server.failAlways('list', (request, response) =>
    request.path.includes('/a/')
      ? response.writeHead(200, { 'content-type': 'application/json' }).end(empty)
      : faults.status(403, 'Forbidden')(request, response),
  );
  const { watches } = start(['a', 'b']);
  await watches.anySynced;
  expect(watches.hasSynced()).toBe(false);
  await watches.stop();
});
