/** One message of a `text/event-stream`. */
export interface StreamMessage {
  /** Of the last `id` field, also of an earlier message; empty if none was sent. */
  readonly id: string;
  /** `message` unless the server named another. */
  readonly event: string;
  readonly data: string;
}

/** A message longer than this is not the server's doing. */
export const STREAM_BUFFER_MAX = 1_000_000;

/**
 * Cuts the text of an event stream into messages, however it arrives in pieces (HTML standard, "Parsing an event stream").
 * Comments, which servers send as a sign of life, yield nothing. Throws when a message exceeds `STREAM_BUFFER_MAX` characters.
 */
export class EventStreamParser {
  #rest = '';
  #id = '';
  #idOfNext = '';
  #event = '';
  #data: string[] = [];
  #size = 0;

  /** Where to resume: the last id that came, also one that came alone; empty if none did. */
  get lastEventId(): string {
    return this.#id;
  }

  push(text: string): readonly StreamMessage[] {
    const messages: StreamMessage[] = [];
    let rest = this.#rest + text;
    for (;;) {
      const end = /\r\n|\n|\r/.exec(rest);
      // A carriage return at the end may be half of a line end.
      if (end === null || (end[0] === '\r' && end.index === rest.length - 1)) break;
      const message = this.#line(rest.slice(0, end.index));
      if (message !== undefined) messages.push(message);
      rest = rest.slice(end.index + end[0].length);
    }
    if (this.#size + rest.length > STREAM_BUFFER_MAX) throw new Error('a message of the event stream is too long');
    this.#rest = rest;
    return messages;
  }

  #line(line: string): StreamMessage | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id' && !value.includes('\0')) this.#idOfNext = value;
    if (field === 'event') this.#event = value;
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length;
    }
    return undefined;
  }

  #dispatch(): StreamMessage | undefined {
    const data = this.#data;
    const event = this.#event;
    this.#id = this.#idOfNext;
    this.#data = [];
    this.#event = '';
    this.#size = 0;
    return data.length === 0
      ? undefined
      : { id: this.#id, event: event === '' ? 'message' : event, data: data.join('\n') };
  }
}
