import { revisionIdOf, type SetKey } from '../identifiers.ts';
import type { Clock } from '../clock.ts';
import { codeOf, messageOf, type Log } from '../log.ts';
import {
  isAnnouncement,
  type Commit,
  type Load,
  type Nack,
  type NackPhase,
  type OperatorMessage,
  type PdpMessage,
} from '../messages.ts';
import { clampDetail } from '../nack.ts';
import { BACKOFF_DEFAULTS, nextDial, type BackoffOptions, type BackoffState } from '../transport/backoff.ts';
import type { Dial, MessageStream, StreamClose } from '../transport/stream.ts';
import { DecisionGate } from './decision-gate.ts';
import type { PdpEffect, PdpEvent, SetEvent } from './events.ts';
import { createPdp, stepPdp } from './machine.ts';
import { RefusalError, type ArtifactRequest, type PdpPorts, type ShadowNews } from './ports.ts';
import type { DurableRecord, PdpConfig, PdpState, SetLoads } from './state.ts';

/** What a PDP's client is made of. */
export interface PdpClientOptions {
  readonly config: PdpConfig;
  /** What the disk held, verified; see {@link createPdp}. */
  readonly records: ReadonlyMap<SetKey, DurableRecord>;
  readonly ports: PdpPorts;
  readonly dial: Dial<PdpMessage, OperatorMessage>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly backoff?: BackoffOptions;
  /** Called when a stream has ended, or was not let in; for metrics. */
  readonly onClosed?: (close: StreamClose) => void;
  /** Called after every step; for metrics and readiness. */
  readonly onState?: (state: PdpState) => void;
}

/** The running client. */
export interface PdpClient {
  /** Loads what the disk held, then dials. */
  readonly start: () => void;
  readonly state: () => PdpState;
  /** What the next Beats tell of the process; what was measured of the sets since the last call is told once. */
  readonly reportLoad: (load: Load, sets?: ReadonlyMap<SetKey, SetLoads>) => void;
  /** Ids of the keys whose signatures are taken: the next Beats tell them. */
  readonly reportTrust: (keyIds: readonly string[]) => void;
  /**
   * Takes a committed revision from elsewhere than the operator, by the rules of a Commit: it is fetched with the commit's ticket,
   * verified, compiled and activated unless something as new is here. Without effect while there is a stream.
   */
  readonly offer: (commit: Commit) => void;
  /** Ends the stream and all work; resolves when the last disk write has ended. */
  readonly close: () => Promise<void>;
}

const PHASES = {
  fetchManifest: 'Fetch',
  fetchBundles: 'Fetch',
  compile: 'Compile',
  runTests: 'Test',
  swap: 'Commit',
  split: 'Commit',
} as const satisfies Record<string, NackPhase>;

/** Drives the PDP's machine: does its effects with `ports`, keeps the stream, brings the answers back as events. */
export function createPdpClient(options: PdpClientOptions): PdpClient {
  const { ports, clock, log, random, backoff = BACKOFF_DEFAULTS } = options;
  let state = createPdp(options.config, options.records, Math.floor(random() * 2 ** 31));
  let stream: MessageStream<PdpMessage> | undefined;
  let closed = false;
  let artifactsUrl = '';
  let redialMaxMs = backoff.maxMs;
  let dials: BackoffState = { failures: 0 };
  let cancelRedial: (() => void) | undefined;
  const timers = new Map<string, () => void>();
  const work = new Map<string, AbortController>();
  const disks = new Map<SetKey, Promise<void>>();
  const queue: PdpEvent[] = [];
  let running = false;
  const { verifyDecision } = ports;
  const gate =
    verifyDecision &&
    new DecisionGate({
      verify: verifyDecision,
      pass: (message) => {
        dispatch({ type: 'message', message });
      },
      refuse: (commit, error) => {
        const message = refusalOf(commit, error);
        if (stream !== undefined) perform({ type: 'send', message });
      },
    });

  function dispatch(event: PdpEvent): void {
    if (closed) return;
    queue.push(event);
    if (running) return;
    running = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const step = stepPdp(state, next, clock.monotonic());
        state = step.state;
        for (const effect of step.effects) perform(effect);
        options.onState?.(state);
      }
    } finally {
      running = false;
    }
  }

  /** A commit that is not believed: it is refused, and whoever sent it may send it again with what it lacks. */
  function refusalOf({ set, revision }: Commit, error: unknown): Nack {
    const refused =
      error instanceof RefusalError
        ? {
            phase: error.phase,
            code: error.code,
            deterministic: error.deterministic,
            detail: clampDetail(error.detail),
          }
        : {
            phase: 'Verify' as const,
            code: codeOf(error) ?? 'Internal',
            deterministic: false,
            detail: clampDetail({ message: messageOf(error) }),
          };
    return { type: 'Nack', set, revision: revisionIdOf(revision), ...refused };
  }

  function onMessage(message: OperatorMessage): void {
    if (gate !== undefined && isAnnouncement(message)) gate.take(message);
    else dispatch({ type: 'message', message });
  }

  async function offer(commit: Commit): Promise<void> {
    try {
      await verifyDecision?.(commit);
    } catch (error) {
      const { set, revision, code, detail } = refusalOf(commit, error);
      log.warn('offered revision refused', { set, revision: revision.n, code, detail: detail.message });
      return;
    }
    dispatch({ type: 'offered', commit });
  }

  function perform(effect: PdpEffect): void {
    switch (effect.type) {
      case 'send':
        if (effect.message.type === 'Nack') {
          const { set, revision, phase, code, deterministic } = effect.message;
          log.warn('revision refused', { set, revision: revision.n, phase, code, deterministic });
        }
        stream?.send(effect.message);
        return;
      case 'disconnect':
        stream?.close({
          code: 'Closed',
          reason: effect.reason,
          ...(effect.redialAfterMs === undefined ? {} : { retryAfterMs: effect.redialAfterMs }),
        });
        return;
      case 'assigned':
        artifactsUrl = effect.artifactsUrl;
        redialMaxMs = effect.redialMaxMs ?? backoff.maxMs;
        ports.assigned(effect.sets, effect.fallbackSources ?? []);
        return;
      case 'setTimer':
        timers.get(effect.key)?.();
        timers.set(
          effect.key,
          clock.schedule(effect.delayMs, () => {
            timers.delete(effect.key);
            dispatch({ type: 'timer', key: effect.key });
          }),
        );
        return;
      case 'clearTimer':
        timers.get(effect.key)?.();
        timers.delete(effect.key);
        return;
      case 'cancel':
        endWork(effect.set, effect.id);
        return;
      case 'fetchManifest':
        run(effect, async (signal) => {
          const manifest = await ports.fetchManifest(requestOf(effect), signal);
          return { type: 'verified', set: effect.set, id: effect.id, manifest };
        });
        return;
      case 'fetchBundles':
        run(effect, async (signal) => {
          await ports.fetchBundles(requestOf(effect), effect.missing, signal);
          return { type: 'bundlesFetched', set: effect.set, id: effect.id };
        });
        return;
      case 'compile':
        run(effect, async (signal) => {
          const report = await ports.compile(effect.set, effect.revision, signal);
          return { type: 'compiled', set: effect.set, id: effect.id, ...report };
        });
        return;
      case 'runTests':
        run(effect, async (signal) => {
          const tests = await ports.runTests(effect.set, effect.revision, signal);
          return { type: 'testsDone', set: effect.set, id: effect.id, tests };
        });
        return;
      case 'persistStaged':
      case 'persistActive':
        persist(effect);
        return;
      case 'dropStaged':
        onDisk(
          effect.set,
          effect.record,
          () => undefined,
          (error) => {
            log.warn('dropping a staged revision failed', { set: effect.set, error: messageOf(error) });
          },
        );
        return;
      case 'swap':
      case 'split':
        activate(effect);
        return;
      case 'lease':
        ports.lease?.(effect.set, effect.lease);
        return;
      case 'startShadow':
        startShadow(effect);
        return;
      case 'stopShadow':
        endWork(effect.set, effect.id);
        return;
      case 'retain':
        ports.retain(effect.set, effect.compiled, effect.bundles);
        return;
    }
  }

  function requestOf(effect: Extract<PdpEffect, { type: 'fetchManifest' | 'fetchBundles' }>): ArtifactRequest {
    return { set: effect.set, revision: effect.revision, ticket: effect.ticket, artifactsUrl };
  }

  function endWork(set: SetKey, id: number): void {
    const key = `${set}#${id}`;
    work.get(key)?.abort();
    work.delete(key);
  }

  type Step = Extract<PdpEffect, { type: 'fetchManifest' | 'fetchBundles' | 'compile' | 'runTests' }>;

  function run(effect: Step, task: (signal: AbortSignal) => Promise<SetEvent>): void {
    const key = `${effect.set}#${effect.id}`;
    const controller = new AbortController();
    work.set(key, controller);
    task(controller.signal)
      .catch((error: unknown): SetEvent => failureOf(effect, error))
      .then((event) => {
        if (work.get(key) === controller) work.delete(key);
        if (!controller.signal.aborted) dispatch(event);
      })
      .catch((error: unknown) => {
        log.warn('a step of the distribution client failed', { set: effect.set, error: messageOf(error) });
      });
  }

  function failureOf(
    effect: { readonly type: keyof typeof PHASES; readonly set: SetKey; readonly id: number },
    error: unknown,
  ): SetEvent {
    const { set, id } = effect;
    if (error instanceof RefusalError) {
      const { phase, code, deterministic, detail } = error;
      return { type: 'failed', set, id, phase, code, deterministic, detail };
    }
    const code = codeOf(error) ?? 'Internal';
    return {
      type: 'failed',
      set,
      id,
      phase: PHASES[effect.type],
      code,
      deterministic: false,
      detail: { message: messageOf(error) },
    };
  }

  /** Disk work of one set, strictly in order. */
  function onDisk(set: SetKey, record: DurableRecord, done: () => void, failed: (error: unknown) => void): void {
    const previous = disks.get(set) ?? Promise.resolve();
    const next = previous
      .then(() => ports.persist(set, record))
      .then(done, failed)
      .catch((error: unknown) => {
        log.warn('a step of the distribution client failed', { set, error: messageOf(error) });
      });
    disks.set(set, next);
  }

  function persist(effect: Extract<PdpEffect, { type: 'persistStaged' | 'persistActive' }>): void {
    const { set, id } = effect;
    const record = effect.type === 'persistActive' ? 'active' : 'staged';
    onDisk(
      set,
      effect.record,
      () => {
        dispatch({ type: 'persisted', set, id, record });
      },
      (error) => {
        log.warn('the durable record could not be written', { set, record, error: messageOf(error) });
        dispatch({ type: 'persistFailed', set, id, record, message: messageOf(error) });
      },
    );
  }

  /** A shadow evaluation that cannot be had ends with nothing compared: the operator sees that from the counts. */
  function startShadow(effect: Extract<PdpEffect, { type: 'startShadow' }>): void {
    const { set, id, revision, samplePpm, windowMs } = effect;
    if (ports.shadow === undefined) return;
    const controller = new AbortController();
    work.set(`${set}#${id}`, controller);
    const { signal } = controller;
    const onNews = (news: ShadowNews): void => {
      if (!signal.aborted) dispatch({ type: 'shadowed', set, id, ...news });
    };
    ports.shadow(set, revision, { samplePpm, windowMs }, onNews, signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn('shadow evaluation failed', { set, revision: revision.n, error: messageOf(error) });
    });
  }

  function putInPlace(effect: Extract<PdpEffect, { type: 'swap' | 'split' }>): void | Promise<void> {
    const { set, revision } = effect;
    if (effect.type === 'swap') return ports.swap(set, revision);
    if (ports.split !== undefined) return ports.split(set, revision, { salt: effect.salt, upTo: effect.upTo });
    const detail = { message: 'this PDP cannot serve two revisions of a set' };
    throw new RefusalError('Commit', 'SplitUnsupported', false, detail);
  }

  function activate(effect: Extract<PdpEffect, { type: 'swap' | 'split' }>): void {
    const { set, id, revision } = effect;
    const before = clock.monotonic();
    const swapped = (): void => {
      const swapMicros = Math.round((clock.monotonic() - before) * 1000);
      const share = effect.type === 'split' ? { upTo: effect.upTo } : {};
      log.info('revision active', { set, revision: revision.n, digest: revision.digest, swapMicros, ...share });
      dispatch({ type: 'swapped', set, id, activatedAt: clock.now(), swapMicros });
    };
    const failed = (error: unknown): void => {
      dispatch(failureOf(effect, error));
    };
    let done: void | Promise<void>;
    try {
      done = putInPlace(effect);
    } catch (error) {
      failed(error);
      return;
    }
    if (done instanceof Promise) {
      done.then(swapped, failed).catch((error: unknown) => {
        log.warn('a step of the distribution client failed', { set, error: messageOf(error) });
      });
    } else {
      swapped();
    }
  }

  function dialNow(): void {
    cancelRedial = undefined;
    if (closed) return;
    let openedAt: number | undefined;
    const own = options.dial({
      onOpen: () => {
        openedAt = clock.monotonic();
        if (stream === own) dispatch({ type: 'connected' });
      },
      onMessage: (message) => {
        if (stream === own) onMessage(message);
      },
      onDrain: () => undefined,
      onClose: (close) => {
        if (stream !== own) return;
        stream = undefined;
        gate?.clear();
        dispatch({ type: 'disconnected' });
        redial(close, openedAt === undefined ? 0 : clock.monotonic() - openedAt);
      },
    });
    stream = own;
  }

  function redial(close: StreamClose, livedMs: number): void {
    if (closed) return;
    const [delayMs, next] = nextDial(dials, close, livedMs, random(), {
      ...backoff,
      maxMs: Math.min(backoff.maxMs, redialMaxMs),
    });
    dials = next;
    const ended = { code: close.code, reason: close.reason, redialMs: delayMs };
    if (close.tlsProblem === undefined) log.info('distribution stream ended', ended);
    else log.warn("the operator's certificate is not accepted", ended);
    options.onClosed?.(close);
    cancelRedial = clock.schedule(delayMs, dialNow);
  }

  return {
    start: () => {
      dispatch({ type: 'boot' });
      dialNow();
    },
    state: () => state,
    reportLoad: (load, sets) => {
      dispatch({ type: 'load', load, ...(sets === undefined ? {} : { sets }) });
    },
    reportTrust: (keys) => {
      dispatch({ type: 'trusts', keys });
    },
    offer: (commit) => {
      if (verifyDecision === undefined) {
        dispatch({ type: 'offered', commit });
        return;
      }
      offer(commit).catch((error: unknown) => {
        log.warn('a step of the distribution client failed', { set: commit.set, error: messageOf(error) });
      });
    },
    close: async () => {
      closed = true;
      cancelRedial?.();
      for (const cancel of timers.values()) cancel();
      timers.clear();
      for (const controller of work.values()) controller.abort();
      work.clear();
      gate?.clear();
      stream?.close({ code: 'Closed', reason: 'the PDP is shutting down' });
      stream = undefined;
      await Promise.all(disks.values());
    },
  };
}
