import { isAnnouncement, type OperatorMessage } from '../messages.ts';

/**
 * What waits for a PDP that reads slowly. Bounded by construction: one announcement per set (the latest wins, and as the
 * machine is level-triggered nothing is lost by that) and one message of every other type.
 */
export class Outbox {
  readonly #waiting = new Map<string, OperatorMessage>();
  readonly #write: (message: OperatorMessage) => boolean;
  #ready = true;

  /** `write` sends one message and answers false when the next ones should wait for {@link drained}. */
  constructor(write: (message: OperatorMessage) => boolean) {
    this.#write = write;
  }

  /** Messages that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Sends the message now or as soon as the stream has room. */
  send(message: OperatorMessage): void {
    if (this.#ready) {
      this.#ready = this.#write(message);
      return;
    }
    const key = isAnnouncement(message) ? `announce/${message.set}` : message.type;
    // Deleted first, so that the newest message takes the last place in the order.
    this.#waiting.delete(key);
    this.#waiting.set(key, message);
  }

  /** The stream has room again. */
  drained(): void {
    this.#ready = true;
    for (const [key, message] of this.#waiting) {
      this.#waiting.delete(key);
      this.#ready = this.#write(message);
      if (!this.#ready) return;
    }
  }
}
