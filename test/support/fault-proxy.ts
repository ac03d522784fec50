/**
 * A man in the middle for faults: an HTTPS proxy before a real API server. Requests go through with whatever they carry until a test says
 * otherwise; then connections are cut, held or slowed down, and requests are answered with what real networks and servers answer on bad
 * days. It counts connections, requests and bytes, so it is also a meter.
 *
 * Two stages. In front is plain TCP, where bytes can be held and sockets reset; behind it ends the TLS, where requests can be told apart.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { Agent } from 'undici';
import { createServerCertificate } from '../../emulator/certificates.ts';
import type { KubeAccess } from '../../src/kube/config.ts';
import { receivedRequest, type Fault } from './fake-api-server.ts';
import { listen } from './listen.ts';

export type RequestKind = 'list' | 'watch' | 'other';
export type ProxyRequest = Parameters<Fault>[0];

/** How bytes pass: at once; not at all, until they may; so many in each interval and connection. */
export type Pace = 'flow' | 'hold' | { readonly bytes: number; readonly milliseconds: number };

export interface Totals {
  /** Connections so far, and those that are open. */
  readonly accepted: number;
  readonly open: number;
  readonly requests: Readonly<Record<RequestKind, number>>;
  /** Bytes on the wire, TLS included. */
  readonly bytesFromClients: number;
  readonly bytesToClients: number;
}

export interface FaultOptions {
  /** How many requests meet it; default: all, until `heal`. */
  readonly times?: number;
  readonly only?: (request: ProxyRequest) => boolean;
}

export interface FaultProxy {
  /** `https://127.0.0.1:PORT`; the same after `refuse` and `accept`. */
  readonly url: string;
  /** PEM of the authority behind the certificate that is shown now. */
  readonly ca: () => string;
  /** A way in through the proxy for tests that aren't about signing in. */
  readonly access: (token: string) => KubeAccess;
  readonly totals: () => Totals;
  /** Watches that are being passed through. */
  readonly watches: () => number;

  /** Requests of this kind meet a fault instead of the server. Those of `fake-api-server.ts` and `reset`; several are met one after the other. */
  readonly fail: (kind: RequestKind, fault: Fault, options?: FaultOptions) => void;
  /** Cuts the connection of a request with a RST. */
  readonly reset: Fault;
  /** How bytes pass on all connections, new ones included. What was held goes on where it was. */
  readonly setPace: (pace: Pace) => void;
  /** Makes every connection that is open now half-open: it stays, and nothing passes any more in either direction, ever. */
  readonly freeze: () => void;
  /** Cuts all open connections with a RST. */
  readonly cut: () => void;
  /** Stops to listen: new connections are refused. Those that are open stay. */
  readonly refuse: () => Promise<void>;
  readonly accept: () => Promise<void>;
  /** Writes this text into every open watch. */
  readonly say: (text: string) => void;
  /** Ends every open watch: in an orderly way, or by a RST. */
  readonly endWatches: (how: 'close' | 'reset') => void;
  /** Changes the next line that a watch brings. */
  readonly mangleNext: (change: (line: string) => string) => void;
  /** Shows another certificate of another authority to new connections. */
  readonly renewCertificate: () => Promise<void>;
  /** No faults any more; frozen connections stay as they are. */
  readonly heal: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Called with every request; the request waits for what they return, and its connection is cut when they throw. */
export interface ProxyHooks {
  /** Once it has arrived, before it is passed on. */
  readonly onArrival?: (request: ProxyRequest) => Promise<void> | void;
  /** Once the server has begun to answer, before the client hears of it. */
  readonly onAnswered?: (request: ProxyRequest) => Promise<void> | void;
}

/** One connection of a client. */
interface Link {
  readonly client: Socket;
  readonly inner: Socket;
  isFrozen: boolean;
  /** Lets go of what may pass now. */
  readonly move: () => void;
}

/**
 * @param upstream the API server
 * @param ca PEM of what its certificate is to be checked against
 */
export const startFaultProxy = async (
  upstream: { readonly server: string; readonly ca: string },
  hooks: ProxyHooks = {},
): Promise<FaultProxy> => {
  let certificate = await createServerCertificate('127.0.0.1');
  const agent = new Agent({ connect: { ca: upstream.ca }, allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  const links = new Set<Link>();
  /** By the port that the inner server sees. */
  const linkOf = (port: number | undefined): Link | undefined => [...links].find(({ inner: { localPort } }) => localPort === port);
  const watches = new Map<ServerResponse, number>();
  const script: { readonly kind: RequestKind; readonly fault: Fault; left: number; readonly only: (request: ProxyRequest) => boolean }[] =
    [];
  const requests = { list: 0, watch: 0, other: 0 };
  const closed = { fromClients: 0, toClients: 0 };
  let accepted = 0;
  let pace: Pace = 'flow';
  let mangle: ((line: string) => string) | undefined;

  const resetLink = (link: Link | undefined): void => {
    link?.client.resetAndDestroy();
    link?.inner.destroy();
  };

  const forward = async (request: ProxyRequest, incoming: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const isWatch = kindOf(request) === 'watch';
    try {
      const answer = await agent.request({
        origin: upstream.server,
        path: incoming.url ?? '/',
        method: request.method,
        headers: endToEnd(incoming.headers),
        body: body.length === 0 ? null : body,
        signal: gone.signal,
      });
      await hooks.onAnswered?.(request);
      response.writeHead(answer.statusCode, endToEnd(answer.headers));
      if (!isWatch || answer.statusCode !== 200) {
        await pipeline(answer.body, response);
        return;
      }
      response.flushHeaders();
      watches.set(response, request.connection);
      response.on('close', () => watches.delete(response));
      let rest = '';
      for await (const chunk of answer.body.setEncoding('utf8')) {
        if (response.writableEnded) return;
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          response.write(`${mangle?.(line) ?? line}\n`);
          mangle = undefined;
        }
      }
      response.end(rest);
    } catch {
      // An answer that was ended in order may still be on its way to the client; a reset would overtake it.
      if (response.writableEnded) return;
      // What happens to the server's connection happens to the client's.
      resetLink(linkOf(request.connection));
    }
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await Array.fromAsync<Uint8Array>(incoming));
    const request = receivedRequest(incoming, { connection: incoming.socket.remotePort ?? 0, body: undefined });
    const kind = kindOf(request);
    requests[kind] += 1;
    await hooks.onArrival?.(request);
    const next = script.find((entry) => entry.kind === kind && entry.left > 0 && entry.only(request));
    if (!next) return forward(request, incoming, body, response);
    next.left -= 1;
    next.fault(request, response);
  };

  // No hint how long an idle connection may stay: API servers give none.
  const inner = createHttpsServer({ key: certificate.key, cert: certificate.certificate, keepAliveTimeout: 0 }, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  inner.on('tlsClientError', () => undefined);
  const innerPort = await listen(inner);

  const front = createTcpServer((client) => {
    accepted += 1;
    const socket = connect(innerPort, '127.0.0.1');
    const paceOf = (): Pace => (link.isFrozen ? 'hold' : pace);
    const lanes = [lane(client, socket, paceOf), lane(socket, client, paceOf)];
    const link: Link = { client, inner: socket, isFrozen: false, move: () => lanes.forEach((move) => move()) };
    for (const end of [client, socket]) end.setNoDelay(true).on('error', () => undefined);
    links.add(link);
    client.on('close', () => {
      closed.fromClients += client.bytesRead;
      closed.toClients += client.bytesWritten;
      links.delete(link);
      socket.destroy();
    });
  });
  const port = await listen(front);

  const url = `https://127.0.0.1:${port}`;
  const sum = (counted: 'bytesRead' | 'bytesWritten'): number => [...links].reduce((total, { client }) => total + client[counted], 0);
  const accept = async (): Promise<void> => {
    if (!front.listening) await listen(front, port);
  };
  const setPace = (wished: Pace): void => {
    pace = wished;
    for (const { move } of links) move();
  };

  return {
    url,
    ca: () => certificate.ca,
    access: (token) => {
      const tls = { ca: certificate.ca, cert: undefined, key: undefined, servername: undefined, rejectUnauthorized: undefined };
      const credentials = Promise.resolve({ headers: { Authorization: `Bearer ${token}` }, tls });
      return {
        server: url,
        proxyUrl: undefined,
        namespace: undefined,
        source: 'fault-proxy',
        credentials: () => credentials,
        reject: () => undefined,
      };
    },
    totals: () => ({
      accepted,
      open: links.size,
      requests: { ...requests },
      bytesFromClients: closed.fromClients + sum('bytesRead'),
      bytesToClients: closed.toClients + sum('bytesWritten'),
    }),
    watches: () => watches.size,
    fail: (kind, fault, { times = Infinity, only = () => true } = {}) => {
      script.push({ kind, fault, left: times, only });
    },
    reset: ({ connection }) => resetLink(linkOf(connection)),
    setPace,
    freeze: () => {
      for (const link of links) link.isFrozen = true;
    },
    cut: () => {
      for (const link of links) resetLink(link);
    },
    refuse: async () => {
      // It calls back only when the last connection has ended, but listens no more at once.
      front.close();
    },
    accept,
    say: (text) => {
      for (const response of watches.keys()) response.write(text);
    },
    endWatches: (how) => {
      for (const [response, connection] of watches) {
        watches.delete(response);
        if (how === 'close') response.end();
        else resetLink(linkOf(connection));
      }
    },
    mangleNext: (change) => {
      mangle = change;
    },
    renewCertificate: async () => {
      certificate = await createServerCertificate('127.0.0.1');
      inner.setSecureContext({ key: certificate.key, cert: certificate.certificate });
    },
    heal: async () => {
      script.length = 0;
      mangle = undefined;
      setPace('flow');
      await accept();
    },
    close: async () => {
      for (const link of links) resetLink(link);
      front.close();
      inner.closeAllConnections();
      inner.close();
      await agent.destroy();
    },
  };
};

/** One direction of a connection; gives the function that lets go of what may pass now. */
const lane = (from: Socket, to: Socket, pace: () => Pace): (() => void) => {
  const held: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  const move = (): void => {
    const current = pace();
    if (timer || current === 'hold') return;
    if (current === 'flow') for (const chunk of held.splice(0)) to.write(chunk);
    const chunk = held.shift();
    if (chunk && current !== 'flow') {
      to.write(chunk.subarray(0, current.bytes));
      if (chunk.length > current.bytes) held.unshift(chunk.subarray(current.bytes));
      timer = setTimeout(() => {
        timer = undefined;
        move();
      }, current.milliseconds);
    } else if (hasEnded) to.end();
  };
  from.on('data', (chunk: Buffer) => {
    held.push(chunk);
    move();
  });
  from.on('end', () => {
    hasEnded = true;
    move();
  });
  to.on('close', () => clearTimeout(timer));
  return move;
};

/** A GET of a collection is a list or a watch: `/api/v1/pods`, `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL`. */
const kindOf = ({ method, path, query }: ProxyRequest): RequestKind => {
  const isCollection = /^\/(api|apis\/[^/]+)\/[^/]+\/(namespaces\/[^/]+\/)?[^/]+$/.test(path);
  if (method !== 'GET' || !isCollection) return 'other';
  return query['watch'] === 'true' || query['watch'] === '1' ? 'watch' : 'list';
};

/** Headers without those that belong to one connection. */
const endToEnd = (headers: IncomingHttpHeaders): Record<string, string | string[]> => {
  const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'host']);
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined && !hopByHop.has(entry[0])),
  );
};
