import { experimental, Metadata, Server, status, type ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { codeOf, messageOf, type Log } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { decodePdpMessage, encodeOperatorMessage } from '../wire/codec.ts';
import type { AcceptStream } from './accept.ts';
import type { Certificate, RotatingCertificate } from './certificate.ts';
import { CHANNEL_OPTIONS, DISTRIBUTION_SERVICE, RETRY_AFTER_TRAILER } from './grpc-service.ts';
import type { PeerErrorCode } from './peer-error.ts';
import type { MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/** How long a stream waits for the judgement on its token. */
export const AUTHENTICATION_TIMEOUT_MS = 10_000;

/** What serves streams over gRPC. */
export interface GrpcServerOptions {
  /** Address to listen on, and port; 0 for any. */
  readonly host: string;
  readonly port: number;
  readonly certificate: RotatingCertificate;
  /** Who sends this token. @throws PeerError */
  readonly authenticate: (token: string, signal: AbortSignal) => Promise<PeerIdentity>;
  /** Takes streams while this replica leads; undefined: it does not, and PDPs are to dial again after `notLeaderRetryMs`. */
  readonly acceptor: () => AcceptStream | undefined;
  readonly notLeaderRetryMs: () => number;
  readonly log: Log;
}

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** Ends every stream and the listening socket. */
  readonly close: () => Promise<void>;
}

type WireStream = ServerDuplexStream<Uint8Array, Uint8Array>;

/** Listens. @throws if the port cannot be bound */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server({ ...CHANNEL_OPTIONS });
  server.addService(DISTRIBUTION_SERVICE, {
    connect: (stream: WireStream) => {
      admit(stream, options).catch((error: unknown) => {
        options.log.warn('a stream could not be admitted', { peer: stream.getPeer(), error: messageOf(error) });
        end(stream, { code: 'Unavailable', reason: 'internal error' });
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`,
      credentialsOf(options.certificate),
      (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      },
    );
  });
  return {
    port,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** Credentials that follow the rotation of the certificate without a new socket. */
function credentialsOf(certificate: RotatingCertificate): ServerCredentials {
  const stops = new Map<unknown, () => void>();
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: () => undefined,
    removeCaCertificateListener: () => undefined,
    addIdentityCertificateListener: (listener) => {
      const tell = ({ cert, key }: Certificate): void => {
        listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) });
      };
      // Later: the library forwards only what comes after it has registered its own watcher, which it does next.
      queueMicrotask(() => {
        tell(certificate.current());
      });
      stops.set(listener, certificate.onChange(tell));
    },
    removeIdentityCertificateListener: (listener) => {
      stops.get(listener)?.();
      stops.delete(listener);
    },
  };
  // The identity comes first whatever the declared parameter names say; no client certificates are asked for.
  return experimental.createCertificateProviderServerCredentials(provider, null, false);
}

async function admit(stream: WireStream, options: GrpcServerOptions): Promise<void> {
  // A stream that fails without a listener would be an uncaught error.
  stream.on('error', () => undefined);
  const token = bearerToken(stream.metadata);
  if (token === undefined) {
    end(stream, { code: 'Unauthenticated', reason: 'no bearer token' });
    return;
  }
  if (options.acceptor() === undefined) {
    endNotLeader(stream, options);
    return;
  }
  let identity: PeerIdentity;
  try {
    identity = await options.authenticate(token, AbortSignal.timeout(AUTHENTICATION_TIMEOUT_MS));
  } catch (error) {
    const code = codeOf(error) as PeerErrorCode | undefined;
    options.log.warn('a stream was refused', {
      peer: stream.getPeer(),
      code: code ?? 'Internal',
      error: messageOf(error),
    });
    end(stream, refusalOf(code, messageOf(error)));
    return;
  }
  // Leadership may have been lost while the token was judged.
  const accept = options.acceptor();
  if (stream.cancelled) return;
  if (accept === undefined) endNotLeader(stream, options);
  else serve(stream, identity, accept);
}

function endNotLeader(stream: WireStream, options: GrpcServerOptions): void {
  end(stream, { code: 'Unavailable', reason: 'not leader', retryAfterMs: options.notLeaderRetryMs() });
}

function refusalOf(code: PeerErrorCode | undefined, reason: string): StreamClose {
  switch (code) {
    case 'InvalidToken':
      return { code: 'Unauthenticated', reason };
    case 'UnknownPeer':
      return { code: 'Unauthenticated', reason, retryAfterMs: 5_000 };
    case 'Unavailable':
      return { code: 'Unavailable', reason, retryAfterMs: 2_000 };
    case undefined:
    default:
      return { code: 'Unavailable', reason: 'authentication failed' };
  }
}

function bearerToken(metadata: Metadata): string | undefined {
  const [value] = metadata.get('authorization');
  if (typeof value !== 'string') return undefined;
  const [, token] = /^Bearer ([\x21-\x7e]{1,8192})$/.exec(value) ?? [];
  return token;
}

function serve(stream: WireStream, identity: PeerIdentity, accept: AcceptStream): void {
  let ended = false;
  // Filled below: the acceptor may close the stream before it has answered who hears it.
  const heard: { by?: StreamHandlers<PdpMessage> } = {};
  const finish = (close: StreamClose): void => {
    if (ended) return;
    ended = true;
    end(stream, close);
    queueMicrotask(() => heard.by?.onClose(close));
  };
  const own: MessageStream<OperatorMessage> = {
    send: (message) => {
      if (ended) return true;
      try {
        return stream.write(encodeOperatorMessage(message));
      } catch (error) {
        finish({ code: 'Protocol', reason: `${message.type} cannot be sent: ${messageOf(error)}` });
        return true;
      }
    },
    close: finish,
  };
  const handlers = accept(identity, own);
  heard.by = handlers;
  stream.on('data', (bytes: Uint8Array) => {
    if (ended) return;
    try {
      handlers.onMessage(decodePdpMessage(bytes));
    } catch (error) {
      finish({ code: 'Protocol', reason: messageOf(error) });
    }
  });
  stream.on('drain', () => {
    if (!ended) handlers.onDrain();
  });
  stream.on('end', () => {
    finish({ code: 'Closed', reason: 'the PDP ended the stream' });
  });
  stream.on('cancelled', () => {
    finish({ code: 'Unavailable', reason: 'the PDP went away' });
  });
  stream.on('error', (error: unknown) => {
    finish({ code: 'Unavailable', reason: messageOf(error) });
  });
  // Headers say to the PDP that it is let in.
  stream.sendMetadata(new Metadata());
  handlers.onOpen();
}

const STATUS: Record<StreamClose['code'], number> = {
  Closed: status.OK,
  Unavailable: status.UNAVAILABLE,
  Unauthenticated: status.UNAUTHENTICATED,
  Protocol: status.INVALID_ARGUMENT,
};

function end(stream: WireStream, close: StreamClose): void {
  if (stream.cancelled || stream.destroyed) return;
  const trailers = new Metadata();
  if (close.retryAfterMs !== undefined) trailers.set(RETRY_AFTER_TRAILER, String(Math.ceil(close.retryAfterMs)));
  if (close.code === 'Closed') stream.end(trailers);
  else stream.emit('error', { code: STATUS[close.code], details: close.reason, metadata: trailers });
}
