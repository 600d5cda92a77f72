import type { Clock } from '../clock.ts';
import type { OperatorMessage } from '../messages.ts';
import type { AcceptBytes } from '../transport/accept.ts';
import type { Dial, MessageStream, StreamClose } from '../transport/stream.ts';
import { encodeOperatorMessage } from '../wire/codec.ts';
import type { CarriedStream, TunnelFrame, TunnelReady } from './frames.ts';
import type { TunnelNews } from './tunnel-end.ts';
import { TunnelPort } from './tunnel-port.ts';

/** Why a follower ended a stream by itself. */
export type CarriedEnd =
  /** Its PDP says more than the leader takes. */
  | 'flooding'
  /** Its PDP reads less than the leader was allowed to say. */
  | 'unread'
  /** The tunnel was over. */
  | 'cut';

/** What a follower's side of a tunnel is made of. */
export interface FollowerTunnelOptions {
  readonly dial: Dial<TunnelFrame, TunnelFrame>;
  readonly clock: Clock;
  /** When a PDP whose stream ends with the tunnel is to come back. */
  readonly retryAfterMs: () => number;
  /** From now on streams are taken. Called at most once. */
  readonly onReady: (ready: TunnelReady) => void;
  /** The tunnel is over, and every stream in it. Called exactly once. */
  readonly onClose: (close: StreamClose) => void;
  readonly onStreamEnded: (why: CarriedEnd) => void;
}

/**
 * One tunnel, from its dial to its end, at a replica that does not lead: takes the streams of PDPs and carries what is said. It looks
 * into no message and answers none.
 */
export class FollowerTunnel {
  readonly #options: FollowerTunnelOptions;
  readonly #port: TunnelPort;
  readonly #streams = new Map<CarriedStream, MessageStream<Uint8Array>>();
  #isOpen = false;

  constructor(options: FollowerTunnelOptions) {
    this.#options = options;
    this.#port = new TunnelPort('follower', options.clock, {
      onNews: (news) => {
        this.#hear(news);
      },
      // PDPs cannot be asked to wait: what they say is bounded by what may wait for the tunnel.
      onRoom: () => undefined,
      onReady: (ready) => {
        if (this.#isOpen) return;
        this.#isOpen = true;
        options.onReady(ready);
      },
      onCut: (streams, close) => {
        this.#cut(streams, close);
      },
    });
    this.#port.attach(options.dial(this.#port.handlers));
  }

  /** Streams of PDPs that are carried. */
  get size(): number {
    return this.#streams.size;
  }

  /** Bytes that wait for the tunnel, and bytes that PDPs have not read. */
  get waitingBytes(): { readonly toTunnel: number; readonly fromTunnel: number } {
    return this.#port.end.waitingBytes;
  }

  /** Takes an authenticated stream; undefined while there is no leader at the other end. */
  get accept(): AcceptBytes | undefined {
    return this.#isOpen ? this.#accept : undefined;
  }

  /** Asks so many of the PDPs to dial again, each after what `afterMs` answers. */
  sendAway(count: number, reason: string, afterMs: () => number): void {
    for (const stream of [...this.#streams.values()].slice(0, count)) {
      const message: OperatorMessage = { type: 'Reconnect', afterMs: Math.ceil(afterMs()), reason };
      stream.send(encodeOperatorMessage(message));
    }
  }

  /** Ends the tunnel and every stream in it. Safe to repeat. */
  close(reason: string): void {
    this.#port.close({ code: 'Closed', reason });
  }

  readonly #accept: AcceptBytes = (identity, stream) => {
    const { end } = this.#port;
    let id: CarriedStream = 0;
    return {
      onOpen: () => {
        if (!this.#isOpen) {
          stream.close(this.#goodbye('the leader is gone'));
          return;
        }
        id = end.open(identity);
        this.#streams.set(id, stream);
        this.#port.pump();
      },
      onMessage: (bytes) => {
        if (!end.send(id, bytes)) {
          this.#end(id, 'flooding', { code: 'Unavailable', reason: 'more is said than the leader takes' });
        }
        this.#port.pump();
      },
      onDrain: () => {
        end.taken(id);
        this.#port.pump();
      },
      onClose: (close) => {
        if (!this.#streams.delete(id)) return;
        end.close(id, close);
        this.#port.pump();
      },
    };
  };

  #hear(news: TunnelNews): void {
    // Nobody opens streams from the leader's side.
    if (news.type === 'opened') return;
    const stream = this.#streams.get(news.stream);
    if (stream === undefined) return;
    if (news.type === 'message') {
      if (stream.send(news.bytes)) this.#port.end.taken(news.stream);
      return;
    }
    this.#streams.delete(news.stream);
    // Otherwise it is the leader who ends it.
    if (news.by === 'bound') this.#options.onStreamEnded('unread');
    stream.close(news.close);
  }

  /** Ends a stream on our own account, at both of its ends. */
  #end(id: CarriedStream, why: CarriedEnd, close: StreamClose): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#options.onStreamEnded(why);
    this.#port.end.close(id, close);
    stream.close(close);
  }

  #cut(streams: readonly CarriedStream[], close: StreamClose): void {
    this.#isOpen = false;
    for (const id of streams) {
      const stream = this.#streams.get(id);
      this.#streams.delete(id);
      if (stream === undefined) continue;
      this.#options.onStreamEnded('cut');
      stream.close(this.#goodbye(close.reason));
    }
    this.#options.onClose(close);
  }

  #goodbye(reason: string): StreamClose {
    return {
      code: 'Unavailable',
      reason: `no way to the leader: ${reason}`,
      retryAfterMs: this.#options.retryAfterMs(),
    };
  }
}
