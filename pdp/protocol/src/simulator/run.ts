import type { SignedRevision } from '@edict/bundle';
import type { NodeId } from '../identifiers.ts';
import type { RolloutProgress } from '../operator/progress.ts';
import { SimNetwork } from './sim-network.ts';
import { SimOperator } from './sim-operator.ts';
import { SimPdp } from './sim-pdp.ts';
import { SimStore } from './sim-store.ts';
import { Violation, World, type SimulationOptions } from './world.ts';

const CHAOS_MS = 90_000;
const CALM_MS = 120_000;
const STEPS_MAX = 400_000;

/** How a run ended. */
export interface SimulationResult {
  readonly seed: number;
  /** The invariant that did not hold, and how; undefined if all did. */
  readonly violation?: { readonly invariant: string; readonly message: string };
  /** What happened, one line each; empty for a run that went well. */
  readonly trace: readonly string[];
  readonly figures: {
    readonly steps: number;
    readonly revisions: number;
    readonly commits: number;
    readonly swaps: number;
  };
}

/** Runs one seed. A run that fails is run again with its trace kept: the same seed does the same. */
export function simulate(options: SimulationOptions): SimulationResult {
  const result = new Simulation(options, false).run();
  return result.violation === undefined ? result : new Simulation(options, true).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #pdps: SimPdp[] = [];
  readonly #operators: SimOperator[];
  /** Highest revision that a node ever served, by set UID. */
  readonly #highest = new Map<string, number>();
  readonly #served = new Map<string, Set<NodeId>>();
  #counter = 0;
  #steps = 0;
  #swaps = 0;

  constructor(options: SimulationOptions, tracing: boolean) {
    this.#options = options;
    this.#world = new World(options, tracing);
    this.#store = new SimStore(this.#world);
    this.#network = new SimNetwork(this.#world);
    const observer = { onProgress: this.#onProgress.bind(this) };
    const parts = { world: this.#world, store: this.#store, network: this.#network, observer };
    this.#operators = ['op-0', 'op-1'].map((name) => new SimOperator(name, parts));
  }

  run(): SimulationResult {
    try {
      this.#play();
      return { seed: this.#options.seed, trace: [], figures: this.#figures() };
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { invariant, message } = error;
      return {
        seed: this.#options.seed,
        violation: { invariant, message },
        trace: this.#world.lines,
        figures: this.#figures(),
      };
    }
  }

  #figures(): SimulationResult['figures'] {
    const revisions = this.#store.current();
    const commits = revisions.filter(({ decision }) => decision?.type === 'Commit').length;
    return { steps: this.#steps, revisions: revisions.length, commits, swaps: this.#swaps };
  }

  #play(): void {
    const world = this.#world;
    const count = this.#options.pdps ?? 1 + world.below(5);
    for (let index = 0; index < count; index += 1) this.#join();
    this.#operators[0]?.start();
    const chaosMs = this.#options.chaosMs ?? CHAOS_MS;
    this.#scheduleFaults(chaosMs);
    this.#advance(chaosMs);
    world.faults = false;
    world.note('world', () => 'no more faults');
    this.#network.heal();
    for (const operator of this.#operators.slice(1)) operator.crash('steps down');
    this.#operators[0]?.start();
    if (this.#alive().length === 0) this.#join();
    this.#advance(chaosMs + CALM_MS);
    this.#checkConverged('after the faults');
    this.#store.publish('none');
    this.#advance(chaosMs + 2 * CALM_MS);
    this.#checkConverged('after a last change');
    this.#checkStatus();
  }

  #advance(until: number): void {
    while (this.#world.time.next(until)) {
      this.#steps += 1;
      if (this.#steps > STEPS_MAX) throw new Violation('L0', `no rest after ${STEPS_MAX} steps`);
    }
  }

  #alive(): readonly SimPdp[] {
    return this.#pdps.filter(({ gone }) => !gone);
  }

  #join(): void {
    const nodeId = `node-${this.#counter}`;
    const pdp = new SimPdp(`pdp-${this.#counter}`, nodeId, {
      world: this.#world,
      store: this.#store,
      network: this.#network,
      operators: () => this.#operators,
      observer: { onServe: this.#onServe.bind(this) },
    });
    this.#counter += 1;
    this.#pdps.push(pdp);
    this.#store.members.set(nodeId, `default/${pdp.name}`);
    this.#store.changed();
    this.#world.time.after(this.#world.delay(500), () => {
      pdp.start();
    });
  }

  #scheduleFaults(until: number): void {
    const world = this.#world;
    const next = (): void => {
      world.time.after(200 + world.random() * 4000, () => {
        if (world.time.now >= until) return;
        this.#disturb();
        next();
      });
    };
    next();
  }

  #disturb(): void {
    const world = this.#world;
    const alive = this.#alive();
    const pdp = alive[world.below(Math.max(1, alive.length))];
    const operator = this.#operators[world.below(this.#operators.length)];
    switch (world.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        this.#publish();
        return;
      case 5:
      case 6:
        pdp?.crash('fault');
        return;
      case 7:
        operator?.crash('fault');
        world.time.after(world.delay(6000), () => this.#operators[0]?.start());
        return;
      case 8:
        // A second replica that thinks it leads: safety may not rest on there being one.
        this.#operators[1]?.start();
        world.time.after(2000 + world.delay(15_000), () => this.#operators[1]?.crash('loses its lease'));
        return;
      case 9:
        if (pdp !== undefined && operator !== undefined) this.#network.partition(pdp, operator);
        return;
      case 10:
        this.#network.heal();
        return;
      case 11:
        if (alive.length < 8) this.#join();
        return;
      case 12:
        if (pdp !== undefined && alive.length > 1) this.#leave(pdp);
        return;
      default:
        if (world.random() < 0.3) this.#store.recreate();
        return;
    }
  }

  #publish(): void {
    const world = this.#world;
    const revisions = this.#store.current();
    const earlier = revisions[world.below(Math.max(1, revisions.length))];
    const roll = world.random();
    if (earlier !== undefined && roll < 0.25) this.#store.publish('none', earlier);
    else
      this.#store.publish(roll < 0.25 + world.profile.badRevision ? (world.random() < 0.5 ? 'all' : 'some') : 'none');
  }

  #leave(pdp: SimPdp): void {
    pdp.remove();
    this.#world.time.after(this.#world.delay(3000), () => {
      this.#store.members.delete(pdp.nodeId);
      this.#store.changed();
    });
  }

  #onServe(pdp: SimPdp, revision: SignedRevision, cause: 'swap' | 'boot'): void {
    this.#swaps += 1;
    const stored = this.#store.find(revision);
    // INVARIANTS I1 and I9: committed, or not served; whoever serves it and however it came there.
    if (stored?.decision?.type !== 'Commit') {
      throw new Violation(
        cause === 'boot' ? 'I9' : 'I1',
        `${pdp.name} serves revision ${revision.n}, whose decision is ${stored?.decision?.type ?? 'open'}`,
      );
    }
    // INVARIANT I3: one number, one content.
    if (stored.revision.digest !== revision.digest)
      throw new Violation('I3', `${pdp.name} serves a revision ${revision.n} of another digest`);
    this.#checkMonotone(pdp, revision, cause);
    const key = `${revision.setUid}/${revision.n}`;
    const nodes = this.#served.get(key) ?? new Set();
    nodes.add(pdp.nodeId);
    this.#served.set(key, nodes);
  }

  /** INVARIANT I2: never back, unless the disk did not take it and the process died, or the newer one no longer loads. */
  #checkMonotone(pdp: SimPdp, revision: SignedRevision, cause: 'swap' | 'boot'): void {
    const key = `${pdp.nodeId}/${revision.setUid}`;
    const highest = this.#highest.get(key) ?? 0;
    const record = pdp.disk.get(revision.set)?.active?.revision;
    const durable = record?.setUid === revision.setUid ? record.n : 0;
    const fellBack = cause === 'boot' && pdp.state?.sets.get(revision.set)?.bootFault !== undefined;
    if (cause === 'boot' && (durable < highest || fellBack)) {
      this.#highest.set(key, revision.n);
      return;
    }
    if (revision.n < highest)
      throw new Violation('I2', `${pdp.name} goes from revision ${highest} back to ${revision.n}`);
    this.#highest.set(key, revision.n);
  }

  /** INVARIANTS I13 and I14: a status counts as active only what was. */
  #onProgress(operator: SimOperator, progress: RolloutProgress): void {
    const { counts, ready, setUid, revision } = progress;
    const target = progress.phase === 'Aborted' ? progress.committed : revision;
    const truly = this.#served.get(`${setUid}/${target}`)?.size ?? 0;
    // Those that are already beyond it count too: they have served it or skipped it.
    const beyond = this.#pdps.filter(({ served }) => served?.setUid === setUid && served.n > target).length;
    if (counts.active > truly + beyond) {
      throw new Violation('I14', `${operator.name} counts ${counts.active} active at ${target}, ${truly} ever were`);
    }
    if (ready.status !== 'True') return;
    if (counts.active < counts.required || progress.phase !== 'Completed') {
      throw new Violation('I13', `${operator.name} says ready at ${counts.active} of ${counts.required}`);
    }
    if (
      this.#store.find({ setUid, n: revision, digest: progress.digest as SignedRevision['digest'] })?.decision?.type !==
      'Commit'
    ) {
      throw new Violation('I13', `${operator.name} says ready for ${revision}, which is not committed`);
    }
  }

  /** L1: when nothing disturbs, every PDP comes to serve the committed revision, and nothing stays undecided. */
  #checkConverged(when: string): void {
    const open = this.#store.current().filter(({ decision }) => decision === undefined);
    if (open.length > 0) throw new Violation('L1', `${when}: revision ${open[0]?.revision.n} is still undecided`);
    const committed = this.#store.committed();
    if (committed === undefined || committed.bad === 'all') return;
    for (const pdp of this.#alive()) {
      if (committed.bad === 'some' && pdp.nodeId.endsWith('1')) continue;
      const { served } = pdp;
      if (served?.n !== committed.revision.n || served.setUid !== committed.revision.setUid) {
        throw new Violation(
          'L1',
          `${when}: ${pdp.name} serves ${served?.n ?? 'nothing'}, committed is ${committed.revision.n}`,
        );
      }
    }
  }

  #checkStatus(): void {
    const progress = this.#operators[0]?.progress();
    const alive = this.#alive().length;
    const expected = {
      required: alive,
      connected: alive,
      prepared: alive,
      active: alive,
      nacked: 0,
      laggards: 0,
      missing: 0,
    };
    if (JSON.stringify(progress?.counts) !== JSON.stringify(expected) || progress?.ready.status !== 'True') {
      throw new Violation(
        'L1',
        `the status says ${JSON.stringify(progress?.counts)} ${progress?.phase} ${progress?.ready.message}, ${alive} PDPs are there`,
      );
    }
  }
}
