import { signRevision, type SignedRevision, type SigningKey } from '@edict/bundle';
import {
  dialInMemory,
  OPERATOR_TUNING,
  OperatorMachine,
  ROLLOUT_DEFAULTS,
  type AbortCause,
  type Clock,
  type DecisionRequest,
  type Dial,
  type Instant,
  type MessageStream,
  type OperatorEffect,
  type OperatorEvent,
  type OperatorMessage,
  type PdpMessage,
  type RevisionId,
  type SetKey,
} from '@edict/protocol';
import type { FetchArtifact } from '../sync/revision-loader.ts';
import type { FileSet } from './policy-sets.ts';

/** What a {@link StaticOperator} works with. */
export interface StaticOperatorOptions {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: () => number;
  /** Is told of a revision that the PDP cannot take; it stays on what it has. */
  readonly onAbort: (revision: SignedRevision, cause: AbortCause) => void;
}

interface SetRecord {
  readonly files: FileSet;
  /** The highest number that was given out; 0 for none. */
  readonly last: number;
  readonly committed: SignedRevision | undefined;
  /** What is offered and not decided, ascending. */
  readonly open: readonly SignedRevision[];
  readonly aborted: { readonly revision: SignedRevision; readonly cause: AbortCause } | undefined;
}

/** The one PDP there is. */
const NODE_ID = 'self';
const MEMBERS: ReadonlyMap<string, string> = new Map([[NODE_ID, NODE_ID]]);
const TICK_MS = 500;
/** After a revision was given up for a reason that may pass. */
const RETRY_MS = 30_000;

/**
 * The operator's state machine for one PDP in the same process, over sets that come from files: a change of files is prepared,
 * decided and swapped as everywhere, without anyone else. Numbers go on from what the PDP has on its disk; equal content keeps
 * its number.
 */
export class StaticOperator {
  readonly #options: StaticOperatorOptions;
  readonly #machine: OperatorMachine;
  readonly #sets = new Map<SetKey, SetRecord>();
  /** What the files say, until the PDP has said what it has. */
  #wanted: readonly FileSet[] = [];
  #stopTicking: () => void = () => undefined;
  #closed = false;
  #stream: MessageStream<OperatorMessage> | undefined;
  #sessions = 0;
  /** What the PDP had when it came. */
  #held: ReadonlyMap<SetKey, RevisionId> | undefined;

  constructor(options: StaticOperatorOptions) {
    this.#options = options;
    const tuning = { ...OPERATOR_TUNING, settleMs: 0, spreadMs: 0 };
    const { random } = options;
    this.#machine = new OperatorMachine(
      { replica: 'files', tuning, artifactsUrl: '', random, issueTicket: () => '' },
      this.#now(),
    );
    this.#tick();
  }

  /** How the PDP reaches it. */
  readonly dial: Dial<PdpMessage, OperatorMessage> = (handlers) =>
    dialInMemory(
      { nodeId: NODE_ID, podName: NODE_ID, namespace: NODE_ID, serviceAccount: NODE_ID, sets: [] },
      (identity, stream) => {
        const sessionId = `session-${++this.#sessions}`;
        return {
          onOpen: () => {
            this.#stream = stream;
            this.#step({ type: 'opened', sessionId, identity });
          },
          onMessage: (message) => {
            if (message.type === 'Hello') this.#hear(message.sets);
            this.#step({ type: 'message', sessionId, message });
          },
          onDrain: () => undefined,
          onClose: () => {
            this.#stream = undefined;
            this.#step({ type: 'closed', sessionId });
          },
        };
      },
    )(handlers);

  readonly fetch: FetchArtifact = (_source, digest) => {
    for (const { files } of this.#sets.values()) {
      const bytes = files.artifacts.get(digest);
      if (bytes !== undefined) return Promise.resolve(bytes);
    }
    return Promise.reject(new Error(`no file has ${digest} any more`));
  };
  /** What the files say now: new sets, changed ones, and none of those that are not among them. */
  publish(sets: readonly FileSet[]): void {
    this.#wanted = sets;
    if (this.#held === undefined) return;
    const wanted = new Set(sets.map(({ set }) => set));
    for (const set of this.#sets.keys()) {
      if (wanted.has(set)) continue;
      this.#sets.delete(set);
      this.#step({ type: 'setRemoved', set });
    }
    for (const files of sets) this.#offer(files);
  }

  /** Ends the stream. */
  close(): void {
    this.#closed = true;
    this.#stopTicking();
    this.#stream?.close({ code: 'Unavailable', reason: 'the process is shutting down' });
  }

  #hear(sets: Extract<PdpMessage, { readonly type: 'Hello' }>['sets']): void {
    if (this.#held !== undefined) return;
    this.#held = new Map(sets.flatMap(({ set, active }) => (active === undefined ? [] : [[set, active] as const])));
    this.publish(this.#wanted);
  }

  #offer(files: FileSet, again = false): void {
    const { set, setUid, digest } = files;
    const record = this.#sets.get(set);
    if (record?.files.digest === digest && !again) return;
    const held = this.#held?.get(set);
    const before = record?.last ?? held?.n ?? 0;
    const isHeld = record === undefined && held?.digest === digest;
    const n = isHeld ? before : before + 1;
    const createdAt = new Date(this.#options.clock.now()).toISOString();
    const parent = isHeld ? n - 1 : (record?.committed?.n ?? held?.n ?? 0);
    const revision = signRevision(
      { set, setUid, n, digest, parent, reason: 'Spec', createdAt },
      this.#options.key.privateKey,
    );
    this.#sets.set(set, {
      files,
      last: n,
      committed: isHeld ? revision : record?.committed,
      open: isHeld ? [] : [...(record?.open ?? []), revision],
      aborted: undefined,
    });
    this.#observe(set);
  }

  #observe(set: SetKey): void {
    const record = this.#sets.get(set);
    if (record === undefined) return;
    const { files, committed, open, aborted } = record;
    this.#step({
      type: 'observed',
      observation: {
        set,
        setUid: files.setUid,
        ...(committed === undefined ? {} : { committed }),
        ...(aborted === undefined ? {} : { aborted }),
        completed: true,
        undecided: open,
        failedDigests: [],
        members: MEMBERS,
        options: ROLLOUT_DEFAULTS,
      },
    });
  }

  #step(event: OperatorEvent): void {
    if (this.#closed) return;
    for (const effect of this.#machine.step(event, this.#now())) this.#perform(effect);
  }

  #perform(effect: OperatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#stream?.send(effect.message);
        return;
      case 'close':
        this.#stream?.close({ code: 'Closed', reason: effect.reason });
        return;
      case 'writeDecision':
        queueMicrotask(() => {
          const { set, revision, wave, decision } = effect;
          this.#decide(set, { revision, wave, decision });
        });
        return;
      default:
    }
  }

  #decide(set: SetKey, asked: DecisionRequest): void {
    const { revision, decision } = asked;
    const record = this.#sets.get(set);
    const decided = record?.open.find(({ n }) => n === revision.n);
    if (record !== undefined && decided !== undefined) {
      const open = record.open.filter(({ n }) => (decision.type === 'Commit' ? n > decided.n : n !== decided.n));
      if (decision.type === 'Commit') this.#sets.set(set, { ...record, committed: decided, open, aborted: undefined });
      else {
        this.#sets.set(set, { ...record, open, aborted: { revision: decided, cause: decision.cause } });
        if (open.length === 0) this.#giveUp(decided, decision.cause);
      }
    }
    this.#step({ type: 'decisionAnswered', set, asked, outcome: decided === undefined ? 'conflict' : 'written' });
    this.#observe(set);
  }

  /** What failed for reasons that may pass is offered again; what cannot be taken waits for other files. */
  #giveUp(revision: SignedRevision, cause: AbortCause): void {
    this.#options.onAbort(revision, cause);
    if (cause.reason === 'Nack') return;
    this.#options.clock.schedule(RETRY_MS, () => {
      const record = this.#sets.get(revision.set);
      if (record?.last === revision.n) this.#offer(record.files, true);
    });
  }

  #tick(): void {
    this.#stopTicking = this.#options.clock.schedule(TICK_MS, () => {
      this.#step({ type: 'confirmed', asOf: this.#now().mono });
      this.#step({ type: 'tick' });
      this.#tick();
    });
  }

  #now(): Instant {
    return { mono: this.#options.clock.monotonic(), wall: this.#options.clock.now() };
  }
}
