import type { Digest, SignedRevision } from '@edict/bundle';
import {
  dialInMemory,
  OPERATOR_TUNING,
  OperatorMachine,
  ROLLOUT_DEFAULTS,
  systemClock,
  type AcceptStream,
  type DecidedWave,
  type Decision,
  type Dial,
  type Instant,
  type MessageStream,
  type OperatorEffect,
  type OperatorEvent,
  type OperatorDeps,
  type OperatorMessage,
  type PdpMessage,
  type RolloutOptions,
  type SetKey,
  type WaveRef,
} from '@edict/protocol';
import type { FetchArtifact } from '../sync/revision-loader.ts';
import { SET, type Published } from './revisions.ts';

interface RevisionRecord {
  readonly revision: SignedRevision;
  /** Waves that are decided Commit, but for the last. */
  readonly decided: DecidedWave[];
  readonly approvals: number[];
  /** That about the last wave, or an Abort. */
  decision?: Decision;
}

interface SetRecord {
  readonly setUid: string;
  readonly revisions: RevisionRecord[];
}

const TICK_MS = 20;

/** The operator's real state machine over a store in memory, for PDPs that dial it in the same process. */
export class TestOperator {
  readonly #machine: OperatorMachine;
  readonly #streams = new Map<string, MessageStream<OperatorMessage>>();
  readonly #sets = new Map<SetKey, SetRecord>();
  readonly #artifacts = new Map<Digest, Uint8Array>();
  readonly #ticks: NodeJS.Timeout;
  #sessions = 0;
  #holding = false;
  #options: RolloutOptions = ROLLOUT_DEFAULTS;
  #vouching = true;
  #closed = false;
  /** Everything that PDPs said, in order. */
  readonly heard: PdpMessage[] = [];
  /** When each revision's commit was decided: n to milliseconds since the epoch. */
  readonly decidedAt = new Map<number, number>();

  constructor(options: Partial<Pick<OperatorDeps, 'fallbackSources' | 'signDecision'>> = {}) {
    const tuning = { ...OPERATOR_TUNING, settleMs: 0, spreadMs: 0, heartbeatMs: 50, resendMs: 100, helloRate: 1000 };
    this.#machine = new OperatorMachine(
      { replica: 'operator-0', tuning, artifactsUrl: '', random: () => 0.5, issueTicket: () => 'ticket', ...options },
      now(),
    );
    this.#ticks = setInterval(() => {
      if (this.#vouching) this.#step({ type: 'confirmed', asOf: now().mono });
      this.#step({ type: 'tick' });
    }, TICK_MS);
  }

  /** How a PDP of that name reaches this operator. */
  dial(nodeId: string): Dial<PdpMessage, OperatorMessage> {
    return dialInMemory(
      { nodeId, podName: nodeId, namespace: 'harbour', serviceAccount: 'pdp', sets: [SET] },
      this.#accept,
    );
  }

  readonly fetch: FetchArtifact = (_source, digest) => {
    const bytes = this.#artifacts.get(digest);
    return bytes === undefined ? Promise.reject(new Error(`no artifact ${digest}`)) : Promise.resolve(bytes);
  };

  /** Offers a revision to everyone. */
  publish({ revision, artifacts }: Published): void {
    for (const [digest, bytes] of artifacts) this.#artifacts.set(digest, bytes);
    const record = this.#sets.get(revision.set) ?? { setUid: revision.setUid, revisions: [] };
    record.revisions.push({ revision, decided: [], approvals: [] });
    this.#sets.set(revision.set, record);
    this.#observe(revision.set);
  }

  /** How sets are rolled out from now on; as `ROLLOUT_DEFAULTS` where nothing is said. */
  configure(options: Partial<RolloutOptions>): void {
    this.#options = { ...ROLLOUT_DEFAULTS, ...options };
    for (const set of this.#sets.keys()) this.#observe(set);
  }

  /** Somebody approves a wave. */
  approve(set: SetKey, n: number, wave: number): void {
    this.#sets
      .get(set)
      ?.revisions.find(({ revision }) => revision.n === n)
      ?.approvals.push(wave);
    this.#observe(set);
  }

  /** Whether this operator can read the store, and so vouches for what PDPs serve. */
  vouch(vouching: boolean): void {
    this.#vouching = vouching;
  }

  /** While held, decisions are not taken: everyone stays prepared. */
  holdDecisions(hold: boolean): void {
    this.#holding = hold;
  }

  /** The set is gone: nobody is assigned to it any more. */
  removeSet(set: SetKey): void {
    this.#step({ type: 'setRemoved', set });
  }

  /** Brings back a set that was removed. */
  restoreSet(set: SetKey): void {
    this.#observe(set);
  }

  decisionOf(set: SetKey, n: number): Decision | undefined {
    return this.#sets.get(set)?.revisions.find(({ revision }) => revision.n === n)?.decision;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#ticks);
    for (const stream of this.#streams.values()) stream.close({ code: 'Unavailable', reason: 'the operator is gone' });
  }

  readonly #accept: AcceptStream = (identity, stream) => {
    const sessionId = `session-${++this.#sessions}`;
    return {
      onOpen: () => {
        this.#streams.set(sessionId, stream);
        this.#step({ type: 'opened', sessionId, identity });
      },
      onMessage: (message) => {
        this.heard.push(message);
        this.#step({ type: 'message', sessionId, message });
      },
      onDrain: () => undefined,
      onClose: () => {
        this.#streams.delete(sessionId);
        this.#step({ type: 'closed', sessionId });
      },
    };
  };

  #step(event: OperatorEvent): void {
    if (this.#closed) return;
    for (const effect of this.#machine.step(event, now())) this.#perform(effect);
  }

  #perform(effect: OperatorEffect): void {
    if (effect.type === 'send') this.#streams.get(effect.sessionId)?.send(effect.message);
    if (effect.type === 'close') this.#streams.get(effect.sessionId)?.close({ code: 'Closed', reason: effect.reason });
    if (effect.type === 'writeDecision') {
      const { set, revision, decision, wave } = effect;
      queueMicrotask(() => {
        const outcome = this.#holding ? ('failed' as const) : this.#decide(set, revision.n, wave, decision);
        this.#step({ type: 'decisionAnswered', set, asked: { revision, wave, decision }, outcome });
        if (outcome === 'written') this.#observe(set);
      });
    }
  }

  #decide(set: SetKey, n: number, { final, ...wave }: WaveRef, decision: Decision): 'written' | 'conflict' {
    const stored = this.#sets.get(set)?.revisions.find(({ revision }) => revision.n === n);
    if (stored === undefined || stored.decision !== undefined || wave.index !== stored.decided.length)
      return 'conflict';
    if (!final && decision.type === 'Commit') {
      stored.decided.push({ ...wave, decidedAt: now().wall });
      return 'written';
    }
    stored.decision = decision;
    if (decision.type === 'Commit') this.decidedAt.set(n, performance.timeOrigin + performance.now());
    return 'written';
  }

  #observe(set: SetKey): void {
    const record = this.#sets.get(set);
    if (record === undefined) return;
    const committed = record.revisions.findLast(({ decision }) => decision?.type === 'Commit')?.revision;
    const last = record.revisions.at(-1);
    const aborted =
      last?.decision?.type === 'Abort' ? { revision: last.revision, cause: last.decision.cause } : undefined;
    this.#step({
      type: 'observed',
      observation: {
        set,
        setUid: record.setUid,
        ...(committed === undefined ? {} : { committed }),
        ...(aborted === undefined ? {} : { aborted }),
        completed: false,
        undecided: record.revisions
          .filter(({ revision, decision }) => decision === undefined && revision.n > (committed?.n ?? 0))
          .map(({ revision }) => revision),
        rollouts: new Map(
          record.revisions.map(({ revision, decided, approvals }) => [revision.n, { decided, approvals }]),
        ),
        failedDigests: [],
        options: this.#options,
      },
    });
  }
}

function now(): Instant {
  return { mono: systemClock.monotonic(), wall: systemClock.now() };
}
