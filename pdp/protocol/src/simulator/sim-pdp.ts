import type { SignedRevision } from '@edict/bundle';
import type { Digest, NodeId, SetKey } from '../identifiers.ts';
import type { OperatorMessage } from '../messages.ts';
import type { PdpEffect, PdpEvent } from '../pdp/events.ts';
import { createPdp, stepPdp } from '../pdp/machine.ts';
import { PDP_DEFAULTS, type DurableRecord, type PdpState, type Slot } from '../pdp/state.ts';
import type { Connection, SimNetwork } from './sim-network.ts';
import type { SimOperator } from './sim-operator.ts';
import type { SimStore } from './sim-store.ts';
import { Violation, type World } from './world.ts';

/** What the checks want to hear of a PDP. */
export interface PdpObserver {
  readonly onServe: (pdp: SimPdp, revision: SignedRevision, cause: 'swap' | 'boot') => void;
}

/**
 * One PDP: the real machine, a disk that survives crashes, and a process that does not. Effects take time and may fail;
 * a crash may fall before or after any write.
 */
export class SimPdp {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #operators: () => readonly SimOperator[];
  readonly #observer: PdpObserver;
  readonly disk = new Map<SetKey, DurableRecord>();
  readonly bundles = new Set<Digest>();
  readonly #compiled = new Set<Digest>();
  readonly #cancelled = new Set<number>();
  state: PdpState | undefined;
  /** What the process decides with: changed by `swap` alone. */
  served: SignedRevision | undefined;
  connection: Connection | undefined;
  gone = false;
  #incarnation = 0;
  #diskFreeAt = 0;
  #timers = new Map<string, () => void>();

  constructor(
    name: string,
    nodeId: NodeId,
    parts: {
      world: World;
      store: SimStore;
      network: SimNetwork;
      operators: () => readonly SimOperator[];
      observer: PdpObserver;
    },
  ) {
    this.name = name;
    this.nodeId = nodeId;
    this.#world = parts.world;
    this.#store = parts.store;
    this.#network = parts.network;
    this.#operators = parts.operators;
    this.#observer = parts.observer;
  }

  /** Starts the process with what the disk holds. */
  start(): void {
    if (this.gone || this.state !== undefined) return;
    this.#incarnation += 1;
    this.#diskFreeAt = this.#world.time.now;
    const config = { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] } };
    const records = new Map([...this.disk].map(([set, record]) => [set, this.#verified(record)] as const));
    this.state = createPdp(config, records, this.#world.below(2 ** 31));
    this.#world.note(
      this.name,
      () => `starts; disk: ${[...records.values()].map(describeRecord).join(' ') || 'empty'}`,
    );
    this.#step({ type: 'boot' });
    this.#later(this.#world.delay(500), () => {
      this.#dial();
    });
  }

  /** Only slots whose bytes are all there, as the real loader leaves out what does not verify. */
  #verified(record: DurableRecord): DurableRecord {
    const whole = (slot: Slot | undefined) =>
      slot?.manifest.bundles.every((digest) => this.bundles.has(digest)) === true ? slot : undefined;
    let active = whole(record.active);
    const [staged, lkg] = [whole(record.staged), whole(record.lkg)];
    if (this.#world.variant === 'serve-staged-from-disk' && staged !== undefined) active = staged;
    return {
      ...(active === undefined ? {} : { active }),
      ...(staged === undefined ? {} : { staged }),
      ...(lkg === undefined ? {} : { lkg }),
    };
  }

  /** The process dies; what it did not write is lost. */
  crash(why: string): void {
    if (this.state === undefined) return;
    this.#world.note(this.name, () => `crashes (${why})`);
    this.state = undefined;
    this.served = undefined;
    this.#compiled.clear();
    this.#cancelled.clear();
    this.#timers = new Map();
    this.#incarnation += 1;
    if (this.connection !== undefined) this.#network.closeFromPdp(this.connection);
    this.connection = undefined;
    if (!this.gone) {
      this.#world.time.after(this.#world.delay(5000), () => {
        this.start();
      });
    }
  }

  /** The pod is deleted: process, disk and name never come back. */
  remove(): void {
    this.gone = true;
    this.crash('pod deleted');
  }

  receive(connection: Connection, message: OperatorMessage): void {
    if (connection !== this.connection) return;
    const heard =
      this.#world.variant === 'activate-on-prepare' && message.type === 'Prepare'
        ? { ...message, type: 'Commit' as const }
        : message;
    if (message.type !== 'BeatAck') {
      this.#world.note(this.name, () => `<- ${message.type}${'revision' in message ? ` ${message.revision.n}` : ''}`);
    }
    this.#step({ type: 'message', message: heard });
  }

  closed(connection: Connection): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    this.#step({ type: 'disconnected' });
    this.#redial(this.#world.delay(3000));
  }

  #redial(delayMs: number): void {
    this.#later(delayMs, () => {
      this.#dial();
    });
  }

  #dial(): void {
    if (this.connection !== undefined || this.state === undefined) return;
    const serving = this.#operators().filter((operator) => operator.isServing);
    const target = serving[this.#world.below(Math.max(1, serving.length))];
    const connection = target === undefined ? undefined : this.#network.connect(this, target);
    if (connection === undefined || target === undefined) {
      this.#redial(this.#world.delay(3000));
      return;
    }
    this.connection = connection;
    target.opened(connection);
    this.#step({ type: 'connected' });
  }

  /** Runs `task` later unless the process has died since. */
  #later(delayMs: number, task: () => void): () => void {
    const incarnation = this.#incarnation;
    return this.#world.time.after(delayMs, () => {
      if (incarnation === this.#incarnation) task();
    });
  }

  #step(event: PdpEvent): void {
    if (this.state === undefined) return;
    const incarnation = this.#incarnation;
    const step = stepPdp(this.state, event, this.#world.time.now);
    this.state = step.state;
    for (const effect of step.effects) {
      if (incarnation !== this.#incarnation) return;
      this.#perform(effect);
    }
    this.#checkServing(incarnation);
  }

  /** INVARIANT I18: a process that serves goes on serving exactly what its machine says. */
  #checkServing(incarnation: number): void {
    if (incarnation !== this.#incarnation || this.state === undefined) return;
    for (const machine of this.state.sets.values()) {
      const swapping = machine.activation?.step === 'Swapping';
      const active = machine.active?.revision;
      if (!swapping && active?.digest !== this.served?.digest) {
        throw new Violation('I18', `${this.name} serves ${this.served?.n} while its machine says ${active?.n}`);
      }
    }
  }

  #perform(effect: PdpEffect): void {
    switch (effect.type) {
      case 'send': {
        const { message } = effect;
        if (message.type !== 'Beat')
          this.#world.note(
            this.name,
            () => `-> ${message.type}${'revision' in message ? ` ${message.revision.n}` : ''}`,
          );
        if (this.connection !== undefined) this.#network.toOperator(this.connection, message);
        return;
      }
      case 'disconnect': {
        const { connection } = this;
        this.connection = undefined;
        if (connection !== undefined) this.#network.closeFromPdp(connection);
        this.#step({ type: 'disconnected' });
        this.#redial(effect.redialAfterMs ?? this.#world.delay(3000));
        return;
      }
      case 'setTimer':
        this.#timers.get(effect.key)?.();
        this.#timers.set(
          effect.key,
          this.#later(effect.delayMs, () => {
            this.#timers.delete(effect.key);
            this.#step({ type: 'timer', key: effect.key });
          }),
        );
        return;
      case 'clearTimer':
        this.#timers.get(effect.key)?.();
        this.#timers.delete(effect.key);
        return;
      case 'fetchManifest':
      case 'fetchBundles':
      case 'compile':
      case 'runTests':
        this.#work(effect);
        return;
      case 'persistStaged':
      case 'persistActive':
      case 'dropStaged':
        this.#write(effect);
        return;
      case 'swap':
        this.#swap(effect);
        return;
      case 'retain':
        retainOnly(this.#compiled, effect.compiled);
        retainOnly(this.bundles, effect.bundles);
        return;
      case 'cancel':
        this.#cancelled.add(effect.id);
        return;
      case 'assigned':
        return;
    }
  }

  #work(effect: Extract<PdpEffect, { type: 'fetchManifest' | 'fetchBundles' | 'compile' | 'runTests' }>): void {
    const { set, id } = effect;
    const fails = this.#world.strikes(this.#world.profile.transientFailure);
    this.#later(this.#world.delay(Math.min(400, this.#world.profile.maxDelayMs)), () => {
      if (this.#cancelled.has(id)) return;
      const stored = this.#store.find(effect.revision);
      if (stored === undefined)
        throw new Violation('I3', `${this.name} works on revision ${effect.revision.n}, which nobody published`);
      const refuse = (deterministic: boolean, code: string): void => {
        const phase = effect.type === 'compile' ? 'Compile' : effect.type === 'runTests' ? 'Test' : 'Fetch';
        this.#step({ type: 'failed', set, id, phase, code, deterministic, detail: { message: code } });
      };
      if (fails) {
        refuse(false, 'Flaky');
        return;
      }
      switch (effect.type) {
        case 'fetchManifest':
          this.#step({ type: 'verified', set, id, manifest: stored.manifest });
          return;
        case 'fetchBundles':
          for (const digest of effect.missing) this.bundles.add(digest);
          this.#step({ type: 'bundlesFetched', set, id });
          return;
        case 'compile':
          if (!stored.manifest.bundles.every((digest) => this.bundles.has(digest))) {
            throw new Violation('I3', `${this.name} compiles revision ${effect.revision.n} without all of its bundles`);
          }
          if (stored.bad === 'all' || (stored.bad === 'some' && this.nodeId.endsWith('1'))) {
            refuse(true, 'rego_unsafe_var_error');
            return;
          }
          this.#compiled.add(effect.revision.digest);
          this.#step({ type: 'compiled', set, id, compileMs: 1, heapDeltaBytes: 1 });
          return;
        case 'runTests':
          this.#step({ type: 'testsDone', set, id, tests: { passed: 1, failed: 0 } });
          return;
      }
    });
  }

  /** Writes of one PDP follow each other, and each may be the last thing that the process does. */
  #write(effect: Extract<PdpEffect, { type: 'persistStaged' | 'persistActive' | 'dropStaged' }>): void {
    const { set, record } = effect;
    const { profile } = this.#world;
    const fails = this.#world.strikes(profile.persistFailure);
    const crashBefore = this.#world.strikes(profile.crashAtWrite / 2);
    const crashAfter = this.#world.strikes(profile.crashAtWrite / 2);
    this.#diskFreeAt = Math.max(this.#world.time.now, this.#diskFreeAt) + this.#world.delay(30);
    this.#later(this.#diskFreeAt - this.#world.time.now, () => {
      if (crashBefore) {
        this.crash(`before ${effect.type}`);
        return;
      }
      if (!fails) this.disk.set(set, record);
      this.#world.note(this.name, () => `${effect.type} ${fails ? 'failed' : describeRecord(record)}`);
      if (crashAfter) {
        this.crash(`after ${effect.type}`);
        return;
      }
      if (effect.type === 'dropStaged') return;
      const kind = effect.type === 'persistActive' ? ('active' as const) : ('staged' as const);
      if (fails) this.#step({ type: 'persistFailed', set, id: effect.id, record: kind, message: 'disk full' });
      else this.#step({ type: 'persisted', set, id: effect.id, record: kind });
    });
  }

  #swap({ set, id, revision }: Extract<PdpEffect, { type: 'swap' }>): void {
    if (!this.#compiled.has(revision.digest)) {
      throw new Violation('I3', `${this.name} swaps to revision ${revision.n}, which is not compiled`);
    }
    const booting = this.served === undefined && this.state?.sets.get(set)?.job?.kind === 'Boot';
    this.served = revision;
    this.#world.note(
      this.name,
      () => `serves revision ${revision.n} of ${revision.setUid}${booting ? ' from disk' : ''}`,
    );
    this.#observer.onServe(this, revision, booting ? 'boot' : 'swap');
    this.#step({ type: 'swapped', set, id, activatedAt: this.#world.time.now, swapMicros: 1 });
  }
}

function retainOnly(held: Set<Digest>, wanted: readonly Digest[]): void {
  for (const digest of held) if (!wanted.includes(digest)) held.delete(digest);
}

function describeRecord({ active, staged, lkg }: DurableRecord): string {
  return `{active ${active?.revision.n ?? '-'}, staged ${staged?.revision.n ?? '-'}, lkg ${lkg?.revision.n ?? '-'}}`;
}
