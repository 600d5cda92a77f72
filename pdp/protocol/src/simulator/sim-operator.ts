import type { RevisionId } from '../identifiers.ts';
import type { PdpMessage } from '../messages.ts';
import { OperatorMachine, type OperatorEffect, type OperatorEvent } from '../operator/machine.ts';
import { OPERATOR_TUNING, type Decision } from '../operator/observation.ts';
import type { RolloutProgress } from '../operator/progress.ts';
import type { Connection, SimNetwork } from './sim-network.ts';
import { SIM_SET, type SimStore } from './sim-store.ts';
import { Violation, type World } from './world.ts';

/** What the checks want to hear of a replica. */
export interface OperatorObserver {
  readonly onProgress: (operator: SimOperator, progress: RolloutProgress) => void;
}

/** One operator replica that serves streams: the real machine over a store that it sees with delay. */
export class SimOperator {
  readonly name: string;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #observer: OperatorObserver;
  readonly #connections = new Map<string, Connection>();
  readonly #refused = new Set<string>();
  #machine: OperatorMachine | undefined;
  #incarnation = 0;
  #observedAt = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(name: string, parts: { world: World; store: SimStore; network: SimNetwork; observer: OperatorObserver }) {
    this.name = name;
    this.#world = parts.world;
    this.#store = parts.store;
    this.#network = parts.network;
    this.#observer = parts.observer;
  }

  get isServing(): boolean {
    return this.#machine !== undefined;
  }

  #now() {
    return { mono: this.#world.time.now, wall: 1_700_000_000_000 + this.#world.time.now };
  }

  /** Becomes leader: a fresh machine, which knows nothing but the store. */
  start(): void {
    if (this.#machine !== undefined) return;
    this.#incarnation += 1;
    this.#refused.clear();
    this.#world.note(this.name, () => 'leads');
    this.#machine = new OperatorMachine(
      {
        replica: this.name,
        tuning: {
          ...OPERATOR_TUNING,
          settleMs: 8_000,
          goneAfterMs: 20_000,
          retryMaxMs: 3_000,
          helloRate: 50,
          commitDeadlineMs: 10_000,
        },
        artifactsUrl: '',
        random: this.#world.random,
        issueTicket: () => 'ticket',
      },
      this.#now(),
    );
    this.#unsubscribe = this.#store.onChange(() => {
      this.#observe();
    });
    this.#observe();
    this.#tick();
  }

  /** The replica dies, at whatever point it is. */
  crash(why: string): void {
    if (this.#machine === undefined) return;
    this.#world.note(this.name, () => `crashes (${why})`);
    this.#machine = undefined;
    this.#incarnation += 1;
    this.#unsubscribe?.();
    for (const connection of this.#network.ofOperator(this)) this.#network.closeFromOperator(connection);
    this.#connections.clear();
  }

  opened(connection: Connection): void {
    this.#connections.set(connection.id, connection);
    const { nodeId, name } = connection.pdp;
    const identity = { nodeId, podName: name, namespace: 'default', serviceAccount: 'pdp', sets: [SIM_SET] };
    this.#step({ type: 'opened', sessionId: connection.id, identity });
  }

  receive(connection: Connection, message: PdpMessage): void {
    if (this.#machine === undefined) return;
    if (message.type === 'Nack' && message.deterministic) this.#refused.add(keyOf(message.revision));
    this.#step({ type: 'message', sessionId: connection.id, message });
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#step({ type: 'closed', sessionId: connection.id });
  }

  progress(): RolloutProgress | undefined {
    return this.#machine?.progress(SIM_SET, this.#now());
  }

  #later(delayMs: number, task: () => void): void {
    const incarnation = this.#incarnation;
    this.#world.time.after(delayMs, () => {
      if (incarnation === this.#incarnation) task();
    });
  }

  /** The store as of now arrives after a while; never older than what came before. */
  #observe(): void {
    const observation = this.#store.observation();
    const { now } = this.#world.time;
    this.#observedAt = Math.max(
      this.#observedAt + 0.001,
      now + this.#world.delay(Math.min(1500, this.#world.profile.maxDelayMs)),
    );
    this.#later(this.#observedAt - now, () => {
      this.#step({ type: 'observed', observation });
    });
  }

  #tick(): void {
    this.#later(500, () => {
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
        const connection = this.#connections.get(effect.sessionId);
        this.#connections.delete(effect.sessionId);
        if (connection !== undefined) this.#network.closeFromOperator(connection);
        return;
      }
      case 'writeDecision':
        this.#decide(effect.revision, effect.decision);
        return;
      case 'progressed':
        this.#report();
        return;
    }
  }

  #send({ sessionId, message }: Extract<OperatorEffect, { type: 'send' }>): void {
    const connection = this.#connections.get(sessionId);
    if (connection === undefined) return;
    if (message.type === 'Commit') {
      // INVARIANT I1, at its source: Commit is said only about what is durably decided.
      if (this.#store.find(message.revision)?.decision?.type !== 'Commit') {
        throw new Violation('I1', `${this.name} sends Commit ${message.revision.n}, which is not decided`);
      }
    }
    if (message.type === 'Prepare') this.#checkOneInPrepare(message.revision);
    if (message.type !== 'BeatAck') {
      this.#world.note(
        this.name,
        () => `-> ${connection.pdp.name} ${message.type}${'revision' in message ? ` ${message.revision.n}` : ''}`,
      );
    }
    this.#network.toPdp(connection, message);
    if (message.type === 'Prepare' && this.#world.variant === 'commit-without-acks') {
      const { set, revision } = message;
      const tests = { passed: 0, failed: 0 };
      this.#later(0, () => {
        this.receive(connection, { type: 'Prepared', set, revision, compileMs: 0, heapDeltaBytes: 0, tests });
      });
    }
  }

  /** INVARIANT I5: nothing older of the set is still open. */
  #checkOneInPrepare(revision: RevisionId): void {
    if (revision.setUid !== this.#store.setUid) return;
    const open = this.#store.current().find((other) => other.revision.n < revision.n && other.decision === undefined);
    if (open !== undefined)
      throw new Violation('I5', `${this.name} prepares ${revision.n} while ${open.revision.n} is open`);
  }

  #decide(revision: RevisionId, decision: Decision): void {
    const { profile } = this.#world;
    if (decision.type === 'Commit') this.#checkGate(revision);
    const answer = (outcome: 'written' | 'conflict' | 'failed'): void => {
      this.#later(this.#world.delay(), () => {
        this.#step({ type: 'decisionAnswered', set: SIM_SET, revision, outcome });
      });
    };
    const crashBefore = this.#world.strikes(profile.crashAtWrite / 2);
    const crashAfter = this.#world.strikes(profile.crashAtWrite / 2);
    const lost = this.#world.strikes(profile.storeFailure);
    const lostAfter = this.#world.strikes(0.5);
    const conflict = this.#world.strikes(profile.spuriousConflict);
    // The request is on its way: it arrives at the store even if its sender dies meanwhile.
    this.#world.time.after(this.#world.delay(), () => {
      if (crashBefore && this.#world.faults) {
        this.crash('before the decision arrives');
        return;
      }
      if (lost && !lostAfter) answer('failed');
      else if (conflict) answer('conflict');
      else {
        const outcome = this.#store.decide(revision, decision);
        if (crashAfter && this.#world.faults) this.crash('after the decision is written');
        else answer(lost ? 'failed' : outcome);
      }
    });
  }

  /** INVARIANT I8: neither after a NACK that was heard, nor on nobody's word while somebody could be asked. */
  #checkGate(revision: RevisionId): void {
    if (this.#refused.has(keyOf(revision))) {
      throw new Violation('I8', `${this.name} commits ${revision.n} although it heard a deterministic NACK of it`);
    }
    const stored = this.#store.find(revision);
    const required = this.progress()?.counts.required ?? 0;
    if (stored?.bad === 'all' && required > 0) {
      throw new Violation(
        'I8',
        `${this.name} commits ${revision.n}, which none of the ${required} required PDPs can load`,
      );
    }
  }

  #report(): void {
    const progress = this.progress();
    if (progress === undefined) return;
    this.#observer.onProgress(this, progress);
    if (progress.phase === 'Completed' && progress.revision > 0) {
      const id = { setUid: progress.setUid, n: progress.revision, digest: progress.digest as RevisionId['digest'] };
      this.#later(this.#world.delay(), () => {
        this.#store.complete(id);
      });
    }
  }
}

function keyOf(revision: RevisionId): string {
  return `${revision.setUid}/${revision.n}/${revision.digest}`;
}
