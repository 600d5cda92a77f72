/** Repairs of one object within {@link CONTEST_WINDOW_MS} from which on somebody else is held to want it otherwise. */
export const CONTEST_REPAIRS = 5;
export const CONTEST_WINDOW_MS = 10 * 60_000;
/** A fleet with a contested object is applied no more often than this: the apiserver is not where it is fought out. */
export const CONTEST_REST_MS = 30_000;

/** What the apiserver answered to an apply. */
export interface Applied {
  /** `metadata.generation`; undefined for kinds that have none. */
  readonly generation: number | undefined;
}

interface Known {
  readonly text: string;
  readonly generation: number;
  readonly repairs: readonly number[];
  /** Who else had set fields of it before it was repaired. */
  readonly others: ReadonlySet<string>;
}

const UNKNOWN: Pick<Known, 'repairs' | 'others'> = { repairs: [], others: new Set() };

/**
 * Notices objects that another controller changes back whenever we have repaired them. One that was edited by hand is repaired
 * once; of two controllers neither ever stops, so somebody has to be told. Kept in memory: a new leader counts anew.
 */
export class Contests {
  readonly #known = new Map<string, Known>();
  readonly #rests = new Map<string, { readonly message: string; readonly until: number }>();

  /** Notes that `object`, rendered as `text`, was applied at `now`; answers how often it was repaired within the window. */
  applied(object: string, text: string, { generation }: Applied, now: number): number {
    if (generation === undefined) return 0;
    const known = this.#known.get(object);
    // The same was wanted as the last time, and yet the apiserver had something to change.
    const isRepair = known?.text === text && generation > known.generation;
    const { repairs: before, others } = known?.text === text ? known : UNKNOWN;
    const repairs = [...before, ...(isRepair ? [now] : [])].filter((at) => now - at < CONTEST_WINDOW_MS);
    this.#known.set(object, { text, generation, repairs: repairs.slice(-CONTEST_REPAIRS), others });
    return Math.min(repairs.length, CONTEST_REPAIRS);
  }

  /** True if the object was repaired: who else writes it is to be looked up before the next repair takes that away. */
  isRepaired(object: string): boolean {
    return (this.#known.get(object)?.repairs.length ?? 0) > 0;
  }

  /** Notes who else had set fields of the object before it was applied. */
  sawOthers(object: string, managers: readonly string[]): void {
    const known = this.#known.get(object);
    if (known !== undefined) this.#known.set(object, { ...known, others: new Set([...known.others, ...managers]) });
  }

  /** Who else was seen to set fields of the object, sorted. */
  othersOf(object: string): readonly string[] {
    return [...(this.#known.get(object)?.others ?? [])].sort();
  }

  /** An object of the fleet is contested: `message` says which. It is left alone for {@link CONTEST_REST_MS}. */
  rest(fleet: string, message: string, now: number): void {
    this.#rests.set(fleet, { message, until: now + CONTEST_REST_MS });
  }

  /** What the fleet rests for, while it does. */
  resting(fleet: string, now: number): string | undefined {
    const rest = this.#rests.get(fleet);
    return rest === undefined || now >= rest.until ? undefined : rest.message;
  }

  /** The fleet is gone. */
  forget(fleet: string): void {
    this.#rests.delete(fleet);
    for (const object of this.#known.keys()) if (object.startsWith(`${fleet}/`)) this.#known.delete(object);
  }
}
