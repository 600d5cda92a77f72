import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** The name that the client asked for when the connection was secured (SNI); undefined where it asked for none. */
export function serverNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  // Node has `false` for a client that named nobody, which its types do not know.
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' && name !== '' ? name.toLowerCase() : undefined;
}
