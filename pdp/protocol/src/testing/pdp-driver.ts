import type { SignedRevision } from '@edict/bundle';
import type { ManifestSummary, OperatorMessage, PdpMessage } from '../messages.ts';
import type { PdpEffect, PdpEvent } from '../pdp/events.ts';
import { createPdp, stepPdp } from '../pdp/machine.ts';
import { PDP_DEFAULTS, type DurableRecord, type PdpConfig, type PdpState, type SetMachine } from '../pdp/state.ts';
import { aManifest } from './builders.ts';

export const SET = 'default/payments';

/** Prepare and Commit as an operator sends them, with nothing to wait for. */
export function anOffer(type: 'Prepare' | 'Commit', revision: SignedRevision, spreadMs = 0): OperatorMessage {
  return { type, set: revision.set, revision, ticket: 'ticket', deadlineMs: 60_000, spreadMs };
}

/** Steps one PDP's machine by hand and keeps what it wanted done. */
export class PdpDriver {
  state: PdpState;
  now = 0;
  effects: PdpEffect[] = [];

  readonly #manifestOf: (n: number) => ManifestSummary;

  constructor(
    record?: DurableRecord,
    config: Partial<PdpConfig> = {},
    manifestOf: (n: number) => ManifestSummary = aManifest,
  ) {
    this.#manifestOf = manifestOf;
    const engine = { name: 'edict', version: '1.0.0', features: ['a'] };
    this.state = createPdp(
      { ...PDP_DEFAULTS, engine, ...config },
      new Map(record === undefined ? [] : [[SET, record]]),
      1,
    );
  }

  /** Hands one event in; the effects of this step alone. */
  step(event: PdpEvent): readonly PdpEffect[] {
    const step = stepPdp(this.state, event, this.now);
    this.state = step.state;
    this.effects.push(...step.effects);
    return step.effects;
  }

  receive(message: OperatorMessage): readonly PdpEffect[] {
    return this.step({ type: 'message', message });
  }

  /** Boots and connects; what the boot asked for is answered. */
  online(): this {
    this.step({ type: 'boot' });
    this.settle();
    this.step({ type: 'connected' });
    this.effects = [];
    return this;
  }

  get set(): SetMachine {
    const machine = this.state.sets.get(SET);
    if (machine === undefined) throw new Error('the set is not known');
    return machine;
  }

  /** The newest effect of a type. */
  last<T extends PdpEffect['type']>(type: T): Extract<PdpEffect, { type: T }> {
    const found = this.effects.findLast((effect) => effect.type === type);
    if (found === undefined) throw new Error(`no effect ${type}`);
    return found as Extract<PdpEffect, { type: T }>;
  }

  /** Messages sent, in order. */
  sent(): readonly PdpMessage[] {
    return this.effects.filter((effect) => effect.type === 'send').map(({ message }) => message);
  }

  /** Types of messages sent, in order. */
  sentTypes(): readonly string[] {
    return this.sent().map(({ type }) => type);
  }

  /** The event with which an effect succeeds; undefined for effects that want no answer. */
  answer(effect: PdpEffect): PdpEvent | undefined {
    switch (effect.type) {
      case 'fetchManifest':
        return { type: 'verified', set: effect.set, id: effect.id, manifest: this.#manifestOf(effect.revision.n) };
      case 'fetchBundles':
        return { type: 'bundlesFetched', set: effect.set, id: effect.id };
      case 'compile':
        return { type: 'compiled', set: effect.set, id: effect.id, compileMs: 5, heapDeltaBytes: 100 };
      case 'runTests':
        return { type: 'testsDone', set: effect.set, id: effect.id, tests: { passed: 2, failed: 0 } };
      case 'persistStaged':
        return { type: 'persisted', set: effect.set, id: effect.id, record: 'staged' };
      case 'persistActive':
        return { type: 'persisted', set: effect.set, id: effect.id, record: 'active' };
      case 'swap':
      case 'split':
        return { type: 'swapped', set: effect.set, id: effect.id, activatedAt: 1_700_000_000_000, swapMicros: 3 };
      default:
        return undefined;
    }
  }

  /** Answers every effect with success until nothing is left to do, or up to and without the first of type `stopBefore`. */
  settle(stopBefore?: PdpEffect['type']): this {
    let from = 0;
    for (; from < this.effects.length; from += 1) {
      const effect = this.effects[from];
      if (effect === undefined || effect.type === stopBefore) break;
      const event = this.#answered.has(effect) ? undefined : this.answer(effect);
      if (event === undefined) continue;
      this.#answered.add(effect);
      this.step(event);
    }
    return this;
  }

  readonly #answered = new Set<PdpEffect>();

  /** Prepares and commits a revision to the end. */
  install(revision: SignedRevision): this {
    this.receive(anOffer('Prepare', revision));
    this.settle();
    this.receive(anOffer('Commit', revision));
    this.settle();
    this.effects = [];
    return this;
  }
}
