import { canonicalJson } from './canonical-json.ts';
import { digestOf } from './digest.ts';
import type { Serving } from '@edict/crds';
import type { Consistency } from './consistency.ts';
import type { Digest } from './digest.ts';

export type { Serving };

/** One domain of a revision: which object it came from, and the bundle that it was rendered to. */
export interface ManifestDomain {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly digest: Digest;
  /** Bytes of the bundle uncompressed, and as it travels. */
  readonly size: number;
  readonly gzSize: number;
}

/** What a revision consists of. The order of domains counts: it decides between equal selectors. */
export interface Manifest {
  /** UID of the PolicySet object: a set that was deleted and made anew is another set. */
  readonly setUid: string;
  /** Oldest engine that can serve it, as a semantic version. */
  readonly engineMin: string;
  /** What an engine has to understand to serve it. Sorted, without repetitions. */
  readonly features: readonly string[];
  readonly domains: readonly ManifestDomain[];
  /** Test suites that a PDP runs before it acknowledges. */
  readonly tests: readonly Digest[];
  readonly totals: { readonly bytes: number; readonly policies: number };
  /** How PDPs serve the set besides PORC decisions, defaults filled in; absent where the set does not say. */
  readonly serving?: Serving;
  /** What the set promises about agreement and age; absent where the set does not say: then `CONSISTENCY_DEFAULTS`. */
  readonly consistency?: Consistency;
}

/** Domains that one manifest may list. */
export const MANIFEST_MAX_DOMAINS = 10_000;

/** The digest that a revision is known by: SHA-256 of the manifest's canonical JSON. Equal inputs, equal digests. */
export function manifestDigest(manifest: Manifest): Digest {
  return digestOf(canonicalJson(manifest));
}

/** The parts of a manifest that a caller decides; the rest follows from them. */
export type ManifestInput = Omit<Manifest, 'totals' | 'features' | 'tests'> & {
  readonly features?: readonly string[];
  readonly tests?: readonly Digest[];
  readonly policies: number;
};

/** Builds a manifest: features sorted, totals summed. */
export function createManifest({ policies, features = [], tests = [], ...rest }: ManifestInput): Manifest {
  if (rest.domains.length > MANIFEST_MAX_DOMAINS) {
    throw new RangeError(`a manifest lists at most ${String(MANIFEST_MAX_DOMAINS)} domains`);
  }
  const bytes = rest.domains.reduce((sum, { size }) => sum + size, 0);
  return { ...rest, features: [...new Set(features)].sort(), tests, totals: { bytes, policies } };
}
