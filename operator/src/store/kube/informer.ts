import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../clock.ts';
import { StoreError } from '../errors.ts';
import type { KubeClient } from './kube-client.ts';
import { collectionPath, type Resource } from './resources.ts';
import { errorOfWatchEvent } from './status-error.ts';

/** What an informer tells of. */
export interface InformerHandler<T> {
  /** A whole list: what is not in it is gone. */
  readonly replace: (objects: readonly T[]) => void;
  readonly put: (object: T) => void;
  readonly remove: (object: T) => void;
}

export interface InformerOptions<T> {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly handler: InformerHandler<T>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of every interruption, with what is done about it. */
  readonly onRestart: (cause: 'list' | 'watch' | 'inactive' | 'expired', error: unknown, retryInMs: number) => void;
  /** A watch without any event or bookmark for this long is taken for dead. Default 90 s: bookmarks come every minute. */
  readonly inactivityMs?: number;
  /** Default 1000. */
  readonly pageSize?: number;
}

export interface Informer {
  readonly stop: () => Promise<void>;
}

interface ListAnswer {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly object[];
}

interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: { readonly metadata?: { readonly resourceVersion?: string } };
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** A watch that ends in order sooner than this, without any event, is no watch: it is not begun again at once. */
const SHORTEST_WATCH_MS = 1000;
/** Longest line of a watch, characters: far more than the largest object. */
const MAX_LINE_LENGTH = 32 * 1024 * 1024;
/** The apiserver ends a watch after this long; a clean end resumes at once. */
const WATCH_SECONDS = 300;

/**
 * Lists a kind and follows it until stopped. Whatever ends a watch (a dropped connection, a restart of the apiserver, a
 * half-open socket, an expired version), it begins again: from the last version while that can be, else by a new list.
 */
export function startInformer<T>(options: InformerOptions<T>): Informer {
  const controller = new AbortController();
  const done = run(options, controller.signal);
  return {
    stop: async () => {
      controller.abort();
      await done;
    },
  };
}

async function run<T>(options: InformerOptions<T>, signal: AbortSignal): Promise<void> {
  let resourceVersion: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      resourceVersion ??= await list(options, signal);
      const startedAt = options.clock.monotonic();
      const ended = await follow(options, resourceVersion, signal);
      resourceVersion = ended.resourceVersion;
      if (ended.sawEvent) failures = 0;
      const isWorking = ended.sawEvent || options.clock.monotonic() - startedAt >= SHORTEST_WATCH_MS;
      if (ended.cause === undefined && isWorking) continue; // the server's own time limit: resume at once
      throw new RestartError(ended.cause ?? 'watch', ended.error ?? new Error('the watch ended as soon as it began'));
    } catch (error) {
      if (isAborted(signal)) return;
      const cause = error instanceof RestartError ? error.restart : 'list';
      if (cause === 'expired') resourceVersion = undefined;
      failures += 1;
      const ceiling = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
      const retryInMs = Math.round(ceiling * (0.5 + options.random() / 2));
      options.onRestart(cause, error instanceof RestartError ? error.cause : error, retryInMs);
      await pause(options.clock, retryInMs, signal);
      // Many failures on end may mean that the version itself is the trouble (another etcd, a restored backup).
      if (failures % 5 === 0) resourceVersion = undefined;
    }
  }
}

class RestartError extends Error {
  readonly restart: 'watch' | 'inactive' | 'expired';
  constructor(restart: RestartError['restart'], cause: unknown) {
    super(restart, { cause });
    this.restart = restart;
  }
}

async function list<T>(options: InformerOptions<T>, signal: AbortSignal): Promise<string> {
  const { client, resource, namespace, labelSelector, fieldSelector, pageSize = 1000 } = options;
  const objects: T[] = [];
  let page: string | undefined;
  for (;;) {
    const answer = (await client.request({
      method: 'GET',
      path: collectionPath(resource, namespace),
      query: { labelSelector, fieldSelector, limit: String(pageSize), continue: page },
      timeoutMs: 30_000,
      signal,
    })) as ListAnswer;
    // Items of a list carry no kind: they get it here, so that every object says what it is.
    for (const item of answer.items)
      objects.push({ apiVersion: resource.apiVersion, kind: resource.kind, ...item } as T);
    page = answer.metadata.continue === '' ? undefined : answer.metadata.continue;
    if (page !== undefined) continue;
    options.handler.replace(objects);
    return answer.metadata.resourceVersion ?? '0';
  }
}

interface Ended {
  readonly resourceVersion: string;
  readonly sawEvent: boolean;
  readonly cause?: 'watch' | 'inactive' | 'expired';
  readonly error?: unknown;
}

async function follow<T>(options: InformerOptions<T>, from: string, signal: AbortSignal): Promise<Ended> {
  const { client, resource, namespace, labelSelector, fieldSelector, handler, clock, inactivityMs = 90_000 } = options;
  const path = collectionPath(resource, namespace);
  let resourceVersion = from;
  let sawEvent = false;
  let stream: IncomingMessage;
  try {
    stream = await client.stream({
      method: 'GET',
      path,
      query: {
        watch: '1',
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(WATCH_SECONDS),
        resourceVersion,
        labelSelector,
        fieldSelector,
      },
      timeoutMs: 30_000,
      signal,
    });
  } catch (error) {
    return { resourceVersion, sawEvent, cause: isExpired(error) ? 'expired' : 'watch', error };
  }
  const silence: { tooLong: boolean } = { tooLong: false };
  let cancelTimer: () => void = () => undefined;
  const touch = (): void => {
    cancelTimer();
    cancelTimer = clock.schedule(inactivityMs, () => {
      silence.tooLong = true;
      stream.destroy(new Error(`no event for ${inactivityMs} ms`));
    });
  };
  touch();
  try {
    for await (const text of linesOf(stream)) {
      touch();
      const line = JSON.parse(text) as WatchLine;
      if (line.type === 'ERROR') {
        const error = errorOfWatchEvent(line.object, path);
        return { resourceVersion, sawEvent, cause: isExpired(error) ? 'expired' : 'watch', error };
      }
      sawEvent = true;
      resourceVersion = line.object.metadata?.resourceVersion ?? resourceVersion;
      if (line.type === 'ADDED' || line.type === 'MODIFIED') handler.put(line.object as T);
      else if (line.type === 'DELETED') handler.remove(line.object as T);
    }
    return { resourceVersion, sawEvent };
  } catch (error) {
    return { resourceVersion, sawEvent, cause: silence.tooLong ? 'inactive' : 'watch', error };
  } finally {
    cancelTimer();
    stream.destroy();
  }
}

/** The lines of a stream. A stream that breaks off throws, which `node:readline` would hide. */
async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH)
      throw new Error(`a line of the watch is longer than ${MAX_LINE_LENGTH} characters`);
    for (const line of lines) if (line.trim() !== '') yield line;
  }
}

// A call, as the flow analysis does not know that a signal changes while one waits.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function isExpired(error: unknown): boolean {
  return error instanceof StoreError && error.httpStatus === 410;
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(delayMs, finish);
    function finish(): void {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    }
    signal.addEventListener('abort', finish);
  });
}
