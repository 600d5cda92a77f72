import type { SignedRevision } from '@edict/bundle';
import type { NodeId } from '../identifiers.ts';
import type { Announcement, BeatSet, HelloSet, SetLoad, ShadowCounts, Share } from '../messages.ts';
import type { ExternalVerdict } from '../operator/analysis.ts';
import type { NodeTraits } from '../operator/identity.ts';
import {
  OPERATOR_TUNING,
  ROLLOUT_DEFAULTS,
  type AbortCause,
  type Decision,
  type RolloutOptions,
  type SetObservation,
  type WaveRef,
} from '../operator/observation.ts';
import { SetRollout, type DecisionOutcome, type RolloutEffect } from '../operator/rollout.ts';
import { revisionIdOf, type RevisionId } from '../identifiers.ts';
import { SET } from './pdp-driver.ts';

const WALL = Date.parse('2026-01-01T00:00:00.000Z');

/** An observation in which nothing exists yet. */
export function anObservation(change: Partial<SetObservation> = {}): SetObservation {
  return {
    set: SET,
    setUid: 'uid-1',
    completed: false,
    undecided: [],
    failedDigests: [],
    options: ROLLOUT_DEFAULTS,
    ...change,
  };
}

/** Options of a rollout with some changed. */
export function someOptions(change: Partial<RolloutOptions>): RolloutOptions {
  return { ...ROLLOUT_DEFAULTS, ...change };
}

/** Steps one set's rollout by hand. Announcements and decisions are kept; nothing is answered by itself. */
export class RolloutDriver {
  readonly rollout: SetRollout;
  observation: SetObservation;
  mono = 0;
  announced: { readonly to: NodeId; readonly message: Announcement }[] = [];
  decisions: { readonly revision: RevisionId; readonly wave: WaveRef; readonly decision: Decision }[] = [];
  rollBacks: { readonly revision: RevisionId; readonly cause: AbortCause }[] = [];

  /** Settled from the start unless `settleMs` is given. */
  constructor(observation: SetObservation, settleMs = 0) {
    this.observation = observation;
    const tuning = { ...OPERATOR_TUNING, settleMs };
    this.rollout = new SetRollout(
      observation,
      { tuning, random: () => 0.5, issueTicket: (nodeId) => `ticket of ${nodeId}` },
      this.now(),
    );
    this.observe({});
  }

  now() {
    return { mono: this.mono, wall: WALL + this.mono };
  }

  #take(effects: readonly RolloutEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'announce') this.announced.push({ to: effect.nodeId, message: effect.message });
      else if (effect.type === 'rollBack') this.rollBacks.push({ revision: effect.revision, cause: effect.cause });
      else this.decisions.push({ revision: effect.revision, wave: effect.wave, decision: effect.decision });
    }
  }

  observe(change: Partial<SetObservation>): this {
    this.observation = { ...this.observation, ...change };
    this.#take(this.rollout.observe(this.observation, this.now()));
    return this;
  }

  connect(
    nodeId: NodeId,
    hello: Partial<HelloSet> = {},
    engineVersion = '1.0.0',
    traits?: NodeTraits,
    site?: string,
  ): this {
    const set = { set: SET, ...hello };
    const about = { ...(traits === undefined ? {} : { traits }), ...(site === undefined ? {} : { site }) };
    this.#take(this.rollout.connected(nodeId, `default/${nodeId}`, set, engineVersion, this.now(), about));
    return this;
  }

  disconnect(nodeId: NodeId): this {
    this.#take(this.rollout.disconnected(nodeId, this.now()));
    return this;
  }

  prepared(nodeId: NodeId, revision: SignedRevision): this {
    const tests = { passed: 0, failed: 0 };
    const message = {
      type: 'Prepared' as const,
      set: SET,
      revision: revisionIdOf(revision),
      compileMs: 1,
      heapDeltaBytes: 1,
      tests,
    };
    this.#take(this.rollout.heard(nodeId, message, this.now()));
    return this;
  }

  active(nodeId: NodeId, revision: SignedRevision, share?: Share): this {
    const message = {
      type: 'Active' as const,
      set: SET,
      revision: revisionIdOf(revision),
      activatedAt: 0,
      swapMicros: 1,
      persisted: true,
      ...(share === undefined ? {} : { share }),
    };
    this.#take(this.rollout.heard(nodeId, message, this.now()));
    return this;
  }

  nack(nodeId: NodeId, revision: SignedRevision, deterministic: boolean): this {
    const code = deterministic ? 'rego_unsafe_var_error' : 'Unavailable';
    const phase = deterministic ? ('Compile' as const) : ('Fetch' as const);
    const detail = { message: 'because' };
    this.#take(
      this.rollout.heard(
        nodeId,
        { type: 'Nack', set: SET, revision: revisionIdOf(revision), phase, code, deterministic, detail },
        this.now(),
      ),
    );
    return this;
  }

  /** The PDP says that the revision's signature is wrong. */
  forged(nodeId: NodeId, revision: SignedRevision): this {
    const nack = { phase: 'Verify', code: 'bad-signature', deterministic: true, detail: { message: 'no' } } as const;
    const message = { type: 'Nack' as const, set: SET, revision: revisionIdOf(revision), ...nack };
    this.#take(this.rollout.heard(nodeId, message, this.now()));
    return this;
  }

  beat(
    nodeId: NodeId,
    active: number,
    staged: number,
    canary?: BeatSet['canary'],
    load?: SetLoad,
    canaryLoad?: SetLoad,
  ): this {
    const beat: BeatSet = {
      set: SET,
      setUid: 'uid-1',
      state: 'Active',
      active,
      staged,
      ...(canary === undefined ? {} : { canary }),
      ...(load === undefined ? {} : { load }),
      ...(canaryLoad === undefined ? {} : { canaryLoad }),
    };
    this.#take(this.rollout.beat(nodeId, beat, this.now()));
    return this;
  }

  shadow(nodeId: NodeId, revision: SignedRevision, counts: ShadowCounts, done: boolean): this {
    const report = {
      type: 'ShadowReport' as const,
      set: SET,
      revision: revisionIdOf(revision),
      done,
      counts,
      samples: [],
    };
    this.#take(this.rollout.heard(nodeId, report, this.now()));
    return this;
  }

  analysed(revision: SignedRevision, wave: number, verdict: ExternalVerdict): this {
    this.#take(this.rollout.analysed(revisionIdOf(revision), wave, verdict, 'somebody said so', this.now()));
    return this;
  }

  /** Time passes, with ticks as often as in the real server. */
  wait(ms: number): this {
    const until = this.mono + ms;
    while (this.mono < until) {
      this.mono = Math.min(until, this.mono + 500);
      this.#take(this.rollout.tick(this.now()));
    }
    return this;
  }

  /** Answers the last decision that was asked for. */
  answer(outcome: DecisionOutcome): this {
    const last = this.decisions.at(-1);
    if (last === undefined) throw new Error('no decision was asked for');
    this.#take(this.rollout.decisionAnswered(last, outcome, this.now()));
    return this;
  }

  /** Announcements since the last call, as `Type n -> node`. */
  said(): readonly string[] {
    const lines = this.announced.map(({ to, message }) => `${message.type} ${message.revision.n} -> ${to}`);
    this.announced = [];
    return lines;
  }

  progress() {
    return this.rollout.progress(this.now());
  }
}
