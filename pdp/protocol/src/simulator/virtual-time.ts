/**
 * Resolves when every reaction to promises that are settled has run, and every reaction to those. Ticks come after all of
 * that, and cost less than a turn of the event loop; the first one may stand before what is there already.
 */
export function reactionsOfPromises(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(() => process.nextTick(resolve));
  });
}

/** Virtual time: a queue of tasks ordered by time, then by the order in which they were added. */
export class VirtualTime {
  #now = 0;
  #sequence = 0;
  readonly #heap: Task[] = [];

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  /** Runs `task` after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void {
    const entry: Task = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence, run: task };
    this.#sequence += 1;
    this.#push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  /** Runs the next task; false if its time is after `until` or there is none. */
  next(until: number): boolean {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || first.at > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#pop();
      if (first.run === undefined) continue;
      this.#now = first.at;
      first.run();
      return true;
    }
  }

  #push(entry: Task): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[index] = above;
      heap[parent] = entry;
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const [child, childIndex] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

interface Task {
  readonly at: number;
  readonly sequence: number;
  run: (() => void) | undefined;
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
