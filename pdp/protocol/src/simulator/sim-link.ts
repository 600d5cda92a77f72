import type { MessageStream, StreamClose, StreamHandlers } from '../transport/stream.ts';
import type { TunnelFrame } from '../tunnel/frames.ts';
import { decodeTunnelFrame, encodeTunnelFrame } from '../wire/tunnel-frames.ts';
import type { World } from './world.ts';

/** A way of a link. */
type Side = 'follower' | 'leader';

/** Share of the frames after which a link has no room for a while. */
const FULL_SHARE = 0.02;

/**
 * One connection between two replicas, as TCP has it: in order and whole while it lives, by the real encoding. It can be cut, of which
 * each end learns at a time of its own, or fall silent, which no end is told of.
 */
export class SimLink {
  readonly #world: World;
  readonly #handlers: Record<Side, StreamHandlers<TunnelFrame> | undefined> = {
    follower: undefined,
    leader: undefined,
  };
  readonly #arrivesAt: Record<Side, number> = { follower: 0, leader: 0 };
  #isSilent = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** True while at least one end believes in it. */
  get isUsed(): boolean {
    return this.#handlers.follower !== undefined || this.#handlers.leader !== undefined;
  }

  /** The end of `side`, which `handlers` hear. */
  join(side: Side, handlers: StreamHandlers<TunnelFrame>): void {
    this.#handlers[side] = handlers;
  }

  /** What `side` writes to. */
  end(side: Side): MessageStream<TunnelFrame> {
    const other = side === 'follower' ? 'leader' : 'follower';
    return {
      send: (frame) => {
        if (this.#handlers[side] === undefined) return true;
        this.#deliver(other, frame);
        return this.#hasRoom(side);
      },
      close: (close) => {
        const own = this.#handlers[side];
        this.#handlers[side] = undefined;
        if (own === undefined) return;
        this.#end(other, close);
        this.#world.time.after(0, () => {
          own.onClose(close);
        });
      },
    };
  }

  /** From now on nothing arrives any more, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
  }

  /** The connection breaks; `dead` is the side whose process died, and hears nothing. */
  cut(dead?: Side): void {
    for (const side of ['follower', 'leader'] as const) {
      if (side === dead) this.#handlers[side] = undefined;
      else this.#end(side, { code: 'Unavailable', reason: 'the connection broke' });
    }
  }

  #deliver(to: Side, frame: TunnelFrame): void {
    const { time } = this.#world;
    const bytes = encodeTunnelFrame(frame);
    const at = Math.max(
      time.now + this.#world.delay(Math.min(500, this.#world.profile.maxDelayMs)),
      this.#arrivesAt[to],
    );
    this.#arrivesAt[to] = at + 0.001;
    time.after(at - time.now, () => {
      const arrived = decodeTunnelFrame(bytes);
      if (!this.#isSilent && arrived !== undefined) this.#handlers[to]?.onMessage(arrived);
    });
  }

  /** An end learns of the end after everything that was sent to it before. */
  #end(side: Side, close: StreamClose): void {
    if (this.#isSilent) return;
    const { time } = this.#world;
    const at = Math.max(time.now + this.#world.delay(), this.#arrivesAt[side]);
    time.after(at - time.now, () => {
      const handlers = this.#handlers[side];
      this.#handlers[side] = undefined;
      handlers?.onClose(close);
    });
  }

  #hasRoom(side: Side): boolean {
    if (!this.#world.has('tunnels') || !this.#world.strikes(FULL_SHARE)) return true;
    this.#world.time.after(this.#world.delay(2_000), () => this.#handlers[side]?.onDrain());
    return false;
  }
}
