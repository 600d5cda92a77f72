import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Authenticated, GrpcServerOptions } from '../grpc/grpc-server.ts';
import { failure, type GrpcCode } from '../grpc/status.ts';
import { ANONYMOUS, LOCAL, type Authenticator, type Peer, type RefusalReason, type Verdict } from './authenticator.ts';
import { peerOfTls } from './tls-peer.ts';

const CODE_OF = {
  missing: 'UNAUTHENTICATED',
  invalid: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  unavailable: 'UNAVAILABLE',
} as const satisfies Record<RefusalReason, GrpcCode>;

/**
 * The same judgement for gRPC: one look at the connection, then each call's metadata. `isLocal`: the server listens on a unix
 * socket.
 */
export function grpcAuthentication(
  authenticator: Authenticator,
  isLocal: boolean,
): NonNullable<GrpcServerOptions['authenticate']> {
  const peers = new WeakMap<Socket, Peer>();
  return (metadata, socket) => {
    let peer = peers.get(socket);
    if (peer === undefined) {
      peer = socket instanceof TLSSocket ? peerOfTls(socket) : isLocal ? LOCAL : ANONYMOUS;
      peers.set(socket, peer);
    }
    const verdict = authenticator.authenticate(metadata, peer);
    return verdict instanceof Promise ? verdict.then(authenticated) : authenticated(verdict);
  };
}

function authenticated(verdict: Verdict): Authenticated {
  return verdict.kind === 'known'
    ? { kind: 'caller', caller: verdict.caller }
    : failure(CODE_OF[verdict.reason], verdict.detail);
}
