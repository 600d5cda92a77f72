import type { PolicyBundle, PolicyDomain, PolicyRevision, PolicySet, PolicyTestSuite } from '@edict/crds';
import type { WorkQueue } from '../queue.ts';
import { keyOf, keyText } from '../store/object-key.ts';
import { isDeleting, type World } from './world.ts';

/** One queue per controller. `bundles` takes namespaces, the others `namespace/name`. */
export interface Queues {
  readonly domains: WorkQueue;
  readonly sets: WorkQueue;
  readonly revisions: WorkQueue;
  readonly bundles: WorkQueue;
}

interface Target {
  readonly world: World;
  readonly queues: Queues;
  readonly distributionChanged: () => void;
}

/**
 * From a change to the keys that it may concern. An event says where to look, never what to do: too many keys cost a look,
 * too few would be a bug. Before it is connected nothing is queued: everything is looked at then.
 */
export class Router {
  #target: Target | undefined;

  /** Queues everything, and from now on what changes; `distributionChanged` is told of sets and revisions. */
  connect(world: World, queues: Queues, distributionChanged: () => void): void {
    this.#target = { world, queues, distributionChanged };
    for (const domain of world.domains.list()) queues.domains.add(keyText(keyOf(domain)));
    for (const set of world.sets.list()) queues.sets.add(keyText(keyOf(set)));
    for (const revision of world.revisions.list()) queues.revisions.add(keyText(keyOf(revision)));
    for (const namespace of new Set(world.bundles.list().map((bundle) => keyOf(bundle).namespace))) {
      queues.bundles.add(namespace);
    }
  }

  /** Queues nothing any more. */
  disconnect(): void {
    this.#target = undefined;
  }

  domainChanged(domain: PolicyDomain): void {
    if (this.#target === undefined) return;
    const { queues } = this.#target;
    const { namespace } = keyOf(domain);
    // The others of the namespace too: they may refer to it, or be waiting for it.
    this.#domainsOf(namespace);
    queues.domains.add(keyText(keyOf(domain)));
    this.#setsOf(namespace);
    queues.bundles.add(namespace);
  }

  setChanged(set: PolicySet): void {
    if (this.#target === undefined) return;
    const { queues, distributionChanged } = this.#target;
    const key = keyOf(set);
    distributionChanged();
    queues.sets.add(keyText(key));
    this.#domainsOf(key.namespace);
  }

  revisionChanged(revision: PolicyRevision): void {
    if (this.#target === undefined) return;
    const { world, queues, distributionChanged } = this.#target;
    // Before all else: the PDPs are waiting.
    distributionChanged();
    const { namespace } = keyOf(revision);
    queues.sets.add(keyText({ namespace, name: revision.spec.set }));
    for (const other of world.revisions.list(namespace)) {
      if (other.spec.set === revision.spec.set && !isClosed(other)) queues.revisions.add(keyText(keyOf(other)));
    }
    this.#domainsOf(namespace);
    queues.bundles.add(namespace);
  }

  bundleChanged(bundle: PolicyBundle): void {
    if (this.#target === undefined) return;
    const { queues } = this.#target;
    const { namespace } = keyOf(bundle);
    this.#domainsOf(namespace);
    this.#setsOf(namespace);
    queues.bundles.add(namespace);
  }

  suiteChanged(suite: PolicyTestSuite): void {
    this.#setsOf(keyOf(suite).namespace);
  }

  /** Queues every set. */
  reviewSets(): void {
    if (this.#target === undefined) return;
    const { world, queues } = this.#target;
    for (const set of world.sets.list()) queues.sets.add(keyText(keyOf(set)));
  }

  /** The distribution has news of a set, `namespace/name`. */
  progressed(set: string): void {
    if (this.#target === undefined) return;
    const { world, queues } = this.#target;
    queues.sets.add(set);
    const [namespace = '', name = ''] = set.split('/');
    for (const revision of world.revisions.list(namespace)) {
      if (revision.spec.set === name && !isClosed(revision)) queues.revisions.add(keyText(keyOf(revision)));
    }
    this.#domainsOf(namespace);
  }

  #domainsOf(namespace: string): void {
    if (this.#target === undefined) return;
    const { world, queues } = this.#target;
    for (const domain of world.domains.list(namespace)) queues.domains.add(keyText(keyOf(domain)));
  }

  #setsOf(namespace: string): void {
    if (this.#target === undefined) return;
    const { world, queues } = this.#target;
    for (const set of world.sets.list(namespace)) queues.sets.add(keyText(keyOf(set)));
  }
}

function isClosed(revision: PolicyRevision): boolean {
  return !isDeleting(revision) && revision.status?.phase === 'Completed';
}
