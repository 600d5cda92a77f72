import { connect } from 'node:net';

/** A question, and how its answer is known to be right. */
export interface Question {
  readonly path: string;
  readonly body: string;
  /** Throws an error that says what is wrong with the body of a 200. */
  readonly check: (answer: string) => void;
}

/** What one load gave. */
export interface LoadFigures {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, one by one, as the client saw them. */
  readonly latencies: readonly number[];
  /** The first thing that was wrong; undefined if every answer was right. */
  readonly wrong: string | undefined;
  readonly wrongAnswers: number;
}

export interface LoadOptions {
  /** `http://host:port` */
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Is told of each right answer when it has come: its head, and when it was asked for and had come, by `performance.now()`. */
  readonly onAnswer?: (head: string, sentAt: number, receivedAt: number) => void;
}

const END_OF_HEAD = '\r\n\r\n';

/**
 * Asks questions in turn over kept-alive connections, one at a time on each, and checks every answer. Plain sockets and as
 * little else as possible, so that the server is what is measured.
 */
export async function loadWith(questions: readonly Question[], options: LoadOptions): Promise<LoadFigures> {
  const { hostname, port } = new URL(options.url);
  const prepared = questions.map(({ path, body, check }) => ({ check, bytes: requestBytes(hostname, path, body) }));
  const latencies: number[] = [];
  let wrong: string | undefined;
  let wrongAnswers = 0;
  let next = 0;
  const started = performance.now();
  const until = started + options.seconds * 1000;
  await Promise.all(
    Array.from(
      { length: options.connections },
      () =>
        new Promise<void>((resolve) => {
          const socket = connect(Number(port), hostname).setNoDelay(true);
          let question = prepared[0];
          let sentAt = 0;
          let text = '';
          const failed = (why: string): void => {
            wrong ??= why;
            wrongAnswers++;
          };
          const ask = (): void => {
            question = prepared[next++ % prepared.length];
            text = '';
            sentAt = performance.now();
            if (question !== undefined) socket.write(question.bytes);
          };
          socket.on('connect', ask).on('close', resolve);
          socket.on('error', (error) => failed(error.message));
          socket.on('data', (chunk) => {
            text += chunk.toString('latin1');
            const body = bodyOf(text);
            if (body === undefined) return;
            const now = performance.now();
            latencies.push(now - sentAt);
            try {
              if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(text);
              question?.check(body);
              options.onAnswer?.(text, sentAt, now);
            } catch (error) {
              failed((error as Error).message);
            }
            if (now < until) ask();
            else socket.end();
          });
          socket.on('end', () => {
            if (bodyOf(text) === undefined) failed('the connection was closed while a question was under way');
          });
        }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  return { requests: latencies.length, seconds, latencies, wrong, wrongAnswers };
}

/** The body of a whole answer, undefined while there is more to come. Answers here have ASCII bodies of known length. */
function bodyOf(text: string): string | undefined {
  const head = text.indexOf(END_OF_HEAD);
  if (head === -1) return undefined;
  const named = text.search(/content-length:/i);
  if (named === -1 || named > head) throw new Error(`an answer without length: ${text}`);
  const length = Number.parseInt(text.slice(named + 'content-length:'.length, head), 10);
  const body = text.slice(head + END_OF_HEAD.length);
  return body.length < length ? undefined : body;
}

function requestBytes(host: string, path: string, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}${END_OF_HEAD}${body}`);
}
