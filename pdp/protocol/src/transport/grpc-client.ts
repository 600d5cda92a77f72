import { readFile } from 'node:fs/promises';
import { Client, credentials, Metadata, status, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import { messageOf } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import { decodeOperatorMessage, encodePdpMessage } from '../wire/codec.ts';
import { CHANNEL_OPTIONS, DISTRIBUTION_SERVICE, RETRY_AFTER_TRAILER } from './grpc-service.ts';
import type { CloseCode, Dial, MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/** How a PDP reaches its operator. Both files are read again for every stream: tokens and CAs are rotated under us. */
export interface GrpcDialOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM file of the certificate authorities that may have signed the operator's certificate. */
  readonly caFile: string;
  /** File of the bearer token. */
  readonly tokenFile: string;
  /** Name that the certificate must bear, if it is not the address's host. */
  readonly serverName?: string;
  /** A stream that the operator has not accepted within this is given up. */
  readonly connectTimeoutMs?: number;
  readonly clock: Clock;
}

/** Default of {@link GrpcDialOptions.connectTimeoutMs}. */
export const CONNECT_TIMEOUT_MS = 15_000;

const RETRY_AFTER_MAX_MS = 86_400_000;

type WireStream = ClientDuplexStream<Uint8Array, Uint8Array>;

/** A dialler over gRPC with TLS. Each dial is a connection of its own, so that nothing of a failed one lives on. */
export function dialGrpc(options: GrpcDialOptions): Dial<PdpMessage, OperatorMessage> {
  return (handlers) => new GrpcDial(options, handlers);
}

class GrpcDial implements MessageStream<PdpMessage> {
  readonly #options: GrpcDialOptions;
  readonly #handlers: StreamHandlers<OperatorMessage>;
  readonly #cancelTimeout: () => void;
  #client: Client | undefined;
  #stream: WireStream | undefined;
  #opened = false;
  #ended = false;

  constructor(options: GrpcDialOptions, handlers: StreamHandlers<OperatorMessage>) {
    this.#options = options;
    this.#handlers = handlers;
    this.#cancelTimeout = options.clock.schedule(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, () => {
      if (!this.#opened) this.#end({ code: 'Unavailable', reason: 'the operator did not accept the stream in time' });
    });
    this.#connect().catch((error: unknown) => {
      this.#end({ code: 'Unavailable', reason: messageOf(error) });
    });
  }

  send(message: PdpMessage): boolean {
    const stream = this.#stream;
    if (this.#ended || stream === undefined) return true;
    let bytes: Uint8Array;
    try {
      bytes = encodePdpMessage(message);
    } catch (error) {
      this.#end({ code: 'Protocol', reason: `${message.type} cannot be sent: ${messageOf(error)}` });
      return true;
    }
    return stream.write(bytes);
  }

  close(close: StreamClose): void {
    this.#end(close);
  }

  async #connect(): Promise<void> {
    const { address, caFile, tokenFile, serverName } = this.#options;
    const [ca, token] = await Promise.all([readFile(caFile), readFile(tokenFile, 'utf8')]);
    if (this.#ended) return;
    const target =
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
    const client = new Client(address, credentials.createSsl(ca), {
      ...CHANNEL_OPTIONS,
      ...target,
      'grpc.enable_retries': 0,
    });
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token.trim()}`);
    const { path, requestSerialize, responseDeserialize } = DISTRIBUTION_SERVICE.connect;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#client = client;
    this.#stream = stream;
    stream.on('metadata', () => {
      if (this.#ended || this.#opened) return;
      this.#opened = true;
      this.#cancelTimeout();
      this.#handlers.onOpen();
    });
    stream.on('data', (bytes: Uint8Array) => {
      this.#receive(bytes);
    });
    stream.on('drain', () => {
      if (!this.#ended) this.#handlers.onDrain();
    });
    stream.on('status', (ending: StatusObject) => {
      this.#end(closeOf(ending));
    });
    // The same ending comes as a status; without a listener Node would take it for an uncaught error.
    stream.on('error', () => undefined);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    let message: OperatorMessage;
    try {
      message = decodeOperatorMessage(bytes);
    } catch (error) {
      this.#end({ code: 'Protocol', reason: messageOf(error) });
      return;
    }
    this.#handlers.onMessage(message);
  }

  #end(close: StreamClose): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimeout();
    const [stream, client] = [this.#stream, this.#client];
    // Half-closed first: what was written still goes out when the ending is an orderly one.
    if (close.code === 'Closed') stream?.end();
    else stream?.cancel();
    client?.close();
    queueMicrotask(() => {
      this.#handlers.onClose(close);
    });
  }
}

function closeOf(ending: StatusObject): StreamClose {
  const [text] = ending.metadata.get(RETRY_AFTER_TRAILER);
  const after = text === undefined ? Number.NaN : Number(text);
  const retry = Number.isFinite(after) && after >= 0 ? { retryAfterMs: Math.min(after, RETRY_AFTER_MAX_MS) } : {};
  return {
    code: CLOSE_CODES.get(ending.code) ?? 'Unavailable',
    reason: ending.details === '' ? status[ending.code] : ending.details,
    ...retry,
  };
}

const CLOSE_CODES = new Map<number, CloseCode>([
  [status.OK, 'Closed'],
  [status.UNAUTHENTICATED, 'Unauthenticated'],
  [status.PERMISSION_DENIED, 'Unauthenticated'],
  [status.INVALID_ARGUMENT, 'Protocol'],
  [status.RESOURCE_EXHAUSTED, 'Protocol'],
]);
