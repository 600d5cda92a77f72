import { Chaos } from './chaos.ts';
import { Judge, isDecidedFor } from './judge.ts';
import { layOut } from './layout.ts';
import type { Lie } from './liar.ts';
import type { SimulationFigures, SimulationOptions, SimulationResult } from './options.ts';
import { SimFollower } from './sim-follower.ts';
import { SimNetwork } from './sim-network.ts';
import { SimOperator } from './sim-operator.ts';
import { SimPdp } from './sim-pdp.ts';
import { isOpen, isUnloadable, SimStore } from './sim-store.ts';
import { SimUser } from './user.ts';
import { reactionsOfPromises } from './virtual-time.ts';
import { Violation, World } from './world.ts';

const CHAOS_MS = 60_000;
/** INVARIANT L1's bound: so long after the last fault, or change, everyone serves what is committed. */
export const CONVERGENCE_MAX_MS = 180_000;
const MEASURE_MS = 2_000;
const CHECK_MS = 1_000;
/** Steps within one second of virtual time, per PDP, beyond which something runs in circles. */
const STEPS_PER_PDP_MAX = 20_000;

/** Runs one seed. A run that fails is run again with its trace kept: the same seed does the same. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const result = await new Simulation(options, false).run();
  return result.violation === undefined ? result : await new Simulation(options, true).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #judge: Judge;
  readonly #pdps: SimPdp[] = [];
  readonly #operators: SimOperator[];
  readonly #followers: readonly SimFollower[];
  readonly #user: SimUser;
  readonly #chaos: Chaos;
  readonly #size: number;
  #alive: SimPdp[] = [];
  #counter = 0;
  #steps = 0;
  #convergenceMs = 0;

  constructor(options: SimulationOptions, tracing: boolean) {
    this.#options = options;
    const world = new World(options, tracing);
    this.#world = world;
    const layout = layOut(world);
    this.#store = new SimStore(world, layout.options, layout.consistency);
    this.#network = new SimNetwork(world);
    this.#judge = new Judge(world, this.#store);
    const size = world.stream('size');
    this.#size = options.pdps ?? (size() < 0.8 ? 1 + Math.floor(size() * 5) : 6 + Math.floor(size() * 10));
    const pdps = (): readonly SimPdp[] => this.#alive;
    const parts = { world, store: this.#store, network: this.#network, judge: this.#judge, pdps };
    const tuning = { helloRate: Math.max(50, this.#size) };
    this.#operators = ['op-0', 'op-1', 'op-2'].map((name) => new SimOperator(name, { ...parts, tuning }));
    this.#followers = Array.from(
      { length: options.followers ?? 0 },
      (_, index) =>
        new SimFollower(`fol-${index}`, { world, network: this.#network, operators: () => this.#operators }),
    );
    this.#user = new SimUser(world, this.#store, this.#operators);
    this.#chaos = new Chaos({
      ...parts,
      operators: this.#operators,
      followers: this.#followers,
      alive: pdps,
      join: (lie) => this.#join(lie),
      leave: (pdp) => {
        this.#leave(pdp);
      },
      size: this.#size,
    });
  }

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

  #figures(): SimulationFigures {
    return {
      steps: this.#steps,
      revisions: this.#store.count,
      commits: this.#store.commits,
      swaps: this.#judge.swaps,
      splits: this.#judge.splitCount,
      undecided: this.#judge.undecided,
      carried: this.#followers.reduce((sum, { taken }) => sum + taken, 0),
      convergenceMs: this.#convergenceMs,
    };
  }

  async #play(): Promise<void> {
    const { steps, chaosMs = CHAOS_MS } = this.#options;
    for (let index = 0; index < this.#size; index += 1) this.#join();
    this.#operators[0]?.start();
    for (const follower of this.#followers) follower.start();
    this.#user.start();
    this.#chaos.start();
    this.#measure();
    if (steps === undefined) await this.#advance(chaosMs);
    else while (this.#steps < steps) await this.#advance(this.#world.time.now + CHECK_MS);
    this.#chaos.calm();
    if (this.#alive.length === 0) this.#join();
    await this.#converge('after the faults', false);
    // A set that wants proof by live requests gets none where nobody serves anything: its people say that it is urgent.
    const isServed = this.#alive.some(({ process }) => process?.served !== undefined);
    this.#store.publish(isServed ? {} : { reason: 'Emergency' });
    await this.#converge('after a last change', true);
  }

  async #advance(until: number): Promise<void> {
    const { world } = this;
    const most =
      this.#steps + STEPS_PER_PDP_MAX * (this.#alive.length + 10) * Math.ceil((until - world.time.now) / 1000);
    while (world.time.next(until)) {
      this.#steps += 1;
      if (world.unsettled) {
        world.unsettled = false;
        await reactionsOfPromises();
      }
      this.#judge.settled();
      if (world.violation !== undefined) throw world.violation;
      if (this.#steps > most) throw new Violation('L0', 'no rest: something runs in circles');
    }
  }

  get world(): World {
    return this.#world;
  }

  #join(lie?: Lie): SimPdp {
    const { world, store, network, judge } = {
      world: this.#world,
      store: this.#store,
      network: this.#network,
      judge: this.#judge,
    };
    const pdp = new SimPdp(this.#counter, lie, {
      world,
      store,
      network,
      judge,
      listeners: () => [...this.#operators, ...this.#followers],
    });
    this.#counter += 1;
    if (lie !== undefined) world.note('world', () => `${pdp.name} joins, a liar (${lie})`);
    this.#pdps.push(pdp);
    this.#alive = [...this.#alive, pdp];
    store.setMember(pdp.nodeId, { name: `default/${pdp.name}`, traits: pdp.traits });
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
    this.#world.time.after(this.#world.delay(3000), () => {
      this.#store.setMember(pdp.nodeId, undefined);
    });
  }

  /** Where rollouts are judged by what PDPs measure, they measure. */
  #measure(): void {
    if (this.#store.options.analysis === undefined) return;
    this.#world.time.after(MEASURE_MS, () => {
      for (const { process } of this.#alive) process?.measure(100, this.#user.denyShare);
      this.#measure();
    });
  }

  /** INVARIANT L1: when nothing disturbs, every PDP comes to serve the committed revision, and nothing stays undecided. */
  async #converge(when: string, isLast: boolean): Promise<void> {
    const { time } = this.#world;
    const began = time.now;
    let lacking: string | undefined;
    do {
      await this.#advance(time.now + CHECK_MS);
      lacking = this.#lacking(isLast);
    } while (lacking !== undefined && time.now - began < CONVERGENCE_MAX_MS);
    if (lacking !== undefined) throw new Violation('L1', `${when}, ${CONVERGENCE_MAX_MS / 1000} s later: ${lacking}`);
    this.#convergenceMs = Math.max(this.#convergenceMs, time.now - began);
  }

  /** What is not as it should be in the end. */
  #lacking(isLast: boolean): string | undefined {
    const revisions = this.#store.current();
    const open = revisions.find(isOpen);
    const { phase, hold, counts } = this.#operators[0]?.progress() ?? {};
    // Who left is waited for until that is known.
    if (!isLast && counts?.connected !== this.#alive.length)
      return `${counts?.connected} PDPs are known, ${this.#alive.length} are there`;
    if (!isLast && counts !== undefined && counts.missing > 0) return `${counts.missing} PDPs are missing`;
    // One that rests after repeated failures says so, and goes on with a new spec. So does a set that is to go back to what
    // nobody can load: it asks for that again at each deadline.
    const isHopeless = !isLast && open?.revision.reason === 'Rollback' && isUnloadable(open);
    if (open !== undefined && !isHopeless && (isLast || hold?.reason !== 'RepeatedFailure')) {
      return `revision ${open.revision.n} is still undecided: ${phase} ${hold?.reason ?? ''} ${hold?.message ?? ''}`;
    }
    const committed = this.#store.committed();
    const isGoneBackFrom = committed?.end?.reason === 'User' || this.#store.options.autoRollback === true;
    if (committed?.end !== undefined && isGoneBackFrom && !isHopeless)
      return `revision ${committed.revision.n} failed and still serves`;
    if (isLast && committed !== revisions.at(-1)) {
      return `revision ${revisions.length} is not committed: ${revisions.at(-1)?.end?.message ?? ''}`;
    }
    if (committed === undefined || isUnloadable(committed)) return undefined;
    for (const pdp of this.#alive) {
      if (committed.flaw === 'somewhere' && pdp.isOdd) continue;
      const served = pdp.process?.served;
      const stored = served === undefined ? undefined : this.#store.find(served);
      // A revision that was stopped after some waves stays where it is until there is a newer one.
      const isBeyond =
        !isLast && stored !== undefined && stored.revision.n > committed.revision.n && isDecidedFor(stored, pdp);
      if (stored !== committed && !isBeyond)
        return `${pdp.name} serves ${served?.n ?? 'nothing'}, committed is ${committed.revision.n}`;
      if (isLast && pdp.process?.split !== undefined) return `${pdp.name} still serves two revisions`;
      if (isLast && pdp.process?.isServing !== true) return `${pdp.name} has no lease`;
    }
    return isLast ? this.#statusLacking() : undefined;
  }

  #statusLacking(): string | undefined {
    const progress = this.#operators[0]?.progress();
    const alive = this.#alive.length;
    const { counts, ready } = progress ?? {};
    const isWhole =
      counts?.required === alive && counts.connected === alive && counts.prepared === alive && counts.active === alive;
    if (isWhole && counts.nacked + counts.laggards + counts.missing === 0 && ready?.status === 'True') return undefined;
    return `the status says ${JSON.stringify(counts)} ${progress?.phase} ${ready?.message}, ${alive} PDPs are there`;
  }
}
