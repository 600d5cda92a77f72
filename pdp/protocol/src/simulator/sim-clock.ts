import type { Clock } from '../clock.ts';
import type { World } from './world.ts';

/** Wall clock of the run's beginning, milliseconds since 1970. */
export const EPOCH_MS = 1_700_000_000_000;

/** One process's clocks: its own rate for both, and a wall clock that somebody may set. */
export class SimClock implements Clock {
  readonly #world: World;
  readonly #rate: number;
  readonly #offset: number;
  #wallOffset: number;
  readonly #isAlive: () => boolean;

  /** `isAlive`: a task of a process that has died since does not run. */
  constructor(world: World, random: () => number, isAlive: () => boolean) {
    this.#world = world;
    this.#rate = 1 + (2 * random() - 1) * world.profile.drift;
    this.#offset = Math.floor(random() * 1e6);
    this.#wallOffset = world.has('clock-jumps') ? Math.round((random() - 0.5) * 400) : 0;
    this.#isAlive = isAlive;
  }

  /** The clocks of a process in the life that it is in, as `life` counts them. */
  static ofLife(world: World, name: string, life: () => number): SimClock {
    const own = life();
    return new SimClock(world, world.stream(`clock of ${name}`), () => own === life());
  }

  readonly monotonic = (): number => this.#offset + this.#world.time.now * this.#rate;

  readonly now = (): number => EPOCH_MS + this.#world.time.now * this.#rate + this.#wallOffset;

  readonly schedule = (delayMs: number, task: () => void): (() => void) =>
    this.#world.time.after(delayMs / this.#rate, () => {
      if (this.#isAlive()) task();
    });

  /** Somebody sets the wall clock. */
  jump(byMs: number): void {
    this.#wallOffset += byMs;
  }
}
