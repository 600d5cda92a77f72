import { STATUS_CODES } from 'node:http';

/** What a field value may hold: a line feed from a policy must not begin another field. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The name of the first header that cannot be sent, if there is one. */
export function findUnsendable(headers: Readonly<Record<string, string>>): string | undefined {
  for (const name in headers) if (!NAME.test(name) || !VALUE.test(headers[name] ?? '')) return name;
  return undefined;
}

/** What is wrong with such a header. */
export function unsendable(name: string): TypeError {
  return new TypeError(`header ${JSON.stringify(name)} cannot be sent`);
}

/**
 * The status line and the fields of an HTTP/1.1 answer, without those that differ from answer to answer.
 * @throws TypeError for a name or value that cannot be sent
 */
export function renderResponseHead(status: number, headers: Readonly<Record<string, string>>): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (!NAME.test(name) || !VALUE.test(value)) throw unsendable(name);
    head += `${name}: ${value}\r\n`;
  }
  return head;
}

/** The `date` field, made once a second (RFC 9110 section 6.6.1). */
export class DateField {
  readonly #nowMs: () => number;
  #second = -1;
  #line = '';

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** `date: …` and its line end. */
  get line(): string {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#line = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return this.#line;
  }
}
