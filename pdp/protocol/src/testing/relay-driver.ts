import type { SignedRevision } from '@edict/bundle';
import { revisionIdOf, type NodeId } from '../identifiers.ts';
import type { BeatAck, Commit, OperatorMessage, PdpMessage, Prepare, Vouch } from '../messages.ts';
import { NO_LOAD } from '../pdp/state.ts';
import type { RelayEffect, RelayEvent } from '../relay/events.ts';
import type { RelayRecord } from '../relay/record.ts';
import { RELAY_TUNING, RelayMachine, type LoadedRecord } from '../relay/relay-machine.ts';
import { SET } from './pdp-driver.ts';

const WALL = Date.parse('2026-01-01T00:00:00.000Z');

const EMPTY_BEAT: PdpMessage = { type: 'Beat', seq: 1_000_000, sentAt: 0, sets: [], load: NO_LOAD };

type OfType<U extends { readonly type: string }, T extends U['type']> = Extract<U, { readonly type: T }>;

/** How a relay's driver answers for what is outside of the machine. */
export interface RelayDriverOptions {
  readonly records?: readonly LoadedRecord[];
  readonly settleMs?: number;
  /** Whether the sets that are fetched are `Strict`. */
  readonly isStrict?: boolean;
  /** Absent: the artifacts of every revision are there at once. */
  readonly fetches?: 'by-hand';
  /** Absent: the disk takes every record at once. */
  readonly disk?: 'by-hand' | 'broken';
}

/** Steps one relay by hand: the hub above it and the PDPs below it say what a test makes them say. */
export class RelayDriver {
  readonly machine: RelayMachine;
  readonly #options: RelayDriverOptions;
  readonly #joined = new Set<NodeId>();
  mono = 1_000;
  toHub: PdpMessage[] = [];
  toPdps: { readonly to: string; readonly message: OperatorMessage }[] = [];
  fetches: OfType<RelayEffect, 'fetch'>[] = [];
  stores: { readonly id: number; readonly record: RelayRecord }[] = [];
  retained: readonly string[] = [];
  hangUps: string[] = [];

  constructor(options: RelayDriverOptions = {}) {
    this.#options = options;
    this.machine = new RelayMachine(
      {
        replica: 'relay-0',
        engine: { name: 'edict-relay', version: '1.0.0', features: [] },
        sets: [SET],
        tuning: { ...RELAY_TUNING, settleMs: options.settleMs ?? 0 },
        artifactsUrl: 'https://relay:9445',
        random: () => 0.5,
        issueTicket: (nodeId) => `ticket of ${nodeId}`,
      },
      options.records ?? [],
      this.now(),
    );
  }

  now() {
    return { mono: this.mono, wall: WALL + this.mono };
  }

  step(event: RelayEvent): this {
    for (const effect of this.machine.step(event, this.now())) this.#take(effect);
    return this;
  }

  #take(effect: RelayEffect): void {
    switch (effect.type) {
      case 'say':
        this.toHub.push(effect.message);
        return;
      case 'hangUp':
        this.hangUps.push(effect.reason);
        return;
      case 'fetch':
        this.fetches.push(effect);
        if (this.#options.fetches === undefined) this.fetched(effect.revision);
        return;
      case 'store':
        this.stores.push(effect);
        if (this.#options.disk !== 'by-hand') this.stored(effect.id, this.#options.disk !== 'broken');
        return;
      case 'retain':
        this.retained = effect.manifests;
        return;
      case 'send':
        this.toPdps.push({ to: effect.sessionId, message: effect.message });
        return;
      case 'close':
      case 'progressed':
        return;
    }
  }

  fetched(revision: SignedRevision): this {
    const isStrict = this.#options.isStrict ?? false;
    return this.step({ type: 'fetched', set: SET, revision: revisionIdOf(revision), isStrict });
  }

  stored(id: number, isDurable = true): this {
    return this.step({ type: 'stored', set: SET, id, isDurable });
  }

  /** The hub takes the stream, and assigns the set. */
  connect(): this {
    this.step({ type: 'hubConnected' });
    return this.hub({ type: 'Welcome', replica: 'hub-0', sets: [SET], heartbeatMs: 2_000, artifactsUrl: '' });
  }

  hub(message: OperatorMessage): this {
    return this.step({ type: 'hubSaid', message });
  }

  prepare(revision: SignedRevision, change: Partial<Prepare> = {}): this {
    return this.hub({
      type: 'Prepare',
      set: SET,
      revision,
      ticket: 't',
      deadlineMs: 60_000,
      spreadMs: 0,
      ...change,
    });
  }

  commit(revision: SignedRevision, change: Partial<Commit> = {}): this {
    return this.hub({ type: 'Commit', set: SET, revision, ticket: 't', deadlineMs: 60_000, spreadMs: 0, ...change });
  }

  /** Answers the newest Beat. */
  vouch(vouch: Partial<Vouch> & { readonly stableRev: number }, asOfAgeMs = 0): this {
    const seq = this.toHub.findLast((message) => message.type === 'Beat')?.seq ?? 0;
    const sets = [{ set: SET, setUid: 'uid-1', minRev: vouch.stableRev, ...vouch }];
    return this.hub({ type: 'BeatAck', seq, asOfAgeMs, clock: this.now().wall, sets });
  }

  /** A PDP of the site connects. */
  join(nodeId: NodeId, active?: SignedRevision): this {
    const identity = { nodeId, podName: nodeId, namespace: 'default', serviceAccount: 'pdp', sets: [SET] };
    this.step({ type: 'opened', sessionId: nodeId, identity });
    this.#joined.add(nodeId);
    return this.says(nodeId, {
      type: 'Hello',
      protocol: 1,
      engine: { name: 'edict', version: '1.0.0', features: [] },
      sets: [{ set: SET, ...(active === undefined ? {} : { active: revisionIdOf(active) }) }],
      bootReason: 'Fresh',
      capacityBytes: 0,
    });
  }

  says(nodeId: NodeId, message: PdpMessage): this {
    return this.step({ type: 'message', sessionId: nodeId, message });
  }

  prepared(nodeId: NodeId, revision: SignedRevision): this {
    const tests = { passed: 0, failed: 0 };
    const report = { compileMs: 1, heapDeltaBytes: 1, tests };
    return this.says(nodeId, { type: 'Prepared', set: SET, revision: revisionIdOf(revision), ...report });
  }

  active(nodeId: NodeId, revision: SignedRevision, share?: Commit['share']): this {
    return this.says(nodeId, {
      type: 'Active',
      set: SET,
      revision: revisionIdOf(revision),
      ...(share === undefined ? {} : { share }),
      activatedAt: 0,
      swapMicros: 1,
      persisted: true,
    });
  }

  /** A Beat of a PDP; the answer to it. */
  beat(nodeId: NodeId, seq: number): BeatAck | undefined {
    this.says(nodeId, { type: 'Beat', seq, sentAt: 0, sets: [], load: NO_LOAD });
    return this.told(nodeId, 'BeatAck').at(-1);
  }

  /** Time passes; the PDPs' streams live, of the hub nothing is heard. */
  wait(ms: number): this {
    for (const until = this.mono + ms; this.mono < until;) {
      this.mono = Math.min(until, this.mono + 500);
      for (const nodeId of this.#joined) this.says(nodeId, EMPTY_BEAT);
      this.step({ type: 'tick' });
    }
    return this;
  }

  look(): this {
    return this.step({ type: 'look' });
  }

  /** What a PDP was told, of one type. */
  told<T extends OperatorMessage['type']>(nodeId: NodeId, type: T): readonly OfType<OperatorMessage, T>[] {
    const isOf = (message: OperatorMessage): message is OfType<OperatorMessage, T> => message.type === type;
    return this.toPdps
      .filter(({ to }) => to === nodeId)
      .map(({ message }) => message)
      .filter(isOf);
  }

  /** What the hub was told, of one type. */
  said<T extends PdpMessage['type']>(type: T): readonly OfType<PdpMessage, T>[] {
    const isOf = (message: PdpMessage): message is OfType<PdpMessage, T> => message.type === type;
    return this.toHub.filter(isOf);
  }
}
