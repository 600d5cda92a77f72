import { createHash } from 'node:crypto';
import { formatProblem, isDigest } from '@edict/bundle';
import { findCondition, type PolicyDomain, type PolicySet } from '@edict/crds';
import {
  CheckError,
  type DomainChecker,
  type DomainContext,
  type DomainVerdict,
} from '../../compile/domain-checker.ts';
import { domainsReferredTo, reachable } from '../../compile/domain-references.ts';
import { keyOf, keyText } from '../../store/object-key.ts';
import { carries, isDeleting, type World } from '../world.ts';
import type { Judgement } from './observed.ts';

export interface JudgeDeps {
  readonly world: World;
  readonly checker: DomainChecker;
  /** The gzip bytes of a stored bundle; undefined if it is not there. */
  readonly bundleBytes: (namespace: string, digest: string) => Promise<Uint8Array | undefined>;
  readonly maxDomainBytes: number;
}

/** Problems that a message names; the rest are counted. */
const PROBLEMS_SHOWN = 20;

/** Checks domains beside the others of their sets, and remembers what it found while nothing that matters has changed. */
export class DomainJudge {
  readonly #deps: JudgeDeps;
  readonly #known = new Map<string, { readonly key: string; readonly judgement: Judgement }>();

  constructor(deps: JudgeDeps) {
    this.#deps = deps;
  }

  /** Rejects with {@link CheckError} `Busy` or `Closed` only: the caller tries again. */
  async judge(domain: PolicyDomain): Promise<Judgement> {
    const contexts = this.#contexts(domain);
    const key = fingerprint(domain, contexts);
    const name = keyText(keyOf(domain));
    const known = this.#known.get(name);
    if (known?.key === key) return known.judgement;
    const judgement = await this.#judge(domain, contexts);
    this.#known.set(name, { key, judgement });
    return judgement;
  }

  /** The domain is gone. */
  forget(name: string): void {
    this.#known.delete(name);
  }

  async #judge(domain: PolicyDomain, contexts: readonly (readonly PolicyDomain[])[]): Promise<Judgement> {
    const bytes = Buffer.byteLength(JSON.stringify(domain.spec));
    if (bytes > this.#deps.maxDomainBytes) {
      const message = `the domain has ${bytes} bytes; the limit is ${this.#deps.maxDomainBytes}`;
      return { type: 'invalid', reason: 'TooLarge', message, entities: undefined };
    }
    let judgement: Judgement | undefined;
    for (const context of contexts) {
      try {
        const resolved = (await Promise.all(context.map((other) => this.#resolve(other)))).flat();
        judgement = judgementOf(await this.#deps.checker.checkDomain(sourceOf(domain), resolved));
      } catch (error) {
        // Too slow or too big to check is a property of the domain; a busy or closed checker is not.
        if (!(error instanceof CheckError) || error.code === 'Busy' || error.code === 'Closed') throw error;
        judgement = { type: 'invalid', reason: 'Invalid', message: error.message, entities: undefined };
      }
      if (judgement.type === 'invalid') return judgement;
    }
    if (judgement === undefined) throw new Error('a domain always has at least one context');
    return judgement;
  }

  /** For each set of the domain the others that it refers to, directly or not; without a set those of the namespace. */
  #contexts(domain: PolicyDomain): readonly (readonly PolicyDomain[])[] {
    const { world } = this.#deps;
    const neighbours = world.domains
      .list(domain.metadata.namespace)
      .filter((other) => other.metadata.uid !== domain.metadata.uid && !isDeleting(other));
    const sets = world.sets.list(domain.metadata.namespace).filter((set) => !isDeleting(set) && carries(set, domain));
    const groups = sets.length === 0 ? [neighbours] : sets.map((set) => membersOf(set, neighbours));
    return groups.map((group) => {
      const edges = new Map([domain, ...group].map((member) => [member.metadata.name, domainsReferredTo(member.spec)]));
      const names = reachable([domain.metadata.name], edges);
      return group.filter((member) => names.has(member.metadata.name));
    });
  }

  /** What others count as: what they say or, while that is known to be refused, what they were when last accepted. */
  async #resolve(other: PolicyDomain): Promise<readonly DomainContext[]> {
    if (!isRefused(other)) return [{ type: 'source', source: sourceOf(other) }];
    const namespace = other.metadata.namespace ?? '';
    const digest = other.status?.digest;
    if (digest === undefined || !isDigest(digest)) return [];
    const gzip = await this.#deps.bundleBytes(namespace, digest);
    return gzip === undefined ? [] : [{ type: 'bundle', namespace, bundle: { digest, gzip } }];
  }
}

function membersOf(set: PolicySet, domains: readonly PolicyDomain[]): readonly PolicyDomain[] {
  return domains.filter((domain) => carries(set, domain));
}

function isRefused(domain: PolicyDomain): boolean {
  const accepted = findCondition(domain.status?.conditions, 'Accepted');
  return accepted?.status === 'False' && accepted.observedGeneration === domain.metadata.generation;
}

function sourceOf({ metadata, spec }: PolicyDomain): { namespace: string; name: string; spec: PolicyDomain['spec'] } {
  return { namespace: metadata.namespace ?? '', name: metadata.name, spec };
}

function judgementOf(verdict: DomainVerdict): Judgement {
  const { problems, entities, bundle, warnings, tooLarge } = verdict;
  if (tooLarge !== undefined) return { type: 'invalid', reason: 'TooLarge', message: tooLarge, entities };
  if (bundle === undefined || problems.length > 0) {
    const lines = problems.slice(0, PROBLEMS_SHOWN).map(formatProblem);
    const more = problems.length > PROBLEMS_SHOWN ? [`and ${problems.length - PROBLEMS_SHOWN} more`] : [];
    return { type: 'invalid', reason: 'Invalid', message: [...lines, ...more].join('\n').slice(0, 30_000), entities };
  }
  return { type: 'valid', bundle, entities, warnings };
}

/** Changes whenever the judgement might: with the domain's own generation, and with those that it refers to. */
function fingerprint(domain: PolicyDomain, contexts: readonly (readonly PolicyDomain[])[]): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([domain.metadata.uid, domain.metadata.generation]));
  for (const context of contexts) {
    const parts = context.map((other) =>
      isRefused(other) ? [other.metadata.uid, other.status?.digest] : [other.metadata.uid, other.metadata.generation],
    );
    hash.update(JSON.stringify(parts));
  }
  return hash.digest('hex');
}
