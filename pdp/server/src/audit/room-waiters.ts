import type { Clock } from '@edict/protocol';

/** Decisions that wait for room for their records. First come, first served. */
export class RoomWaiters {
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #waiting = new Set<{ readonly hasRoom: () => boolean; readonly settle: (room: boolean) => void }>();

  constructor(clock: Pick<Clock, 'schedule'>) {
    this.#clock = clock;
  }

  /** Resolves with true once there is room, with false after `timeoutMs`. */
  wait(timeoutMs: number, hasRoom: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const entry = {
        hasRoom,
        settle: (room: boolean): void => {
          this.#waiting.delete(entry);
          stop();
          resolve(room);
        },
      };
      const stop = this.#clock.schedule(timeoutMs, () => entry.settle(false));
      this.#waiting.add(entry);
    });
  }

  /** There may be room now. */
  look(): void {
    for (const { hasRoom, settle } of this.#waiting) {
      if (!hasRoom()) return;
      settle(true);
    }
  }
}
