import { keyOf, RegoNumber, RegoSet } from './value.ts';
import type { Value } from './value.ts';

/** Arrays and sets with more members are kept by their identity. */
const SMALL = 8;

/** Values of one evaluation that may be kept by their identity; beyond them all are kept by what they are. */
export const MAX_IDENTITIES = 10_000;

/**
 * What results of functions are kept by. Scalars and small arrays and sets have the key of their equals. Objects and other
 * collections stand for themselves, since writing them as text takes longer than most functions do: one that is equal but
 * not the same is computed again. An evaluation that has kept very many such values goes on with their texts: functions
 * that hand each other fresh values must not take time that grows exponentially.
 */
export class MemoKeys {
  #identities = 0;
  /** The numbers of values that stand for themselves in arrays. */
  #numbers: Map<object, number> | undefined = undefined;

  /** A key for a Map; the same only for equal values. */
  keyOf(value: Value): unknown {
    if (!isComposite(value)) return keyOf(value);
    if (Array.isArray(value) && value.length <= SMALL) return this.#keyOfSmall(value);
    return this.#standsForItself(value) ? value : keyOf(value);
  }

  /** Lets go of the values of an evaluation. */
  forget(): void {
    this.#identities = 0;
    this.#numbers = undefined;
  }

  #keyOfSmall(values: readonly Value[]): unknown {
    let text = '\u0000i';
    for (const value of values) {
      if (typeof value === 'string') text += `"${String(value.length)}:${value}`;
      else if (isComposite(value) && this.#standsForItself(value)) text += `@${String(this.#numberOf(value))},`;
      else text += `#${String(keyOf(value))},`;
    }
    return text;
  }

  #standsForItself(value: object): boolean {
    if (value instanceof RegoSet && value.size <= SMALL) return false;
    return this.#identities < MAX_IDENTITIES && ++this.#identities > 0;
  }

  #numberOf(value: object): number {
    this.#numbers ??= new Map();
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(value, number);
    }
    return number;
  }
}

const isComposite = (value: Value): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof RegoNumber);
