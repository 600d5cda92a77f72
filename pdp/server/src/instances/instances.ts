import { isDigest, type Digest } from '@edict/bundle';
import { durationMs, type Serving } from '@edict/crds';
import type { Snapshot } from '@edict/engine';
import { messageOf, type Clock } from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets, HeldRevision } from '../active-sets.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import {
  beginInstance,
  stepInstance,
  type InstanceEffect,
  type InstanceEvent,
  type InstancePhase,
  type InstanceState,
  type InstanceTerms,
} from './instance-machine.ts';
import { memoryEstimateOf } from './memory-estimate.ts';

/** What an instance needs of the rest of the process. */
export interface InstancesDeps {
  readonly sets: ActiveSets;
  /** Brings the policy of a manifest digest into memory. Rejects, with a message for people, where that cannot be done. */
  readonly load: (digest: Digest, signal: AbortSignal) => Promise<Snapshot>;
  /** The set needs its policies in memory no more. */
  readonly release: (set: string) => void;
  readonly clock: Pick<Clock, 'monotonic' | 'schedule'>;
  readonly metrics: Pick<PdpMetrics, 'instances' | 'instanceLoads' | 'instanceLoadSeconds'>;
  readonly logger: Pick<Logger, 'warn' | 'info' | 'debug'>;
}

/** Where one instance stands, for `/v1/status`. */
export interface InstanceStatus {
  readonly state: InstancePhase['name'];
  readonly load: InstanceTerms['load'];
  readonly graceMs: number;
  /** Milliseconds since the last request; absent if there was none. */
  readonly idleMs?: number;
  /** What the policy takes in memory, while it is there: see `memoryEstimateOf`. */
  readonly memoryBytes?: number;
  readonly failure?: string;
}

interface Instance {
  held: HeldRevision;
  serving: Serving;
  /** The policy while it is in memory. */
  snapshot: Snapshot | undefined;
  state: InstanceState;
  cancelTimer: (() => void) | undefined;
  loading: { readonly id: number; readonly controller: AbortController; readonly startedMs: number } | undefined;
}

/**
 * The virtual instances of a PDP, one for each set that it serves: drives their machines. Instances know nothing of each
 * other, so what one does or suffers reaches no other.
 */
export class Instances {
  readonly #deps: InstancesDeps;
  readonly #instances = new Map<string, Instance>();

  constructor(deps: InstancesDeps) {
    this.#deps = deps;
  }

  /** Serves a revision from now on. Without a snapshot its policy is on disk, proved. */
  serve(held: HeldRevision, serving: Serving, snapshot: Snapshot | undefined): void {
    const terms = termsOf(serving);
    const event = { type: 'served', digest: held.digest, terms, inMemory: snapshot !== undefined } as const;
    const nowMs = this.#deps.clock.monotonic();
    const known = this.#instances.get(held.set);
    if (known !== undefined) {
      Object.assign(known, { held, serving, snapshot });
      this.#step(known, event);
      return;
    }
    const [state, effects] = beginInstance(event, nowMs);
    const made: Instance = { held, serving, snapshot, state, cancelTimer: undefined, loading: undefined };
    this.#instances.set(held.set, made);
    this.#count(state.phase.name, 1);
    for (const effect of effects) this.#perform(made, effect);
  }

  /** The set is served no more. */
  forget(set: string): void {
    const instance = this.#instances.get(set);
    if (instance === undefined) return;
    this.#instances.delete(set);
    this.#count(instance.state.phase.name, -1);
    instance.cancelTimer?.();
    instance.loading?.controller.abort();
    this.#deps.sets.remove(set);
    this.#deps.release(set);
  }

  /** Whether the next revision of a set is to be prepared in memory, so that its swap lets nobody wait. */
  isAwake(set: string): boolean {
    const name = this.#instances.get(set)?.state.phase.name;
    return name === 'warm' || name === 'loading';
  }

  /** Where the instance of a set stands; undefined for a set that is not served. */
  statusOf(set: string): InstanceStatus | undefined {
    const instance = this.#instances.get(set);
    if (instance === undefined) return undefined;
    const { phase, terms } = instance.state;
    const lastUsedMs = this.#lastUsedMs(instance);
    return {
      state: phase.name,
      ...terms,
      ...(lastUsedMs === undefined
        ? {}
        : { idleMs: Math.max(0, Math.round(this.#deps.clock.monotonic() - lastUsedMs)) }),
      ...(instance.snapshot === undefined ? {} : { memoryBytes: memoryEstimateOf(instance.snapshot) }),
      ...(phase.name === 'broken' ? { failure: phase.cause } : {}),
    };
  }

  /** Ends timers and loads. */
  close(): void {
    for (const { cancelTimer, loading } of this.#instances.values()) {
      cancelTimer?.();
      loading?.controller.abort();
    }
    this.#instances.clear();
  }

  #step(instance: Instance, event: InstanceEvent): void {
    const before = instance.state.phase.name;
    const [state, effects] = stepInstance(instance.state, event, this.#deps.clock.monotonic());
    instance.state = state;
    if (state.phase.name !== before) {
      this.#count(before, -1);
      this.#count(state.phase.name, 1);
    }
    for (const effect of effects) this.#perform(instance, effect);
  }

  #perform(instance: Instance, effect: InstanceEffect): void {
    const { sets, clock, release, logger } = this.#deps;
    const { held, serving } = instance;
    switch (effect.type) {
      case 'load':
        this.#load(instance, effect.id);
        return;
      case 'cancel':
        if (instance.loading?.id === effect.id) instance.loading.controller.abort();
        return;
      case 'show':
        if (instance.snapshot === undefined) throw new Error(`the policy of ${held.set} is not in memory`);
        sets.swap({ ...held, snapshot: instance.snapshot });
        return;
      case 'hide':
        if (effect.failure !== undefined) logger.warn('instance broken', { set: held.set, cause: effect.failure });
        instance.snapshot = undefined;
        sets.sleep({
          ...held,
          serving,
          failure: effect.failure,
          wake: () => {
            if (this.#instances.get(held.set) === instance) this.#step(instance, { type: 'wanted' });
          },
        });
        return;
      case 'release':
        release(held.set);
        return;
      case 'setTimer':
        instance.cancelTimer?.();
        instance.cancelTimer = clock.schedule(effect.delayMs, () => {
          instance.cancelTimer = undefined;
          const { requests } = sets.usages.of(held.set);
          this.#step(instance, { type: 'timer', lastUsedMs: this.#lastUsedMs(instance), inUse: requests > 0 });
        });
        return;
      case 'clearTimer':
        instance.cancelTimer?.();
        instance.cancelTimer = undefined;
        return;
    }
  }

  #load(instance: Instance, id: number): void {
    const { load, clock, metrics, logger } = this.#deps;
    const { set, digest } = instance.held;
    const loading = { id, controller: new AbortController(), startedMs: clock.monotonic() };
    instance.loading = loading;
    const done = (outcome: 'loaded' | 'failed' | 'cancelled'): void => {
      if (instance.loading === loading) instance.loading = undefined;
      metrics.instanceLoads.inc({ outcome });
    };
    if (!isDigest(digest)) throw new Error(`not a digest: ${digest}`);
    load(digest, loading.controller.signal)
      .then(
        (snapshot) => {
          if (loading.controller.signal.aborted) {
            done('cancelled');
            return;
          }
          done('loaded');
          metrics.instanceLoadSeconds.observe((clock.monotonic() - loading.startedMs) / 1000);
          logger.debug('instance loaded', { set, digest });
          instance.snapshot = snapshot;
          this.#step(instance, { type: 'loaded', id });
        },
        (error: unknown) => {
          if (loading.controller.signal.aborted) {
            done('cancelled');
            return;
          }
          done('failed');
          this.#step(instance, { type: 'failed', id, cause: messageOf(error) });
        },
      )
      .catch((error: unknown) => {
        logger.warn('a step of an instance failed', { set, error: messageOf(error) });
      });
  }

  /** Of requests that were let in, and of those that found it asleep. */
  #lastUsedMs({ held, state }: Instance): number | undefined {
    const { lastUsedNs } = this.#deps.sets.usages.of(held.set);
    const usedMs = lastUsedNs === undefined ? undefined : lastUsedNs / 1e6;
    return usedMs === undefined || state.lastUsedMs === undefined
      ? (usedMs ?? state.lastUsedMs)
      : Math.max(usedMs, state.lastUsedMs);
  }

  #count(state: InstancePhase['name'], by: 1 | -1): void {
    this.#deps.metrics.instances.inc({ state }, by);
  }
}

function termsOf({ instance }: Serving): InstanceTerms {
  return { load: instance?.load ?? 'Ahead', graceMs: durationMs(instance?.grace ?? '5m') };
}
