import type { ConsoleEvent, SetList, SetSummary, WhoAmI } from '../../../src/console/wire.ts';
import { Api } from './api.ts';
import { Live, type Connection } from './live.ts';
import { ApiProblem, unreachable } from './problem.ts';

const TOKEN_KEY = 'edict-token';
/** Pause before a list that could not be had is asked for again. */
const LIST_RETRY_MS = 5000;

/** What every part of the page can see. Replaced, never changed. */
export interface ConsoleState {
  readonly session:
    | { readonly status: 'asking' }
    | { readonly status: 'out'; readonly notice?: string }
    /** Nobody answered the question who the user is. */
    | { readonly status: 'away'; readonly problem: ApiProblem }
    | { readonly status: 'in'; readonly who: WhoAmI };
  /** By `namespace/name`; undefined until the first list came. */
  readonly sets: ReadonlyMap<string, SetSummary> | undefined;
  /** There are sets that the user may not see. */
  readonly isPartial: boolean;
  /** Why the list is not there, or is old. */
  readonly listProblem: ApiProblem | undefined;
  readonly connection: Connection;
  /** The page's clock when the operator was last heard; 0 for never. */
  readonly heardAt: number;
  /** Counts what was told of each set: whoever shows its detail asks again when this rises. */
  readonly changes: ReadonlyMap<string, number>;
  /** To be added to the page's clock to get the operator's. */
  readonly clockOffset: number;
}

/** The edge of the page, so that tests can stand in for the browser. */
export interface ConsoleClientOptions {
  readonly fetch: typeof fetch;
  /** Of this tab alone: a token does not outlive it. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly now: () => number;
  readonly random: () => number;
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
}

/** Session, events and the list of sets: everything of the page that is not drawing. */
export class ConsoleClient {
  readonly api: Api;
  readonly #options: ConsoleClientOptions;
  readonly #live: Live;
  readonly #listeners = new Set<() => void>();
  #token: string | undefined;
  #state: ConsoleState = {
    session: { status: 'asking' },
    sets: undefined,
    isPartial: false,
    listProblem: undefined,
    connection: { status: 'connecting' },
    heardAt: 0,
    changes: new Map(),
    clockOffset: 0,
  };

  constructor(options: ConsoleClientOptions) {
    this.#options = options;
    this.#token = options.storage.getItem(TOKEN_KEY) ?? undefined;
    this.api = new Api({ fetch: options.fetch, token: () => this.#token });
    this.#live = new Live({
      ...options,
      api: this.api,
      onEvent: (event) => this.#onEvent(event),
      onHeard: () => this.#set({ heardAt: options.now() }),
      onConnection: (connection) => {
        this.#set({ connection });
        // Without a stream there may still be a list, or a clearer reason why there is none.
        if (connection.status === 'lost' && this.#state.sets === undefined) this.#reload();
      },
      onUnauthenticated: () => this.unauthenticated(),
    });
  }

  get state(): ConsoleState {
    return this.#state;
  }

  /** Returns what ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The page's clock and timers. */
  get timing(): Pick<ConsoleClientOptions, 'now' | 'setTimer'> {
    return this.#options;
  }

  /** The operator's clock, in milliseconds since 1970. */
  operatorNow(): number {
    return this.#options.now() + this.#state.clockOffset;
  }

  /** Asks who the user is: with the token of this tab, or by what a proxy adds. */
  async start(): Promise<void> {
    await this.#enter(this.#token === undefined ? undefined : 'Your token is not valid any more. Sign in again.');
  }

  /** Takes a token; the promise tells what is wrong with it, or resolves to undefined once it is accepted. */
  async signIn(token: string): Promise<string | undefined> {
    this.#token = token;
    const problem = await this.#enter('This token was refused: it is wrong, over, or for another audience.');
    if (problem !== undefined) return problem;
    this.#options.storage.setItem(TOKEN_KEY, token);
    return undefined;
  }

  /** Forgets the token and everything that was seen with it. */
  signOut(notice?: string): void {
    this.#token = undefined;
    this.#options.storage.removeItem(TOKEN_KEY);
    this.#live.stop();
    this.#set({
      session: { status: 'out', ...(notice === undefined ? {} : { notice }) },
      sets: undefined,
      listProblem: undefined,
      changes: new Map(),
      heardAt: 0,
    });
  }

  /** An answer said 401 in the middle of things. */
  unauthenticated(): void {
    if (this.#state.session.status === 'in')
      this.signOut('Your session is over: the token has expired or was withdrawn.');
  }

  retryNow(): void {
    this.#live.retryNow();
  }

  /** Sets the clock by an answer's `now`. */
  tellTime(now: string): void {
    const offset = Date.parse(now) - this.#options.now();
    // Below a second it is the way of the answer, and not worth drawing everything again.
    if (Number.isFinite(offset) && Math.abs(offset - this.#state.clockOffset) > 1000)
      this.#set({ clockOffset: offset });
  }

  /** Resolves with what is wrong; undefined if nothing is, or nothing that is worth a word. */
  async #enter(refused: string | undefined): Promise<string | undefined> {
    try {
      const who = await this.api.get<WhoAmI>('whoami');
      this.tellTime(who.now);
      this.#set({ session: { status: 'in', who } });
      this.#live.start();
      return undefined;
    } catch (cause) {
      const problem = cause instanceof ApiProblem ? cause : unreachable(cause);
      if (problem.status === 401) this.signOut(refused);
      else this.#set({ session: { status: 'away', problem } });
      return problem.status === 401 ? refused : problem.message;
    }
  }

  #onEvent(event: ConsoleEvent): void {
    this.tellTime(event.now);
    switch (event.type) {
      case 'hello':
        // What was missed is unknown: everything is asked for again.
        if (!event.isResumed || this.#state.sets === undefined) this.#reload();
        return;
      case 'set':
        return this.#changed(`${event.set.namespace}/${event.set.name}`, event.set);
      case 'removed':
        return this.#changed(`${event.namespace}/${event.name}`, undefined);
      case 'end':
        return;
    }
  }

  #changed(key: string, summary: SetSummary | undefined): void {
    const changes = new Map(this.#state.changes).set(key, (this.#state.changes.get(key) ?? 0) + 1);
    if (this.#state.sets === undefined) return this.#set({ changes });
    const sets = new Map(this.#state.sets);
    if (summary === undefined) sets.delete(key);
    else sets.set(key, summary);
    this.#set({ changes, sets });
  }

  #reload(): void {
    this.api.get<SetList>('sets').then(
      (list) => {
        const sets = new Map(list.sets.map((set) => [`${set.namespace}/${set.name}`, set]));
        const known = new Set([...sets.keys(), ...this.#state.changes.keys()]);
        const changes = new Map([...known].map((key) => [key, (this.#state.changes.get(key) ?? 0) + 1]));
        this.#set({ sets, changes, isPartial: list.isPartial, listProblem: undefined });
      },
      (cause: unknown) => {
        const problem = cause instanceof ApiProblem ? cause : unreachable(cause);
        if (problem.status === 401) return this.unauthenticated();
        this.#set({ listProblem: problem });
        if (problem.mayPass) this.#options.setTimer(() => this.#retryList(), LIST_RETRY_MS);
      },
    );
  }

  /** Unless the list came in the meantime, or nobody is there to see it. */
  #retryList(): void {
    if (this.#state.session.status === 'in' && this.#state.listProblem !== undefined) this.#reload();
  }

  #set(change: Partial<ConsoleState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
