/** An HTTP proxy that does nothing but CONNECT, as those of companies do for HTTPS, and writes down what it was asked for. */
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { listen } from './listen.ts';

export interface ConnectProxy {
  /** `host:port` of the proxy, to be put behind `http://` or `http://user:password@`. */
  readonly address: string;
  /** The `host:port` of each CONNECT so far, those that were refused too. */
  targets(): readonly string[];
  /** Forgets the targets. */
  clear(): void;
  /** Cuts every connection and answers further ones with 503, until `accept`. */
  refuse(): void;
  accept(): void;
  stop(): Promise<void>;
}

/** Starts one on 127.0.0.1; with `credentials`, such as `user:password`, it answers everybody else with 407. */
export const startConnectProxy = async (credentials?: string): Promise<ConnectProxy> => {
  const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  let isRefusing = false;

  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    // Whatever ends the one half ends the other.
    return socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const refuse = (socket: Socket, status: string, header = ''): void => {
    socket.end(`HTTP/1.1 ${status}\r\n${header}content-length: 0\r\nconnection: close\r\n\r\n`);
  };
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    targets.push(request.url ?? '');
    keep(client);
    if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted)
      return refuse(client, '407 Proxy Authentication Required', 'proxy-authenticate: Basic realm="proxy"\r\n');
    if (isRefusing) return refuse(client, '503 Service Unavailable');
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream = keep(connect(Number(port), hostname));
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
  });
  const address = `127.0.0.1:${await listen(server)}`;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address,
    targets: () => [...targets],
    clear: () => {
      targets.length = 0;
    },
    refuse: () => {
      isRefusing = true;
      cut();
    },
    accept: () => {
      isRefusing = false;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
};
