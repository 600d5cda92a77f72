import { Chaos } from './chaos.ts';
import { isDecidedFor, Judge } from './judge.ts';
import { layOut } from './layout.ts';
import type { SimulationOptions, SimulationResult } from './options.ts';
import { CONVERGENCE_MAX_MS } from './run.ts';
import { SimNetwork } from './sim-network.ts';
import { SimOperator } from './sim-operator.ts';
import { SimPdp } from './sim-pdp.ts';
import { SimRelay, type BrokenRelay, type FetchOutcome } from './sim-relay.ts';
import { isUnloadable, SimStore } from './sim-store.ts';
import { SimUser } from './user.ts';
import { reactionsOfPromises } from './virtual-time.ts';
import { Violation, World } from './world.ts';

/** By this label of a PDP in a site waves of the hub choose. */
const SITE = 'edict.dev/site';

const CHAOS_MS = 60_000;
const CHECK_MS = 1_000;
const SITES = ['eu', 'us', 'ap'] as const;

/** Runs one seed with relays between the hub and most of the PDPs. A run that fails is run again with its trace kept. */
export async function simulateRelayed(options: SimulationOptions, broken?: BrokenRelay): Promise<SimulationResult> {
  const result = await new RelayedSimulation(options, false, broken).run();
  return result.violation === undefined ? result : await new RelayedSimulation(options, true, broken).run();
}

/**
 * The hub's replicas with PDPs of their own, and sites with relays and theirs. Everything goes wrong that goes wrong without
 * relays, and besides: relays die at any point, lose their disks, and are cut off from the hub or from their PDPs.
 */
class RelayedSimulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #judge: Judge;
  readonly #operators: readonly SimOperator[];
  readonly #relays: readonly SimRelay[];
  readonly #chaos: Chaos;
  readonly #user: SimUser;
  #alive: readonly SimPdp[] = [];
  #counter = 0;
  #steps = 0;
  #convergenceMs = 0;

  constructor(options: SimulationOptions, tracing: boolean, broken: BrokenRelay | undefined) {
    this.#options = { ...options, without: [...(options.without ?? []), 'liars'] };
    const world = new World(this.#options, tracing);
    this.#world = world;
    const { options: rollout, consistency } = layOut(world);
    const random = world.stream('sites');
    const sites = SITES.slice(0, 1 + Math.floor(random() * SITES.length));
    const barrier = random() < 0.3 ? { barrier: { maxLaggardSites: random() < 0.5 ? 0 : 1 } } : {};
    this.#store = new SimStore(world, { ...rollout, ...barrier }, consistency);
    this.#store.sites = sites;
    this.#network = new SimNetwork(world);
    this.#judge = new Judge(world, this.#store);
    const alive = (): readonly SimPdp[] => this.#alive;
    const parts = { world, store: this.#store, network: this.#network, judge: this.#judge };
    this.#operators = ['op-0', 'op-1', 'op-2'].map((name) => new SimOperator(name, { ...parts, pdps: alive }));
    const isStrict = consistency?.mode === 'Strict';
    const outcomeOf = this.#outcomeOf;
    const rest = { outcomeOf, isStrict, ...(broken === undefined ? {} : { broken }) };
    this.#relays = sites.map(
      (name) => new SimRelay(name, { world, network: this.#network, hubs: () => this.#operators, ...rest }),
    );
    this.#user = new SimUser(world, this.#store, this.#operators);
    this.#chaos = new Chaos({
      ...parts,
      operators: this.#operators,
      alive,
      join: () => this.#join(),
      leave: (pdp) => {
        this.#leave(pdp);
      },
      size: options.pdps ?? 5,
    });
  }

  readonly #outcomeOf = (digest: string, n: number): FetchOutcome => {
    const stored = this.#store.current().find(({ revision }) => revision.digest === digest && revision.n === n);
    if (stored?.flaw === 'forged') return 'forged';
    return stored?.flaw === 'truncated' ? 'damaged' : 'whole';
  };

  async run(): Promise<SimulationResult> {
    const { seed } = this.#options;
    try {
      await this.#play();
      return { seed, trace: [], figures: this.#figures() };
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { invariant, message } = error;
      return { seed, violation: { invariant, message }, trace: this.#world.lines, figures: this.#figures() };
    }
  }

  #figures() {
    return {
      steps: this.#steps,
      revisions: this.#store.count,
      commits: this.#store.commits,
      swaps: this.#judge.swaps,
      splits: this.#judge.splitCount,
      undecided: this.#judge.undecided,
      carried: 0,
      convergenceMs: this.#convergenceMs,
    };
  }

  async #play(): Promise<void> {
    const { pdps = 5, chaosMs = CHAOS_MS } = this.#options;
    for (let index = 0; index < pdps; index += 1) this.#join();
    this.#operators[0]?.start();
    for (const relay of this.#relays) relay.start();
    this.#user.start();
    this.#chaos.start();
    this.#disturb();
    await this.#advance(chaosMs);
    this.#chaos.calm();
    for (const relay of this.#relays) relay.start();
    await this.#converge('after the faults', false);
    // A set that wants proof by live requests has it from the hub's own PDPs: where those serve nothing, its people say that it is urgent.
    const isServed = this.#alive.some(
      ({ process, traits }) => process?.served !== undefined && traits.labels?.[SITE] === undefined,
    );
    this.#store.publish(isServed ? {} : { reason: 'Emergency' });
    await this.#converge('after a last change', true);
  }

  /** What befalls relays. */
  #disturb(): void {
    const { world } = this;
    const random = world.stream('relays');
    world.time.after(3_000 + random() * 12_000, () => {
      if (!world.faults) return;
      const relay = this.#relays[Math.floor(random() * this.#relays.length)];
      const roll = random();
      if (roll < 0.4) {
        relay?.crash('fault', roll < 0.1);
        world.time.after(500 + random() * 15_000, () => relay?.start());
      } else if (roll < 0.8 && relay !== undefined) this.#network.part(relay.name);
      else if (relay !== undefined) this.#network.part('*', relay.name);
      this.#disturb();
    });
  }

  async #advance(until: number): Promise<void> {
    const { world } = this;
    while (world.time.next(until)) {
      this.#steps += 1;
      if (world.unsettled) {
        world.unsettled = false;
        await reactionsOfPromises();
      }
      this.#judge.settled();
      if (world.violation !== undefined) throw world.violation;
    }
  }

  get world(): World {
    return this.#world;
  }

  /** Every fourth PDP is one of the hub's own; the others live in a site for good. */
  #join(): SimPdp {
    const world = this.#world;
    const index = this.#counter;
    this.#counter += 1;
    const relay = index % 4 === 0 ? undefined : this.#relays[index % this.#relays.length];
    const listeners = () => (relay === undefined ? this.#operators : [relay]);
    // Waves of the hub choose sites, never a PDP in one.
    const about = relay === undefined ? {} : { traits: { labels: { [SITE]: relay.name } } };
    const parts = { world, store: this.#store, network: this.#network, judge: this.#judge, listeners, ...about };
    const pdp = new SimPdp(index, undefined, parts);
    this.#alive = [...this.#alive, pdp];
    if (relay === undefined) this.#store.setMember(pdp.nodeId, { name: `default/${pdp.name}`, traits: pdp.traits });
    world.time.after(world.delay(500), () => {
      pdp.start();
    });
    return pdp;
  }

  #leave(pdp: SimPdp): void {
    if (pdp.gone) return;
    pdp.remove();
    this.#judge.booting(pdp);
    this.#alive = this.#alive.filter((other) => other !== pdp);
    this.#world.time.after(this.#world.delay(3_000), () => {
      this.#store.setMember(pdp.nodeId, undefined);
    });
  }

  /** INVARIANT L1: when nothing disturbs, every PDP comes to serve the committed revision, behind relays too. */
  async #converge(when: string, isLast: boolean): Promise<void> {
    const { time } = this.#world;
    const began = time.now;
    let lacking: string | undefined;
    do {
      await this.#advance(time.now + CHECK_MS);
      if (isLast && this.#store.current().at(-1)?.end?.reason === 'Timeout') this.#store.publish();
      lacking = this.#lacking(isLast);
    } while (lacking !== undefined && time.now - began < CONVERGENCE_MAX_MS);
    if (lacking !== undefined) throw new Violation('L1', `${when}, ${CONVERGENCE_MAX_MS / 1000} s later: ${lacking}`);
    this.#convergenceMs = Math.max(this.#convergenceMs, time.now - began);
  }

  #lacking(isLast: boolean): string | undefined {
    const revisions = this.#store.current();
    const committed = this.#store.committed();
    if (isLast && committed !== revisions.at(-1)) return `revision ${revisions.length} is not committed`;
    if (committed === undefined || isUnloadable(committed)) return undefined;
    for (const pdp of this.#alive) {
      if (committed.flaw === 'somewhere' && pdp.isOdd) continue;
      const served = pdp.process?.served;
      const stored = served === undefined ? undefined : this.#store.find(served);
      const isBeyond =
        !isLast && stored !== undefined && stored.revision.n > committed.revision.n && isDecidedFor(stored, pdp);
      if (stored !== committed && !isBeyond)
        return `${pdp.name} serves ${served?.n ?? 'nothing'}, committed is ${committed.revision.n}`;
      if (isLast && pdp.process?.split !== undefined) return `${pdp.name} still serves two revisions`;
      if (isLast && pdp.process?.isServing !== true) return `${pdp.name} has no lease`;
    }
    return isLast ? this.#sitesLacking(committed.revision.n) : undefined;
  }

  /** What the hub says of its sites in the end. */
  #sitesLacking(n: number): string | undefined {
    const { sites = [] } = this.#operators[0]?.progress() ?? {};
    const behind = sites.find(({ connected, active, report }) => {
      const isWhole = report !== undefined && report.counts.active === report.counts.required;
      return !connected || active !== n || !isWhole;
    });
    return behind === undefined ? undefined : `the hub says of a site ${JSON.stringify(behind)}`;
  }
}
