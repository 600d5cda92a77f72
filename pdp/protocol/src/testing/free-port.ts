import { createServer, type Server } from 'node:net';

/** Below what Linux gives to outgoing connections by itself (from 32,768 on) and Kubernetes to NodePorts (from 30,000 on). */
const FIRST = 12_000;
const LAST = 29_999;

/** Ports of 127.0.0.1 that were free a moment ago, all different; outgoing connections do not take them meanwhile. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    const server = await listening(port);
    if (server !== undefined) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  return [...held.keys()];
}

/** A server on the port; undefined where somebody else has one. */
function listening(port: number): Promise<Server | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') resolve(undefined);
    else reject(error);
  });
  server.listen(port, '127.0.0.1', () => {
    resolve(server);
  });
  return promise;
}
