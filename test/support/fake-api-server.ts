/**
 * A Kubernetes API server for faults: HTTPS on a real socket, one collection of objects with list (paged), watch and bookmarks, every
 * other request recorded and echoed. What real servers do once in a month, this one does when a test says so.
 */
// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs it to load, and it exports nothing
import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { KubeAccess } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { listen } from './listen.ts';

interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown;
  /** Which connection it came over, counted from 1. */
  readonly connection: number;
  /** performance.now() when it arrived. */
  readonly at: number;
}

/** What a server knows of a request once it has arrived. */
export const receivedRequest = (
  { method = '', url = '/', headers }: IncomingMessage,
  rest: Pick<ReceivedRequest, 'connection' | 'body'>,
): ReceivedRequest => {
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  return { method, path: pathname, query: Object.fromEntries(searchParams), headers, ...rest, at: performance.now() };
};

type RequestKind = 'list' | 'watch' | 'other';

/** What happens to one request instead of what it asks for. */
export type Fault = (request: ReceivedRequest, response: ServerResponse) => void;

export interface FakeObject extends KubeObject {
  readonly spec?: unknown;
}

export interface FakeApiServer {
  readonly url: string;
  /** PEM of the certificate it shows; also what a client has to trust. */
  readonly ca: string;
  /** An access with a fixed token, for tests that aren't about signing in. */
  readonly access: KubeAccess;
  /** Every request so far, faults included. */
  readonly requests: readonly ReceivedRequest[];
  readonly requestsOf: (kind: RequestKind) => readonly ReceivedRequest[];
  /** Sockets accepted so far, and those still open. */
  readonly connections: () => { readonly accepted: number; readonly open: number };
  /** Watches being served. */
  readonly watches: () => number;
  /** Creates or changes an object: a new resource version, an event to all watches. */
  readonly put: (name: string, spec?: unknown) => FakeObject;
  readonly remove: (name: string) => void;
  /** Moves the resource version on, as writes to other kinds do, and sends a bookmark to all watches. */
  readonly bookmark: () => string;
  /** Forgets all past events, so that every earlier resource version is too old. */
  readonly compact: () => void;
  /** Writes a line into every open watch, as it is. */
  readonly say: (line: string) => void;
  /** Ends every open watch: in an orderly way, or by cutting the socket. */
  readonly endWatches: (how: 'close' | 'reset') => void;
  /** What the next requests of a kind meet, one fault each, in order; undefined: it is served. */
  readonly fail: (kind: RequestKind, ...faults: readonly (Fault | undefined)[]) => void;
  /** Every request of a kind meets this, until undefined is given. */
  readonly failAlways: (kind: RequestKind, fault: Fault | undefined) => void;
  readonly close: () => Promise<void>;
}

/** The TCP socket below a TLS socket: only that one can be reset. */
const below = new WeakMap<Socket, Socket>();

const cut = ({ socket }: ServerResponse): void => {
  if (!socket) return;
  below.get(socket)?.resetAndDestroy();
  socket.destroy();
};

/** The faults that requests can meet. */
export const faults = {
  /** A Status object with this code. */
  status:
    (code: number, reason = 'Whatever', headers: Readonly<Record<string, string>> = {}): Fault =>
    (_, response) =>
      answer(response, code, statusOf(code, reason), headers),
  /** A page of a proxy in between. */
  page:
    (code: number): Fault =>
    (_, response) => {
      response.writeHead(code, { 'content-type': 'text/html' }).end('<html>secret-of-the-proxy</html>');
    },
  /** The socket is cut without an answer. */
  reset: (): Fault => (_, response) => cut(response),
  /** No answer, ever. */
  silence: (): Fault => () => undefined,
  /** An answer of status 200 that consists of these pieces, each as it is, and then ends, is cut off, or stays open without a word. */
  pieces:
    (then: 'close' | 'reset' | 'silence', ...pieces: readonly string[]): Fault =>
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      for (const piece of pieces) response.write(piece);
      if (then === 'close') response.end();
      // Only after what was written has left, or the reset overtakes it.
      if (then === 'reset') setTimeout(() => cut(response), 20);
    },
} as const;

const statusOf = (code: number, reason: string) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message: `the server says ${reason}`,
});

/** The ERROR event with which a real API server tells that a resource version is too old: in an answer of status 200. */
export const expiredEvent = `${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired') })}\n`;

/** Any other ERROR event. */
export const errorEvent = (code: number): string => `${JSON.stringify({ type: 'ERROR', object: statusOf(code, 'InternalError') })}\n`;

export const resource = { group: 'example.dev', version: 'v1', plural: 'widgets' } as const;
export const namespace = 'shop';

interface Watch {
  readonly response: ServerResponse;
  readonly hasBookmarks: boolean;
}

export const startFakeApiServer = async (): Promise<FakeApiServer> => {
  const { certificate, key } = await selfSigned();
  const requests: ReceivedRequest[] = [];
  const kinds: RequestKind[] = [];
  const objects = new Map<string, FakeObject>();
  const past: { readonly version: number; readonly line: string }[] = [];
  const watches = new Set<Watch>();
  const scripts: Record<RequestKind, (Fault | undefined)[]> = { list: [], watch: [], other: [] };
  const standing: Partial<Record<RequestKind, Fault>> = {};
  const connectionOf = new Map<Socket, number>();
  const sockets = new Set<Socket>();
  let version = 100;
  let oldest = 0;
  let accepted = 0;

  const tell = (type: string, object: unknown): void => {
    const line = `${JSON.stringify({ type, object })}\n`;
    past.push({ version, line });
    for (const { response } of watches) response.write(line);
  };

  const serveList = ({ query }: ReceivedRequest, response: ServerResponse): void => {
    const [from, asOf] = (query['continue'] ?? `0:${version}`).split(':').map(Number);
    const all = [...objects.values()];
    const end = query['limit'] === undefined ? all.length : (from ?? 0) + Number(query['limit']);
    const items = all.slice(from, end);
    const metadata = { resourceVersion: String(asOf), ...(end < all.length ? { continue: `${end}:${asOf}` } : {}) };
    answer(response, 200, { kind: 'WidgetList', apiVersion: 'example.dev/v1', metadata, items });
  };

  const serveWatch = ({ query }: ReceivedRequest, response: ServerResponse): void => {
    const since = Number(query['resourceVersion']);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (since < oldest) {
      response.end(expiredEvent);
      return;
    }
    for (const { version: at, line } of past) if (at > since) response.write(line);
    const watch = { response, hasBookmarks: query['allowWatchBookmarks'] === 'true' };
    watches.add(watch);
    response.on('close', () => watches.delete(watch));
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const connection = connectionOf.get(incoming.socket) ?? 0;
    const request = receivedRequest(incoming, { connection, body: text === '' ? undefined : JSON.parse(text) });
    const isCollection = request.method === 'GET' && request.path.endsWith(`/${resource.plural}`);
    const watchOrList = request.query['watch'] === 'true' ? 'watch' : 'list';
    const kind: RequestKind = isCollection ? watchOrList : 'other';
    requests.push(request);
    kinds.push(kind);
    const fault = scripts[kind].shift() ?? standing[kind];
    if (fault) fault(request, response);
    else if (kind === 'list') serveList(request, response);
    else if (kind === 'watch') serveWatch(request, response);
    else answer(response, request.method === 'POST' ? 201 : 200, request.body ?? {});
  };

  const server = createServer({ cert: certificate, key, keepAliveTimeout: 0 }, (incoming, response) => {
    // A client that goes while it is being answered is what many tests are about.
    serve(incoming, response).catch(() => response.destroy());
  });
  const raw = new Map<number | undefined, Socket>();
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    raw.set(remotePort, socket);
    socket.on('close', () => raw.delete(remotePort));
  });
  server.on('secureConnection', (socket) => {
    const tcp = raw.get(socket.remotePort);
    if (tcp) below.set(socket, tcp);
    accepted += 1;
    connectionOf.set(socket, accepted);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  const url = `https://127.0.0.1:${await listen(server)}`;
  const credentials = {
    headers: { Authorization: 'Bearer fixed' },
    tls: { ca: certificate, cert: undefined, key: undefined, servername: undefined, rejectUnauthorized: undefined },
  };

  return {
    url,
    ca: certificate,
    access: {
      server: url,
      proxyUrl: undefined,
      namespace,
      source: 'test',
      credentials: () => Promise.resolve(credentials),
      reject: () => undefined,
    },
    requests,
    requestsOf: (kind) => requests.filter((_, index) => kinds[index] === kind),
    connections: () => ({ accepted, open: sockets.size }),
    watches: () => watches.size,
    put: (name, spec) => {
      version += 1;
      const before = objects.get(name);
      const metadata = {
        name,
        namespace,
        uid: before?.metadata.uid ?? randomUUID(),
        resourceVersion: String(version),
        managedFields: [{ manager: 'somebody', fieldsV1: { 'f:spec': {} } }],
      };
      const object = { apiVersion: 'example.dev/v1', kind: 'Widget', metadata, spec };
      objects.set(name, object);
      tell(before ? 'MODIFIED' : 'ADDED', object);
      return object;
    },
    remove: (name) => {
      version += 1;
      const object = objects.get(name);
      objects.delete(name);
      if (object) tell('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
    },
    bookmark: () => {
      version += 1;
      const object = { apiVersion: 'example.dev/v1', kind: 'Widget', metadata: { resourceVersion: String(version) } };
      for (const { response, hasBookmarks } of watches)
        if (hasBookmarks) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
      return String(version);
    },
    compact: () => {
      past.length = 0;
      oldest = version;
    },
    say: (line) => {
      for (const { response } of watches) response.write(`${line}\n`);
    },
    endWatches: (how) => {
      for (const { response } of watches) {
        if (how === 'close') response.end();
        else cut(response);
      }
      watches.clear();
    },
    fail: (kind, ...next) => {
      scripts[kind].push(...next);
    },
    failAlways: (kind, fault) => {
      if (fault) standing[kind] = fault;
      else delete standing[kind];
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};

const answer = (response: ServerResponse, code: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

let made: Promise<{ readonly certificate: string; readonly key: string }> | undefined;

/** A certificate for 127.0.0.1 and localhost that is its own authority; made once per process. */
export const selfSigned = (): Promise<{ readonly certificate: string; readonly key: string }> => {
  made ??= makeSelfSigned();
  return made;
};

const makeSelfSigned = async (): Promise<{ readonly certificate: string; readonly key: string }> => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: 'CN=fake-api-server',
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 24 * 3_600_000),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.SubjectAlternativeNameExtension([
          { type: 'ip', value: '127.0.0.1' },
          { type: 'dns', value: 'localhost' },
        ]),
      ],
    },
    webcrypto,
  );
  const exported = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${exported.replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
  };
};
