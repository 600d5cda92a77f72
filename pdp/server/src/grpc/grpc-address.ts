import type { GrpcAddress } from './grpc-server.ts';

/** An address as it is configured: `host:port`, `:port` for every address, `[::1]:port`, or `unix:///path`; undefined if it is none. */
export function parseGrpcAddress(text: string): GrpcAddress | undefined {
  const [, path] = /^unix:\/\/(\/.+)$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  const [, bracketed, host = '', digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  const named = bracketed ?? host;
  return { host: named === '' ? '::' : named, port };
}
