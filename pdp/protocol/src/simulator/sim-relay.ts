import { revisionIdOf, type Digest, type SetKey } from '../identifiers.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import { siteIdentity } from '../operator/identity.ts';
import type { Instant } from '../operator/instant.ts';
import { Outbox } from '../operator/outbox.ts';
import type { RelayEffect, RelayEvent } from '../relay/events.ts';
import type { RelayRecord } from '../relay/record.ts';
import { RELAY_TUNING, RelayMachine } from '../relay/relay-machine.ts';
import type { OperatorTuning } from '../operator/observation.ts';
import type { AcceptStream } from '../transport/accept.ts';
import type { MessageStream } from '../transport/stream.ts';
import { describeMessage } from './describe.ts';
import { SimClock } from './sim-clock.ts';
import type { Listener, SimNetwork } from './sim-network.ts';
import { SIM_SET } from './sim-store.ts';
import type { World } from './world.ts';

const TICK_MS = 500;
const LOOK_MS = 100;
/** Most messages that wait for one PDP: one announcement of the set, and one of each other type. */
const OUTBOX_MAX = 5;
const REDIAL_MS = 1_500;

/** How fetching the artifacts of a revision ends. */
export type FetchOutcome = 'whole' | 'damaged' | 'forged';

/** A relay that is not as it should be, to show that the invariants notice. */
export type BrokenRelay = 'vouches-fresh' | 'commits-early';

/** What a relay lives among. */
export interface SimRelayParts {
  readonly world: World;
  readonly network: SimNetwork;
  /** Those that may be the hub. */
  readonly hubs: () => readonly Listener[];
  readonly outcomeOf: (digest: Digest, n: number) => FetchOutcome;
  readonly isStrict: boolean;
  readonly broken?: BrokenRelay;
  readonly tuning?: Partial<OperatorTuning>;
}

/** One relay: a site's name, a disk that survives crashes, and one process with the real machine after the other. */
export class SimRelay implements Listener {
  readonly name: string;
  readonly #parts: SimRelayParts;
  readonly #disk = new Map<SetKey, RelayRecord>();
  readonly #artifacts = new Set<Digest>();
  readonly #peers = new Map<
    string,
    { readonly name: string; readonly stream: MessageStream<OperatorMessage>; readonly outbox: Outbox }
  >();
  #machine: RelayMachine | undefined;
  #clock: SimClock;
  #hub: MessageStream<PdpMessage> | undefined;
  #incarnation = 0;
  #counter = 0;
  #isLooking = false;
  queueMax = 0;

  constructor(name: string, parts: SimRelayParts) {
    this.name = name;
    this.#parts = parts;
    this.#clock = this.#newClock();
  }

  #newClock(): SimClock {
    return SimClock.ofLife(this.#parts.world, this.name, () => this.#incarnation);
  }

  get isServing(): boolean {
    return this.#machine !== undefined;
  }

  #now(): Instant {
    return { mono: this.#clock.monotonic(), wall: this.#clock.now() };
  }

  /** Starts a process with what the disk holds. */
  start(): void {
    if (this.#machine !== undefined) return;
    const { world, tuning, isStrict } = this.#parts;
    this.#incarnation += 1;
    this.#clock = this.#newClock();
    const records = [...this.#disk.values()]
      .filter(({ committed }) => committed !== undefined && this.#artifacts.has(committed.digest))
      .map((record) => ({ record, held: new Map([...this.#artifacts].map((digest) => [digest, isStrict] as const)) }));
    world.note(this.name, () => `starts; disk: ${records[0]?.record.committed?.n ?? 'empty'}`);
    this.#machine = new RelayMachine(
      {
        replica: this.name,
        engine: { name: 'edict-relay', version: '1.0.0', features: [] },
        sets: [SIM_SET],
        tuning: { ...RELAY_TUNING, settleMs: 3_000, goneAfterMs: 20_000, retryMaxMs: 3_000, ...tuning },
        artifactsUrl: '',
        random: () => world.random(),
        issueTicket: () => 'ticket',
      },
      records,
      this.#now(),
    );
    this.#dial();
    this.#tick();
  }

  /** The process dies; with `losesDisk` the disk too. It comes back by {@link start}. */
  crash(why: string, losesDisk = false): void {
    if (losesDisk) {
      this.#disk.clear();
      this.#artifacts.clear();
    }
    if (this.#machine === undefined) return;
    this.#parts.world.note(this.name, () => `crashes (${why})${losesDisk ? ' and loses its disk' : ''}`);
    this.#machine = undefined;
    this.#incarnation += 1;
    this.#peers.clear();
    this.#hub = undefined;
    this.#isLooking = false;
    this.#parts.network.died(this.name);
  }

  readonly accept: AcceptStream = (identity, stream) => {
    this.#counter += 1;
    const sessionId = `${this.name}#${this.#counter}`;
    const incarnation = this.#incarnation;
    const isOurs = (): boolean => incarnation === this.#incarnation;
    const outbox = new Outbox((message) => stream.send(message));
    return {
      onOpen: () => {
        this.#peers.set(sessionId, { name: identity.podName, stream, outbox });
        this.#step({ type: 'opened', sessionId, identity });
      },
      onMessage: (message) => {
        if (isOurs()) this.#step({ type: 'message', sessionId, message });
      },
      onDrain: () => {
        if (isOurs()) outbox.drained();
      },
      onClose: () => {
        if (isOurs() && this.#peers.delete(sessionId)) this.#step({ type: 'closed', sessionId });
      },
    };
  };

  #later(delayMs: number, task: () => void): void {
    const incarnation = this.#incarnation;
    this.#parts.world.time.after(delayMs, () => {
      if (incarnation === this.#incarnation) task();
    });
  }

  #dial(): void {
    const { world, network, hubs } = this.#parts;
    const incarnation = this.#incarnation;
    const serving = hubs().filter(({ isServing }) => isServing);
    const isOurs = (): boolean => incarnation === this.#incarnation && this.#hub === own;
    const own: MessageStream<PdpMessage> = network.dial(
      siteIdentity(this.name, 'relay'),
      serving[world.below(Math.max(1, serving.length))],
      {
        onOpen: () => {
          if (isOurs()) this.#step({ type: 'hubConnected' });
        },
        onMessage: (message) => {
          if (!isOurs()) return;
          if (message.type !== 'BeatAck') world.note(this.name, () => `<- ${describeMessage(message)}`);
          this.#step({ type: 'hubSaid', message });
        },
        onDrain: () => undefined,
        onClose: () => {
          if (!isOurs()) return;
          this.#hub = undefined;
          this.#step({ type: 'hubDisconnected' });
          this.#later(world.delay(REDIAL_MS), () => {
            this.#dial();
          });
        },
      },
    );
    this.#hub = own;
  }

  #tick(): void {
    this.#later(TICK_MS, () => {
      this.#step({ type: 'tick' });
      this.#tick();
    });
  }

  #step(event: RelayEvent): void {
    const incarnation = this.#incarnation;
    for (const effect of this.#machine?.step(event, this.#now()) ?? []) {
      if (incarnation !== this.#incarnation) return;
      this.#perform(effect);
    }
  }

  #perform(effect: RelayEffect): void {
    const { world } = this.#parts;
    switch (effect.type) {
      case 'say':
        if (effect.message.type !== 'Beat') world.note(this.name, () => `-> hub ${describeMessage(effect.message)}`);
        this.#hub?.send(effect.message);
        return;
      case 'hangUp':
        this.#hub?.close({ code: 'Closed', reason: effect.reason });
        return;
      case 'fetch':
        this.#fetch(effect);
        return;
      case 'store':
        this.#store(effect);
        return;
      case 'retain':
        for (const digest of this.#artifacts) if (!effect.manifests.includes(digest)) this.#artifacts.delete(digest);
        return;
      case 'send':
        this.#send(effect.sessionId, effect.message);
        return;
      case 'close': {
        const peer = this.#peers.get(effect.sessionId);
        this.#peers.delete(effect.sessionId);
        peer?.stream.close({ code: 'Closed', reason: effect.reason });
        return;
      }
      case 'progressed':
        if (this.#isLooking) return;
        this.#isLooking = true;
        this.#later(LOOK_MS, () => {
          this.#isLooking = false;
          this.#step({ type: 'look' });
        });
        return;
    }
  }

  #send(sessionId: string, said: OperatorMessage): void {
    const { world, broken } = this.#parts;
    const isFresh = broken === 'vouches-fresh' && said.type === 'BeatAck';
    const message = isFresh ? { ...said, asOfAgeMs: 0 } : said;
    if (broken === 'commits-early' && said.type === 'Prepare') {
      const { shadow: _shadow, ...offer } = said;
      this.#later(0, () => {
        this.#send(sessionId, { ...offer, type: 'Commit' });
      });
    }
    const peer = this.#peers.get(sessionId);
    if (peer === undefined) return;
    if (message.type !== 'BeatAck') world.note(this.name, () => `-> ${peer.name} ${describeMessage(message)}`);
    peer.outbox.send(message);
    this.queueMax = Math.max(this.queueMax, peer.outbox.size);
    // INVARIANT I17: no queue without a limit.
    if (peer.outbox.size > OUTBOX_MAX) world.fail('I17', `${peer.outbox.size} messages wait for ${peer.name}`);
  }

  #fetch({ set, revision }: Extract<RelayEffect, { type: 'fetch' }>): void {
    const { world, isStrict, outcomeOf } = this.#parts;
    const id = revisionIdOf(revision);
    this.#later(world.delay(400), () => {
      const outcome = world.strikes(world.profile.workFailure) ? 'damaged' : outcomeOf(revision.digest, revision.n);
      if (outcome === 'whole') {
        this.#artifacts.add(revision.digest);
        this.#step({ type: 'fetched', set, revision: id, isStrict });
        return;
      }
      const code = outcome === 'forged' ? 'bad-signature' : 'DigestMismatch';
      const detail = { message: `the artifacts are ${outcome}` };
      this.#step({ type: 'fetchFailed', set, revision: id, phase: 'Verify', code, deterministic: false, detail });
    });
  }

  #store({ set, id, record }: Extract<RelayEffect, { type: 'store' }>): void {
    const { world } = this.#parts;
    this.#later(world.delay(20), () => {
      const isDying = world.strikes(world.profile.crashAtWrite);
      const isAfter = world.random() < 0.5;
      const isDurable = !world.strikes(world.profile.diskFailure) && !(isDying && !isAfter);
      if (isDurable) this.#disk.set(set, record);
      if (!isDying) {
        this.#step({ type: 'stored', set, id, isDurable });
        return;
      }
      this.crash(`at the record of revision ${record.committed?.n ?? 0}`);
      world.time.after(world.delay(5_000), () => {
        this.start();
      });
    });
  }
}
