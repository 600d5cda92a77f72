import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { OperatorMessage } from '../messages.ts';
import type { AcceptStream } from '../transport/accept.ts';
import type { MessageStream, StreamHandlers } from '../transport/stream.ts';
import { FollowerTunnel } from '../tunnel/follower-tunnel.ts';
import { TUNNEL_WINDOW_BYTES } from '../tunnel/tunnel-end.ts';
import { decodeOperatorMessage, encodePdpMessage } from '../wire/codec.ts';
import { SimClock } from './sim-clock.ts';
import { SimLink } from './sim-link.ts';
import type { Listener, SimNetwork } from './sim-network.ts';
import type { SimOperator } from './sim-operator.ts';
import type { World } from './world.ts';

/** How often a follower looks for a leader. */
const LOOK_MS = 500;
const RETRY_MS = 400;

/** What a follower lives among. */
export interface SimFollowerParts {
  readonly world: World;
  readonly network: SimNetwork;
  readonly operators: () => readonly SimOperator[];
}

/** A replica that does not lead, with the real tunnel to whichever replica does. It has no state that outlives its process. */
export class SimFollower implements Listener {
  readonly name: string;
  readonly #parts: SimFollowerParts;
  #clock: SimClock;
  #tunnel: FollowerTunnel | undefined;
  #link: SimLink | undefined;
  #leader: SimOperator | undefined;
  #incarnation = 0;
  #isRunning = false;
  #taken = 0;
  /** Streams whose PDPs it can mistake for each other, where that is the fault. */
  readonly #carried = new Set<StreamHandlers<Uint8Array>>();

  constructor(name: string, parts: SimFollowerParts) {
    this.name = name;
    this.#parts = parts;
    this.#clock = this.#newClock();
  }

  #newClock(): SimClock {
    return SimClock.ofLife(this.#parts.world, this.name, () => this.#incarnation);
  }

  /** True while it takes PDPs: without a tunnel it sends them away, as nobody can be reached by it. */
  get isServing(): boolean {
    return this.#tunnel?.accept !== undefined;
  }

  /** Streams that it carries. */
  get size(): number {
    return this.#tunnel?.size ?? 0;
  }

  /** Streams that it has taken in all. */
  get taken(): number {
    return this.#taken;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#incarnation += 1;
    this.#clock = this.#newClock();
    this.#look();
  }

  /** The process dies, and comes back. */
  crash(why: string): void {
    if (!this.#isRunning) return;
    const { world, network } = this.#parts;
    world.note(this.name, () => `crashes (${why})`);
    this.#isRunning = false;
    this.#incarnation += 1;
    this.#tunnel = undefined;
    this.#carried.clear();
    this.#link?.cut('follower');
    network.died(this.name);
    world.time.after(500 + world.delay(5_000), () => {
      this.start();
    });
  }

  /** Something befalls its connection to the leader. */
  cutOff(how: 'broken' | 'silent'): void {
    if (this.#link?.isUsed !== true) return;
    this.#parts.world.note(this.name, () => `its tunnel is ${how}`);
    if (how === 'silent') this.#link.silence();
    else this.#link.cut();
  }

  /** Some of its PDPs are to go elsewhere. */
  sendAway(share: number): void {
    const { world } = this.#parts;
    this.#tunnel?.sendAway(Math.ceil(this.size * share), 'drain', () => world.random() * 2_000);
  }

  readonly accept: AcceptStream = (identity, stream) => {
    const carry = this.#tunnel?.accept;
    if (carry === undefined) {
      stream.close({ code: 'Unavailable', reason: 'not leader', retryAfterMs: RETRY_MS });
      return {
        onOpen: () => undefined,
        onMessage: () => undefined,
        onDrain: () => undefined,
        onClose: () => undefined,
      };
    }
    const incarnation = this.#incarnation;
    const isOurs = (): boolean => incarnation === this.#incarnation;
    const carried = carry(identity, bytesOf(stream));
    this.#carried.add(carried);
    this.#taken += 1;
    return {
      onOpen: () => {
        if (isOurs()) carried.onOpen();
      },
      onMessage: (message) => {
        if (!isOurs()) return;
        const target =
          this.#parts.world.variant === 'crossed-streams' && message.type === 'Active' ? this.#any() : carried;
        target?.onMessage(encodePdpMessage(message));
      },
      onDrain: () => {
        if (isOurs()) carried.onDrain();
      },
      onClose: (close) => {
        this.#carried.delete(carried);
        if (isOurs()) carried.onClose(close);
      },
    };
  };

  #any(): StreamHandlers<Uint8Array> | undefined {
    return [...this.#carried][this.#parts.world.below(this.#carried.size)];
  }

  #look(): void {
    this.#checkBounds();
    // A replica that leads no more is left as soon as that shows, and one that was dialled is kept while it does lead.
    if (this.#tunnel !== undefined && this.#leader?.isServing === false) this.#tunnel.close('it leads no more');
    if (this.#tunnel === undefined) this.#dial();
    this.#clock.schedule(LOOK_MS, () => {
      this.#look();
    });
  }

  #dial(): void {
    const { world, operators } = this.#parts;
    const leading = operators().filter(({ isServing }) => isServing);
    const leader = leading[world.below(Math.max(1, leading.length))];
    if (leader === undefined) return;
    const link = new SimLink(world);
    this.#link = link;
    this.#leader = leader;
    const incarnation = this.#incarnation;
    world.note(this.name, () => `dials ${leader.name}`);
    const tunnel: FollowerTunnel = new FollowerTunnel({
      dial: (handlers) => {
        link.join('follower', handlers);
        world.time.after(world.delay(), () => {
          leader.takeTunnel(this.name, link);
          if (link.isUsed) handlers.onOpen();
        });
        return link.end('follower');
      },
      clock: this.#clock,
      retryAfterMs: () => RETRY_MS,
      onReady: ({ replica }) => {
        world.note(this.name, () => `carries streams to ${replica}`);
      },
      onClose: ({ reason }) => {
        if (incarnation !== this.#incarnation) return;
        world.note(this.name, () => `its tunnel is over: ${reason}`);
        this.#tunnel = undefined;
      },
      onStreamEnded: (why) => {
        // INVARIANT I17, the other way round: no honest end is ever taken for one that floods.
        if (why !== 'cut') world.fail('I17', `${this.name} ends a stream that is ${why}`);
      },
    });
    this.#tunnel = tunnel;
  }

  /** INVARIANT I17: what waits for one PDP in the tunnel is bounded by a window and one message. */
  #checkBounds(): void {
    const { fromTunnel = 0, toTunnel = 0 } = this.#tunnel?.waitingBytes ?? {};
    const most = (this.size + 1) * (TUNNEL_WINDOW_BYTES + MESSAGE_MAX_BYTES / 16);
    if (fromTunnel > most || toTunnel > most) {
      this.#parts.world.fail('I17', `${fromTunnel} and ${toTunnel} bytes wait at ${this.name}`);
    }
  }
}

/** The stream of a PDP as one of bytes. */
function bytesOf(stream: MessageStream<OperatorMessage>): MessageStream<Uint8Array> {
  return {
    send: (bytes) => stream.send(decodeOperatorMessage(bytes)),
    close: (close) => {
      stream.close(close);
    },
  };
}
