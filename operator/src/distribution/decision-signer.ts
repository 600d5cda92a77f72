import { signDecision, type DecisionSignature } from '@edict/bundle';
import type { SignDecision } from '@edict/protocol';
import type { Signer } from '../keys/signer.ts';

/** Signatures that are remembered: a decision is told to every PDP, and signed once. */
const REMEMBERED_MAX = 256;

/**
 * Signs decisions with the operator's key as it is at the time; while there is none that PDPs trust, nothing is signed. Made for the machine alone, which asks of what the store shows
 * to be decided and of nothing else.
 */
export function createDecisionSigner(key: Signer['key']): SignDecision {
  const known = new Map<string, DecisionSignature>();
  return (revision, part) => {
    const current = key();
    if (current === undefined) return undefined;
    const { keyId, privateKey } = current;
    const { set, setUid, n, digest } = revision;
    const { salt = '', upTo = 0 } = part.share ?? {};
    const name = JSON.stringify([keyId, set, setUid, n, digest, part.final, salt, upTo]);
    const before = known.get(name);
    if (before !== undefined) return before;
    const signed = signDecision(revision, part, privateKey);
    known.set(name, signed);
    if (known.size > REMEMBERED_MAX) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return signed;
  };
}
