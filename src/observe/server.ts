import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** What a path answers. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  /** Chunks are asked for no faster than the reader takes them. */
  readonly body: string | AsyncIterable<string>;
}

/** A small HTTP server for probes and scrapes. */
export interface PageServer {
  /** Where it listens, with the port it got: `127.0.0.1:8081`. */
  readonly address: string;
  close(): Promise<void>;
}

/** A reader who takes nothing for this long is sent away. */
const idleMilliseconds = 30_000;

const text = (status: number, body: string): Page => ({ status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` });

/** The answer of a probe: `ok`, or 503 and the reason why not. */
export const probe = (reason: string | undefined): Page => (reason === undefined ? text(200, 'ok') : text(503, reason));

/**
 * Serves pages by path; anything else is 404.
 * @throws Error when the address can't be listened on, naming it
 */
export const servePages = async (
  address: { readonly host: string; readonly port: number },
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
): Promise<PageServer> => {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const page = pages[path];
    const { status, contentType, body } = await Promise.resolve()
      .then(() => page?.() ?? text(404, 'not found'))
      .catch(() => text(500, 'failed'));
    response.writeHead(status, { 'content-type': contentType });
    if (typeof body === 'string') response.end(body);
    else await pipeline(body, response);
  };
  const server = createServer((request, response) => {
    // Destroyed, so that whoever reads sees that this isn't all.
    answer(request.url?.split('?')[0] ?? '', response).catch(() => response.destroy());
  });
  server.setTimeout(idleMilliseconds);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`can't listen on ${address.host}:${address.port}: ${error.code ?? error.message}`)),
    );
    server.listen({ port: address.port, ...(address.host === '' ? {} : { host: address.host }) }, resolve);
  });
  const { address: host, port } = server.address() as AddressInfo;
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
