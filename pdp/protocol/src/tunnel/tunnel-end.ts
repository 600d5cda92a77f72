import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { StreamClose } from '../transport/stream.ts';
import type { CarriedStream, StreamFrame } from './frames.ts';

/**
 * Bytes of one stream that may be on their way: sent into the tunnel, and not taken at its other end. Some thirty
 * announcements; a message that is larger goes alone.
 */
export const TUNNEL_WINDOW_BYTES = 32 * 1024;
/**
 * Bytes of one stream that wait before the tunnel; whoever sends on has its stream ended. Several Beats about as many sets as there
 * may be; a Hello may be larger, and waits for its answer.
 */
export const TUNNEL_WAITING_MAX_BYTES = 1024 * 1024;
/**
 * Bytes of one stream that came out of the tunnel and nobody has taken: a window, the message that oversteps it, and one that goes
 * before an end. More is sent by nobody who keeps to the window, and ends the stream.
 */
export const TUNNEL_UNTAKEN_MAX_BYTES = TUNNEL_WINDOW_BYTES + 2 * MESSAGE_MAX_BYTES;

/** Beside its bytes, each message counts for so many: there is no end to empty ones. */
const MESSAGE_COST_BYTES = 32;

/** The other end breaks the rules of the tunnel: nothing that it says can be relied on. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code = 'Protocol';
}

/** What a frame of the other end means to whoever owns the streams here. */
export type TunnelNews =
  | { readonly type: 'opened'; readonly stream: CarriedStream; readonly identity: PeerIdentity }
  | { readonly type: 'message'; readonly stream: CarriedStream; readonly bytes: Uint8Array }
  /** The last word about the stream; who ends it is the other side, or a bound of this one. */
  | {
      readonly type: 'closed';
      readonly stream: CarriedStream;
      readonly close: StreamClose;
      readonly by: 'peer' | 'bound';
    };

/** One stream, seen from one end. */
interface Lane {
  readonly stream: CarriedStream;
  /** Until the other end is told of it. */
  opening: PeerIdentity | undefined;
  waiting: Uint8Array[];
  waitingBytes: number;
  /** Sent, and not taken by the other end as far as is known. */
  onTheirWay: number;
  /** Came here, and was not taken. */
  untaken: number;
  /** Was taken here, and the other end does not know. */
  unreported: number;
  /** Over for whoever owns it here; the other end is still to be told. */
  closing: StreamClose | undefined;
  /** Its owner was told to wait for room. */
  isAwaited: boolean;
}

/**
 * One end of a tunnel: the streams of many PDPs over one connection, as a value without I/O. Each stream keeps its order, has a
 * window of its own each way, and gets its turn after every other that has something to say, so that none holds up the rest. What
 * is to be written is pulled out of it ({@link next}) while there is room, so nothing piles up in the connection.
 *
 * INVARIANT: a stream that is closed at either end is closed once at the other, and nothing of it comes afterwards.
 */
export class TunnelEnd {
  readonly #side: 'follower' | 'leader';
  readonly #lanes = new Map<CarriedStream, Lane>();
  /** Lanes that have something to write, the next one first. */
  readonly #ready = new Set<Lane>();
  /** Lanes that have room again, and whose owners were told to wait. */
  readonly #roomy = new Set<Lane>();
  #newest: CarriedStream = 0;
  #waitingBytes = 0;
  #untakenBytes = 0;

  constructor(side: 'follower' | 'leader') {
    this.#side = side;
  }

  /** Streams that are open, or whose end the other end does not know yet. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Bytes that wait for the tunnel, and bytes that came out of it and wait for whoever reads them. */
  get waitingBytes(): { readonly toTunnel: number; readonly fromTunnel: number } {
    return { toTunnel: this.#waitingBytes, fromTunnel: this.#untakenBytes };
  }

  /** At the follower: a PDP has dialled. */
  open(identity: PeerIdentity): CarriedStream {
    this.#newest += 1;
    const lane = this.#add(this.#newest);
    lane.opening = identity;
    this.#ready.add(lane);
    return lane.stream;
  }

  /**
   * Takes a message. False, and nothing is taken, if more than {@link TUNNEL_WAITING_MAX_BYTES} of the stream wait already: its owner
   * is to close it. After the end of the stream messages are dropped.
   */
  send(stream: CarriedStream, bytes: Uint8Array): boolean {
    const lane = this.#lanes.get(stream);
    if (lane === undefined || lane.closing !== undefined) return true;
    if (lane.waitingBytes > TUNNEL_WAITING_MAX_BYTES) return false;
    lane.waiting.push(bytes);
    lane.waitingBytes += costOf(bytes);
    this.#waitingBytes += costOf(bytes);
    this.#ready.add(lane);
    return true;
  }

  /** True if what is sent now is on its way at once. After false {@link nextWithRoom} names the stream when that has changed. */
  hasRoom(stream: CarriedStream): boolean {
    const lane = this.#lanes.get(stream);
    if (lane === undefined || lane.closing !== undefined) return true;
    lane.isAwaited = !hasRoom(lane);
    return !lane.isAwaited;
  }

  /** Everything that came of the stream has gone where it was to go. */
  taken(stream: CarriedStream): void {
    const lane = this.#lanes.get(stream);
    if (lane === undefined || lane.closing !== undefined) return;
    this.#untakenBytes -= lane.untaken;
    lane.unreported += lane.untaken;
    lane.untaken = 0;
    if (lane.unreported >= TUNNEL_WINDOW_BYTES / 2) this.#ready.add(lane);
  }

  /** Ends the stream once what was sent is out. Safe to repeat. */
  close(stream: CarriedStream, close: StreamClose): void {
    const lane = this.#lanes.get(stream);
    if (lane === undefined || lane.closing !== undefined) return;
    // Whoever never heard of it needs not hear of its end.
    if (lane.opening !== undefined) this.#forget(lane);
    else {
      lane.closing = close;
      this.#ready.add(lane);
    }
  }

  /**
   * What a frame of the other end means here; undefined for what is nobody's business, such as a frame of a stream that is over.
   * @throws TunnelError
   */
  receive(frame: StreamFrame): TunnelNews | undefined {
    if (frame.type === 'Open') return this.#opened(frame.stream, frame.identity);
    if (frame.stream > this.#newest)
      throw new TunnelError(`${frame.type} of stream ${frame.stream}, which was not opened`);
    const lane = this.#lanes.get(frame.stream);
    if (lane === undefined) return undefined;
    switch (frame.type) {
      case 'Message':
        return this.#heard(lane, frame.bytes);
      case 'Taken':
        if (frame.bytes > lane.onTheirWay) throw new TunnelError(`stream ${lane.stream}: more was taken than was sent`);
        lane.onTheirWay -= frame.bytes;
        if (lane.waiting.length > 0) this.#ready.add(lane);
        this.#lookForRoom(lane);
        return undefined;
      case 'Close':
        this.#forget(lane);
        // Closed at both ends at once: its owner here has done with it.
        return lane.closing === undefined
          ? { type: 'closed', stream: lane.stream, close: frame.close, by: 'peer' }
          : undefined;
    }
  }

  /** The next frame to write; undefined while there is none. To be called while the connection has room. */
  next(): StreamFrame | undefined {
    for (const lane of this.#ready) {
      this.#ready.delete(lane);
      const frame = this.#frameOf(lane);
      if (frame === undefined) continue;
      // To the end of the row.
      if (this.#lanes.has(lane.stream)) this.#ready.add(lane);
      return frame;
    }
    return undefined;
  }

  /** A stream that has room again after {@link hasRoom} said no; each is named once. */
  nextWithRoom(): CarriedStream | undefined {
    for (const lane of this.#roomy) {
      this.#roomy.delete(lane);
      return lane.stream;
    }
    return undefined;
  }

  /** The connection is gone: forgets every stream, and answers those whose owners do not know of an end yet. */
  cut(): readonly CarriedStream[] {
    const open = [...this.#lanes.values()].filter(({ closing }) => closing === undefined);
    for (const lane of [...this.#lanes.values()]) this.#forget(lane);
    return open.map(({ stream }) => stream);
  }

  #opened(stream: CarriedStream, identity: PeerIdentity): TunnelNews {
    if (this.#side === 'follower') throw new TunnelError('the leader opens a stream');
    if (stream <= this.#newest) throw new TunnelError(`stream ${stream} is opened again`);
    this.#newest = stream;
    this.#add(stream);
    return { type: 'opened', stream, identity };
  }

  #heard(lane: Lane, bytes: Uint8Array): TunnelNews | undefined {
    const { stream } = lane;
    if (lane.closing !== undefined) return undefined;
    lane.untaken += costOf(bytes);
    this.#untakenBytes += costOf(bytes);
    if (lane.untaken <= TUNNEL_UNTAKEN_MAX_BYTES) return { type: 'message', stream, bytes };
    const close: StreamClose = {
      code: 'Protocol',
      reason: `${lane.untaken} bytes wait to be read, which are too many`,
    };
    this.close(stream, close);
    return { type: 'closed', stream, close, by: 'bound' };
  }

  #add(stream: CarriedStream): Lane {
    const lane: Lane = {
      stream,
      opening: undefined,
      waiting: [],
      waitingBytes: 0,
      onTheirWay: 0,
      untaken: 0,
      unreported: 0,
      closing: undefined,
      isAwaited: false,
    };
    this.#lanes.set(stream, lane);
    return lane;
  }

  #forget(lane: Lane): void {
    this.#lanes.delete(lane.stream);
    this.#ready.delete(lane);
    this.#roomy.delete(lane);
    this.#waitingBytes -= lane.waitingBytes;
    this.#untakenBytes -= lane.untaken;
  }

  #frameOf(lane: Lane): StreamFrame | undefined {
    const { stream, opening, unreported, closing } = lane;
    if (opening !== undefined) {
      lane.opening = undefined;
      return { type: 'Open', stream, identity: opening };
    }
    if (unreported >= TUNNEL_WINDOW_BYTES / 2) {
      lane.unreported = 0;
      return { type: 'Taken', stream, bytes: unreported };
    }
    // Before an end no window counts: whoever reads slowly must not keep a stream from ending.
    const bytes = closing !== undefined || lane.onTheirWay < TUNNEL_WINDOW_BYTES ? lane.waiting.shift() : undefined;
    if (bytes !== undefined) {
      lane.waitingBytes -= costOf(bytes);
      this.#waitingBytes -= costOf(bytes);
      lane.onTheirWay += costOf(bytes);
      this.#lookForRoom(lane);
      return { type: 'Message', stream, bytes };
    }
    if (closing === undefined) return undefined;
    this.#forget(lane);
    return { type: 'Close', stream, close: closing };
  }

  #lookForRoom(lane: Lane): void {
    if (!lane.isAwaited || lane.closing !== undefined || !hasRoom(lane)) return;
    lane.isAwaited = false;
    this.#roomy.add(lane);
  }
}

function costOf({ length }: Uint8Array): number {
  return MESSAGE_COST_BYTES + length;
}

/** Whether a message that is sent now is on its way at once, if the connection has room. */
function hasRoom({ waiting, onTheirWay, opening }: Lane): boolean {
  return opening === undefined && waiting.length === 0 && onTheirWay < TUNNEL_WINDOW_BYTES;
}
