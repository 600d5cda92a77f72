import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeBlock } from '../http2/hpack-encoder.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream } from '../http2/server-stream.ts';

/** Headers by their lower-case names. */
export type AnswerHeaders = Readonly<Record<string, string>>;

/** Somebody asks for an artifact, by whichever connection. */
export interface ArtifactExchange {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Aborted when whoever asks has gone before the answer was out. */
  readonly gone: AbortSignal;
  /** Sends the whole answer, once. Resolves when it is out, or nobody takes it any more. */
  readonly answer: (status: number, headers: AnswerHeaders, body?: Uint8Array) => Promise<void>;
}

/** An exchange by HTTP/1.1. */
export function exchangeOverHttp(request: IncomingMessage, response: ServerResponse): ArtifactExchange {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    gone: gone.signal,
    answer: (status, headers, body = NOTHING) =>
      new Promise((resolve) => {
        if (response.destroyed) {
          resolve();
          return;
        }
        response.once('close', resolve);
        response.writeHead(status, headers);
        response.end(body);
      }),
  };
}

/** An exchange by a stream of its own on a PDP's connection. */
export function exchangeOverStream(stream: ServerStream, { method, path, headers }: RequestHead): ArtifactExchange {
  const gone = new AbortController();
  const over = Promise.withResolvers<undefined>();
  stream.receive({
    // A body is of no interest.
    data: () => undefined,
    ended: () => undefined,
    gone: () => {
      gone.abort();
      over.resolve(undefined);
    },
    sent: () => {
      over.resolve(undefined);
    },
  });
  return {
    method,
    path,
    authorization: headers.authorization,
    gone: gone.signal,
    answer: (status, answerHeaders, body = NOTHING) => {
      const block = encodeBlock([[':status', String(status)], ...Object.entries(answerHeaders)]);
      stream.headers(block, body.length === 0);
      if (body.length > 0) stream.data(Buffer.from(body.buffer, body.byteOffset, body.byteLength), true);
      return over.promise;
    },
  };
}

const NOTHING = Buffer.alloc(0);
