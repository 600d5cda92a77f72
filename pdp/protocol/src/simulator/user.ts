import type { SignedRevision } from '@edict/bundle';
import { someWaves } from './layout.ts';
import type { SimOperator } from './sim-operator.ts';
import { isOpen, type Flaw, type SimStore, type StoredRevision } from './sim-store.ts';
import type { World } from './world.ts';

/** True while it can be paused and ended: until its last wave has been watched. */
function isUnderWay(stored: StoredRevision): boolean {
  return isOpen(stored) || (stored.final && !stored.completed && stored.end === undefined);
}

const FLAWS: readonly Flaw[] = ['everywhere', 'somewhere', 'truncated', 'poor'];
const ATTEND_MS = 2_000;

/** Those who write policy and watch it being rolled out. */
export class SimUser {
  readonly #world: World;
  readonly #store: SimStore;
  readonly #operators: readonly SimOperator[];
  readonly #random: () => number;

  constructor(world: World, store: SimStore, operators: readonly SimOperator[]) {
    this.#world = world;
    this.#store = store;
    this.#operators = operators;
    this.#random = world.stream('user');
  }

  /** Begins with a first revision; goes on while there are faults. */
  start(): void {
    this.#store.publish();
    this.#publishOften();
    this.#attend();
    if (this.#world.has('user')) this.#meddle();
  }

  /** How many of a hundred answers of a revision are denials. */
  readonly denyShare = ({ setUid, n, digest }: SignedRevision): number =>
    this.#store.find({ setUid, n, digest })?.flaw === 'poor' ? 0.6 : 0.1;

  #publishOften(): void {
    const pause = this.#random() < 0.25 ? 300 + this.#random() * 1_500 : 1_000 + this.#random() * 12_000;
    this.#world.time.after(pause, () => {
      if (!this.#world.faults) return;
      this.#publish();
      this.#publishOften();
    });
  }

  #publish(): void {
    const random = this.#random;
    const { world, store } = { world: this.#world, store: this.#store };
    const revisions = store.current();
    const earlier = revisions[Math.floor(random() * revisions.length)];
    const [what, flawed, which, planned, isNew, forged] = [random(), random(), random(), random(), random(), random()];
    if (world.has('user') && earlier !== undefined && what < 0.12) {
      store.publish({ reason: 'Rollback', repeat: earlier });
      return;
    }
    if (world.has('user') && what > 0.92) {
      store.publish({ reason: 'Emergency', ...(earlier === undefined || which < 0.5 ? {} : { repeat: earlier }) });
      return;
    }
    const isForged = world.has('forgeries') && forged < 0.05;
    const flaw = isForged
      ? 'forged'
      : flawed < world.profile.badRevision
        ? (FLAWS[Math.floor(which * FLAWS.length)] ?? 'none')
        : 'none';
    const waves = world.has('waves') && planned < 0.3 ? { waves: someWaves(random) } : {};
    const repeat = earlier !== undefined && what < 0.25 ? { repeat: earlier } : {};
    store.publish({ flaw, ...waves, ...repeat, newSpec: isNew < 0.7 });
  }

  /** Pauses, resumes, gives up. */
  #meddle(): void {
    this.#world.time.after(2_000 + this.#random() * 10_000, () => {
      if (!this.#world.faults) return;
      const roll = this.#random();
      const open = this.#store.current().filter(isUnderWay).at(-1);
      if (open !== undefined) this.#edit(open, roll);
      if (roll > 0.95) this.#operators.find(({ isServing }) => isServing)?.drain(0.3);
      this.#meddle();
    });
  }

  #edit(open: StoredRevision, roll: number): void {
    if (open.pauseRequested) this.#resume(open);
    else if (roll < 0.35) {
      this.#store.ask(open, 'pauses', (stored) => {
        stored.pauseRequested = true;
      });
    } else if (roll < 0.55) {
      this.#store.ask(open, 'gives up', (stored) => {
        stored.abortRequested = 'not this one';
      });
    }
  }

  #resume(open: StoredRevision): void {
    this.#store.ask(open, 'resumes', (stored) => {
      stored.pauseRequested = false;
    });
  }

  /** Approves what waits for it, and answers for the query of the analysis; at the end of a run, always. */
  #attend(): void {
    this.#world.time.after(ATTEND_MS, () => {
      for (const operator of this.#operators) this.#look(operator);
      this.#attend();
    });
  }

  #look(operator: SimOperator): void {
    const progress = operator.progress();
    const isCalm = !this.#world.faults;
    const roll = this.#random();
    if (progress === undefined || progress.revision === 0) return;
    const stored = this.#store.current()[progress.revision - 1];
    if (stored === undefined || stored.revision.setUid !== progress.setUid || stored.end !== undefined) return;
    const { hold, wave } = progress;
    if (isCalm && stored.pauseRequested) this.#resume(stored);
    const isJudged = hold?.reason === 'AnalysisFailed' || hold?.reason === 'AnalysisUnknown';
    if (progress.phase === 'Soaking' || isJudged)
      operator.analysed(stored.revision, wave?.index ?? 0, isCalm || roll < 0.8 ? 'Pass' : 'Fail');
    // Of bytes that are nowhere whole a wave waits for ever, and says so: somebody has to end it.
    const isLost = hold?.reason === 'DeadlineExceeded' && stored.flaw === 'truncated';
    if (isCalm && isLost && stored.abortRequested === undefined) {
      this.#store.ask(stored, 'gives up', (edited) => {
        edited.abortRequested = 'its bytes are lost';
      });
    }
    const isHeld = hold?.reason === 'ApprovalRequired' || hold?.reason === 'ShadowNoTraffic';
    const next = isHeld ? (wave?.index ?? 0) : (wave?.index ?? 0) + 1;
    const isAsked = isHeld || isJudged;
    if (!isAsked || (!isCalm && roll < 0.4)) return;
    if (stored.approvals.includes(next)) {
      // It was given before the wave was seen to do badly: it counts once it is given anew.
      this.#store.ask(stored, `takes back the approval of wave ${next} of`, (edited) => {
        edited.approvals = edited.approvals.filter((wave) => wave !== next);
      });
      return;
    }
    this.#store.ask(stored, `approves wave ${next} of`, ({ approvals }) => {
      approvals.push(next);
    });
  }
}
