import {
  issueTicket,
  messageOf,
  OperatorMachine,
  Outbox,
  OPERATOR_TUNING,
  type AcceptStream,
  type Clock,
  type ExternalVerdict,
  type Instant,
  type Log,
  type MessageStream,
  type OperatorEffect,
  type OperatorEvent,
  type OperatorMessage,
  type OperatorTuning,
  type PdpListing,
  type RevisionId,
  type RolloutProgress,
  type SetKey,
  type SetObservation,
  type SignDecision,
} from '@edict/protocol';
import type { RolloutObserver } from '../observability/tracing.ts';
import type { DistributionBackend } from './backend.ts';
import { leaveBy } from './leave.ts';
import type { DistributionMetrics } from './metrics.ts';
import { ProgressWriter } from './progress-writer.ts';

/** Period of the machine's clock. */
const TICK_MS = 500;
/** Time between two sure reads of the decisions. */
const CONFIRM_MS = 1_000;
/** Events of so many milliseconds share one look at the counts: those cost in proportion to the fleet. */
const REPORT_MS = 20;
const REPORT_MS_PER_PDP = 0.1;

/** What a distributor is made of. */
export interface DistributorOptions {
  readonly backend: DistributionBackend;
  /** Name of this replica, as PDPs and logs show it. */
  readonly replica: string;
  /** Base URL of manifests and bundles as PDPs reach it; `''` if they know it. */
  readonly artifactsUrl: string;
  /** What PDPs are told to load without policy and without an operator; none if absent. */
  readonly fallbackSources?: readonly string[];
  /** Key under the tickets; every replica that serves artifacts has the same. */
  readonly ticketKey: Uint8Array;
  /** Signs decisions; without it Commits bear no signature, and PDPs that ask for one refuse them. */
  readonly signDecision?: SignDecision;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: DistributionMetrics;
  readonly tuning?: Partial<OperatorTuning>;
  /** Is told of every rollout besides; nobody if absent. */
  readonly observer?: RolloutObserver | undefined;
  /** How many PDPs of a set are not ours to lead and have told of themselves; nobody counts them if absent. */
  readonly unmanaged?: (set: SetKey) => number;
}

/** Distribution by one leading replica, over whichever transports bring streams. */
export interface Distributor {
  /** Takes an authenticated stream. */
  readonly accept: AcceptStream;
  readonly progress: (set: SetKey) => RolloutProgress | undefined;
  /** True once the set's PDPs had time to connect: before that its progress shows losses that are none. */
  readonly isSettled: (set: SetKey) => boolean;
  /** The number of unmanaged PDPs of the set has changed. */
  readonly recount: (set: SetKey) => void;
  /** Every PDP that this replica knows of; with `set` those of one set. */
  readonly pdps: (set?: SetKey) => readonly PdpListing[];
  /** What somebody outside says about a wave that soaks; one about another wave is dropped. */
  readonly analysed: (
    set: SetKey,
    revision: RevisionId,
    wave: number,
    verdict: { readonly verdict: ExternalVerdict; readonly message: string },
  ) => void;
  /** Sends the PDPs elsewhere, 10 % a second; resolves when all have gone or `maxMs` passed. */
  readonly drain: (reason: string, maxMs: number) => Promise<void>;
  /** Ends every stream. Decisions under way are not awaited: the store has them or the next leader makes them. */
  readonly close: () => void;
}

interface Peer {
  readonly stream: MessageStream<OperatorMessage>;
  readonly outbox: Outbox;
}

/** Wires the operator's machine to streams, the store and the clock. */
export function createDistributor(options: DistributorOptions): Distributor {
  const { backend, clock, log, metrics } = options;
  const peers = new Map<string, Peer>();
  const seen = new Map<SetKey, SetObservation>();
  const writer = new ProgressWriter(backend, clock, log, metrics);
  const tuning = { ...OPERATOR_TUNING, ...options.tuning };
  let hasMany = false;
  let closed = false;
  let counter = 0;
  let cancelTick: (() => void) | undefined;
  let cancelReports: (() => void) | undefined;
  let cancelConfirm: (() => void) | undefined;
  const confirming = new AbortController();
  const changed = new Set<SetKey>();
  const now = (): Instant => ({ mono: clock.monotonic(), wall: clock.now() });
  const machine = new OperatorMachine(
    {
      replica: options.replica,
      artifactsUrl: options.artifactsUrl,
      ...(options.fallbackSources === undefined ? {} : { fallbackSources: options.fallbackSources }),
      ...(options.signDecision === undefined ? {} : { signDecision: options.signDecision }),
      tuning,
      random: options.random,
      issueTicket: (nodeId, manifest, at) => issueTicket({ nodeId, manifest }, options.ticketKey, at.wall),
    },
    now(),
  );

  function step(event: OperatorEvent): void {
    if (closed) return;
    for (const effect of machine.step(event, now())) perform(effect);
    if (changed.size > 0) cancelReports ??= clock.schedule(REPORT_MS + peers.size * REPORT_MS_PER_PDP, reportChanged);
  }

  function reportChanged(): void {
    cancelReports = undefined;
    for (const set of changed) report(set);
    changed.clear();
  }

  function perform(effect: OperatorEffect): void {
    switch (effect.type) {
      case 'send':
        peers.get(effect.sessionId)?.outbox.send(effect.message);
        return;
      case 'close':
        log.info('stream closed', { session: effect.sessionId, reason: effect.reason });
        metrics.sessionClosed(
          effect.reason.includes('took over') ? 'replaced' : effect.reason.includes('in time') ? 'silent' : 'protocol',
        );
        peers.get(effect.sessionId)?.stream.close({ code: 'Closed', reason: effect.reason });
        return;
      case 'writeDecision':
        writeDecision(effect);
        return;
      case 'rollBack':
        rollBack(effect);
        return;
      case 'progressed':
        changed.add(effect.set);
        return;
    }
  }

  function rollBack({ set, revision, cause }: Extract<OperatorEffect, { type: 'rollBack' }>): void {
    const fields = { set, revision: revision.n, ...cause };
    log.info('the revision is to be rolled back', fields);
    backend.rollBack?.(set, revision, cause).catch((error: unknown) => {
      log.warn('the revision could not be rolled back', { ...fields, error: messageOf(error) });
    });
  }

  /** Reads the store for sure now and then: leases rest on when that began. One read at a time. */
  function confirmSoon(): void {
    if (backend.confirm === undefined || closed) return;
    const asOf = clock.monotonic();
    backend
      .confirm(confirming.signal)
      .then(
        () => {
          observe();
          step({ type: 'confirmed', asOf });
        },
        (error: unknown) => {
          if (!closed) log.warn('the decisions could not be read for sure', { error: messageOf(error) });
        },
      )
      .then(() => {
        if (!closed) cancelConfirm = clock.schedule(CONFIRM_MS, confirmSoon);
      })
      .catch((error: unknown) => {
        log.warn('a sure read could not be handled', { error: messageOf(error) });
      });
  }

  function writeDecision({ set, revision, wave, decision }: Extract<OperatorEffect, { type: 'writeDecision' }>): void {
    const fields = { set, revision: revision.n, digest: revision.digest, wave: wave.index, decision: decision.type };
    backend
      .writeDecision(set, revision, decision, wave)
      .catch((error: unknown) => {
        log.warn('the decision could not be written', { ...fields, error: messageOf(error) });
        return 'failed' as const;
      })
      .then((outcome) => {
        metrics.decision(decision.type, outcome);
        if (outcome === 'written') {
          log.info('revision decided', decision.type === 'Abort' ? { ...fields, ...decision.cause } : fields);
          if (decision.type === 'Abort') metrics.abandoned(decision.cause.reason);
        }
        step({ type: 'decisionAnswered', set, asked: { revision, wave, decision }, outcome });
      })
      .catch((error: unknown) => {
        log.warn('the decision could not be handled', { ...fields, error: messageOf(error) });
      });
  }

  function progressOf(set: SetKey, at: Instant): RolloutProgress | undefined {
    const progress = machine.progress(set, at);
    const unmanaged = options.unmanaged?.(set) ?? 0;
    if (progress === undefined || unmanaged === 0) return progress;
    return { ...progress, counts: { ...progress.counts, unmanaged } };
  }

  function recount(set: SetKey): void {
    if (closed) return;
    changed.add(set);
    cancelReports ??= clock.schedule(REPORT_MS, reportChanged);
  }

  function report(set: SetKey): void {
    const at = now();
    const progress = progressOf(set, at);
    if (progress === undefined) return;
    metrics.progress(progress);
    options.observer?.progress(progress);
    // Right after a change of leader nobody is connected yet; a status that said so would be wrong in a moment.
    if (machine.isSettled(set, at)) writer.offer(progress);
  }

  function observe(): void {
    const current = new Set<SetKey>();
    for (const observation of backend.listSets()) {
      current.add(observation.set);
      if (seen.get(observation.set) === observation) continue;
      seen.set(observation.set, observation);
      step({ type: 'observed', observation });
    }
    for (const set of seen.keys()) {
      if (current.has(set)) continue;
      seen.delete(set);
      writer.forget(set);
      metrics.forget(set);
      options.observer?.forget(set);
      step({ type: 'setRemoved', set });
    }
  }

  function tick(): void {
    if (closed) return;
    const unsettled = machine.sets().filter((set) => !machine.isSettled(set, now()));
    step({ type: 'tick' });
    // The moment in which the counts begin to mean something is a change of its own.
    for (const set of unsettled) report(set);
    metrics.sessions(machine.sessions);
    warnOfStreams(machine.sessions);
    cancelTick = clock.schedule(TICK_MS, tick);
  }

  function warnOfStreams(count: number): void {
    const isMany = count >= tuning.sessionsWarn;
    if (isMany && !hasMany) {
      const { sessionsWarn: suggested, sessionsMax: refusedFrom } = tuning;
      log.warn('this replica serves more streams than is suggested', { streams: count, suggested, refusedFrom });
    }
    hasMany = isMany;
  }

  const accept: AcceptStream = (identity, stream) => {
    counter += 1;
    const sessionId = `${options.replica}#${counter}`;
    const outbox = new Outbox((message) => stream.send(message));
    return {
      onOpen: () => {
        if (closed) {
          stream.close({ code: 'Unavailable', reason: 'this replica is closing' });
          return;
        }
        peers.set(sessionId, { stream, outbox });
        step({ type: 'opened', sessionId, identity });
      },
      onMessage: (message) => {
        if (message.type === 'Active' && message.timing !== undefined) metrics.scheduled(message.timing);
        if (message.type === 'Nack') {
          metrics.nack(message.phase, message.deterministic);
          const { set, revision, phase, code, deterministic } = message;
          log.warn('a PDP refused a revision', {
            set,
            revision: revision.n,
            node: identity.podName,
            phase,
            code,
            deterministic,
          });
        }
        step({ type: 'message', sessionId, message });
      },
      onDrain: () => {
        outbox.drained();
      },
      onClose: (close) => {
        if (!peers.delete(sessionId)) return;
        metrics.sessionClosed(close.code === 'Protocol' ? 'protocol' : 'peer');
        log.info('stream ended', {
          session: sessionId,
          node: identity.podName,
          code: close.code,
          reason: close.reason,
        });
        step({
          type: 'closed',
          sessionId,
          ...(close.code === 'Protocol' ? { why: `${close.code}: ${close.reason}` } : {}),
        });
      },
    };
  };

  function close(): void {
    if (closed) return;
    closed = true;
    unsubscribe();
    cancelTick?.();
    cancelReports?.();
    confirming.abort();
    cancelConfirm?.();
    writer.close();
    for (const { stream } of peers.values()) stream.close({ code: 'Unavailable', reason: 'this replica is closing' });
    peers.clear();
  }

  const drain = (reason: string, maxMs: number): Promise<void> =>
    leaveBy(clock, maxMs, {
      left: () => (closed ? 0 : peers.size),
      sendAway: (share) => {
        step({ type: 'drain', share, reason });
      },
    });

  const unsubscribe = backend.onChange(observe);
  observe();
  confirmSoon();
  cancelTick = clock.schedule(TICK_MS, tick);
  return {
    accept,
    progress: (set) => progressOf(set, now()),
    isSettled: (set) => machine.isSettled(set, now()),
    pdps: (set) => machine.pdps(now(), set),
    recount,
    analysed: (set, revision, wave, { verdict, message }) => {
      step({ type: 'analysed', set, revision, wave, verdict, message });
    },
    drain,
    close,
  };
}
