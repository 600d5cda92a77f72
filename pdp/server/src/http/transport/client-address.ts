import type { Socket } from 'node:net';

/** Address and port of the other side, as Go writes them (`10.0.0.7:40112`, `[::1]:40112`); undefined for a unix socket. */
export function clientOf({ remoteAddress, remotePort }: Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
