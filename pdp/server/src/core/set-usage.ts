/** What the requests of one set use now, over all its revisions. */
export interface SetUsage {
  requests: number;
  bodyBytes: number;
  /** Of bodies that are not whole yet. */
  arrivingBytes: number;
  /** When one of them was last decided, or let in, by the clock that decisions are timed with. */
  lastUsedNs: number | undefined;
}

/** Keeps count of what each set uses. A set that uses nothing costs nothing, so that sets may come and go. */
export class SetUsages {
  readonly #bySet = new Map<string, SetUsage>();

  /** The count of `set`, made if need be. Stays the same one as long as the set is held by anyone. */
  of(set: string): SetUsage {
    const known = this.#bySet.get(set);
    if (known !== undefined) return known;
    const usage: SetUsage = { requests: 0, bodyBytes: 0, arrivingBytes: 0, lastUsedNs: undefined };
    this.#bySet.set(set, usage);
    return usage;
  }

  /** Forgets sets that are neither served nor in use. */
  retain(served: { readonly has: (set: string) => boolean }): void {
    for (const [set, { requests }] of this.#bySet) {
      if (requests === 0 && !served.has(set)) this.#bySet.delete(set);
    }
  }
}

/** Takes a request that has ended off what its set uses. */
export function giveBack(usage: SetUsage, { bodyBytes = 0 }: { readonly bodyBytes?: number | undefined }): void {
  usage.requests--;
  usage.bodyBytes -= bodyBytes;
}
