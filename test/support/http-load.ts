import { connect } from 'node:net';

/** One request, sent again and again over several connections. */
export interface HttpLoad {
  readonly port: number;
  /** The bytes of the request; its answer must have no body. */
  readonly request: Buffer;
  readonly connections: number;
  readonly seconds: number;
  /** How every answer begins. */
  readonly answer: string;
}

/** Keeps every connection busy with one request at a time, and gives all latencies in milliseconds. Rejects at a wrong answer. */
export async function measureHttp(load: HttpLoad): Promise<readonly number[]> {
  const latencies: number[] = [];
  const until = performance.now() + load.seconds * 1000;
  await Promise.all(Array.from({ length: load.connections }, () => sendUntil(until, load, latencies)));
  return latencies;
}

function sendUntil(until: number, { port, request, answer }: HttpLoad, latencies: number[]): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true).on('error', fail).on('close', done);
    let sentAt = 0;
    let received = '';
    const send = (): void => {
      sentAt = performance.now();
      received = '';
      socket.write(request);
    };
    socket.on('connect', send).on('data', (piece) => {
      received += piece.toString('latin1');
      if (!received.endsWith('\r\n\r\n')) return;
      if (!received.startsWith(answer)) {
        socket.destroy(new Error(`a wrong answer: ${received}`));
        return;
      }
      const now = performance.now();
      latencies.push(now - sentAt);
      if (now < until) send();
      else socket.end();
    });
  });
}
