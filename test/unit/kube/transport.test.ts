import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeAccess } from '../../../src/kube/config.ts';
import type { Credentials } from '../../../src/kube/credentials.ts';
import { KubeError } from '../../../src/kube/failure.ts';
import { createTransport } from '../../../src/kube/transport.ts';
import type { KubeTransport, RequestReport } from '../../../src/kube/transport.ts';
import { WriteRefusedError } from '../../../src/runtime/write-gate.ts';
import { faults, startFakeApiServer } from '../../support/fake-api-server.ts';
import type { FakeApiServer } from '../../support/fake-api-server.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { listen } from '../../support/listen.ts';
import { waitFor } from '../../support/wait.ts';

let server: FakeApiServer;
let transport: KubeTransport;
let reports: RequestReport[];
const never = new AbortController().signal;

beforeEach(async () => {
  reports = [];
  server = await startFakeApiServer();
  transport = createTransport(server.access, { userAgent: 'test/1', onRequest: (report) => reports.push(report) });
});

afterEach(async () => {
  await transport.close();
  await server.close();
});

const get = (path = '/api', timeoutSeconds = 5, signal = never): Promise<unknown> =>
  transport.request({ method: 'GET', path, signal, timeoutSeconds });

const failure = async (promise: Promise<unknown>): Promise<KubeError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
};

describe('a request', () => {
  it('carries token, user agent and query, and brings the parsed answer', async () => {
    const answer = await transport.request<{ a: number }>({
      method: 'POST',
      path: '/api/v1/x',
      query: { dryRun: 'All' },
      body: { a: 1 },
      signal: never,
    });
    expect(answer).toEqual({ a: 1 });
    expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/api/v1/x', query: { dryRun: 'All' }, body: { a: 1 } });
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer fixed',
      'user-agent': 'test/1',
      accept: 'application/json',
      'content-type': 'application/json',
    });
    expect(reports).toMatchObject([{ method: 'POST', path: '/api/v1/x', status: 201, error: undefined }]);
  });

  it('patches by merge unless told otherwise', async () => {
    await transport.request({ method: 'PATCH', path: '/x', body: {}, signal: never });
    await transport.request({ method: 'PATCH', path: '/x', body: {}, signal: never, contentType: 'application/apply-patch+yaml' });
    expect(server.requests.map(({ headers }) => headers['content-type'])).toEqual([
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
  });

  it('shares four connections with two hundred others', async () => {
    await Promise.all(Array.from({ length: 200 }, () => get()));
    expect(server.requests.length).toBe(200);
    expect(server.connections().accepted).toBeLessThanOrEqual(4);
  });

  it('uses one connection, for an instant two, when they come one after the other', async () => {
    // undici lets go of a socket a tick after the answer has ended, so the second request finds the first socket busy.
    for (let index = 0; index < 50; index += 1) await get();
    expect(server.connections().accepted).toBeLessThanOrEqual(2);
  });

  it('tells what the Status object says, and nothing else', async () => {
    server.fail('other', faults.status(409, 'Conflict', { 'retry-after': '7', 'x-secret': 'x' }));
    const error = await failure(get('/api/v1/x'));
    expect(error).toMatchObject({
      status: 409,
      reason: 'Conflict',
      message: 'the server says Conflict',
      retryAfterSeconds: 7,
      operation: 'GET /api/v1/x',
    });
  });

  it("tells nothing of an answer that isn't from Kubernetes", async () => {
    server.fail('other', faults.page(502));
    const error = await failure(get('/api/v1/x'));
    expect(error).toMatchObject({ status: 502, reason: undefined, message: 'the API server answered 502 to GET /api/v1/x' });
  });

  it.each([
    ['a socket that is cut', faults.reset(), /ECONNRESET|UND_ERR_SOCKET/],
    ['half an answer', faults.pieces('reset', '{"half'), /ECONNRESET|UND_ERR_SOCKET/],
    ["an answer that isn't JSON", faults.pieces('close', '{"half'), /MalformedAnswer/],
    ['silence', faults.silence(), /DeadlineExceeded/],
    ['half an answer and silence', faults.pieces('silence', '{"half'), /DeadlineExceeded/],
  ])('fails with a code on %s', async (_, fault, code) => {
    server.fail('other', fault);
    const error = await failure(get('/api', 0.2));
    expect(error.status).toBeUndefined();
    expect(error.code).toMatch(code);
    expect(reports).toMatchObject([{ status: undefined, error: { code: error.code } }]);
    await get();
  });

  it("never uses a socket again on which it didn't wait for the answer", async () => {
    server.fail('other', faults.silence());
    await failure(get('/api', 0.1));
    await get();
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2]);
    await waitFor('end of the first socket', () => server.connections().open === 1);
  });

  it('says that nobody listens', async () => {
    await server.close();
    expect((await failure(get())).message).toBe("the API server can't be reached (ECONNREFUSED)");
  });

  it("doesn't talk to a server that it can't trust", async () => {
    const stranger = createTransport({
      ...server.access,
      credentials: async () => ({ headers: {}, tls: { ...(await server.access.credentials()).tls, ca: undefined } }),
    });
    const error = await failure(stranger.request({ method: 'GET', path: '/', signal: never }));
    expect(error.code).toMatch(/SELF_SIGNED|UNABLE_TO/);
    await stranger.close();
  });

  it("ends with the signal's reason, before it is sent and on the way", async () => {
    const stop = new AbortController();
    const reason = new Error('that is enough');
    server.fail('other', faults.silence());
    const pending = get('/api', 5, stop.signal);
    await waitFor('request', () => server.requests.length === 1);
    stop.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(get('/api', 5, stop.signal)).rejects.toBe(reason);
    expect(server.requests.length).toBe(1);
  });

  describe('whose server takes connections and says nothing', () => {
    let silent: Server;
    let mute: KubeTransport;
    const sockets = new Set<Socket>();

    beforeEach(async () => {
      silent = createTcpServer((socket) => {
        sockets.add(socket);
        socket
          .on('close', () => sockets.delete(socket))
          .on('error', () => undefined)
          .resume();
      });
      mute = createTransport({ ...server.access, server: `https://127.0.0.1:${await listen(silent)}` });
    });
    afterEach(async () => {
      await mute.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });

    const ask = (kind: 'request' | 'stream', signal: AbortSignal, timeoutSeconds: number): Promise<unknown> =>
      kind === 'request'
        ? mute.request({ method: 'POST', path: '/', body: {}, signal, timeoutSeconds })
        : mute.stream({ path: '/', signal, timeoutSeconds, idleSeconds: 60, totalSeconds: 60 });

    it.each(['request', 'stream'] as const)("doesn't hold up a %s beyond its deadline", async (kind) => {
      const started = performance.now();
      expect(await failure(ask(kind, never, 0.2))).toMatchObject({ code: 'DeadlineExceeded' });
      expect(performance.now() - started).toBeLessThan(2000);
    });

    it.each(['request', 'stream'] as const)("doesn't hold up the end of a %s, and keeps no socket after close", async (kind) => {
      const stop = new AbortController();
      const reason = new Error('that is enough');
      const pending = ask(kind, stop.signal, 60);
      await waitFor('connection', () => sockets.size === 1);
      const started = performance.now();
      stop.abort(reason);
      await expect(pending).rejects.toBe(reason);
      await mute.close();
      await waitFor('end of the socket', () => sockets.size === 0, 2000);
      expect(performance.now() - started).toBeLessThan(2000);
    });

    it("doesn't hold up a stream's socket after its deadline, long before the connection would be given up", async () => {
      expect(await failure(ask('stream', never, 0.1))).toMatchObject({ code: 'DeadlineExceeded' });
      await waitFor('end of the socket', () => sockets.size === 0, 2000);
    });

    it('leaves no timer behind', async () => {
      const clock = createFakeClock();
      const { port } = silent.address() as AddressInfo;
      const timed = createTransport({ ...server.access, server: `https://127.0.0.1:${port}` }, { clock });
      const stop = new AbortController();
      const pending = [
        timed.request({ method: 'GET', path: '/', signal: stop.signal }),
        timed.stream({ path: '/', signal: stop.signal, idleSeconds: 60, totalSeconds: 60 }),
      ];
      await waitFor('connections', () => sockets.size === 2);
      expect(clock.pendingTimers()).toBeGreaterThan(0);
      stop.abort(new Error('that is enough'));
      await Promise.allSettled(pending);
      await timed.close();
      expect(clock.pendingTimers()).toBe(0);
    });

    it('is given up after the time for connecting', async () => {
      const impatient = createTransport(
        { ...server.access, server: `https://127.0.0.1:${(silent.address() as AddressInfo).port}` },
        { connectTimeoutSeconds: 0.1 },
      );
      const error = await failure(impatient.request({ method: 'GET', path: '/', signal: never, timeoutSeconds: 60 }));
      expect(error.code).toBe('ETIMEDOUT');
      await waitFor('end of the socket', () => sockets.size === 0);
      await impatient.close();
    });
  });

  it('ends at its deadline although all sockets are busy, and is never sent then', async () => {
    server.failAlways('other', faults.silence());
    const stop = new AbortController();
    const busy = Array.from({ length: 4 }, () => get('/busy', 60, stop.signal));
    await waitFor('four requests', () => server.requests.length === 4);
    const error = await failure(transport.request({ method: 'POST', path: '/late', body: {}, signal: never, timeoutSeconds: 0.1 }));
    expect(error.code).toBe('DeadlineExceeded');
    server.failAlways('other', undefined);
    stop.abort(new Error('that is enough'));
    await Promise.allSettled(busy);
    // Served in the order in which they came: if the late one were still queued, it would be sent before this.
    await get('/next');
    expect(server.requests.map(({ path }) => path)).toEqual(['/busy', '/busy', '/busy', '/busy', '/next']);
  });

  it('is not sent when the transport was closed while it signed in', async () => {
    const { promise, resolve } = Promise.withResolvers<Credentials>();
    const other = createTransport({ ...server.access, credentials: () => promise });
    const pending = [
      failure(other.request({ method: 'POST', path: '/', body: {}, signal: never })),
      failure(other.stream({ path: '/', signal: never, idleSeconds: 5, totalSeconds: 5 })),
    ];
    await other.close();
    resolve(await server.access.credentials());
    expect((await Promise.all(pending)).map(({ code }) => code)).toEqual(['Closed', 'Closed']);
    expect(server.connections().accepted).toBe(0);
  });

  it('fails after close', async () => {
    await get();
    await transport.close();
    expect((await failure(get())).code).toBe('Closed');
  });

  it('survives an observer that throws', async () => {
    const other = createTransport(server.access, {
      onRequest: () => {
        throw new Error('observer');
      },
    });
    expect(await other.request({ method: 'GET', path: '/', signal: never })).toEqual({});
    await other.close();
  });
});

describe('credentials', () => {
  /** An access whose token changes as soon as the old one is rejected, and whose TLS material is `tls()`. */
  const changing = (tokens: string[], tls?: () => Credentials['tls']): KubeAccess & { rejected: string[] } => {
    const rejected: string[] = [];
    return {
      ...server.access,
      rejected,
      credentials: async () => ({
        headers: { Authorization: `Bearer ${tokens[0]}` },
        tls: tls?.() ?? (await server.access.credentials()).tls,
      }),
      reject: ({ headers }) => {
        rejected.push(headers['Authorization'] ?? '');
        if (tokens.length > 1) tokens.shift();
      },
    };
  };

  it('are read again at once after a 401, and the request is sent again', async () => {
    const access = changing(['old', 'new']);
    const other = createTransport(access);
    server.fail('other', faults.status(401, 'Unauthorized'));
    await other.request({ method: 'POST', path: '/', body: {}, signal: never });
    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer old', 'Bearer new']);
    expect(access.rejected).toEqual(['Bearer old']);
    await other.close();
  });

  it("that haven't changed aren't tried twice", async () => {
    const other = createTransport(changing(['same']));
    server.failAlways('other', faults.status(401, 'Unauthorized'));
    expect(await failure(other.request({ method: 'GET', path: '/', signal: never }))).toMatchObject({ status: 401 });
    expect(server.requests.length).toBe(1);
    await other.close();
  });

  it('that are rejected again end the request', async () => {
    const other = createTransport(changing(['old', 'new']));
    server.failAlways('other', faults.status(401, 'Unauthorized'));
    expect(await failure(other.request({ method: 'GET', path: '/', signal: never }))).toMatchObject({ status: 401 });
    expect(server.requests.length).toBe(2);
    await other.close();
  });

  it('that are read again open a new connection only if the certificates are others', async () => {
    const { tls } = await server.access.credentials();
    let current = tls;
    const other = createTransport(changing(['token'], () => current));
    const request = (): Promise<unknown> => other.request({ method: 'GET', path: '/', signal: never });
    await request();
    await request();
    const before = server.connections().accepted;
    expect(before).toBeLessThanOrEqual(2);
    current = { ...tls, servername: 'localhost' };
    await request();
    const { connection } = server.requests.at(-1)!;
    expect(connection).toBe(before + 1);
    await waitFor('end of the old connections', () => server.connections().open === 1);
    await other.close();
  });

  it('that have changed leave no socket behind on close, not even one with a request under way', async () => {
    const { tls } = await server.access.credentials();
    let current = tls;
    const other = createTransport(changing(['token'], () => current));
    server.fail('other', faults.silence());
    const hanging = failure(other.request({ method: 'GET', path: '/hangs', signal: never, timeoutSeconds: 60 }));
    await waitFor('request', () => server.requests.length === 1);
    current = { ...tls, servername: 'localhost' };
    await other.request({ method: 'GET', path: '/', signal: never });
    await other.close();
    expect((await hanging).status).toBeUndefined();
    await waitFor('no socket', () => server.connections().open === 0);
  });

  it("that can't be used are a failure, not the end of the program", async () => {
    const { tls } = await server.access.credentials();
    const half = { ...tls, cert: 'half a certificate', key: 'no key' };
    const other = createTransport({ ...server.access, credentials: async () => ({ headers: {}, tls: half }) });
    expect((await failure(other.request({ method: 'GET', path: '/', signal: never }))).code).toMatch(/PEM/);
    expect((await failure(other.stream({ path: '/', signal: never, idleSeconds: 5, totalSeconds: 5 }))).code).toMatch(/PEM/);
    await other.close();
  });

  it("that don't come don't hold up a request beyond its deadline, nor beyond its signal", async () => {
    const other = createTransport({ ...server.access, credentials: () => new Promise(() => undefined) });
    const error = await failure(other.request({ method: 'GET', path: '/', signal: never, timeoutSeconds: 0.05 }));
    expect(error.code).toBe('DeadlineExceeded');
    await expect(other.request({ method: 'GET', path: '/', signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout');
    await other.close();
  });

  it("that can't be read are a failure with their own words", async () => {
    const other = createTransport({ ...server.access, credentials: () => Promise.reject(new Error("can't read /token (ENOENT)")) });
    expect(await failure(other.request({ method: 'GET', path: '/', signal: never }))).toMatchObject({
      code: 'CredentialsUnavailable',
      message: "can't read /token (ENOENT)",
    });
    await other.close();
  });
});

describe('a proxy', () => {
  it('carries requests and streams through its tunnels', async () => {
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', (request: IncomingMessage, client: Socket) => {
      tunnels.push(request.url ?? '');
      const { port } = new URL(`tcp://${request.url}`);
      const upstream = connect(Number(port), '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      upstream.pipe(client).pipe(upstream);
      for (const socket of [upstream, client]) socket.on('error', () => undefined);
    });
    const through = createTransport({ ...server.access, proxyUrl: `http://127.0.0.1:${await listen(proxy)}` });
    expect(await through.request({ method: 'POST', path: '/x', body: { a: 1 }, signal: never })).toEqual({ a: 1 });
    server.fail('watch', faults.pieces('close', 'one\n'));
    const { lines } = await through.stream({ path: '/widgets', query: { watch: 'true' }, signal: never, idleSeconds: 5, totalSeconds: 5 });
    expect(await Array.fromAsync(lines)).toEqual(['one']);
    expect(new Set(tunnels)).toEqual(new Set([new URL(server.url).host]));
    await through.close();
    await new Promise((resolve) => proxy.close(resolve));
  });
});

describe('a stream', () => {
  const open = (signal = never, idleSeconds = 5, totalSeconds = 5) =>
    transport.stream({
      path: '/apis/example.dev/v1/widgets',
      query: { watch: 'true' },
      signal,
      idleSeconds,
      totalSeconds,
      timeoutSeconds: 2,
    });
  const read = async (lines: AsyncIterable<string>): Promise<readonly string[]> => Array.fromAsync(lines);

  it('brings lines, however they arrive, and what follows the last end', async () => {
    server.fail('watch', faults.pieces('close', 'one\ntw', 'o\n', '\nfo', 'ur'));
    expect(await read((await open()).lines)).toEqual(['one', 'two', '', 'four']);
    await waitFor('end of the socket', () => server.connections().open === 0);
  });

  it('has a socket of its own every time', async () => {
    await get();
    for (let index = 0; index < 3; index += 1) {
      server.fail('watch', faults.pieces('close', 'x\n'));
      await read((await open()).lines);
    }
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2, 3, 4]);
  });

  it('fails to open as a request fails', async () => {
    server.fail('watch', faults.status(403, 'Forbidden'));
    expect(await failure(open())).toMatchObject({ status: 403, reason: 'Forbidden' });
    server.fail('watch', faults.silence());
    const silent = transport.stream({
      path: '/x/widgets',
      query: { watch: 'true' },
      signal: never,
      idleSeconds: 5,
      totalSeconds: 5,
      timeoutSeconds: 0.1,
    });
    expect(await failure(silent)).toMatchObject({ code: 'DeadlineExceeded' });
    await waitFor('no socket', () => server.connections().open === 0);
  });

  it.each([
    ['is cut', 'reset', 5, 5, /ECONNRESET|UND_ERR_SOCKET/],
    ['falls silent', 'silence', 0.2, 5, /IdleTooLong/],
    ['lasts too long', 'silence', 5, 0.2, /DeadlineExceeded/],
  ] as const)('that %s fails, and leaves no socket', async (_, then, idle, total, code) => {
    server.fail('watch', faults.pieces(then, 'one\n'));
    const { lines } = await open(never, idle, total);
    expect((await failure(read(lines))).code).toMatch(code);
    await waitFor('no socket', () => server.connections().open === 0);
  });

  it("ends with the signal's reason", async () => {
    const stop = new AbortController();
    const reason = new Error('that is enough');
    const { lines } = await open(stop.signal);
    const pending = read(lines);
    stop.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await waitFor('no socket', () => server.connections().open === 0);
  });

  it('can be closed by its reader', async () => {
    server.fail('watch', faults.pieces('silence', 'one\ntwo\n'));
    const { lines } = await open();
    for await (const line of lines) {
      expect(line).toBe('one');
      break;
    }
    await waitFor('no socket', () => server.connections().open === 0);
    const other = await open();
    other.close();
    await waitFor('no socket', () => server.connections().open === 0);
  });

  it('ends with the transport', async () => {
    const { lines } = await open();
    const pending = failure(read(lines));
    await transport.close();
    expect((await pending).status).toBeUndefined();
    await waitFor('no socket', () => server.connections().open === 0);
  });
});

describe('a write', () => {
  const post = (through: KubeTransport, signal = never): Promise<unknown> =>
    through.request({ method: 'POST', path: '/x', body: {}, signal, timeoutSeconds: 5 });

  it('asks when it is about to be sent, and tells when it has ended; a read does not ask', async () => {
    const order: string[] = [];
    const asking = createTransport(server.access, {
      beforeWrite: () => {
        order.push(`begin, ${server.requests.length} sent`);
        return () => order.push(`end, ${server.requests.length} sent`);
      },
    });
    await asking.request({ method: 'GET', path: '/x', signal: never });
    expect(order).toEqual([]);
    await post(asking);
    expect(order).toEqual(['begin, 1 sent', 'end, 2 sent']);
    server.fail('other', faults.status(500));
    await expect(post(asking)).rejects.toMatchObject({ status: 500 });
    expect(order.slice(2)).toEqual(['begin, 2 sent', 'end, 3 sent']);
    await asking.close();
  });

  it('that is refused is never sent, and says why', async () => {
    const refusing = createTransport(server.access, {
      beforeWrite: () => {
        throw new WriteRefusedError('no lease');
      },
    });
    await expect(post(refusing)).rejects.toEqual(new WriteRefusedError('no lease'));
    await refusing.request({ method: 'GET', path: '/x', signal: never });
    expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
    await refusing.close();
  });

  it('that had to wait for a socket asks after the wait', async () => {
    let mayWrite = true;
    const asking = createTransport(server.access, {
      connections: 1,
      beforeWrite: () => {
        if (!mayWrite) throw new WriteRefusedError('no lease any more');
        return () => undefined;
      },
    });
    const held = Promise.withResolvers<ServerResponse>();
    server.fail('other', (_, response) => held.resolve(response));
    const first = asking.request({ method: 'GET', path: '/first', signal: never });
    const response = await held.promise;
    const second = post(asking);
    mayWrite = false;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    await first;
    await expect(second).rejects.toThrow('no lease any more');
    expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
    await asking.close();
  });
});
