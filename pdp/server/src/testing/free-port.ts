import { createServer } from 'node:net';

/** Below what Linux gives to outgoing connections by itself (from 32,768 on) and Kubernetes to NodePorts (from 30,000 on). */
const FIRST = 12_000;
const LAST = 29_999;

/** A port of 127.0.0.1 that was free a moment ago; outgoing connections do not take it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') resolve(false);
    else reject(error);
  });
  server.listen(port, '127.0.0.1', () => {
    server.close(() => {
      resolve(true);
    });
  });
  return promise;
}
