import { readFile } from 'node:fs/promises';
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls, type RequestOptions } from 'node:https';
import { messageOf } from '@edict/protocol';

/** How fallback sources are asked. */
export interface FallbackClientOptions {
  /** PEM of the authorities of https sources, read again for every request; those of the system if empty. */
  readonly caFile: string;
  /** File of a bearer token, read again for every request and sent by https alone; none if empty. */
  readonly tokenFile: string;
  /** Time for one request as a whole; {@link FALLBACK_REQUEST_TIMEOUT_MS} by default. */
  readonly timeoutMs?: number;
}

/** Gets the bytes at a URL, at most `maxBytes` of them. Rejects with a message that names the URL. */
export type GetBytes = (url: string, maxBytes: number, signal: AbortSignal) => Promise<Uint8Array>;

/** Time for one request to a fallback source. */
export const FALLBACK_REQUEST_TIMEOUT_MS = 15_000;

/** A client for web servers that hold files. It follows no redirection. */
export function createFallbackClient({ caFile, tokenFile, timeoutMs }: FallbackClientOptions): GetBytes {
  return async (url, maxBytes, signal) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs ?? FALLBACK_REQUEST_TIMEOUT_MS)]);
    try {
      const isTls = url.startsWith('https:');
      const token = isTls && tokenFile !== '' ? (await readFile(tokenFile, 'utf8')).trim() : '';
      const options: RequestOptions = {
        signal: within,
        agent: false,
        headers: { accept: '*/*', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
        ...(isTls && caFile !== '' ? { ca: await readFile(caFile) } : {}),
      };
      return await get(url, options, isTls, maxBytes);
    } catch (cause) {
      const what = within.aborted && !signal.aborted ? 'no whole answer in time' : messageOf(cause);
      throw new Error(`${url}: ${what}`, { cause });
    }
  };
}

function get(url: string, options: RequestOptions, isTls: boolean, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const receive = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let size = 0;
      const fail = (message: string): void => {
        outgoing.destroy();
        reject(new Error(message));
      };
      if (response.statusCode !== 200) {
        fail(`the answer is ${response.statusCode ?? 0}`);
        return;
      }
      const tooLarge = `the answer has more than ${maxBytes} bytes`;
      if (Number(response.headers['content-length']) > maxBytes) {
        fail(tooLarge);
        return;
      }
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxBytes) fail(tooLarge);
      });
      response.on('end', () => {
        if (response.complete) resolve(Buffer.concat(chunks));
        else fail('the answer ends before its end');
      });
      response.on('error', reject);
    };
    const outgoing = isTls ? requestTls(url, options, receive) : requestPlain(url, options, receive);
    outgoing.on('error', reject);
    outgoing.end();
  });
}
