import type { Clock } from '../clock.ts';
import { codeOf, messageOf, type Log } from '../log.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { AcceptStream } from '../transport/accept.ts';
import { refusalOf, type PeerErrorCode } from '../transport/peer-error.ts';
import type { MessageStream, StreamClose, StreamHandlers } from '../transport/stream.ts';
import { decodePdpMessage, encodeOperatorMessage, knownMessage } from '../wire/codec.ts';
import type { CarriedStream, TunnelFrame } from './frames.ts';
import type { TunnelNews } from './tunnel-end.ts';
import { TunnelPort } from './tunnel-port.ts';

/** Takes the tunnel of a follower, which is known to be one: returns who hears what arrives in it. */
export type AcceptTunnel = (follower: string, link: MessageStream<TunnelFrame>) => StreamHandlers<TunnelFrame>;

/** What a leader's side of the tunnels is made of. */
export interface LeaderTunnelsOptions {
  /** Name of this replica. */
  readonly replica: string;
  readonly ticketKey: Uint8Array;
  /** Takes the streams of PDPs; undefined while this replica does not lead. */
  readonly accept: () => AcceptStream | undefined;
  /** Looks at a PDP whom a follower has let in: whom it does not know here either is refused. @throws PeerError */
  readonly admit?: (identity: PeerIdentity) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs a task after what is under way; `queueMicrotask` by default. */
  readonly later?: (task: () => void) => void;
}

/** The tunnels that end at a leader. To what takes streams, a carried one is like any other. */
export class LeaderTunnels {
  readonly #options: LeaderTunnelsOptions;
  readonly #tunnels = new Set<LeaderTunnel>();
  #isClosed = false;

  constructor(options: LeaderTunnelsOptions) {
    this.#options = options;
  }

  /** Tunnels. */
  get size(): number {
    return this.#tunnels.size;
  }

  /** Streams of PDPs in all of them. */
  get streams(): number {
    return this.#tunnels.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** Takes tunnels; undefined while this replica does not lead, and after {@link close}. */
  get accept(): AcceptTunnel | undefined {
    return this.#isClosed || this.#options.accept() === undefined ? undefined : this.#accept;
  }

  /** Ends every tunnel, and takes none any more. */
  close(reason: string): void {
    this.#isClosed = true;
    for (const tunnel of [...this.#tunnels]) tunnel.close({ code: 'Unavailable', reason });
  }

  readonly #accept: AcceptTunnel = (follower, link) => {
    const { log, replica, ticketKey } = this.#options;
    const tunnel = new LeaderTunnel(this.#options, link, ({ code, reason }) => {
      if (this.#tunnels.delete(tunnel)) log.info('a follower carries no streams any more', { follower, code, reason });
    });
    return {
      ...tunnel.handlers,
      onOpen: () => {
        if (this.#isClosed) {
          tunnel.close({ code: 'Unavailable', reason: 'this replica takes no tunnels any more' });
          return;
        }
        this.#tunnels.add(tunnel);
        log.info('a follower carries streams', { follower });
        tunnel.handlers.onOpen();
        tunnel.greet(replica, ticketKey);
      },
    };
  };
}

/** One tunnel, from its first frame to its end. */
class LeaderTunnel {
  readonly #options: LeaderTunnelsOptions;
  readonly #port: TunnelPort;
  readonly #peers = new Map<CarriedStream, CarriedPdp>();

  constructor(options: LeaderTunnelsOptions, link: MessageStream<TunnelFrame>, onOver: (close: StreamClose) => void) {
    this.#options = options;
    this.#port = new TunnelPort('leader', options.clock, {
      onNews: (news) => {
        this.#hear(news);
      },
      onRoom: (stream) => {
        this.#peers.get(stream)?.drained();
      },
      onReady: () => undefined,
      onCut: (streams, close) => {
        const gone: StreamClose = { code: 'Unavailable', reason: `the follower is gone: ${close.reason}` };
        for (const stream of streams) this.#over(stream, gone);
        onOver(close);
      },
    });
    this.#port.attach(link);
  }

  get handlers(): StreamHandlers<TunnelFrame> {
    return this.#port.handlers;
  }

  get size(): number {
    return this.#peers.size;
  }

  greet(replica: string, ticketKey: Uint8Array): void {
    this.#port.say({ type: 'Ready', replica, ticketKey });
  }

  close(close: StreamClose): void {
    this.#port.close(close);
  }

  #hear(news: TunnelNews): void {
    switch (news.type) {
      case 'opened':
        this.#open(news.stream, news.identity);
        return;
      case 'message':
        // What the machine has heard is not on its way any more.
        this.#port.end.taken(news.stream);
        this.#peers.get(news.stream)?.hear(news.bytes);
        return;
      case 'closed':
        this.#over(news.stream, news.close);
        return;
    }
  }

  #open(stream: CarriedStream, identity: PeerIdentity): void {
    const { accept, admit, later = queueMicrotask } = this.#options;
    const taking = accept();
    if (taking === undefined) {
      this.#port.end.close(stream, { code: 'Unavailable', reason: 'not leader' });
      return;
    }
    try {
      admit?.(identity);
    } catch (error) {
      this.#port.end.close(stream, refusalOf(codeOf(error) as PeerErrorCode | undefined, messageOf(error)));
      return;
    }
    const peer = new CarriedPdp(stream, this.#port, (close) => {
      if (!this.#peers.delete(stream)) return;
      this.#port.end.close(stream, close);
      this.#port.pump();
      later(() => {
        peer.over(close);
      });
    });
    this.#peers.set(stream, peer);
    peer.serve(taking(identity, peer));
  }

  #over(stream: CarriedStream, close: StreamClose): void {
    const peer = this.#peers.get(stream);
    this.#peers.delete(stream);
    peer?.over(close);
  }
}

/** One carried stream, as what takes streams at the leader has it. */
class CarriedPdp implements MessageStream<OperatorMessage> {
  readonly #stream: CarriedStream;
  readonly #port: TunnelPort;
  readonly #onClosed: (close: StreamClose) => void;
  /** Absent until the acceptor has answered who hears it: it may close the stream before. */
  #handlers: StreamHandlers<PdpMessage> | undefined;
  #isOver = false;

  constructor(stream: CarriedStream, port: TunnelPort, onClosed: (close: StreamClose) => void) {
    this.#stream = stream;
    this.#port = port;
    this.#onClosed = onClosed;
  }

  serve(handlers: StreamHandlers<PdpMessage>): void {
    this.#handlers = handlers;
    handlers.onOpen();
  }

  send(message: OperatorMessage): boolean {
    if (this.#isOver) return true;
    try {
      if (!this.#port.end.send(this.#stream, encodeOperatorMessage(message))) {
        this.close({ code: 'Unavailable', reason: 'too many messages wait' });
        return true;
      }
    } catch (error) {
      this.close({ code: 'Protocol', reason: `${message.type} cannot be sent: ${messageOf(error)}` });
      return true;
    }
    this.#port.pump();
    return this.#port.end.hasRoom(this.#stream);
  }

  close(close: StreamClose): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClosed(close);
  }

  hear(bytes: Uint8Array): void {
    let message: PdpMessage | undefined;
    try {
      message = knownMessage(decodePdpMessage, bytes);
    } catch (error) {
      this.close({ code: 'Protocol', reason: messageOf(error) });
      return;
    }
    if (message !== undefined && !this.#isOver) this.#handlers?.onMessage(message);
  }

  drained(): void {
    if (!this.#isOver) this.#handlers?.onDrain();
  }

  /** The last word to whoever has it. */
  over(close: StreamClose): void {
    this.#isOver = true;
    this.#handlers?.onClose(close);
  }
}
