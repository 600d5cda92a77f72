import type { Logger } from 'winston';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';
import {
  ELECTION_TIMING,
  hasLost,
  mayHold,
  NOT_ELECTED,
  observeLease,
  type ElectionState,
  type ElectionTiming,
  type LeaseView,
} from './lease.ts';

export interface ElectorOptions {
  readonly objects: KubeObjects;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the replicas: the pod's name. */
  readonly identity: string;
  readonly logger: Logger;
  /** We lead from now on. */
  readonly onElected: () => void;
  /** We lead no more, or may no longer be sure that we do: stop at once. Called at most once per election. */
  readonly onLost: (reason: string) => void;
  readonly timing?: ElectionTiming;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
  /** Wall clock, for the times that people read. */
  readonly nowMs: () => number;
}

export interface Elector {
  readonly start: () => void;
  /** Gives the Lease up if we hold it, so that another replica takes over at once. */
  readonly stop: () => Promise<void>;
  readonly isLeader: () => boolean;
  /** Who leads as far as this replica has seen; undefined for nobody. */
  readonly leader: () => string | undefined;
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** How long a replica that stops tries to hand its Lease over. */
const GIVE_UP_MS = 2000;

/**
 * Leader election by a Lease, as client-go does it: whoever writes itself in by compare-and-swap leads while it renews.
 * Election only saves work: no decision rests on it.
 */
export function createElector(options: ElectorOptions): Elector {
  return new LeaseElector(options);
}

class LeaseElector implements Elector {
  readonly #options: ElectorOptions;
  readonly #timing: ElectionTiming;
  #state: ElectionState = NOT_ELECTED;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? ELECTION_TIMING;
  }

  readonly isLeader = (): boolean => this.#state.heldSinceMs !== undefined;

  readonly leader = (): string | undefined => {
    if (this.isLeader()) return this.#options.identity;
    const holder = this.#state.seen?.holder ?? '';
    return holder === '' ? undefined : holder;
  };

  readonly start = (): void => {
    this.#turn = this.#tryTurn();
    // A request to the apiserver may hang for longer than we may lead without renewing.
    this.#watchdog = setInterval(() => this.#stepDownIfLost(), this.#timing.retryMs / 4);
  };

  readonly stop = async (): Promise<void> => {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#watchdog);
    // An apiserver that does not answer must not hold the process back: the Lease expires by itself.
    const { promise: patience, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), GIVE_UP_MS);
    await Promise.race([this.#giveUp(), patience]);
    clearTimeout(timer);
  };

  async #giveUp(): Promise<void> {
    await this.#turn;
    if (!this.isLeader()) return;
    this.#state = { ...this.#state, heldSinceMs: undefined };
    try {
      const lease = await this.#read();
      if (lease?.spec?.holderIdentity !== this.#options.identity) return;
      await this.#options.objects.replace<Lease>(RESOURCES.Lease, {
        ...lease,
        spec: { ...lease.spec, holderIdentity: '' },
      });
    } catch (error) {
      // It expires by itself then.
      this.#options.logger.info('the lease was not given up', { error: String(error) });
    }
  }

  async #tryTurn(): Promise<void> {
    const startedMs = this.#options.monotonicMs();
    try {
      await this.#acquireOrRenew();
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.#options.logger.warn('the lease was not written', { error: error.message });
    }
    this.#stepDownIfLost();
    if (this.#stopped) return;
    const isRenewed = (this.#state.heldSinceMs ?? Number.NEGATIVE_INFINITY) >= startedMs;
    this.#timer = setTimeout(
      () => {
        this.#turn = this.#tryTurn();
      },
      isRenewed ? this.#timing.renewMs : this.#timing.retryMs,
    );
  }

  async #acquireOrRenew(): Promise<void> {
    const { identity, monotonicMs, nowMs, logger, objects, namespace, name } = this.#options;
    const lease = await this.#read();
    this.#state = observeLease(this.#state, viewOf(lease), monotonicMs());
    if (!mayHold(this.#state, identity, monotonicMs())) {
      if (this.isLeader()) this.#lose(`${this.#state.seen?.holder ?? 'another replica'} leads now`);
      return;
    }
    // Counted from before the write: others count from when they see it, which is later.
    const startedMs = monotonicMs();
    const now = microTime(nowMs());
    const isOurs = lease?.spec?.holderIdentity === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#timing.leaseMs / 1000),
      acquireTime: (isOurs ? lease.spec.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: (lease?.spec?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
    try {
      const written =
        lease === undefined
          ? await objects.create<Lease>(RESOURCES.Lease, {
              apiVersion: 'coordination.k8s.io/v1',
              kind: 'Lease',
              metadata: { namespace, name },
              spec,
            })
          : await objects.replace<Lease>(RESOURCES.Lease, { ...lease, spec });
      this.#state = observeLease(this.#state, viewOf(written), monotonicMs());
    } catch (error) {
      // Somebody else was faster; the next turn reads what it wrote.
      if (isStoreError(error, 'Conflict') || isStoreError(error, 'AlreadyExists')) return;
      throw error;
    }
    const wasLeader = this.isLeader();
    this.#state = { ...this.#state, heldSinceMs: startedMs };
    if (wasLeader || this.#stopped) return;
    logger.info('elected leader', { identity, lease: name });
    this.#options.onElected();
  }

  #stepDownIfLost(): void {
    if (hasLost(this.#state, this.#timing, this.#options.monotonicMs())) {
      this.#lose(`the lease was not renewed within ${this.#timing.renewDeadlineMs} ms`);
    }
  }

  #lose(reason: string): void {
    this.#state = { ...this.#state, heldSinceMs: undefined };
    this.#options.logger.warn('leadership lost', { reason });
    this.#options.onLost(reason);
  }

  async #read(): Promise<Lease | undefined> {
    const { objects, namespace, name } = this.#options;
    return await objects.get<Lease>(RESOURCES.Lease, { namespace, name });
  }
}

function viewOf(lease: Lease | undefined): LeaseView | undefined {
  if (lease?.spec === undefined) return undefined;
  const { holderIdentity = '', leaseDurationSeconds = 0, renewTime = '', leaseTransitions = 0 } = lease.spec;
  return {
    holder: holderIdentity,
    durationMs: leaseDurationSeconds * 1000,
    renewal: `${renewTime} ${leaseTransitions}`,
  };
}

/** Kubernetes' MicroTime. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
