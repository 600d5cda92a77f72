import { readFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** A key set's text is never larger. */
export const MAX_KEYS_BYTES = 1_048_576;
/** A server that takes longer is given up. */
const FETCH_TIMEOUT_MS = 5_000;

/** Reads a JWK set: its text. Rejects where it cannot be had. */
export type ReadKeys = () => Promise<string>;

/** Where keys are read: an http or https URL, or the path of a file. A CA file is read again at every fetch. */
export function keySource(place: string, caFile: string | undefined): ReadKeys {
  return /^https?:/.test(place) ? () => fetchKeys(place, caFile) : () => readFile(place, 'utf8');
}

async function fetchKeys(url: string, caFile: string | undefined): Promise<string> {
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const request = url.startsWith('https:')
      ? requestHttps(url, { headers, signal, ...(ca === undefined ? {} : { ca }) })
      : requestHttp(url, { headers, signal });
    request.on('error', reject);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_KEYS_BYTES) request.destroy(new Error(`the key set is larger than ${MAX_KEYS_BYTES} bytes`));
        else parts.push(part);
      });
      response.on('end', () => {
        // A redirect could lead to keys of someone else's.
        if (response.statusCode === 200) resolve(Buffer.concat(parts).toString());
        else reject(new Error(`the key server answered ${response.statusCode ?? 0}`));
      });
    });
    request.end();
  });
}
