import type { AddressInfo, Server } from 'node:net';

/** Lets a server listen on 127.0.0.1, on any free port unless one is named; resolves with the port. */
export const listen = async (server: Server, port = 0): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
};
