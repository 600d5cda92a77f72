import type { NodeId, RevisionId } from '../identifiers.ts';
import type { PdpMessage } from '../messages.ts';
import type { PdpCounts, RolloutProgress } from '../operator/progress.ts';
import { isSelected } from '../operator/waves.ts';
import type { DurableRecord } from '../pdp/state.ts';
import { principalShare } from '../principal-share.ts';
import { Hearsay } from './hearsay.ts';
import { MonotoneJudge } from './monotone-judge.ts';
import type { SimPdp } from './sim-pdp.ts';
import type { SimStore, StoredRevision } from './sim-store.ts';
import { StrictJudge } from './strict-judge.ts';
import type { World } from './world.ts';

/** Who asks: enough to fall on both sides of every share. */
const PRINCIPALS = Array.from({ length: 8 }, (_, index) => `mrn:user:${index * 7919}`);

/** Compiled contents that one PDP may hold: active, canary, staged, last known good, and one in preparation. */
const COMPILED_MAX = 5;

interface Answers {
  readonly setUid: string;
  readonly revisions: readonly number[];
}

/**
 * Checks the invariants as things happen, each at the moment at which it can break, so that a step costs no more than what
 * it touched.
 */
export class Judge {
  readonly #world: World;
  readonly #store: SimStore;
  readonly #strict: StrictJudge;
  readonly #monotone: MonotoneJudge;
  readonly #hearsay = new Hearsay();
  readonly #touched = new Set<SimPdp>();
  /** Newest revision that a node ever served, by set UID and node. */
  readonly #newest = new Map<string, Map<NodeId, number>>();
  readonly #served = new Map<string, Set<NodeId>>();
  readonly #salts = new Map<string, string>();
  readonly #answers = new Map<SimPdp, Answers>();
  swaps = 0;
  splitCount = 0;
  /** Commits that PDPs refused since nobody has signed that they are decided. */
  undecided = 0;

  constructor(world: World, store: SimStore) {
    this.#world = world;
    this.#store = store;
    this.#strict = new StrictJudge(world, store);
    this.#monotone = new MonotoneJudge(world);
    store.onDecided = (stored) => {
      this.#strict.decided(stored);
    };
  }

  /** A PDP of which not every word is true says something to an operator. */
  heard(liar: SimPdp, message: PdpMessage): void {
    this.#hearsay.said(liar.nodeId, message);
  }

  /** A PDP was told to serve what bears no genuine decision. */
  refusedUndecided(): void {
    this.undecided += 1;
  }

  /** The PDP's machine made a step. */
  touched(pdp: SimPdp): void {
    this.#touched.add(pdp);
  }

  /** The PDP's disk took a record, or refused it. */
  recorded(pdp: SimPdp, record: DurableRecord, outcome: 'taken' | 'refused'): void {
    this.#monotone.recorded(pdp, record, outcome);
  }

  /** The PDP begins another life: it may find less on its disk than it served. */
  booting(pdp: SimPdp): void {
    this.#answers.delete(pdp);
    this.#strict.forget(pdp);
    this.#monotone.booting(pdp);
  }

  /** Everything that a step caused is done. */
  settled(): void {
    for (const pdp of this.#touched) this.#checkProcess(pdp);
    this.#touched.clear();
  }

  /** INVARIANTS I17 and I18: a process serves exactly what its machine says, and holds no more than its slots. */
  #checkProcess({ process, name }: SimPdp): void {
    if (process === undefined) return;
    const { machine, served, split, compiled } = process;
    const { active, canary } = machine ?? {};
    if (active?.revision.digest !== served?.digest || active?.revision.n !== served?.n) {
      this.#world.fail(
        'I18',
        `${name} serves ${served?.n ?? 'nothing'} while its machine says ${active?.revision.n ?? 'nothing'}`,
      );
    }
    if (active !== undefined && canary?.revision.n !== split?.revision.n) {
      this.#world.fail(
        'I18',
        `${name} splits by ${split?.revision.n ?? 'nothing'} while its machine says ${canary?.revision.n ?? 'nothing'}`,
      );
    }
    if (compiled.size > COMPILED_MAX) {
      this.#world.fail('I17', `${name} holds ${compiled.size} compiled contents`);
    }
  }

  /** The PDP decides with another revision from now on. */
  serves(pdp: SimPdp, cause: 'swap' | 'boot'): void {
    const revision = pdp.process?.served;
    if (revision === undefined) return;
    this.swaps += 1;
    const stored = this.#store.find(revision);
    // INVARIANT I3: what is served was published under its number, by someone who has the key.
    if (stored === undefined || !this.#store.isGenuine(revision)) {
      this.#world.fail(
        'I3',
        `${pdp.name} serves revision ${revision.n}, which nobody ${stored === undefined ? 'published' : 'signed'}`,
      );
      return;
    }
    // INVARIANTS I1 and I9: decided for this PDP, or not served; whoever serves it and however it came there.
    if (!isDecidedFor(stored, pdp)) {
      const isJoiner = this.#monotone.isNew(pdp) && this.#store.committed() !== undefined;
      this.#world.fail(
        cause === 'boot' || isJoiner ? 'I9' : 'I1',
        `${pdp.name} serves revision ${revision.n}, which is not decided for it`,
      );
    }
    this.#monotone.serves(pdp, revision, cause);
    const newest = this.#newest.get(revision.setUid) ?? new Map<NodeId, number>();
    this.#newest.set(revision.setUid, newest.set(pdp.nodeId, Math.max(newest.get(pdp.nodeId) ?? 0, revision.n)));
    const nodes = this.#served.get(nameOf(revision)) ?? new Set();
    this.#served.set(nameOf(revision), nodes.add(pdp.nodeId));
    this.#checkAnswers(pdp);
    this.#strict.serves(pdp);
  }

  /** The PDP gives a share of the principals a newer revision from now on. */
  splits(pdp: SimPdp): void {
    const split = pdp.process?.split;
    if (split === undefined) return;
    this.splitCount += 1;
    const { revision, share } = split;
    const stored = this.#store.find(revision);
    if (stored === undefined || !this.#store.isGenuine(revision)) {
      this.#world.fail('I3', `${pdp.name} gives a share revision ${revision.n}, which nobody published and signed`);
      return;
    }
    // INVARIANT I1, for a share: no more principals than are decided.
    const allowed = this.decidedShare(stored);
    if (share.upTo > allowed) {
      this.#world.fail(
        'I1',
        `${pdp.name} gives revision ${revision.n} to ${share.upTo} of 10000 principals, ${allowed} are decided`,
      );
    }
    // INVARIANT I12: one principal gets one answer everywhere.
    const salt = this.#salts.get(nameOf(revision));
    if (salt !== undefined && salt !== share.salt) {
      this.#world.fail(
        'I12',
        `${pdp.name} chooses the principals of revision ${revision.n} by '${share.salt}', others by '${salt}'`,
      );
    }
    this.#salts.set(nameOf(revision), share.salt);
    if (pdp.process?.served !== undefined) this.#checkAnswers(pdp);
  }

  /** Principals to whom a revision may be given: those of its own waves, and of those before it that it takes over. */
  decidedShare({ revision, reached, final }: StoredRevision): number {
    if (reached.length === 0) return 0;
    if (final) return 10_000;
    const before = this.#store.ofSet(revision.setUid).slice(0, revision.n);
    return Math.max(
      0,
      ...before.flatMap((other) =>
        other.reached.map(({ principals, nodes }) => (nodes === undefined ? (principals ?? 0) : 0)),
      ),
    );
  }

  /** INVARIANT I2, for each principal: what it gets from one process never goes back. */
  #checkAnswers(pdp: SimPdp): void {
    const { served, split } = pdp.process ?? {};
    if (served === undefined) return;
    const { setUid } = served;
    const revisions = PRINCIPALS.map((principal) => {
      const isOfShare = split !== undefined && principalShare(split.share.salt, principal) < split.share.upTo;
      return isOfShare ? split.revision.n : served.n;
    });
    const before = this.#answers.get(pdp);
    this.#answers.set(pdp, { setUid, revisions });
    if (before?.setUid !== setUid) return;
    const lost = revisions.findIndex((n, index) => {
      const was = before.revisions[index] ?? 0;
      return n < was && !this.#isOwnDoing(pdp, { setUid, n: was });
    });
    if (lost >= 0) {
      this.#world.fail(
        'I2',
        `${pdp.name} takes ${PRINCIPALS[lost]} from revision ${before.revisions[lost]} back to ${revisions[lost]}`,
      );
    }
  }

  /**
   * True of a liar that said it served to all what it gives to a share: whoever believes that begins a newer canary beside
   * it, and so ends the older one. It misleads nobody but itself.
   */
  #isOwnDoing({ nodeId }: SimPdp, lost: Pick<RevisionId, 'setUid' | 'n'>): boolean {
    return this.#hearsay.of(lost, 'whole').includes(nodeId);
  }

  /** What the PDP may do until when has changed. */
  leased(pdp: SimPdp): void {
    this.#strict.serves(pdp);
  }

  /** INVARIANT I8: what no PDP can load is committed on the word of liars at most. */
  commitsUnloadable(operator: string, revision: RevisionId, counts: PdpCounts): void {
    if (counts.required === 0) return;
    const boasting = this.#hearsay.of(revision, 'prepared').length;
    if (counts.prepared > 0 && counts.prepared <= boasting) return;
    this.#world.fail(
      'I8',
      `${operator} commits ${revision.n}, which none of the ${counts.required} required PDPs can load: ${counts.prepared} count as prepared, ${boasting} said so`,
    );
  }

  /** INVARIANTS I13 and I14: a status counts as active only what was. */
  reports(operator: string, progress: RolloutProgress): void {
    const { counts, ready, setUid, revision, phase } = progress;
    const target = phase === 'Aborted' || phase === 'RolledBack' ? progress.committed : revision;
    const served = this.#served.get(`${setUid}/${target}`);
    if (counts.active > (served?.size ?? 0)) {
      // Those that are already beyond it count too: they have served it or skipped it.
      const beyond = [...(this.#newest.get(setUid) ?? [])].filter(([, n]) => n > target).map(([nodeId]) => nodeId);
      const boasting = this.#hearsay.of({ setUid, n: target }, 'active');
      const known = new Set([...(served ?? []), ...beyond, ...boasting]);
      if (counts.active > known.size) {
        this.#world.fail(
          'I14',
          `${operator} counts ${counts.active} active at ${target}, ${known.size} were or said so`,
        );
      }
    }
    if (ready.status !== 'True') return;
    if (counts.active < counts.required || phase !== 'Completed') {
      this.#world.fail('I13', `${operator} says ready at ${counts.active} of ${counts.required}, ${phase}`);
    }
    const stored = this.#store.find({
      setUid,
      n: revision,
      digest: progress.digest as StoredRevision['revision']['digest'],
    });
    if (stored?.final !== true) {
      this.#world.fail('I13', `${operator} says ready for ${revision}, which is not committed`);
    }
  }
}

function nameOf({ setUid, n }: { readonly setUid: string; readonly n: number }): string {
  return `${setUid}/${n}`;
}

/** True if some decision gives the revision to all principals of the PDP. Whom a share of the PDPs takes is not judged. */
export function isDecidedFor({ reached, final }: StoredRevision, { traits }: SimPdp): boolean {
  return final || reached.some(({ nodes }) => nodes !== undefined && isSelected(nodes, traits));
}
