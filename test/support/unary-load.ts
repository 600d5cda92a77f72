import { connect } from 'node:net';

/** One question, asked again and again over several connections. */
export interface UnaryLoad {
  readonly port: number;
  readonly path: string;
  readonly message: Buffer;
  readonly connections: number;
  readonly seconds: number;
  /** Throws unless an answer is what it should be. */
  readonly verify: (message: Buffer) => void;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const LARGEST_WINDOW = 2 ** 31 - 1;
const INITIAL_WINDOW = 65_535;

/**
 * Keeps every connection busy with one call at a time, and gives all latencies in milliseconds. HTTP/2 is written by hand, frame
 * by frame, so that the client costs a fraction of what it measures.
 */
export async function measureUnary(load: UnaryLoad): Promise<readonly number[]> {
  const latencies: number[] = [];
  const until = performance.now() + load.seconds * 1000;
  await Promise.all(Array.from({ length: load.connections }, () => askUntil(until, load, latencies)));
  return latencies;
}

function askUntil(until: number, { port, path, message, verify }: UnaryLoad, latencies: number[]): Promise<void> {
  const head = headersOf(path);
  const body = Buffer.concat([Buffer.alloc(5), message]);
  body.writeUInt32BE(message.length, 1);
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true).on('error', fail).on('close', done);
    let stream = 1;
    let sentAt = 0;
    let answer: Buffer = Buffer.alloc(0);
    let rest: Buffer = Buffer.alloc(0);
    const ask = (): void => {
      sentAt = performance.now();
      answer = Buffer.alloc(0);
      socket.write(
        Buffer.concat([frame(FRAME.headers, END_HEADERS, stream, head), frame(FRAME.data, END_STREAM, stream, body)]),
      );
      stream += 2;
    };
    const answered = (): void => {
      const now = performance.now();
      latencies.push(now - sentAt);
      verify(answer.subarray(5));
      if (now < until) ask();
      else socket.end();
    };
    const take = (type: number, flags: number, payload: Buffer): void => {
      if (type === FRAME.data) answer = answer.length === 0 ? payload : Buffer.concat([answer, payload]);
      else if (type === FRAME.settings && (flags & ACK) === 0) socket.write(frame(FRAME.settings, ACK, 0, NOTHING));
      else if (type === FRAME.ping && (flags & ACK) === 0) socket.write(frame(FRAME.ping, ACK, 0, payload));
      else if (type === FRAME.reset || type === FRAME.goAway) throw new Error(`the server gave up: frame ${type}`);
      if ((type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0) answered();
    };
    socket.on('data', (piece: Buffer) => {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      try {
        while (rest.length >= 9) {
          const end = 9 + rest.readUIntBE(0, 3);
          if (rest.length < end) break;
          const current = rest;
          rest = rest.subarray(end);
          take(current[3] ?? 0, current[4] ?? 0, current.subarray(9, end));
        }
      } catch (error) {
        socket.destroy();
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, SETTINGS), widened()]));
    ask();
  });
}

const NOTHING = Buffer.alloc(0);
/** No table of headers: every answer is read by itself. */
const SETTINGS = Buffer.from([0, 1, 0, 0, 0, 0]);

function widened(): Buffer {
  const increment = Buffer.alloc(4);
  increment.writeUInt32BE(LARGEST_WINDOW - INITIAL_WINDOW);
  return frame(FRAME.windowUpdate, 0, 0, increment);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The headers of a call, without compression: `:method POST` and `:scheme http` by their index, the rest as literals. */
function headersOf(path: string): Buffer {
  const literals = [
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['grpc-timeout', '5S'],
  ] as const;
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    ...literals.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  ]);
}
