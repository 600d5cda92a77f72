import type { ClientHttp2Session } from 'node:http2';
import { BUNDLE_GZ_MAX_BYTES } from '../limits.ts';
import { failureOf, silent, tooLarge, truncated } from './fetch-failure.ts';

/** What is fetched, by which right, and how long silence may last. */
export interface StreamGet {
  readonly path: string;
  readonly ticket: string;
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** RFC 9113, section 7. */
const CANCEL = 8;

/** One GET over an open connection: the whole body, at most {@link BUNDLE_GZ_MAX_BYTES}. @throws FetchFailure, or what broke it */
export function getOverStream(session: ClientHttp2Session, get: StreamGet): Promise<Uint8Array> {
  const { path, ticket, idleTimeoutMs, signal } = get;
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': 'GET', ':path': path, authorization: `Bearer ${ticket}`, accept: 'application/octet-stream' },
      { signal },
    );
    const give = (error: Error): void => {
      reject(error);
      stream.close(CANCEL);
    };
    const chunks: Buffer[] = [];
    let size = 0;
    let announced = Number.NaN;
    stream.setTimeout(idleTimeoutMs, () => {
      give(silent(idleTimeoutMs));
    });
    stream.on('response', (headers) => {
      announced = Number(headers['content-length']);
      if (headers[':status'] !== 200) give(failureOf(headers[':status'] ?? 0));
      else if (announced > BUNDLE_GZ_MAX_BYTES) give(tooLarge());
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > BUNDLE_GZ_MAX_BYTES) give(tooLarge());
    });
    stream.on('end', () => {
      if (Number.isFinite(announced) && size === announced) resolve(Buffer.concat(chunks));
      else reject(truncated(size));
    });
    stream.on('error', reject);
    stream.on('close', () => {
      // Without effect after `end`; before it the connection broke in the middle.
      reject(truncated(size));
    });
  });
}
