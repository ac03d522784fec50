import { get, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { probe, servePages, type PageServer } from '../../../src/observe/server.ts';

const servers: PageServer[] = [];
const serve = async (...options: Parameters<typeof servePages>): Promise<PageServer> => {
  const server = await servePages(...options);
  servers.push(server);
  return server;
};
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const ask = ({ address }: PageServer, path: string): Promise<{ status: number | undefined; body: string }> =>
  new Promise((resolve, reject) => {
    get(`http://${address}${path}`, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(chunks).toString() }));
    }).on('error', reject);
  });
const anywhere = { host: '127.0.0.1', port: 0 };

describe('the server of probes and scrapes', () => {
  it('answers by path, whatever the query, and says 404 for the rest', async () => {
    const server = await serve(anywhere, { '/readyz': () => probe(undefined) });
    expect(await ask(server, '/readyz?verbose')).toEqual({ status: 200, body: 'ok\n' });
    expect((await ask(server, '/')).status).toBe(404);
    expect((await ask(server, '/constructor')).status).toBe(404);
  });

  it('answers 503 with the reason when something is not well', async () => {
    const server = await serve(anywhere, { '/readyz': () => probe('not listed yet') });
    expect(await ask(server, '/readyz')).toEqual({ status: 503, body: 'not listed yet\n' });
  });

  it('streams a page, no faster than it is read, and no further', async () => {
    let made = 0;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          made += 1;
          yield 'x'.repeat(64 * 1024);
        }
      } finally {
        resolve();
      }
    }
    async function* short(): AsyncGenerator<string> {
      yield 'one,';
      yield 'two';
    }
    const server = await serve(anywhere, {
      '/endless': () => ({ status: 200, contentType: 'text/plain', body: endless() }),
      '/short': () => ({ status: 200, contentType: 'text/plain', body: short() }),
    });
    expect(await ask(server, '/short')).toEqual({ status: 200, body: 'one,two' });
    const answer = await new Promise<IncomingMessage>((settle, reject) => {
      get(`http://${server.address}/endless`, settle).on('error', reject);
    });
    // Nobody reads: what fits into the buffers on the way is made, and no more.
    let before = -1;
    await vi.waitFor(() => {
      const now = made;
      const isStill = now === before;
      before = now;
      expect(isStill).toBe(true);
    }, 5000);
    expect(made).toBeLessThan(1000);
    answer.destroy();
    await expect(ended).resolves.toBeUndefined();
  });

  it('breaks an answer off when the rest of it fails, so that nobody takes it for whole', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield 'one';
      throw new Error('broken');
    }
    const server = await serve(anywhere, {
      '/failing': () => ({ status: 200, contentType: 'text/plain', body: failing() }),
      '/good': () => probe(undefined),
    });
    await expect(fetch(`http://${server.address}/failing`).then((answer) => answer.text())).rejects.toThrow(/terminated|fetch failed/);
    expect((await ask(server, '/good')).status).toBe(200);
  });

  it('answers 500 when a page fails, at once or later, and goes on', async () => {
    const server = await serve(anywhere, {
      '/now': () => {
        throw new Error('broken');
      },
      '/later': () => Promise.reject(new Error('broken')),
      '/good': () => probe(undefined),
    });
    expect((await ask(server, '/later')).status).toBe(500);
    expect((await ask(server, '/now')).status).toBe(500);
    expect((await ask(server, '/good')).status).toBe(200);
  });

  it('says which address it could not have', async () => {
    const first = await serve(anywhere, {});
    const port = Number(first.address.split(':').at(-1));
    await expect(servePages({ host: '127.0.0.1', port }, {})).rejects.toThrow(`can't listen on 127.0.0.1:${port}: EADDRINUSE`);
  });

  it('listens on IPv6 too', async () => {
    const server = await serve({ host: '::1', port: 0 }, { '/healthz': () => probe(undefined) });
    expect(server.address).toMatch(/^\[::1\]:\d+$/);
    expect((await ask(server, '/healthz')).status).toBe(200);
  });

  it('closes also while a client holds a connection open', async () => {
    const server = await servePages(anywhere, { '/healthz': () => probe(undefined) });
    await ask(server, '/healthz');
    await expect(server.close()).resolves.toBeUndefined();
  });
});
