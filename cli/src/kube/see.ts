import { isStoreError } from '@edict/operator';
import type { Seen } from '../doctor/finding.ts';
import { CommandError } from '../io.ts';

/** What a read found; a refusal of the API server, or a leader that does not answer, is an answer here. Throws what is a bug. */
export async function see<T>(work: Promise<T | undefined>): Promise<Seen<T>> {
  try {
    const value = await work;
    return value === undefined ? { state: 'Absent' } : { state: 'Found', value };
  } catch (error) {
    if (isStoreError(error, 'NotFound')) return { state: 'Absent' };
    if (isStoreError(error) || error instanceof CommandError) return { state: 'Unseen', why: error.message };
    throw error;
  }
}

/** The value, if there is one. */
export function valueOf<T>(seen: Seen<T>): T | undefined {
  return seen.state === 'Found' ? seen.value : undefined;
}
