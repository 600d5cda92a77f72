import type { Clock } from '../clock.ts';
import { messageOf } from '../log.ts';
import type { MessageStream, StreamClose, StreamHandlers } from '../transport/stream.ts';
import type { CarriedStream, TunnelFrame, TunnelReady } from './frames.ts';
import { TunnelEnd, type TunnelNews } from './tunnel-end.ts';

/** How often each side says that it is there. */
export const TUNNEL_ALIVE_MS = 5_000;
/** A tunnel in which nothing was heard for so long is given up. */
export const TUNNEL_SILENCE_MS = 15_000;

/** Who owns the streams at one end. `onCut` is the last call and comes exactly once. */
export interface TunnelOwner {
  readonly onNews: (news: TunnelNews) => void;
  /** The stream has room again. */
  readonly onRoom: (stream: CarriedStream) => void;
  /** At a follower: the leader's first word. */
  readonly onReady: (ready: TunnelReady) => void;
  /** The tunnel is over, and with it these streams. */
  readonly onCut: (streams: readonly CarriedStream[], close: StreamClose) => void;
}

/** An end of a tunnel at its connection: writes what {@link TunnelEnd} has to say, and finds a connection that is dead. */
export class TunnelPort {
  readonly end: TunnelEnd;
  readonly #side: 'follower' | 'leader';
  readonly #clock: Clock;
  readonly #owner: TunnelOwner;
  #link: MessageStream<TunnelFrame> | undefined;
  #hasRoom = true;
  #isPumping = false;
  #isOver = false;
  #heardAt = 0;
  #cancelAlive: (() => void) | undefined;

  constructor(side: 'follower' | 'leader', clock: Clock, owner: TunnelOwner) {
    this.end = new TunnelEnd(side);
    this.#side = side;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** The connection that it writes to. To be called once, before the connection is open. */
  attach(link: MessageStream<TunnelFrame>): void {
    this.#link = link;
  }

  /** What the connection is to tell. */
  readonly handlers: StreamHandlers<TunnelFrame> = {
    onOpen: () => {
      this.#heardAt = this.#clock.monotonic();
      this.#saySoon();
    },
    onMessage: (frame) => {
      this.#receive(frame);
    },
    onDrain: () => {
      this.#hasRoom = true;
      this.pump();
    },
    onClose: (close) => {
      this.#finish(close);
    },
  };

  /** Writes what the connection has room for. To be called after everything that was done with {@link end}. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#writeOne() || this.#tellOfRoom());
    } finally {
      this.#isPumping = false;
    }
  }

  /** Writes what is about no stream. */
  say(frame: Extract<TunnelFrame, { readonly type: 'Ready' | 'Alive' }>): void {
    if (this.#link?.send(frame) === false) this.#hasRoom = false;
  }

  /** Ends the tunnel. Safe to repeat. */
  close(close: StreamClose): void {
    if (this.#isOver) return;
    this.#link?.close(close);
    this.#finish(close);
  }

  #writeOne(): boolean {
    const frame = this.#hasRoom && !this.#isOver ? this.end.next() : undefined;
    if (frame === undefined) return false;
    this.#hasRoom = this.#link?.send(frame) ?? true;
    return true;
  }

  #tellOfRoom(): boolean {
    const stream = this.end.nextWithRoom();
    if (stream === undefined) return false;
    this.#owner.onRoom(stream);
    return true;
  }

  #receive(frame: TunnelFrame): void {
    if (this.#isOver) return;
    this.#heardAt = this.#clock.monotonic();
    if (frame.type === 'Alive') return;
    if (frame.type === 'Ready') {
      if (this.#side === 'follower') this.#owner.onReady(frame);
      return;
    }
    let news: TunnelNews | undefined;
    try {
      news = this.end.receive(frame);
    } catch (error) {
      this.close({ code: 'Protocol', reason: messageOf(error) });
      return;
    }
    if (news !== undefined) this.#owner.onNews(news);
    this.pump();
  }

  #saySoon(): void {
    this.#cancelAlive = this.#clock.schedule(TUNNEL_ALIVE_MS, () => {
      const silentMs = this.#clock.monotonic() - this.#heardAt;
      if (silentMs >= TUNNEL_SILENCE_MS) {
        this.close({ code: 'Unavailable', reason: `nothing was heard for ${Math.round(silentMs)} ms` });
        return;
      }
      // A connection without room has enough to say.
      if (this.#hasRoom) this.say({ type: 'Alive' });
      this.#saySoon();
    });
  }

  #finish(close: StreamClose): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelAlive?.();
    this.#owner.onCut(this.end.cut(), close);
  }
}
