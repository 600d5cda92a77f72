import { rfc3339Millis, type Clock } from '../../clock.ts';
import { keyOf, keyText } from '../../store/object-key.ts';
import { isVisible, type Visibility } from '../http/visibility.ts';
import { sightOf, type ConsoleSource } from '../source.ts';
import { setDetail } from '../views/set-view.ts';
import type { ConsoleEvent, SetSummary } from '../wire.ts';

/** Time between two looks at the sets while somebody listens. */
export const LOOK_MS = 500;
/** Longest silence of a stream. */
export const HEARTBEAT_MS = 15_000;
/** Changes that a client may have missed and still resume behind. */
export const HISTORY_MAX = 1_000;
/** Listeners of all users, and of one. */
export const LISTENERS_MAX = 256;
export const LISTENERS_PER_USER_MAX = 8;
/** What a client is asked to wait before it comes back, milliseconds. */
export const RETRY_MS = 2_000;

/** One client of the event stream. */
export interface Listener {
  readonly user: string;
  /** Only this set, if one is named. */
  readonly set: string | undefined;
  /** What the user may see. Set anew when rights change. */
  visibility: Visibility;
  /** Writes text to the client; must not throw. */
  readonly write: (text: string) => void;
  /** Ends the stream after what was written. */
  readonly end: () => void;
}

type EndReason = Extract<ConsoleEvent, { type: 'end' }>['reason'];

interface Change {
  readonly seq: number;
  readonly namespace: string;
  readonly name: string;
  readonly event: 'set' | 'removed';
  readonly summary: SetSummary | undefined;
}

export interface EventHubOptions {
  readonly source: () => ConsoleSource | undefined;
  readonly replica: string;
  /** Names this life of the process: ids of another one mean nothing here. No hyphens. */
  readonly epoch: string;
  readonly clock: Clock;
}

/**
 * Tells listeners of changes of sets. It looks at them twice a second while somebody listens, so one look serves all, and a
 * change that is gone again before anybody looked is not told.
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #listeners = new Set<Listener>();
  /** What was told of each set last. */
  readonly #known = new Map<string, { readonly text: string; readonly namespace: string; readonly name: string }>();
  #history: Change[] = [];
  #seq = 0;
  #cancelLook: (() => void) | undefined;
  #cancelBeat: (() => void) | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Listeners of one user. */
  countOf(user: string): number {
    return [...this.#listeners].filter((listener) => listener.user === user).length;
  }

  /** Takes a listener up, tells it where things stand or what it missed, and answers how to let it go. */
  add(listener: Listener, lastEventId: string | undefined): () => void {
    this.#look();
    const from = this.#resumable(lastEventId);
    this.#write(listener, {
      type: 'hello',
      now: this.#now(),
      replica: this.#options.replica,
      isResumed: from !== undefined,
    });
    if (from === undefined) this.#tellAll(listener);
    else for (const change of this.#history) if (change.seq > from) this.#tell(listener, change);
    this.#listeners.add(listener);
    this.#cancelLook ??= this.#options.clock.schedule(LOOK_MS, this.#lookAgain);
    this.#cancelBeat ??= this.#options.clock.schedule(HEARTBEAT_MS, this.#beat);
    return () => {
      this.#remove(listener);
    };
  }

  /** The user's rights are others by now: what comes into sight is told, what goes out of sight is removed. */
  see(listener: Listener, visibility: Visibility): void {
    const before = listener.visibility;
    listener.visibility = visibility;
    for (const { namespace, name } of this.#known.values()) {
      const [was, is] = [isVisible(before, namespace), isVisible(visibility, namespace)];
      if (was === is || !this.#isAsked(listener, name)) continue;
      if (is) this.#tell(listener, { seq: 0, namespace, name, event: 'set', summary: this.#summary(namespace, name) });
      else this.#write(listener, { type: 'removed', now: this.#now(), namespace, name });
    }
  }

  /** Says why, and ends the stream. */
  end(listener: Listener, reason: EndReason): void {
    this.#write(listener, { type: 'end', now: this.#now(), reason, retryMs: RETRY_MS });
    listener.end();
    this.#remove(listener);
  }

  close(): void {
    for (const listener of this.#listeners) this.end(listener, 'closing');
  }

  #remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#cancelLook?.();
    this.#cancelBeat?.();
    this.#cancelLook = undefined;
    this.#cancelBeat = undefined;
  }

  readonly #lookAgain = (): void => {
    this.#cancelLook = this.#options.clock.schedule(LOOK_MS, this.#lookAgain);
    this.#look();
  };

  readonly #beat = (): void => {
    this.#cancelBeat = this.#options.clock.schedule(HEARTBEAT_MS, this.#beat);
    for (const listener of this.#listeners) listener.write(': \n\n');
  };

  /** Compares every set with what was told of it. */
  #look(): void {
    const source = this.#options.source();
    if (source === undefined) {
      for (const listener of this.#listeners) this.end(listener, 'not-leading');
      return;
    }
    const seen = new Set<string>();
    for (const set of source.world.sets.list()) {
      const { namespace, name } = keyOf(set);
      const key = keyText({ namespace, name });
      seen.add(key);
      const detail = setDetail(sightOf(source, set), [], '');
      const text = JSON.stringify(detail);
      if (this.#known.get(key)?.text === text) continue;
      this.#known.set(key, { text, namespace, name });
      this.#changed({ namespace, name, event: 'set', summary: detail.summary });
    }
    for (const [key, { namespace, name }] of this.#known) {
      if (seen.has(key)) continue;
      this.#known.delete(key);
      this.#changed({ namespace, name, event: 'removed', summary: undefined });
    }
  }

  #changed(what: Omit<Change, 'seq'>): void {
    this.#seq += 1;
    const change = { ...what, seq: this.#seq };
    this.#history.push(change);
    if (this.#history.length > HISTORY_MAX) this.#history = this.#history.slice(-HISTORY_MAX);
    for (const listener of this.#listeners) this.#tell(listener, change);
  }

  /** Everything that the listener may see. Only the end of it can be resumed behind: before that something is missing. */
  #tellAll(listener: Listener): void {
    for (const { namespace, name } of this.#known.values()) {
      this.#tell(listener, { seq: 0, namespace, name, event: 'set', summary: this.#summary(namespace, name) });
    }
    listener.write(`id: ${this.#id(this.#seq)}\n\n`);
  }

  #tell(listener: Listener, { seq, namespace, name, event, summary }: Change): void {
    if (!isVisible(listener.visibility, namespace) || !this.#isAsked(listener, name)) return;
    const id = seq === 0 ? undefined : this.#id(seq);
    const now = this.#now();
    if (event === 'removed') this.#write(listener, { type: 'removed', now, namespace, name }, id);
    else if (summary !== undefined) this.#write(listener, { type: 'set', now, set: summary }, id);
  }

  #summary(namespace: string, name: string): SetSummary | undefined {
    const text = this.#known.get(keyText({ namespace, name }))?.text;
    return text === undefined ? undefined : (JSON.parse(text) as { readonly summary: SetSummary }).summary;
  }

  #write(listener: Listener, event: ConsoleEvent, id?: string): void {
    const first = id === undefined ? '' : `id: ${id}\n`;
    listener.write(`${first}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  #isAsked({ set }: Listener, name: string): boolean {
    return set === undefined || set === name;
  }

  #id(seq: number): string {
    return `${this.#options.epoch}-${seq}`;
  }

  /** The number behind which the client wants to go on; undefined if what it missed is not known here. */
  #resumable(lastEventId: string | undefined): number | undefined {
    const [epoch, text = ''] = (lastEventId ?? '').split('-');
    if (epoch !== this.#options.epoch || !/^[0-9]{1,15}$/.test(text)) return undefined;
    const seq = Number(text);
    const oldest = this.#history[0]?.seq ?? this.#seq + 1;
    return seq <= this.#seq && seq >= oldest - 1 ? seq : undefined;
  }

  #now(): string {
    return rfc3339Millis(this.#options.clock.now());
  }
}
