import { parseManifest, type Digest } from '@edict/bundle';
import {
  BACKOFF_DEFAULTS,
  codeOf,
  issueTicket,
  messageOf,
  nextDial,
  Outbox,
  RefusalError,
  RELAY_TUNING,
  RelayMachine,
  type AcceptStream,
  type ArtifactClient,
  type ArtifactStore,
  type BackoffOptions,
  type BackoffState,
  type Clock,
  type Dial,
  type EngineInfo,
  type Instant,
  type LoadedRecord,
  type Log,
  type MessageStream,
  type OperatorMessage,
  type OperatorTuning,
  type PdpListing,
  type PdpMessage,
  type RelayEffect,
  type RelayEvent,
  type SetKey,
  type StreamClose,
} from '@edict/protocol';
import type { DistributionMetrics } from '../distribution/metrics.ts';
import { fetchRevision } from './fetch-revision.ts';
import { namedBy, type RelayFiles } from './relay-files.ts';
import type { RelayMetrics } from './relay-metrics.ts';

/** Period of the machine's clock. */
const TICK_MS = 500;
/** Events of so many milliseconds share one look at the counts. */
const LOOK_MS = 50;

/** What a relay is made of. */
export interface RelayOptions {
  /** Its name, as PDPs and logs show it. */
  readonly replica: string;
  readonly engine: EngineInfo;
  readonly sets: readonly SetKey[];
  readonly dialHub: Dial<PdpMessage, OperatorMessage>;
  /** Artifacts of the hub, at its configured address. */
  readonly fetch: ArtifactClient['fetch'];
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  readonly files: RelayFiles;
  /** What `files` held at the start. */
  readonly records: readonly LoadedRecord[];
  /** Base URL of manifests and bundles as the site's PDPs reach it; `''` if they know it. */
  readonly artifactsUrl: string;
  /** Key under the tickets of the site. */
  readonly ticketKey: Uint8Array;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: RelayMetrics;
  readonly distributionMetrics: DistributionMetrics;
  readonly tuning?: Partial<OperatorTuning>;
  readonly backoff?: BackoffOptions;
}

/** A running relay: one stream to its hub, those of its PDPs, and what they are offered on disk. */
export interface Relay {
  /** Takes an authenticated stream of a PDP. */
  readonly accept: AcceptStream;
  readonly artifacts: ArtifactStore;
  readonly pdps: () => readonly PdpListing[];
  readonly isHubConnected: () => boolean;
  /** The newest decided revision of each set. */
  readonly committed: () => ReadonlyMap<SetKey, number>;
  /** Sends the PDPs elsewhere; resolves when all have gone or `maxMs` passed. */
  readonly drain: (reason: string, maxMs: number) => Promise<void>;
  /** Ends every stream; resolves when the last write to the disk has ended. */
  readonly close: () => Promise<void>;
}

interface Peer {
  readonly stream: MessageStream<OperatorMessage>;
  readonly outbox: Outbox;
}

/** Wires a relay's machine to its streams, its disk and the clock; dials the hub at once. */
export function createRelay(options: RelayOptions): Relay {
  const { clock, log, metrics, distributionMetrics, files, random } = options;
  const backoff = options.backoff ?? BACKOFF_DEFAULTS;
  const now = (): Instant => ({ mono: clock.monotonic(), wall: clock.now() });
  const machine = new RelayMachine(
    {
      replica: options.replica,
      engine: options.engine,
      sets: options.sets,
      tuning: { ...RELAY_TUNING, ...options.tuning },
      artifactsUrl: options.artifactsUrl,
      random,
      issueTicket: (nodeId, manifest, at) => issueTicket({ nodeId, manifest }, options.ticketKey, at.wall),
    },
    options.records,
    now(),
  );
  const peers = new Map<string, Peer>();
  const fetching = new Map<SetKey, AbortController>();
  const needed = new Map(options.records.map(({ record, held }) => [record.set, [...held.keys()]] as const));
  const queue: RelayEvent[] = [];
  let hub: MessageStream<PdpMessage> | undefined;
  let dials: BackoffState = { failures: 0 };
  let redialMaxMs = backoff.maxMs;
  let cancelDial: (() => void) | undefined;
  let cancelTick: (() => void) | undefined;
  let cancelLook: (() => void) | undefined;
  let disk: Promise<void> = Promise.resolve();
  let running = false;
  let closed = false;
  let counter = 0;

  function step(event: RelayEvent): void {
    if (closed) return;
    queue.push(event);
    if (running) return;
    running = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        for (const effect of machine.step(next, now())) perform(effect);
      }
    } finally {
      running = false;
    }
  }

  function perform(effect: RelayEffect): void {
    switch (effect.type) {
      case 'say':
        hub?.send(effect.message);
        return;
      case 'hangUp': {
        const { reason, redialAfterMs } = effect;
        const close: StreamClose = { code: 'Closed', reason };
        hub?.close(redialAfterMs === undefined ? close : { ...close, retryAfterMs: redialAfterMs });
        return;
      }
      case 'fetch':
        fetch(effect);
        return;
      case 'store':
        store(effect);
        return;
      case 'retain':
        needed.set(effect.set, [...effect.manifests]);
        onDisk(sweep);
        return;
      case 'send':
        peers.get(effect.sessionId)?.outbox.send(effect.message);
        return;
      case 'close':
        log.info('stream closed', { session: effect.sessionId, reason: effect.reason });
        peers.get(effect.sessionId)?.stream.close({ code: 'Closed', reason: effect.reason });
        return;
      case 'progressed':
        cancelLook ??= clock.schedule(LOOK_MS, () => {
          cancelLook = undefined;
          step({ type: 'look' });
        });
        return;
    }
  }

  function fetch({ set, revision, ticket, deadlineMs }: Extract<RelayEffect, { type: 'fetch' }>): void {
    fetching.get(set)?.abort();
    const controller = new AbortController();
    fetching.set(set, controller);
    const cancel = clock.schedule(deadlineMs, () => {
      controller.abort();
    });
    // After what is under way on the disk: what it finds there is not removed while it runs.
    disk
      .then(() => fetchRevision(revision, ticket, options, controller.signal))
      .then((manifest): RelayEvent => {
        metrics.fetch('fetched');
        return { type: 'fetched', set, revision, isStrict: manifest.consistency?.mode === 'Strict' };
      })
      .catch((error: unknown): RelayEvent => {
        metrics.fetch('failed');
        const fields = { set, revision: revision.n, error: messageOf(error) };
        log.warn('a revision could not be fetched from the hub', fields);
        const detail = error instanceof RefusalError ? error.detail : { message: messageOf(error) };
        const code = error instanceof RefusalError ? error.code : (codeOf(error) ?? 'Internal');
        const phase = error instanceof RefusalError ? error.phase : 'Fetch';
        return { type: 'fetchFailed', set, revision, phase, code, deterministic: false, detail };
      })
      .then((event) => {
        cancel();
        // One that took its place is what the machine waits for.
        if (fetching.get(set) === controller) {
          fetching.delete(set);
          step(event);
        }
      })
      .catch((error: unknown) => {
        log.warn('a fetch could not be handled', { set, error: messageOf(error) });
      });
  }

  /** Disk work, strictly in order. */
  function onDisk(task: () => Promise<void>): void {
    disk = disk.then(task).catch((error: unknown) => {
      log.warn('the state directory could not be kept in order', { error: messageOf(error) });
    });
  }

  function store({ set, id, record }: Extract<RelayEffect, { type: 'store' }>): void {
    onDisk(async () => {
      let isDurable = true;
      try {
        await files.store(record);
        metrics.store('written');
      } catch (error) {
        isDurable = false;
        metrics.store('failed');
        log.warn('the record of a decided revision could not be written', { set, error: messageOf(error) });
      }
      log.info('revision relayed', { set, revision: record.canary?.revision.n ?? record.committed?.n ?? 0, isDurable });
      step({ type: 'stored', set, id, isDurable });
    });
  }

  /** Removes what no record, no offer and no fetch needs. */
  async function sweep(): Promise<void> {
    // The end of the fetch brings another turn.
    if (fetching.size > 0) return;
    const kept = new Set<Digest>();
    for (const manifest of [...needed.values()].flat()) {
      kept.add(manifest);
      const bytes = await files.read(manifest);
      if (bytes !== undefined) for (const digest of namedBy(parseManifest(bytes))) kept.add(digest);
    }
    await files.keep(kept);
  }

  function dial(): void {
    cancelDial = undefined;
    if (closed) return;
    let openedAt: number | undefined;
    const own = options.dialHub({
      onOpen: () => {
        if (hub !== own) return;
        openedAt = clock.monotonic();
        log.info('the hub took the stream', {});
        metrics.hubConnected(true);
        step({ type: 'hubConnected' });
      },
      onMessage: (message) => {
        if (hub !== own) return;
        if (message.type === 'Welcome') redialMaxMs = message.redialMaxMs ?? backoff.maxMs;
        step({ type: 'hubSaid', message });
      },
      onDrain: () => undefined,
      onClose: (close) => {
        if (hub !== own) return;
        hub = undefined;
        metrics.hubConnected(false);
        step({ type: 'hubDisconnected' });
        redial(close, openedAt === undefined ? 0 : clock.monotonic() - openedAt);
      },
    });
    hub = own;
  }

  function redial(close: StreamClose, livedMs: number): void {
    if (closed) return;
    const [delayMs, next] = nextDial(dials, close, livedMs, random(), {
      ...backoff,
      maxMs: Math.min(backoff.maxMs, redialMaxMs),
    });
    dials = next;
    log.info('the stream to the hub ended', { code: close.code, reason: close.reason, redialMs: delayMs });
    cancelDial = clock.schedule(delayMs, dial);
  }

  function tick(): void {
    if (closed) return;
    step({ type: 'tick' });
    const at = now();
    distributionMetrics.sessions(machine.sessions);
    for (const [set, n] of machine.committed()) {
      metrics.set(set, machine.wordAgeMs(set, at), n);
      const progress = machine.progress(set, at);
      if (progress !== undefined) distributionMetrics.progress(progress);
    }
    cancelTick = clock.schedule(TICK_MS, tick);
  }

  const accept: AcceptStream = (identity, stream) => {
    counter += 1;
    const sessionId = `${options.replica}#${counter}`;
    const outbox = new Outbox((message) => stream.send(message));
    return {
      onOpen: () => {
        if (closed) {
          stream.close({ code: 'Unavailable', reason: 'this relay is closing' });
          return;
        }
        peers.set(sessionId, { stream, outbox });
        step({ type: 'opened', sessionId, identity });
      },
      onMessage: (message) => {
        if (message.type === 'Nack') distributionMetrics.nack(message.phase, message.deterministic);
        step({ type: 'message', sessionId, message });
      },
      onDrain: () => {
        outbox.drained();
      },
      onClose: (close) => {
        if (!peers.delete(sessionId)) return;
        distributionMetrics.sessionClosed('peer');
        log.info('stream ended', {
          session: sessionId,
          node: identity.podName,
          code: close.code,
          reason: close.reason,
        });
        step({ type: 'closed', sessionId });
      },
    };
  };

  async function drain(reason: string, maxMs: number): Promise<void> {
    const until = clock.monotonic() + maxMs;
    while (!closed && peers.size > 0 && clock.monotonic() < until) {
      step({ type: 'drain', share: 1, reason });
      await new Promise<void>((resolve) => {
        clock.schedule(Math.min(250, Math.max(1, until - clock.monotonic())), resolve);
      });
    }
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    for (const cancel of [cancelDial, cancelTick, cancelLook]) cancel?.();
    for (const controller of fetching.values()) controller.abort();
    hub?.close({ code: 'Closed', reason: 'the relay is shutting down' });
    for (const { stream } of peers.values()) stream.close({ code: 'Unavailable', reason: 'this relay is closing' });
    peers.clear();
    await disk;
  }

  dial();
  tick();
  return {
    accept,
    artifacts: { getManifest: files.read, getBundle: files.read },
    pdps: () => machine.pdps(now()),
    isHubConnected: () => machine.isHubUp,
    committed: () => machine.committed(),
    drain,
    close,
  };
}
