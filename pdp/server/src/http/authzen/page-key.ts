import { createHash } from 'node:crypto';
import type { Snapshot } from '@edict/engine';

const known = new WeakMap<Snapshot, Uint8Array>();

/**
 * A key that every PDP which has this policy has, and that cannot be told from what a PDP tells its callers: made of the digests
 * of all its programs and of its base documents. Whoever knows all of the policy can make it.
 */
export function pageKeyOf(snapshot: Snapshot): Uint8Array {
  let key = known.get(snapshot);
  if (key === undefined) {
    const { programs, documents } = snapshot.compiled;
    const hash = createHash('sha256').update('edict page tokens\n');
    for (const { key: digest } of programs) hash.update(`${digest}\n`);
    key = hash
      .update(`${documents?.program.key ?? ''}\n`)
      .update(documents?.data ?? '')
      .digest();
    known.set(snapshot, key);
  }
  return key;
}
