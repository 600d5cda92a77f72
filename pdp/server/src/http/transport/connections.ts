import type { Socket } from 'node:net';
import { systemClock } from '@edict/protocol';
import type { Peer } from '../../authentication/authenticator.ts';
import type { ConnectionHost, ConnectionSettings, DropReason, OpenConnection } from './connection-host.ts';
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts';
import { HeldBytes } from './held-bytes.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';
import { DateField } from './response-head.ts';
import { WriteBatch } from './write-batch.ts';

export interface ConnectionsOptions extends ConnectionSettings, DispatcherOptions {
  readonly maxHeldBytes: number;
  readonly onDropped: (reason: DropReason) => void;
  readonly onConnection?: ((protocol: 'http1' | 'http2') => void) | undefined;
  readonly accountOf?: ConnectionHost['accountOf'] | undefined;
}

/** How often connections are looked at whose time may be up. */
const CHECK_MS = 1_000;

/** All connections of one listener, whatever they speak, and what they share. */
export class Connections implements ConnectionHost {
  readonly settings: ConnectionSettings;
  readonly dispatcher: Dispatcher;
  readonly held: HeldBytes;
  readonly date = new DateField(Date.now);
  readonly writes = new WriteBatch(systemClock.monotonic, setImmediate);
  readonly keepAliveField: string;
  readonly nowMs = systemClock.monotonic;
  readonly onRefused: ConnectionHost['onRefused'];
  readonly onDropped: ConnectionHost['onDropped'];
  readonly onError: ConnectionHost['onError'];
  readonly accountOf: ConnectionHost['accountOf'];
  readonly #onConnection: (protocol: 'http1' | 'http2') => void;
  readonly #open = new Set<OpenConnection>();
  /** The sockets below, TLS handshakes that are under way included. */
  readonly #sockets = new Set<Socket>();
  readonly #checking: NodeJS.Timeout;
  #dismissing = false;

  constructor(options: ConnectionsOptions) {
    this.settings = options;
    this.dispatcher = new Dispatcher(options);
    this.held = new HeldBytes(options.maxHeldBytes);
    this.keepAliveField = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(options.keepAliveMs / 1000)}\r\n`;
    this.onRefused = options.onRefused;
    this.onDropped = options.onDropped;
    this.onError = options.onError;
    this.accountOf = options.accountOf ?? (() => undefined);
    this.#onConnection = options.onConnection ?? (() => undefined);
    const everyMs = Math.max(10, Math.min(CHECK_MS, options.requestTimeoutMs / 4, options.writeTimeoutMs / 4));
    this.#checking = setInterval(() => this.#check(), everyMs);
    this.#checking.unref();
  }

  get count(): number {
    return this.#sockets.size;
  }

  get dismissing(): boolean {
    return this.#dismissing;
  }

  /** Knows of a socket until it is closed. */
  track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** A connection whose first bytes tell what it speaks. */
  addPlain(socket: Socket, peer: Peer): void {
    this.#addHttp1(socket, peer, (bytes) => {
      // What was read belongs to the session: it takes it from the socket's buffer, where it must stay until then.
      socket.pause();
      socket.unshift(bytes);
      this.#addHttp2(socket, peer);
    });
  }

  /** A connection whose handshake has told what it speaks. */
  addSecure(socket: Socket, peer: Peer, isHttp2: boolean): void {
    if (isHttp2) this.#addHttp2(socket, peer);
    else this.#addHttp1(socket, peer, undefined);
  }

  readonly forget = (connection: OpenConnection): void => void this.#open.delete(connection);

  /** From now on every answer ends its connection. */
  dismiss(): void {
    this.#dismissing = true;
    for (const connection of this.#open) connection.dismiss();
  }

  /** Closes every connection on which no request is under way. */
  closeIdle(): void {
    for (const connection of [...this.#open]) connection.closeIfIdle();
  }

  /** Ends every connection now. */
  destroy(): void {
    for (const connection of [...this.#open]) connection.destroy();
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** Nothing is looked at any more. */
  close(): void {
    clearInterval(this.#checking);
  }

  #addHttp1(socket: Socket, peer: Peer, onHttp2: ((bytes: Buffer) => void) | undefined): void {
    this.#open.add(new Http1Connection(this, socket, peer, onHttp2));
    this.#onConnection('http1');
  }

  #addHttp2(socket: Socket, peer: Peer): void {
    this.#open.add(new Http2Connection(this, socket, peer));
    this.#onConnection('http2');
  }

  #check(): void {
    const nowMs = this.nowMs();
    for (const connection of [...this.#open]) connection.checkDeadline(nowMs);
  }
}
