import { setImmediate } from 'node:timers/promises';
import type { PdpMessage } from '../messages.ts';
import { OperatorMachine, type OperatorEffect } from '../operator/machine.ts';
import {
  ONLY_WAVE,
  OPERATOR_TUNING,
  ROLLOUT_DEFAULTS,
  type Decision,
  type SetObservation,
} from '../operator/observation.ts';
import { Outbox } from '../operator/outbox.ts';
import { createPdpClient, type PdpClient } from '../pdp/client.ts';
import type { PdpPorts } from '../pdp/ports.ts';
import { PDP_DEFAULTS } from '../pdp/state.ts';
import type { SignedRevision } from '@edict/bundle';
import type { RevisionId } from '../identifiers.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { MessageStream } from '../transport/stream.ts';
import type { OperatorMessage } from '../messages.ts';
import { aManifest } from '../testing/builders.ts';
import { SimClock } from './sim-clock.ts';
import { SimNetwork, type Listener } from './sim-network.ts';
import { SimRelay } from './sim-relay.ts';
import { SIM_SET, SimStore } from './sim-store.ts';
import { World } from './world.ts';

const SILENT_LOG = { info: () => undefined, warn: () => undefined };
const TICK_MS = 500;
/** What a fleet of this size is told to keep to, so that its Beats do not drown everything else. */
const HEARTBEAT_MS = 10_000;
const FLEET_TUNING = { heartbeatMs: HEARTBEAT_MS, presenceTimeoutMs: 5 * HEARTBEAT_MS, settleMs: 2_000 } as const;
/** In the middle of a rollout the first relay dies and comes back, and the second is cut off for so long. */
const AWAY_MS = 15_000;

/** How a fleet behind sites came through one rollout. */
export interface SitesFigures {
  readonly pdps: number;
  readonly serving: number;
  /** Those that the hub counts as serving, by what the relays tell. */
  readonly counted: number;
  /** Virtual time from the publication until the hub had decided, and until the last PDP served it. */
  readonly preparedMs: number;
  readonly convergedMs: number;
  /** Requests that changed the hub's store, in all and in the second that had the most. */
  readonly writes: number;
  readonly writesPerSecondMax: number;
  /** Most messages that waited for one PDP or site at a time. */
  readonly queueMax: number;
  readonly bytesToPdps: number;
  readonly bytesToOperators: number;
  readonly largestMessage: number;
}

/**
 * The real operator's machine, its outboxes and a set of revisions that it serves to those who dial it. Where its decisions
 * are made is another matter: `decide` is asked for each.
 */
class ServingReplica implements Listener {
  readonly name: string;
  readonly isServing = true;
  readonly #machine: OperatorMachine;
  readonly #clock: SimClock;
  readonly #peers = new Map<string, { readonly stream: MessageStream<OperatorMessage>; readonly outbox: Outbox }>();
  readonly #decide: (revision: RevisionId, decision: Decision, answer: () => void) => void;
  #counter = 0;
  queueMax = 0;

  constructor(
    own: { readonly name: string; readonly world: World; readonly sessions: number },
    decide: (revision: RevisionId, decision: Decision, answer: () => void) => void,
  ) {
    const { name, world, sessions } = own;
    this.name = name;
    this.#decide = decide;
    this.#clock = new SimClock(world, world.stream(name), () => true);
    const tuning = { ...OPERATOR_TUNING, ...FLEET_TUNING, helloRate: sessions };
    const deps = { replica: name, tuning, artifactsUrl: '', random: () => world.random(), issueTicket: () => 'ticket' };
    this.#machine = new OperatorMachine(deps, this.#now());
    this.#tick();
  }

  #now() {
    return { mono: this.#clock.monotonic(), wall: this.#clock.now() };
  }

  #tick(): void {
    this.#clock.schedule(TICK_MS, () => {
      this.#perform(this.#machine.step({ type: 'tick' }, this.#now()));
      this.#tick();
    });
  }

  observe(observation: SetObservation): void {
    this.#perform(this.#machine.step({ type: 'observed', observation }, this.#now()));
    this.#perform(this.#machine.step({ type: 'confirmed', asOf: this.#clock.monotonic() }, this.#now()));
  }

  progress() {
    return this.#machine.progress(SIM_SET, this.#now());
  }

  readonly accept = (identity: PeerIdentity, stream: MessageStream<OperatorMessage>) => {
    this.#counter += 1;
    const sessionId = `${this.name}#${this.#counter}`;
    const outbox = new Outbox((message) => stream.send(message));
    return {
      onOpen: () => {
        this.#peers.set(sessionId, { stream, outbox });
        this.#perform(this.#machine.step({ type: 'opened', sessionId, identity }, this.#now()));
      },
      onMessage: (message: PdpMessage) => {
        this.#perform(this.#machine.step({ type: 'message', sessionId, message }, this.#now()));
      },
      onDrain: () => {
        outbox.drained();
      },
      onClose: () => {
        if (this.#peers.delete(sessionId))
          this.#perform(this.#machine.step({ type: 'closed', sessionId }, this.#now()));
      },
    };
  };

  #perform(effects: readonly OperatorEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') {
        const outbox = this.#peers.get(effect.sessionId)?.outbox;
        outbox?.send(effect.message);
        this.queueMax = Math.max(this.queueMax, outbox?.size ?? 0);
      } else if (effect.type === 'close')
        this.#peers.get(effect.sessionId)?.stream.close({ code: 'Closed', reason: effect.reason });
      else if (effect.type === 'writeDecision') {
        const { revision, wave, decision } = effect;
        this.#decide(revision, decision, () => {
          const asked = { revision, wave, decision };
          this.#perform(
            this.#machine.step({ type: 'decisionAnswered', set: SIM_SET, asked, outcome: 'written' }, this.#now()),
          );
        });
      }
    }
  }
}

/** Everything that one run of a fleet behind sites is made of. */
export interface SitesOptions {
  readonly seed: number;
  readonly sites: number;
  readonly pdps: number;
}

/**
 * One rollout to a fleet behind relays, over the wire's own encoding, with readers of whom a tenth is slow. The hub has no
 * PDPs of its own and waits for every site before it decides; while the rollout is under way one site is cut off for a
 * while, and one relay dies.
 */
export class SitesSimulation {
  readonly #world: World;
  readonly #network: SimNetwork;
  readonly #store: SimStore;
  readonly #hub: ServingReplica;
  readonly #relays: readonly SimRelay[];
  readonly #clients: PdpClient[] = [];
  readonly #serving = new Map<number, number>();
  #writesBySecond = new Map<number, number>();

  constructor({ seed, sites, pdps }: SitesOptions) {
    this.#world = new World({ seed }, false, { maxDelayMs: 80, slowReader: 0.1, encoded: true });
    const world = this.#world;
    this.#network = new SimNetwork(world);
    this.#store = new SimStore(world, { ...ROLLOUT_DEFAULTS, barrier: { maxLaggardSites: 0 }, minReady: 0 }, undefined);
    this.#hub = new ServingReplica({ name: 'hub', world, sessions: sites + 1 }, (revision, decision, answer) => {
      world.time.after(world.delay(), () => {
        this.#store.decide(revision, ONLY_WAVE, decision);
        answer();
      });
    });
    this.#store.onChange(() => {
      const second = Math.floor(world.time.now / 1000);
      this.#writesBySecond.set(second, (this.#writesBySecond.get(second) ?? 0) + 1);
      this.#hub.observe(this.#store.observation());
    });
    const tuning = { ...FLEET_TUNING, helloRate: Math.ceil(pdps / sites) };
    const hubs = () => [this.#hub];
    const names = Array.from({ length: sites }, (_, index) => `site-${index}`);
    this.#store.sites = names;
    this.#relays = names.map(
      (name) =>
        new SimRelay(name, { world, network: this.#network, hubs, outcomeOf: () => 'whole', isStrict: false, tuning }),
    );
    for (let index = 0; index < pdps; index += 1) this.#addPdp(index, this.#relays[index % sites]);
  }

  #addPdp(index: number, listener: Listener | undefined): void {
    const world = this.#world;
    const swap = (_set: string, { n }: SignedRevision): void => {
      this.#serving.set(n, (this.#serving.get(n) ?? 0) + 1);
    };
    const client = clientOf(`pdp-${index}`, world, this.#network, () => listener, quickPorts(world, swap));
    this.#clients.push(client);
    world.time.after(world.random() * 1_500, () => {
      client.start();
    });
  }

  /** Publishes one revision after everyone is connected, and lets time pass until everyone serves it, or `maxMs`. */
  async run(maxMs: number): Promise<SitesFigures> {
    const { time } = this.#world;
    for (const relay of this.#relays) relay.start();
    this.#store.publish();
    await this.#until(() => this.#isServedByAll(1), maxMs);
    const published = time.now;
    const before = this.#store.writes;
    this.#writesBySecond = new Map();
    this.#store.publish();
    await this.#until(() => this.#store.committed()?.revision.n === 2, maxMs);
    const preparedMs = time.now - published;
    this.#disturb();
    await this.#until(() => this.#isServedByAll(2) && this.#hasHubCounted(2), maxMs);
    const { toPdps, toOperators } = this.#network;
    const counted = this.#hub.progress()?.sites?.map(({ report }) => report?.counts.active ?? 0) ?? [];
    return {
      counted: counted.reduce((sum, count) => sum + count, 0),
      pdps: this.#clients.length,
      serving: this.#serving.get(2) ?? 0,
      preparedMs,
      convergedMs: time.now - published,
      writes: this.#store.writes - before,
      writesPerSecondMax: Math.max(0, ...this.#writesBySecond.values()),
      queueMax: Math.max(this.#hub.queueMax, ...this.#relays.map(({ queueMax }) => queueMax)),
      bytesToPdps: toPdps.bytes,
      bytesToOperators: toOperators.bytes,
      largestMessage: Math.max(toPdps.largest, toOperators.largest),
    };
  }

  #disturb(): void {
    const { time } = this.#world;
    const [dying, cutOff] = this.#relays;
    dying?.crash('in the middle of a rollout');
    time.after(AWAY_MS / 3, () => dying?.start());
    if (cutOff === undefined) return;
    this.#network.part(cutOff.name, 'hub');
    time.after(AWAY_MS, () => {
      this.#network.heal();
    });
  }

  #hasHubCounted(n: number): boolean {
    const { sites = [] } = this.#hub.progress() ?? {};
    const counted = sites.reduce((sum, { report }) => sum + (report?.counts.active ?? 0), 0);
    return counted === this.#clients.length && sites.every(({ active }) => active === n);
  }

  #isServedByAll(n: number): boolean {
    return this.#serving.get(n) === this.#clients.length;
  }

  async #until(isDone: () => boolean, maxMs: number): Promise<void> {
    const world = this.#world;
    const until = world.time.now + maxMs;
    while (!isDone() && world.time.next(until)) {
      if (!world.unsettled) continue;
      world.unsettled = false;
      await setImmediate();
    }
  }
}

function clientOf(
  name: string,
  world: World,
  network: SimNetwork,
  listener: () => Listener | undefined,
  ports: PdpPorts,
): PdpClient {
  const identity = { nodeId: name, podName: name, namespace: 'default', serviceAccount: 'pdp', sets: [SIM_SET] };
  let begun = 0;
  return createPdpClient({
    onState: ({ sets }) => {
      const nextId = sets.get(SIM_SET)?.nextId ?? 0;
      if (nextId !== begun || sets.get(SIM_SET)?.job !== undefined) world.unsettled = true;
      begun = nextId;
    },
    config: {
      ...PDP_DEFAULTS,
      presenceTimeoutMs: 5 * HEARTBEAT_MS,
      engine: { name: 'edict', version: '1.0.0', features: [] },
    },
    records: new Map(),
    ports,
    dial: (handlers) => network.dial(identity, listener(), handlers),
    clock: new SimClock(world, world.stream(name), () => true),
    random: () => world.random(),
    log: SILENT_LOG,
  });
}

/** A PDP of which everything works. */
function quickPorts(world: World, swap: PdpPorts['swap']): PdpPorts {
  const after = <T>(ms: number, value: T): Promise<T> =>
    new Promise((resolve) => {
      world.time.after(world.delay(ms), () => {
        world.unsettled = true;
        resolve(value);
      });
    });
  return {
    fetchManifest: ({ revision }) => after(50, aManifest(revision.n)),
    fetchBundles: () => after(200, undefined),
    compile: () => after(300, { compileMs: 20, heapDeltaBytes: 1_000_000 }),
    runTests: () => after(1, { passed: 1, failed: 0 }),
    persist: () => after(10, undefined),
    swap,
    retain: () => undefined,
    assigned: () => undefined,
  };
}
