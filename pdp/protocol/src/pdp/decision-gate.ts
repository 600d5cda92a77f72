import type { SetKey } from '../identifiers.ts';
import { SETS_MAX } from '../limits.ts';
import type { Announcement, Commit } from '../messages.ts';

/** What a gate is made of. */
export interface DecisionGateParts {
  /** Rejects unless the commit is what the operator has decided. */
  readonly verify: (commit: Commit) => Promise<void>;
  /** Takes announcements that may be acted on. */
  readonly pass: (announcement: Announcement) => void;
  /** Takes commits that may not, with the reason. */
  readonly refuse: (commit: Commit, error: unknown) => void;
}

/**
 * Lets a Commit through only once its decision is verified, one after the other. What is said of a set meanwhile waits behind
 * it, the newest word in place of the one before, as with whoever sends them; other messages are none of its business. What
 * needs no verification and waits for nothing passes at once.
 */
export class DecisionGate {
  readonly #parts: DecisionGateParts;
  /** Behind the one that is being verified, in the order in which sets were first named. */
  readonly #waiting = new Map<SetKey, Announcement>();
  #underWay: SetKey | undefined;
  #generation = 0;

  constructor(parts: DecisionGateParts) {
    this.#parts = parts;
  }

  /** Announcements that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes what was said on the stream. Beyond {@link SETS_MAX} sets it is dropped: the operator says it again. */
  take(announcement: Announcement): void {
    const { set } = announcement;
    if (announcement.type !== 'Commit' && !this.#isBusy()) {
      this.#parts.pass(announcement);
      return;
    }
    if (this.#waiting.size >= SETS_MAX && !this.#waiting.has(set)) return;
    this.#waiting.set(set, announcement);
    this.#next();
  }

  #isBusy(): boolean {
    return this.#underWay !== undefined;
  }

  /** The stream has ended: what was said on it counts no more. */
  clear(): void {
    this.#generation += 1;
    this.#waiting.clear();
    this.#underWay = undefined;
  }

  #next(): void {
    for (const [set, announcement] of this.#waiting) {
      // What was passed on may have brought another one that is verified now.
      if (this.#isBusy()) return;
      this.#waiting.delete(set);
      if (announcement.type === 'Commit') {
        this.#underWay = set;
        this.#verify(announcement);
        return;
      }
      this.#parts.pass(announcement);
    }
  }

  #verify(commit: Commit): void {
    const generation = this.#generation;
    const done = (then: () => void): void => {
      if (generation !== this.#generation) return;
      this.#underWay = undefined;
      then();
      // What is passed on may have ended the stream, or have brought the next word.
      if (generation === this.#generation) this.#next();
    };
    this.#parts.verify(commit).then(
      () => {
        done(() => {
          this.#parts.pass(commit);
        });
      },
      (error: unknown) => {
        done(() => {
          this.#parts.refuse(commit, error);
        });
      },
    );
  }
}
