import {
  FollowerTunnel,
  nextDial,
  type AcceptBytes,
  type BackoffState,
  type CarriedEnd,
  type Clock,
  type Dial,
  type Log,
  type StreamClose,
  type TunnelFrame,
  type TunnelReady,
} from '@edict/protocol';
import { leaveBy } from './leave.ts';

/** How often a follower looks who leads, and whether its next dial is due. */
export const TUNNEL_LOOK_MS = 500;
/** Waits between the dials of a follower: there are few of them, and the PDPs of a fleet wait for each. */
const BACKOFF = { baseMs: 500, maxMs: 5_000, healthyMs: 30_000, refusedMinMs: 2_000, refusedMaxMs: 10_000 };
/** A PDP that is asked to leave comes back within this, at random. */
const RECONNECT_MAX_MS = 2_000;

/** What keeps a follower's tunnel. */
export interface TunnelKeeperOptions {
  /** Name of the replica that leads, as far as this one has seen. */
  readonly leader: () => string | undefined;
  /** A dialler of that replica; undefined while nobody leads, we do, or it cannot be found. Never rejects. */
  readonly findLeader: () => Promise<Dial<TunnelFrame, TunnelFrame> | undefined>;
  readonly isLeading: () => boolean;
  /** When a PDP whose stream ended with a tunnel is to come back. */
  readonly retryAfterMs: () => number;
  readonly onStreamEnded: (why: CarriedEnd) => void;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

/** Keeps one tunnel to whoever leads, while this replica does not. */
export class TunnelKeeper {
  readonly #options: TunnelKeeperOptions;
  #tunnel: FollowerTunnel | undefined;
  /** To whom the tunnel is dialled. */
  #leader: string | undefined;
  #ready: TunnelReady | undefined;
  #backoff: BackoffState = { failures: 0 };
  #notBefore = 0;
  #isLooking = false;
  #isLeaving = false;
  #isClosed = false;
  #cancelLook: () => void;

  /** Begins at once. */
  constructor(options: TunnelKeeperOptions) {
    this.#options = options;
    this.#cancelLook = options.clock.schedule(TUNNEL_LOOK_MS, this.#look);
  }

  /** Takes streams and carries them; undefined while there is no way to the leader. */
  get carrier(): AcceptBytes | undefined {
    return this.#isLeaving ? undefined : this.#tunnel?.accept;
  }

  /** Key under the tickets of the leader at the other end. */
  get ticketKey(): Uint8Array | undefined {
    return this.#ready?.ticketKey;
  }

  /** Where the tunnel stands. */
  get figures(): {
    readonly connected: boolean;
    readonly streams: number;
    readonly toLeaderBytes: number;
    readonly toPdpsBytes: number;
  } {
    const { toTunnel = 0, fromTunnel = 0 } = this.#tunnel?.waitingBytes ?? {};
    const connected = this.#ready !== undefined;
    return { connected, streams: this.#tunnel?.size ?? 0, toLeaderBytes: toTunnel, toPdpsBytes: fromTunnel };
  }

  /** Sends the PDPs elsewhere, 10 % a second, and takes no more; resolves when all have gone or `maxMs` passed. */
  async drain(reason: string, maxMs: number): Promise<void> {
    this.#isLeaving = true;
    const { clock, random } = this.#options;
    await leaveBy(clock, maxMs, {
      left: () => this.#tunnel?.size ?? 0,
      sendAway: (share) => {
        const count = Math.ceil((this.#tunnel?.size ?? 0) * share);
        this.#tunnel?.sendAway(count, reason, () => random() * RECONNECT_MAX_MS);
      },
    });
  }

  /** Ends the tunnel, and every stream in it, for good. */
  close(): void {
    this.#isClosed = true;
    this.#cancelLook();
    this.#tunnel?.close('this replica is closing');
  }

  readonly #look = (): void => {
    if (this.#isClosed) return;
    this.#cancelLook = this.#options.clock.schedule(TUNNEL_LOOK_MS, this.#look);
    const { leader, isLeading, clock, log } = this.#options;
    if (this.#tunnel !== undefined) {
      const now = leader();
      if (isLeading()) this.#tunnel.close('this replica leads');
      else if (now !== undefined && now !== this.#leader) this.#tunnel.close(`${now} leads`);
      return;
    }
    if (isLeading() || this.#isLooking || this.#isLeaving || clock.monotonic() < this.#notBefore) return;
    this.#isLooking = true;
    this.#dial()
      .catch((error: unknown) => {
        log.warn('the leader could not be dialled', { error: String(error) });
      })
      .finally(() => {
        this.#isLooking = false;
      });
  };

  async #dial(): Promise<void> {
    const { leader, findLeader, isLeading, clock, log, retryAfterMs, onStreamEnded } = this.#options;
    const name = leader();
    const dial = await findLeader();
    if (dial === undefined || name === undefined || isLeading() || this.#isClosed) return;
    const dialledAt = clock.monotonic();
    this.#leader = name;
    this.#tunnel = new FollowerTunnel({
      dial,
      clock,
      retryAfterMs,
      onStreamEnded,
      onReady: (ready) => {
        this.#ready = ready;
        log.info('streams are carried to the leader', { leader: ready.replica });
      },
      onClose: (close) => {
        this.#over(close, clock.monotonic() - dialledAt);
      },
    });
  }

  #over(close: StreamClose, livedMs: number): void {
    const { clock, log, random } = this.#options;
    const wasReady = this.#ready !== undefined;
    this.#tunnel = undefined;
    this.#ready = undefined;
    const [waitMs, backoff] = nextDial(this.#backoff, close, livedMs, random(), BACKOFF);
    this.#backoff = backoff;
    this.#notBefore = clock.monotonic() + waitMs;
    if (this.#isClosed) return;
    const { code, reason } = close;
    log.warn(wasReady ? 'the way to the leader is gone' : 'there is no way to the leader', {
      leader: this.#leader,
      code,
      reason,
    });
  }
}
