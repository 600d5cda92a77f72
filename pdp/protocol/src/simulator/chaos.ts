import type { FaultKind } from './options.ts';
import { LIES, type Lie } from './liar.ts';
import type { SimFollower } from './sim-follower.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimOperator } from './sim-operator.ts';
import type { SimPdp } from './sim-pdp.ts';
import type { SimStore } from './sim-store.ts';
import type { World } from './world.ts';

/** What disturbances act on. */
export interface ChaosParts {
  readonly world: World;
  readonly store: SimStore;
  readonly network: SimNetwork;
  readonly operators: readonly SimOperator[];
  /** Replicas that carry streams; none if absent. */
  readonly followers?: readonly SimFollower[];
  readonly alive: () => readonly SimPdp[];
  readonly join: (lie?: Lie) => SimPdp;
  readonly leave: (pdp: SimPdp) => void;
  /** PDPs at the beginning: the fleet does not grow far beyond it. */
  readonly size: number;
}

type Chance = () => number;

/** Disturbs a run: each kind of fault at times of its own, so that leaving one out moves no other. */
export class Chaos {
  readonly #parts: ChaosParts;
  readonly #liars = new Set<SimPdp>();

  constructor(parts: ChaosParts) {
    this.#parts = parts;
  }

  /** Begins; ends with the world's faults. */
  start(): void {
    this.#elect(this.#parts.world.stream('election'));
    this.#often('pdp-crashes', 9_000, (random) => {
      for (const pdp of this.#some(random, 0.15)) pdp.crash('fault');
    });
    this.#often('operator-crashes', 25_000, (random) => {
      this.#crashOperator(random);
    });
    this.#often('second-leaders', 30_000, (random) => {
      this.#secondLeader(random);
    });
    if (this.#parts.followers !== undefined && this.#parts.followers.length > 0) {
      this.#often('tunnels', 8_000, (random) => {
        this.#disturbTunnel(random);
      });
    }
    this.#often('pdp-partitions', 10_000, (random) => {
      const operator = random() < 0.5 ? '*' : (this.#any(random, this.#parts.operators)?.name ?? '*');
      for (const pdp of this.#some(random, 0.2)) this.#parts.network.part(pdp.name, operator);
    });
    this.#often('pdp-partitions', 12_000, () => {
      this.#parts.network.heal();
    });
    this.#often('replica-partitions', 40_000, (random) => {
      this.#parts.network.part('*', this.#any(random, this.#parts.operators)?.name);
    });
    this.#often('store-partitions', 25_000, (random) => {
      const operator = this.#any(random, this.#parts.operators);
      operator?.cutOff();
      this.#parts.world.time.after(1_000 + random() * 20_000, () => operator?.reconnect());
    });
    this.#often('clock-jumps', 20_000, (random) => {
      const byMs = Math.round((random() - 0.5) * 40_000);
      if (random() < 0.5) this.#any(random, this.#parts.operators)?.jump(byMs);
      else this.#any(random, this.#parts.alive())?.process?.clock.jump(byMs);
    });
    this.#often('joins', 15_000, (random) => {
      const room = 2 * this.#parts.size + 2 - this.#parts.alive().length;
      const count = Math.min(room, 1 + Math.floor(random() ** 2 * this.#parts.size));
      for (let index = 0; index < count; index += 1) this.#parts.join();
    });
    this.#often('leaves', 18_000, (random) => {
      this.#leaveSome(random);
    });
    this.#often('liars', 45_000, (random) => {
      const lie = LIES[Math.floor(random() * LIES.length)];
      const liar = this.#parts.join(lie);
      this.#liars.add(liar);
      this.#parts.world.time.after(2_000 + random() * 30_000, () => {
        this.#expose(liar);
      });
    });
    this.#often('recreation', 150_000, () => {
      this.#parts.store.recreate();
    });
  }

  /** Ends every fault: what is left is a world in which all must come right. */
  calm(): void {
    const { world, network, operators } = this.#parts;
    world.faults = false;
    world.note('world', () => 'no more faults');
    network.heal();
    for (const liar of this.#liars) this.#expose(liar);
    for (const operator of operators) operator.reconnect();
    for (const operator of operators.slice(1)) operator.crash('steps down');
    operators[0]?.start();
  }

  /** `act` at random times, about every `everyMs`, while faults are on. */
  #often(kind: FaultKind, everyMs: number, act: (random: Chance) => void): void {
    const { world } = this.#parts;
    const random = world.stream(`${kind}/${everyMs}`);
    // Half of the kinds rest in each run, so that the others are seen without them.
    if (!world.has(kind) || random() < 0.35) return;
    const next = (): void => {
      world.time.after(everyMs * (0.1 + 1.8 * random()), () => {
        if (!world.faults) return;
        act(random);
        next();
      });
    };
    next();
  }

  #any<T>(random: Chance, of: readonly T[]): T | undefined {
    return of[Math.floor(random() * of.length)];
  }

  /** One PDP, or in storms up to a share of them. */
  #some(random: Chance, most: number): readonly SimPdp[] {
    const alive = this.#parts.alive();
    const count = Math.max(1, Math.floor(random() * most * alive.length));
    const from = Math.floor(random() * alive.length);
    return Array.from({ length: count }, (_, index) => alive[(from + index) % alive.length]).filter(
      (pdp) => pdp !== undefined,
    );
  }

  #crashOperator(random: Chance): void {
    const { operators, world } = this.#parts;
    const operator = this.#any(random, operators);
    const successor = this.#any(random, operators);
    operator?.crash('fault');
    world.time.after(500 + random() * 6_000, () => {
      if (world.faults) successor?.start();
    });
    world.time.after(8_000, () => {
      if (!operators.some(({ isServing }) => isServing)) operators[0]?.start();
    });
  }

  /** Where nobody leads somebody soon does, however the last one ended. */
  #elect(random: Chance): void {
    const { operators, world } = this.#parts;
    world.time.after(2_000 + random() * 8_000, () => {
      if (!world.faults) return;
      if (!operators.some(({ isServing }) => isServing)) this.#any(random, operators)?.start();
      this.#elect(random);
    });
  }

  #disturbTunnel(random: Chance): void {
    const follower = this.#any(random, this.#parts.followers ?? []);
    const roll = random();
    if (roll < 0.3) follower?.crash('fault');
    else if (roll < 0.6) follower?.cutOff('broken');
    else if (roll < 0.75) follower?.cutOff('silent');
    else if (roll < 0.9) follower?.sendAway(random());
    else if (follower !== undefined) this.#parts.network.part('*', follower.name);
  }

  /** A replica that thinks that it leads: safety may not rest on there being one. */
  #secondLeader(random: Chance): void {
    const { operators, world } = this.#parts;
    const operator = this.#any(random, operators.slice(1));
    operator?.start();
    world.time.after(2_000 + random() * 25_000, () => operator?.crash('loses its lease'));
  }

  /** Pods go; half of them are replaced. */
  #leaveSome(random: Chance): void {
    const isReplaced = random() < 0.5;
    for (const pdp of this.#some(random, 0.3)) {
      if (this.#parts.alive().length < 2 || pdp.lie !== undefined) continue;
      this.#parts.leave(pdp);
      if (isReplaced) this.#parts.join();
    }
  }

  #expose(liar: SimPdp): void {
    if (!this.#liars.delete(liar)) return;
    this.#parts.world.note('world', () => `${liar.name} is found to lie (${liar.lie})`);
    this.#parts.leave(liar);
  }
}
