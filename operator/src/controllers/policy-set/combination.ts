import { formatProblem, isDigest, type Manifest } from '@edict/bundle';
import type { TestSuite } from '@edict/engine';
import {
  CheckError,
  type DomainChecker,
  type ServedDocuments,
  type StoredBundle,
} from '../../compile/domain-checker.ts';
import { StoreError } from '../../store/errors.ts';
import type { Refusal } from './observed.ts';

export interface CombinationDeps {
  readonly checker: DomainChecker;
  readonly bundleBytes: (namespace: string, digest: string) => Promise<Uint8Array | undefined>;
}

/** Problems that a message names. */
const PROBLEMS_SHOWN = 10;
/** Combinations whose verdict is remembered. */
const KNOWN_MAX = 256;

/**
 * Checks that the bundles of a revision work together, each domain having been valid by itself: an edit of one may take
 * away what another imports, and the documents of a set are one program. Verdicts are remembered by content.
 */
export class CombinationJudge {
  readonly #deps: CombinationDeps;
  readonly #known = new Map<string, Refusal | undefined>();

  constructor(deps: CombinationDeps) {
    this.#deps = deps;
  }

  /** Why the manifest cannot be served, if it cannot. `good` is a manifest that is known to be good. */
  async judge(
    namespace: string,
    content: string,
    manifest: Manifest,
    good: Manifest | undefined,
    suites: readonly TestSuite[] = [],
  ): Promise<Refusal | undefined> {
    const key = `${namespace} ${content} ${manifest.tests.join(' ')}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const verdict = await this.#judge(namespace, manifest, good, suites);
    this.#known.set(key, verdict);
    if (this.#known.size > KNOWN_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return verdict;
  }

  async #judge(
    namespace: string,
    manifest: Manifest,
    good: Manifest | undefined,
    suites: readonly TestSuite[],
  ): Promise<Refusal | undefined> {
    const before = new Map(good?.domains.map(({ name, digest }) => [name, digest]));
    const present = new Set(manifest.domains.map(({ name }) => name));
    const isRemoval = [...before.keys()].some((name) => !present.has(name));
    // Whoever referred to a domain that is gone cannot be told from here: then all are looked at.
    const changed = manifest.domains
      .filter(({ name, digest }) => isRemoval || before.get(name) !== digest)
      .map(({ name }) => name);
    const bundles: StoredBundle[] = [];
    for (const { digest, name } of manifest.domains) {
      const gzip = isDigest(digest) ? await this.#deps.bundleBytes(namespace, digest) : undefined;
      // It was in the cache a moment ago: whoever looks again finds it, or finds another content wanted.
      if (gzip === undefined) throw new StoreError('Unavailable', `the bundle ${digest} of ${name} is not stored`);
      bundles.push({ digest, gzip });
    }
    try {
      const problems = await this.#deps.checker.checkCombination(bundles, changed, manifest.serving?.documents);
      if (problems.length === 0) return await this.#test(namespace, bundles, manifest.serving?.documents, suites);
      const lines = problems.slice(0, PROBLEMS_SHOWN).map(formatProblem);
      return { reason: 'Invalid', message: `the domains do not work together:\n${lines.join('\n')}`.slice(0, 30_000) };
    } catch (error) {
      if (!(error instanceof CheckError) || error.code === 'Busy' || error.code === 'Closed') throw error;
      return { reason: 'Invalid', message: error.message };
    }
  }

  /** Why the cases that the set has to pass keep the bundles from being served. */
  async #test(
    namespace: string,
    bundles: readonly StoredBundle[],
    documents: ServedDocuments | undefined,
    suites: readonly TestSuite[],
  ): Promise<Refusal | undefined> {
    if (suites.length === 0) return undefined;
    const domains = bundles.map((bundle) => ({ type: 'bundle', namespace, bundle }) as const);
    try {
      const { failed, failure = '' } = await this.#deps.checker.runTests(domains, suites, documents);
      return failed === 0 ? undefined : { reason: 'TestsFailed', message: failure.slice(0, 30_000) };
    } catch (error) {
      if (!(error instanceof CheckError) || !DID_NOT_END.has(error.code)) throw error;
      const names = suites.map(({ name }) => name).join(', ');
      return { reason: 'TestsFailed', message: `the suites ${names} did not end: ${error.message}`.slice(0, 30_000) };
    }
  }
}

/** What a suite alone can cause, and would cause again. */
const DID_NOT_END: ReadonlySet<CheckError['code']> = new Set(['Timeout', 'Crashed']);
