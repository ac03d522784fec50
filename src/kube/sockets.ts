import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Pool, ProxyAgent } from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { KubeAccess } from './config.ts';
import type { TlsMaterial } from './credentials.ts';

/** What sends requests, and how to be rid of it. */
export interface Sockets {
  readonly dispatcher: Dispatcher;
  /** Destroys all, those on which no answer has come and those that aren't connected yet. */
  readonly destroy: () => Promise<void>;
}

/** For requests, so many at once, or for one watch that may be silent for so long. */
export type Purpose = { readonly connections: number } | { readonly idleSeconds: number };

/**
 * The sockets. HTTP/1.1 only, although API servers speak HTTP/2: giving up on a request then closes its socket, so a connection that died
 * without a word costs one request and isn't used again; a dead HTTP/2 session goes on serving everybody until its ping fails a minute later.
 */
export const socketsFor = (
  access: KubeAccess,
  tls: TlsMaterial,
  connectTimeoutSeconds: number,
  purpose: Purpose,
  clock: Clock,
): Sockets => {
  const isWatch = 'idleSeconds' in purpose;
  const common = {
    allowH2: false,
    connections: isWatch ? 1 : purpose.connections,
    // Every request has its own deadline; undici's own (300 s) would only confuse the picture.
    headersTimeout: 0,
    bodyTimeout: isWatch ? purpose.idleSeconds * 1000 : 0,
    // A page of 500 objects of the largest size that etcd takes would be more than this, but then something else is wrong.
    maxResponseSize: isWatch ? -1 : 256 * 1024 * 1024,
    // API servers give no hint how long an idle connection may stay; load balancers drop it after four minutes.
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 30_000,
  };
  if (access.proxyUrl !== undefined) {
    const connect = { ...probes, timeout: connectTimeoutSeconds * 1000 };
    const dispatcher = new ProxyAgent({ ...common, uri: access.proxyUrl, requestTls: { ...tls, ...connect, allowH2: false }, connect });
    return { dispatcher, destroy: () => dispatcher.destroy() };
  }
  const { connect, destroyConnecting } = connectorFor(tls, connectTimeoutSeconds, clock);
  const dispatcher = new Pool(new URL(access.server).origin, { ...common, connect });
  return {
    dispatcher,
    destroy: () => {
      destroyConnecting();
      return dispatcher.destroy();
    },
  };
};

// TCP's own probes find a peer that is gone within 40 s, on a quiet watch as well. Half a minute is what client-go uses.
const probes = { keepAlive: true, keepAliveInitialDelay: 30_000 };

/**
 * Opens sockets for undici. Its own connector would do, but lets nobody destroy a socket before it is connected: a server that takes
 * connections and says nothing would hold whoever wants to stop for five seconds.
 */
const connectorFor = (
  tls: TlsMaterial,
  timeoutSeconds: number,
  clock: Clock,
): { readonly connect: buildConnector.connector; readonly destroyConnecting: () => void } => {
  const connecting = new Map<Socket, Timer>();
  return {
    connect: ({ protocol, hostname, port, servername }, callback) => {
      const isTls = protocol === 'https:';
      const target = { host: hostname, port: Number(port) || (isTls ? 443 : 80) };
      // An address is no name that a server could be asked for.
      const name = tls.servername ?? servername ?? (isIP(hostname) === 0 ? hostname : '');
      const socket = isTls ? connectTls({ ...tls, ...target, servername: name, ALPNProtocols: ['http/1.1'] }) : connectTcp(target);
      socket.setNoDelay(true).setKeepAlive(probes.keepAlive, probes.keepAliveInitialDelay);
      const timer = clock.setTimer(timeoutSeconds * 1000, () =>
        socket.destroy(Object.assign(new Error(`no connection within ${timeoutSeconds} s`), { code: 'ETIMEDOUT' })),
      );
      connecting.set(socket, timer);
      const settle = (): void => {
        timer.clear();
        connecting.delete(socket);
        socket.off('error', onError);
      };
      const onError = (error: Error): void => {
        settle();
        callback(error, null);
      };
      socket.once('error', onError).once(isTls ? 'secureConnect' : 'connect', () => {
        settle();
        callback(null, socket);
      });
    },
    destroyConnecting: () => {
      for (const [socket, timer] of connecting) {
        timer.clear();
        socket.destroy(new Error('not needed any more'));
      }
    },
  };
};
