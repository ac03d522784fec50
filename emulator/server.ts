import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { ServerCertificate } from './certificates.ts';
import { splitTarget, toJson, type Answer, type Incoming, type Outcome } from './http.ts';

/** Clients keep connections for a while; a server that closes them first makes their next request fail now and then. */
const keepAliveMilliseconds = 120_000;

/** The largest body that Azure Resource Manager takes. */
const mostBytes = 4 * 1024 * 1024;

const readBody = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const send = (response: ServerResponse, { status, headers = {}, body, text }: Answer): void => {
  const content = body === undefined ? text : toJson(body);
  response.writeHead(status, {
    ...(content === undefined ? {} : { 'content-type': `${body === undefined ? 'text/plain' : 'application/json'}; charset=utf-8` }),
    ...headers,
    ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(content ?? '') }),
  });
  response.end(content);
};

/** A running HTTPS server. */
export interface RunningServer {
  readonly port: number;
  /** Stops listening and drops every connection. */
  readonly close: () => Promise<void>;
}

const tooLarge: Answer = {
  status: 413,
  body: { error: { code: 'RequestContentTooLarge', message: 'The request content is larger than 4 MB.' } },
};

/**
 * Serves `answer` over HTTPS on `host` and `port` (0: any free one). The answer function sees requests read whole and returns what to send;
 * it decides everything else. What it throws is a bug of the emulator and becomes a 500 that says so.
 */
export const startServer = async (
  certificate: ServerCertificate,
  place: { host: string; port: number },
  answer: (incoming: Incoming) => Promise<Outcome>,
): Promise<RunningServer> => {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    if (body === undefined) return send(response, { ...tooLarge, headers: { connection: 'close' } });
    const incoming: Incoming = { method: request.method ?? 'GET', ...splitTarget(request.url ?? '/'), headers: request.headers, body };
    const outcome = await answer(incoming);
    if (outcome === 'reset') request.socket.destroy();
    // A connection left hanging ends with the client's patience or with the server.
    else if (outcome !== 'hang') send(response, outcome);
  };

  const server: Server = createServer(
    { key: certificate.key, cert: certificate.certificate, keepAliveTimeout: keepAliveMilliseconds },
    (request, response) => {
      respond(request, response).catch((error: unknown) => {
        if (response.headersSent || response.destroyed) return response.destroy();
        const message = `The emulator failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
        return send(response, { status: 500, body: { error: { code: 'EmulatorBug', message } } });
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place.port, place.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an HTTPS server listens on a port');
  return {
    port: address.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
};
