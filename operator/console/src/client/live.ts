import type { ConsoleEvent } from '../../../src/console/wire.ts';
import type { Api } from './api.ts';
import { EventStreamParser, type StreamMessage } from './event-stream.ts';
import { ApiProblem, unreachable } from './problem.ts';

/** The server sends a sign of life every 15 s; three are missed before the stream counts as dead. */
export const SILENCE_MAX_MS = 45_000;
/** Pauses before another try: the first, and the longest. */
export const RETRY_FIRST_MS = 500;
export const RETRY_MAX_MS = 15_000;

/** How the page is connected. Times are the page's own clock. */
export type Connection =
  | { readonly status: 'connecting' }
  | { readonly status: 'live' }
  | { readonly status: 'lost'; readonly since: number; readonly retryAt: number; readonly why: string };

/** What the stream tells and needs. */
export interface LiveOptions {
  readonly api: Pick<Api, 'open'>;
  readonly now: () => number;
  readonly random: () => number;
  /** Calls back once, `delayMs` later, unless the function returned is called before. */
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
  readonly onEvent: (event: ConsoleEvent) => void;
  /** Anything came, be it a comment. */
  readonly onHeard: () => void;
  readonly onConnection: (connection: Connection) => void;
  /** The user is not known any more: nothing is tried again. */
  readonly onUnauthenticated: () => void;
}

/** The stream of events, opened again whenever it ends; resumes after the last event that it saw. */
export class Live {
  readonly #options: LiveOptions;
  #lastEventId = '';
  #failures = 0;
  #lostSince: number | undefined;
  #stopped = true;
  #abort: AbortController | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#options.onConnection({ status: 'connecting' });
    this.#connect();
  }

  /** Ends it for good, or until it is started again. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#abort?.abort();
    this.#lastEventId = '';
    this.#failures = 0;
    this.#lostSince = undefined;
  }

  /** Does not wait for the next try: the user asked, or the network came back. */
  retryNow(): void {
    if (this.#stopped || this.#cancelRetry === undefined) return;
    this.#cancelRetry();
    this.#connect();
  }

  #connect(): void {
    this.#cancelRetry = undefined;
    const abort = new AbortController();
    this.#abort = abort;
    this.#read(abort).then(
      (retryMs) => this.#lost(abort, 'the stream ended', retryMs),
      (cause: unknown) => {
        const problem = cause instanceof ApiProblem ? cause : unreachable(cause);
        if (problem.status === 401) return this.#unauthenticated(abort);
        this.#lost(abort, problem.message, undefined);
      },
    );
  }

  /** Resolves when the server ends the stream, with the pause that it asked for. */
  async #read(abort: AbortController): Promise<number | undefined> {
    const { api, setTimer, onHeard } = this.#options;
    let cancelWatch = (): void => undefined;
    const watch = (): void => {
      cancelWatch();
      cancelWatch = setTimer(() => abort.abort(), SILENCE_MAX_MS);
    };
    watch();
    try {
      const resume = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId };
      const { body } = await api.open('events', resume, abort.signal);
      if (body === null) throw new ApiProblem(0, 'unreachable', 'the server sent no stream');
      const parser = new EventStreamParser();
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let retryMs: number | undefined;
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#abort !== abort) return retryMs;
        watch();
        onHeard();
        const messages = parser.push(value);
        // An id may come alone, after everything that it stands for.
        if (parser.lastEventId !== '') this.#lastEventId = parser.lastEventId;
        for (const message of messages) retryMs = this.#take(message) ?? retryMs;
      }
    } finally {
      cancelWatch();
    }
  }

  #take(message: StreamMessage): number | undefined {
    const event = JSON.parse(message.data) as ConsoleEvent;
    if (event.type === 'hello') {
      this.#failures = 0;
      this.#lostSince = undefined;
      this.#options.onConnection({ status: 'live' });
    }
    this.#options.onEvent(event);
    if (event.type !== 'end') return undefined;
    if (event.reason === 'unauthenticated') throw new ApiProblem(401, 'unauthenticated', 'the token is over');
    return event.retryMs;
  }

  #lost(abort: AbortController, why: string, retryMs: number | undefined): void {
    if (this.#stopped || this.#abort !== abort) return;
    const { now, random, setTimer, onConnection } = this.#options;
    const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#failures);
    // Not all pages of a restarted operator come back in the same moment.
    const delay = Math.max(retryMs ?? 0, longest / 2 + (longest / 2) * random());
    this.#failures += 1;
    this.#lostSince ??= now();
    this.#cancelRetry = setTimer(() => this.#connect(), delay);
    onConnection({ status: 'lost', since: this.#lostSince, retryAt: now() + delay, why });
  }

  #unauthenticated(abort: AbortController): void {
    if (this.#stopped || this.#abort !== abort) return;
    this.stop();
    this.#options.onUnauthenticated();
  }
}
