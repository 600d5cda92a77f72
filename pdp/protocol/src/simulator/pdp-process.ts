import type { SignedRevision } from '@edict/bundle';
import type { Digest } from '../identifiers.ts';
import type { Commit, OperatorMessage, PdpMessage, Share } from '../messages.ts';
import { SHADOW_WAIT_MAX_MS } from '../operator/shadow-gate.ts';
import { createPdpClient, type PdpClient } from '../pdp/client.ts';
import { judgeLease, type LeaseView } from '../pdp/lease.ts';
import { RefusalError, type PdpPorts } from '../pdp/ports.ts';
import { PDP_DEFAULTS, type DurableRecord, type SetMachine } from '../pdp/state.ts';
import type { Dial } from '../transport/stream.ts';
import { describeMessage, describeRecord } from './describe.ts';
import { distorted, retort } from './liar.ts';
import { SimClock } from './sim-clock.ts';
import type { SimPdp, SimPdpParts } from './sim-pdp.ts';
import { SIM_SET, type SimStore } from './sim-store.ts';

const SHADOW_NEWS_MS = 1_000;
const SILENT_LOG = { info: () => undefined, warn: () => undefined };

/** What a process answers with: the revision for everyone, and the one for a share of the principals. */
export interface Split {
  readonly revision: SignedRevision;
  readonly share: Share;
}

/** One life of a PDP: the real client with its real queue and machine, over a disk and a network that may fail. */
export class PdpProcess {
  readonly #pod: SimPdp;
  readonly #parts: SimPdpParts;
  readonly #client: PdpClient;
  readonly #compiled = new Set<Digest>();
  readonly clock: SimClock;
  #alive = true;
  #seen: SetMachine | undefined;
  #wasSplit = false;
  served: SignedRevision | undefined;
  split: Split | undefined;
  lease: LeaseView | undefined;

  constructor(pod: SimPdp, parts: SimPdpParts, records: ReadonlyMap<string, DurableRecord>) {
    this.#pod = pod;
    this.#parts = parts;
    const { world } = parts;
    this.clock = new SimClock(world, world.stream(`clock of ${pod.name} at ${world.time.now}`), () => this.#alive);
    this.#client = createPdpClient({
      config: { ...PDP_DEFAULTS, engine: { name: 'edict', version: '1.0.0', features: [] } },
      records,
      ports: this.#ports(),
      dial: this.#dial,
      clock: this.clock,
      random: () => world.random(),
      log: SILENT_LOG,
      backoff: { baseMs: 250, maxMs: 4_000, healthyMs: 60_000, refusedMinMs: 1_000, refusedMaxMs: 4_000 },
      onState: () => {
        this.#onState();
      },
    });
  }

  start(): void {
    this.#client.start();
  }

  /** Nothing of this life has any effect from here on. */
  kill(): void {
    this.#alive = false;
  }

  /** The machine of the set, as it is now. */
  get machine(): SetMachine | undefined {
    return this.#client.state().sets.get(SIM_SET);
  }

  get compiled(): ReadonlySet<Digest> {
    return this.#compiled;
  }

  /** True while requests are answered with what is vouched for. */
  get isServing(): boolean {
    if (this.served === undefined || this.lease === undefined) return false;
    const { act, stale } = judgeLease(this.lease, this.clock.monotonic());
    return act === 'Serve' && !stale;
  }

  /** Tells what was measured since the last time. */
  measure(decisions: number, denied: (revision: SignedRevision) => number): void {
    const { served, split } = this;
    if (served === undefined) return;
    const of = (revision: SignedRevision, count: number) => ({
      decisions: count,
      errors: 0,
      denied: Math.round(count * denied(revision)),
      p99Micros: 200,
    });
    const canaryPart = split === undefined ? 0 : Math.ceil((decisions * split.share.upTo) / 10_000);
    const canaryLoad = split === undefined ? undefined : of(split.revision, canaryPart);
    const base = of(served, decisions - canaryPart);
    const load = { ...base, decisions, denied: base.denied + (canaryLoad?.denied ?? 0) };
    const sets = new Map([[SIM_SET, { load, ...(canaryLoad === undefined ? {} : { canaryLoad }) }]]);
    this.#client.reportLoad({ ...load, unlogged: 0, rssBytes: 1 }, sets);
  }

  #onState(): void {
    this.#parts.judge.touched(this.#pod);
    const { machine } = this;
    const before = this.#seen;
    this.#seen = machine;
    // Only these go with work of the client's that ends in promises.
    if (
      machine?.job !== before?.job ||
      machine?.activation !== before?.activation ||
      machine?.nextId !== before?.nextId
    )
      this.#parts.world.unsettled = true;
    if (machine?.staged !== before?.staged) this.#parts.world.unsettled = true;
  }

  readonly #dial: Dial<PdpMessage, OperatorMessage> = (handlers) => {
    const { network, listeners, world, judge } = this.#parts;
    const serving = listeners().filter((listener) => listener.isServing);
    const target = serving[world.below(Math.max(1, serving.length))];
    const { lie, name } = this.#pod;
    const stream = network.dial(this.#pod.identity, target, {
      ...handlers,
      onMessage: (message) => {
        if (!this.#alive) return;
        if (message.type !== 'BeatAck') world.note(name, () => `<- ${describeMessage(message)}`);
        const answer = lie === undefined ? undefined : retort(lie, message, this.clock.now());
        if (answer !== undefined) {
          judge.heard(this.#pod, answer);
          stream.send(answer);
        }
        handlers.onMessage(this.#heard(message));
      },
      onClose: (close) => {
        if (this.#alive) handlers.onClose(close);
      },
    });
    return {
      send: (message) => {
        for (const said of lie === undefined ? [message] : distorted(lie, message)) {
          if (said.type !== 'Beat')
            world.note(name, () => `-> ${describeMessage(said)}${lie === undefined ? '' : ' (lies)'}`);
          if (lie !== undefined) judge.heard(this.#pod, said);
          stream.send(said);
        }
        return true;
      },
      close: (close) => {
        stream.close(close);
      },
    };
  };

  /** Where a deliberate fault makes of one message another. */
  #heard(message: OperatorMessage): OperatorMessage {
    const { variant } = this.#parts.world;
    if (message.type === 'Prepare' && variant === 'activate-on-prepare') return { ...message, type: 'Commit' };
    if (message.type === 'Commit' && this.served === undefined && variant === 'joiner-gets-undecided') {
      const newest = this.#parts.store.current().at(-1);
      return newest === undefined ? message : { ...message, revision: newest.revision };
    }
    if (message.type === 'Commit' && message.share !== undefined && variant === 'salt-per-node') {
      return { ...message, share: { ...message.share, salt: `${message.share.salt}/${this.#pod.nodeId}` } };
    }
    return message;
  }

  #ports(): PdpPorts {
    const { world, store } = this.#parts;
    // Signed decisions would hide the other faults: PDPs refuse what these make of messages.
    const isVerifying = world.variant === undefined;
    return {
      ...(isVerifying ? { verifyDecision: (commit) => this.#verifyDecision(commit, store) } : {}),
      fetchManifest: ({ revision }, signal) =>
        this.#work(signal, () => {
          const isGenuine = this.#parts.store.isGenuine(revision) || this.#parts.world.variant === 'unsigned-accepted';
          if (!isGenuine) throw refusal('Verify', 'bad-signature', true);
          return this.#stored(revision).manifest;
        }),
      fetchBundles: ({ revision }, missing, signal) =>
        this.#work(signal, () => {
          if (this.#stored(revision).flaw === 'truncated') throw refusal('Verify', 'DigestMismatch', false);
          for (const digest of missing) this.#pod.bundles.add(digest);
        }),
      compile: (_set, revision, signal) =>
        this.#work(signal, () => {
          this.#compile(revision);
          return { compileMs: 1, heapDeltaBytes: 1 };
        }),
      runTests: (_set, _revision, signal) => this.#work(signal, () => ({ passed: 1, failed: 0 })),
      persist: (_set, record) => this.#persist(record),
      swap: (_set, revision) => {
        this.#swap(revision);
      },
      split: (_set, revision, share) => {
        this.#splitBy(revision, share);
      },
      lease: (_set, lease) => {
        this.#takeLease(lease);
      },
      shadow: (_set, revision, { windowMs }, onNews, signal) => this.#shadow(revision, windowMs, onNews, signal),
      retain: (_set, compiled, bundles) => {
        retainOnly(this.#compiled, compiled);
        retainOnly(this.#pod.bundles, bundles);
      },
      assigned: () => undefined,
    };
  }

  #verifyDecision(commit: Commit, store: SimStore): Promise<void> {
    this.#parts.world.unsettled = true;
    if (store.isDecided(commit)) return Promise.resolve();
    this.#parts.world.note(this.#pod.name, () => `refuses ${describeMessage(commit)}: nobody has signed that`);
    this.#parts.judge.refusedUndecided();
    return Promise.reject(refusal('Verify', 'Undecided', false));
  }

  #stored(revision: SignedRevision) {
    const stored = this.#parts.store.find(revision);
    if (stored !== undefined) return stored;
    this.#parts.world.fail('I3', `${this.#pod.name} works on revision ${revision.n}, which nobody published`);
    throw refusal('Fetch', 'NotFound', false);
  }

  /** Work that takes time and may fail. What is dead or no longer wanted never ends. */
  #work<T>(signal: AbortSignal, task: () => T): Promise<T> {
    const { world } = this.#parts;
    const fails = world.strikes(world.profile.workFailure);
    return new Promise((resolve, reject) => {
      world.time.after(world.delay(Math.min(400, world.profile.maxDelayMs)), () => {
        if (!this.#alive || signal.aborted) return;
        world.unsettled = true;
        if (fails) {
          reject(refusal('Fetch', 'Flaky', false));
          return;
        }
        try {
          resolve(task());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  #compile(revision: SignedRevision): void {
    const { manifest, flaw } = this.#stored(revision);
    if (!manifest.bundles.every((digest) => this.#pod.bundles.has(digest))) {
      this.#parts.world.fail('I3', `${this.#pod.name} compiles revision ${revision.n} without all of its bundles`);
    }
    if (flaw === 'everywhere' || (flaw === 'somewhere' && this.#pod.isOdd)) {
      throw refusal('Compile', 'rego_unsafe_var_error', true);
    }
    this.#compiled.add(revision.digest);
  }

  /** The process may die just before a record is durable, and just after. */
  #persist(wanted: DurableRecord): Promise<void> {
    const { world, judge } = this.#parts;
    const { lkg, staged } = wanted;
    const isOlder = world.variant === 'record-goes-back' && lkg !== undefined && staged !== undefined;
    const record = isOlder ? { ...wanted, active: lkg } : wanted;
    const { name } = this.#pod;
    const fails = world.strikes(world.profile.diskFailure);
    const crash = world.strikes(world.profile.crashAtWrite) ? (world.random() < 0.5 ? 'before' : 'after') : 'no';
    return new Promise((resolve, reject) => {
      world.time.after(world.delay(30), () => {
        if (!this.#alive) return;
        world.unsettled = true;
        if (crash === 'before') {
          this.#pod.crash('before its record was durable');
          return;
        }
        if (!fails) this.#pod.disk.set(SIM_SET, record);
        judge.recorded(this.#pod, record, fails ? 'refused' : 'taken');
        world.note(name, () => `record ${fails ? 'not written' : `durable: ${describeRecord(record)}`}`);
        if (crash === 'after') this.#pod.crash('after its record was durable');
        else if (fails) reject(new Error('no space left on device'));
        else resolve();
      });
      // Whoever waits is told of success before there is any.
      if (world.variant === 'record-after-swap') resolve();
    });
  }

  #requireCompiled(revision: SignedRevision): void {
    if (!this.#compiled.has(revision.digest)) {
      this.#parts.world.fail('I3', `${this.#pod.name} swaps to revision ${revision.n}, which is not compiled`);
    }
  }

  #swap(revision: SignedRevision): void {
    if (!this.#alive) return;
    this.#requireCompiled(revision);
    const cause = this.machine?.job?.kind === 'Boot' ? 'boot' : 'swap';
    const kept = this.split?.revision;
    const isKept = kept?.setUid === revision.setUid && kept.n > revision.n;
    this.served = revision;
    if (!isKept) this.split = undefined;
    this.#parts.world.note(this.#pod.name, () => `SERVES ${revision.n} of ${revision.setUid} (${cause})`);
    this.#parts.judge.serves(this.#pod, cause);
  }

  #splitBy(revision: SignedRevision, share: Share): void {
    if (!this.#alive) return;
    this.#requireCompiled(revision);
    const isLowered = this.#parts.world.variant === 'share-lowered' && this.#wasSplit;
    const kept = isLowered ? { ...share, upTo: Math.max(1, Math.floor(share.upTo / 100)) } : share;
    this.#wasSplit = true;
    this.split = { revision, share: kept };
    this.#parts.world.note(this.#pod.name, () => `SPLITS: ${revision.n} for ${kept.upTo} of '${kept.salt}'`);
    this.#parts.judge.splits(this.#pod);
  }

  #takeLease(lease: LeaseView): void {
    if (!this.#alive) return;
    const isLong = this.#parts.world.variant === 'lease-too-long' && lease.until !== undefined;
    this.lease = isLong ? { ...lease, until: (lease.until ?? 0) + 2 * lease.consistency.leaseMs } : lease;
    this.#parts.judge.leased(this.#pod);
  }

  #shadow(
    revision: SignedRevision,
    windowMs: number,
    onNews: Parameters<NonNullable<PdpPorts['shadow']>>[3],
    signal: AbortSignal,
  ) {
    // On a quiet night nobody asks; in the end somebody does.
    const total = this.#parts.world.strikes(0.4) ? 0 : 100;
    const grantToDeny = this.#stored(revision).flaw === 'poor' ? Math.min(total, 40) : 0;
    const counts = { total, changed: grantToDeny, grantToDeny, denyToGrant: 0, errors: 0, dropped: 0 };
    const none = { ...counts, total: 0, changed: 0, grantToDeny: 0 };
    const say = (done: boolean): void => {
      if (!signal.aborted) onNews({ done, counts: done ? counts : none, samples: [] });
    };
    this.clock.schedule(Math.min(windowMs / 2, SHADOW_NEWS_MS), () => {
      say(false);
    });
    // One that is to go on until it is ended tells what it has found.
    if (windowMs >= SHADOW_WAIT_MAX_MS) {
      this.clock.schedule(2 * SHADOW_NEWS_MS, () => {
        if (!signal.aborted) onNews({ done: false, counts, samples: [] });
      });
    }
    return new Promise<void>((resolve) => {
      this.clock.schedule(windowMs, () => {
        say(true);
        resolve();
      });
    });
  }
}

function refusal(phase: 'Fetch' | 'Verify' | 'Compile', code: string, deterministic: boolean): RefusalError {
  return new RefusalError(phase, code, deterministic, { message: code });
}

function retainOnly(held: Set<Digest>, wanted: readonly Digest[]): void {
  for (const digest of held) if (!wanted.includes(digest)) held.delete(digest);
}
