import { isSameRevision, type RevisionId } from '../identifiers.ts';
import type { Commit, OperatorMessage, PdpMessage } from '../messages.ts';
import { OperatorMachine, type OperatorEffect, type OperatorEvent } from '../operator/machine.ts';
import { OPERATOR_TUNING, type Decision, type OperatorTuning, type WaveRef } from '../operator/observation.ts';
import type { Instant } from '../operator/instant.ts';
import type { RolloutProgress } from '../operator/progress.ts';
import { Outbox } from '../operator/outbox.ts';
import type { AcceptStream } from '../transport/accept.ts';
import type { MessageStream } from '../transport/stream.ts';
import { LeaderTunnels } from '../tunnel/leader-tunnels.ts';
import { describeMessage } from './describe.ts';
import type { Judge } from './judge.ts';
import { SimClock } from './sim-clock.ts';
import type { SimLink } from './sim-link.ts';
import type { Listener, SimNetwork } from './sim-network.ts';
import type { SimPdp } from './sim-pdp.ts';
import { isOpen, isUnloadable, SIM_SET, type SimStore } from './sim-store.ts';
import type { World } from './world.ts';

const TICK_MS = 500;
/** How often a replica reads the decisions for sure: what leases rest on. */
const READ_MS = 1_000;
/** What a request to the store may take before its sender gives it up. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Most messages that wait for one PDP: one announcement of the set, and one of each other type. */
const OUTBOX_MAX = 5;

const SILENT_LOG = { info: () => undefined, warn: () => undefined };
const TICKET_KEY = new Uint8Array(32);

/** What one replica lives among. */
export interface SimOperatorParts {
  readonly world: World;
  readonly store: SimStore;
  readonly network: SimNetwork;
  readonly judge: Judge;
  readonly pdps: () => readonly SimPdp[];
  readonly tuning?: Partial<OperatorTuning>;
}

interface Peer {
  readonly nodeId: string;
  readonly podName: string;
  readonly stream: MessageStream<OperatorMessage>;
  readonly outbox: Outbox;
}

/** Bounds of time that let a run see many turns of a rollout. */
const SIM_TUNING: OperatorTuning = {
  ...OPERATOR_TUNING,
  settleMs: 8_000,
  goneAfterMs: 20_000,
  retryMaxMs: 3_000,
  helloRate: 50,
  commitDeadlineMs: 10_000,
  loadBucketMs: 2_000,
};

/** One operator replica that serves streams: the real machine and outboxes over a store that it sees with delay. */
export class SimOperator implements Listener {
  readonly name: string;
  readonly #parts: SimOperatorParts;
  readonly #peers = new Map<string, Peer>();
  /** Streams whose Hello was admitted: what is said on others counts for nothing. */
  readonly #welcomed = new Set<string>();
  /** Who refused what for good, as far as this replica heard: `setUid/n` by node. */
  readonly #refusals = new Map<string, RevisionId[]>();
  #machine: OperatorMachine | undefined;
  #tunnels: LeaderTunnels | undefined;
  readonly #links = new Set<SimLink>();
  #clock: SimClock;
  #incarnation = 0;
  #seenAt = 0;
  #watching = false;
  #isCutOff = false;
  #counter = 0;
  #news = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(name: string, parts: SimOperatorParts) {
    this.name = name;
    this.#parts = parts;
    this.#clock = this.#newClock();
  }

  #newClock(): SimClock {
    return SimClock.ofLife(this.#parts.world, this.name, () => this.#incarnation);
  }

  get isServing(): boolean {
    return this.#machine !== undefined;
  }

  #now(): Instant {
    return { mono: this.#clock.monotonic(), wall: this.#clock.now() };
  }

  /** Becomes leader: a fresh machine, which knows nothing but the store. */
  start(): void {
    if (this.#machine !== undefined) return;
    const { world, store, tuning } = this.#parts;
    this.#incarnation += 1;
    this.#clock = this.#newClock();
    this.#refusals.clear();
    this.#welcomed.clear();
    this.#watching = false;
    world.note(this.name, () => 'leads');
    this.#machine = new OperatorMachine(
      {
        replica: this.name,
        tuning: { ...SIM_TUNING, ...tuning },
        artifactsUrl: '',
        random: () => world.random(),
        issueTicket: () => 'ticket',
        signDecision: (revision, part) => store.signDecision(revision, part),
      },
      this.#now(),
    );
    this.#tunnels = this.#newTunnels();
    this.#unsubscribe = store.onChange(() => {
      this.#watch();
    });
    this.#read();
    this.#tick();
  }

  /** The replica dies, at whatever point it is. */
  crash(why: string): void {
    if (this.#machine === undefined) return;
    this.#parts.world.note(this.name, () => `crashes (${why})`);
    this.#machine = undefined;
    this.#tunnels = undefined;
    this.#incarnation += 1;
    this.#unsubscribe?.();
    this.#peers.clear();
    for (const link of this.#links) link.cut('leader');
    this.#links.clear();
    this.#parts.network.died(this.name);
  }

  /** From here on nothing passes between this replica and the store. */
  cutOff(): void {
    this.#isCutOff = true;
    this.#parts.world.note(this.name, () => 'is cut off from the store');
  }

  reconnect(): void {
    if (!this.#isCutOff) return;
    this.#isCutOff = false;
    this.#parts.world.note(this.name, () => 'reaches the store again');
    this.#watch();
  }

  jump(byMs: number): void {
    this.#parts.world.note(this.name, () => `wall clock set by ${byMs} ms`);
    this.#clock.jump(byMs);
  }

  /** Somebody outside has a word about the wave under way. */
  analysed(revision: RevisionId, wave: number, verdict: 'Pass' | 'Fail'): void {
    this.#step({ type: 'analysed', set: SIM_SET, revision, wave, verdict, message: `the query says ${verdict}` });
  }

  /** Some of the streams are to go elsewhere. */
  drain(share: number): void {
    this.#step({ type: 'drain', share, reason: 'drain' });
  }

  progress(): RolloutProgress | undefined {
    return this.#machine?.progress(SIM_SET, this.#now());
  }

  get sessions(): number {
    return this.#machine?.sessions ?? 0;
  }

  #newTunnels(): LeaderTunnels {
    const incarnation = this.#incarnation;
    return new LeaderTunnels({
      replica: this.name,
      ticketKey: TICKET_KEY,
      accept: () => (incarnation === this.#incarnation ? this.accept : undefined),
      clock: this.#clock,
      log: SILENT_LOG,
      later: (task) => {
        this.#later(0, task);
      },
    });
  }

  /** A follower dials: its tunnel is taken, or ended if this replica does not lead. */
  takeTunnel(follower: string, link: SimLink): void {
    const handlers = this.#tunnels?.accept?.(follower, link.end('leader'));
    if (handlers === undefined) {
      link.cut('leader');
      return;
    }
    for (const old of this.#links) if (!old.isUsed) this.#links.delete(old);
    this.#links.add(link);
    link.join('leader', handlers);
    handlers.onOpen();
  }

  readonly accept: AcceptStream = (identity, stream) => {
    this.#counter += 1;
    const sessionId = `${this.name}#${this.#counter}`;
    const incarnation = this.#incarnation;
    const { nodeId, podName } = identity;
    const outbox = new Outbox((message) => stream.send(message));
    const isOurs = (): boolean => incarnation === this.#incarnation;
    return {
      onOpen: () => {
        this.#peers.set(sessionId, { nodeId, podName, stream, outbox });
        this.#step({ type: 'opened', sessionId, identity });
      },
      onMessage: (message) => {
        if (isOurs()) this.#hear(sessionId, nodeId, message);
      },
      onDrain: () => {
        if (isOurs()) outbox.drained();
      },
      onClose: () => {
        if (isOurs() && this.#peers.delete(sessionId)) this.#step({ type: 'closed', sessionId });
      },
    };
  };

  #hear(sessionId: string, nodeId: string, message: PdpMessage): void {
    // What a liar says about another set is no word about this one, whatever revision it names.
    const isWelcome = this.#welcomed.has(sessionId);
    if (isWelcome && message.type === 'Nack' && message.deterministic && message.set === SIM_SET) {
      this.#refusals.set(nodeId, [...(this.#refusals.get(nodeId) ?? []), message.revision].slice(-20));
    }
    this.#step({ type: 'message', sessionId, message });
  }

  #later(delayMs: number, task: () => void): void {
    const incarnation = this.#incarnation;
    this.#parts.world.time.after(delayMs, () => {
      if (incarnation === this.#incarnation) task();
    });
  }

  /** Something changed: a look at the store follows, later, and never at what is older than what was seen. */
  #watch(): void {
    if (this.#watching || this.#isCutOff) return;
    this.#watching = true;
    const { world } = this.#parts;
    this.#later(world.delay(Math.min(100, world.profile.maxDelayMs)), () => {
      this.#watching = false;
      if (!this.#isCutOff) this.#look();
    });
  }

  #look(confirms?: number): void {
    const { world, store } = this.#parts;
    const observation = store.observation();
    const seen =
      world.variant === 'no-lease-gate'
        ? { ...observation, options: { ...observation.options, strictLeaseMs: 0 } }
        : observation;
    const { now } = world.time;
    const stale = world.faults ? world.random() * world.profile.staleReadMs : 0;
    this.#seenAt = Math.max(this.#seenAt + 0.001, now + world.delay(Math.min(300, world.profile.maxDelayMs)) + stale);
    this.#later(this.#seenAt - now, () => {
      this.#step({ type: 'observed', observation: seen });
      if (confirms !== undefined) this.#step({ type: 'confirmed', asOf: confirms });
    });
  }

  /** A consistent read now and then, so that leases have something to rest on. */
  #read(): void {
    const { world } = this.#parts;
    const asOf = this.#clock.monotonic();
    this.#later(world.delay(Math.min(100, world.profile.maxDelayMs)), () => {
      if (!this.#isCutOff && !world.strikes(world.profile.storeFailure)) this.#look(asOf);
    });
    this.#later(READ_MS, () => {
      this.#read();
    });
  }

  #tick(): void {
    this.#later(TICK_MS, () => {
      this.#step({ type: 'tick' });
      this.#tick();
    });
  }

  #step(event: OperatorEvent): void {
    if (this.#machine === undefined) return;
    const incarnation = this.#incarnation;
    for (const effect of this.#machine.step(event, this.#now())) {
      if (incarnation !== this.#incarnation) return;
      this.#perform(effect);
    }
  }

  #perform(effect: OperatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect);
        return;
      case 'close': {
        const peer = this.#peers.get(effect.sessionId);
        this.#peers.delete(effect.sessionId);
        peer?.stream.close({ code: 'Closed', reason: effect.reason });
        return;
      }
      case 'writeDecision':
        this.#decide(effect.revision, effect.wave, effect.decision);
        return;
      case 'rollBack':
        this.#rollBack(effect.revision);
        return;
      case 'progressed':
        this.#report();
        return;
    }
  }

  #send({ sessionId, message }: Extract<OperatorEffect, { type: 'send' }>): void {
    const peer = this.#peers.get(sessionId);
    if (peer === undefined) return;
    const { world } = this.#parts;
    if (message.type === 'Welcome') this.#welcomed.add(sessionId);
    if (message.type === 'Commit') this.#checkCommit(message);
    if (message.type === 'Prepare') this.#checkOneInPrepare(message.revision);
    if (message.type !== 'BeatAck') world.note(this.name, () => `-> ${peer.podName} ${describeMessage(message)}`);
    peer.outbox.send(message);
    // INVARIANT I17: no queue without a limit.
    if (peer.outbox.size > OUTBOX_MAX) {
      world.fail('I17', `${peer.outbox.size} messages wait for ${peer.podName}`);
    }
    if (message.type === 'Prepare' && world.variant === 'commit-without-acks') {
      const { set, revision } = message;
      const tests = { passed: 0, failed: 0 };
      this.#later(0, () => {
        const prepared = { type: 'Prepared', set, revision, compileMs: 0, heapDeltaBytes: 0, tests } as const;
        this.#step({ type: 'message', sessionId, message: prepared });
      });
    }
  }

  /** INVARIANT I1, at its source: Commit is said only about what is durably decided. */
  #checkCommit({ revision, share }: Commit): void {
    const { store, world, judge } = this.#parts;
    const stored = store.find(revision);
    if (stored === undefined || stored.reached.length === 0) {
      world.fail('I1', `${this.name} sends Commit ${revision.n}, which is not decided`);
    } else if (share !== undefined && share.upTo > judge.decidedShare(stored)) {
      world.fail('I1', `${this.name} sends Commit ${revision.n} for ${share.upTo}, which is not decided`);
    }
  }

  /** INVARIANT I5: nothing older of the set is still open. */
  #checkOneInPrepare(revision: RevisionId): void {
    const { store, world } = this.#parts;
    if (revision.setUid !== store.setUid) return;
    const floor = store.committed()?.revision.n ?? 0;
    const open = store
      .current()
      .slice(floor, revision.n - 1)
      .find(isOpen);
    if (open !== undefined) {
      world.fail('I5', `${this.name} prepares ${revision.n} while ${open.revision.n} is open`);
    }
  }

  #decide(revision: RevisionId, wave: WaveRef, decision: Decision): void {
    const { world, store } = this.#parts;
    const { profile } = world;
    if (decision.type === 'Commit') this.#checkGate(revision);
    // Who asked may have died and lead again by then: such an answer is heard too, and has to do no harm.
    const answer = (outcome: 'written' | 'conflict' | 'failed'): void => {
      this.#later(world.delay(), () => {
        this.#step({ type: 'decisionAnswered', set: SIM_SET, asked: { revision, wave, decision }, outcome });
      });
    };
    const crash = world.strikes(profile.crashAtWrite) ? (world.random() < 0.5 ? 'before' : 'after') : 'no';
    const isLost = world.strikes(profile.storeFailure);
    const isLostAfter = world.random() < 0.5;
    const isConflict = world.strikes(profile.spuriousConflict);
    if (this.#isCutOff) {
      this.#later(REQUEST_TIMEOUT_MS, () => {
        answer('failed');
      });
      return;
    }
    // The request is on its way: it arrives at the store even if its sender dies meanwhile.
    world.time.after(world.delay(), () => {
      if (crash === 'before' && world.faults) this.crash('before the decision arrives');
      else if (isLost && !isLostAfter) answer('failed');
      else if (isConflict) answer('conflict');
      else {
        const outcome = store.decide(revision, wave, decision);
        if (crash === 'after' && world.faults) this.crash('after the decision is written');
        else answer(isLost ? 'failed' : outcome);
      }
    });
  }

  /** The controller that makes revisions: once for each revision that is stopped, whoever asks how often. */
  #rollBack(revision: RevisionId): void {
    const { world, store } = this.#parts;
    world.note(this.name, () => `asks for what was before revision ${revision.n}`);
    if (this.#isCutOff) return;
    world.time.after(world.delay(), () => {
      const wayBack = store.wayBack();
      const isLeft = store.find(revision)?.final === true && store.committed()?.revision.n === revision.n;
      const isNewest = isSameRevision(store.current().at(-1)?.revision, revision);
      if (!(isNewest || isLeft) || store.current().some(isOpen) || wayBack === undefined) return;
      store.publish({ reason: 'Rollback', repeat: wayBack, newSpec: false });
    });
  }

  /** INVARIANT I8: neither after a NACK that was heard, nor on nobody's word while somebody could be asked. */
  #checkGate(revision: RevisionId): void {
    const { world, store, judge } = this.#parts;
    const nodeId = [...this.#refusals].find(
      ([node, refused]) =>
        refused.some((other) => isSameRevision(other, revision)) &&
        (store.isMember(node) || !world.profile.membersKnown),
    )?.[0];
    if (nodeId !== undefined && this.#isPresent(nodeId)) {
      world.fail('I8', `${this.name} commits ${revision.n} although it heard a deterministic NACK of it by ${nodeId}`);
    }
    const stored = store.find(revision);
    const counts = this.progress()?.counts;
    if (stored !== undefined && isUnloadable(stored) && counts !== undefined)
      judge.commitsUnloadable(this.name, revision, counts);
  }

  #isPresent(nodeId: string): boolean {
    return this.#parts.pdps().some((pdp) => pdp.nodeId === nodeId && !pdp.gone);
  }

  #report(): void {
    const { world, store, judge, pdps } = this.#parts;
    this.#news += 1;
    // The cost of a report grows with the fleet, and so do its occasions.
    if (this.#news % Math.ceil(pdps().length / 4) !== 0) return;
    const progress = this.progress();
    if (progress === undefined) return;
    judge.reports(this.name, progress);
    if (progress.phase === 'Completed' && progress.revision > 0 && !this.#isCutOff) {
      const id = { setUid: progress.setUid, n: progress.revision, digest: progress.digest as RevisionId['digest'] };
      if (store.find(id)?.completed === true) return;
      this.#later(world.delay(), () => {
        store.complete(id);
      });
    }
  }
}
