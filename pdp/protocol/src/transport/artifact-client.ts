import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Clock } from '../clock.ts';
import type { Digest } from '../identifiers.ts';
import { BUNDLE_GZ_MAX_BYTES, SET_MAX_BYTES } from '../limits.ts';
import { codeOf, messageOf } from '../log.ts';
import { RefusalError } from '../pdp/ports.ts';
import { failureOf, FetchFailure, silent, tooLarge, truncated } from './fetch-failure.ts';
import { getOverStream } from './get-over-stream.ts';
import { serverIdentityOf } from './server-identity.ts';
import type { StreamConnection } from './stream-connection.ts';

const unzip = promisify(gunzip);

/** Where an artifact is fetched, and the right to. */
export interface ArtifactLocation {
  /** Base URL as the operator's Welcome said; `''` means as configured. */
  readonly artifactsUrl: string;
  readonly ticket: string;
}

/** How a PDP fetches manifests and bundles. */
export interface ArtifactClientOptions {
  /** Base URL when the Welcome names none, such as `https://edict.edict-system.svc:8444`. */
  readonly url: string;
  /** PEM file of the certificate authorities; read again when a fetch begins. */
  readonly caFile: string;
  /** Name or address that the certificate must bear, if it is not the URL's host. */
  readonly serverName?: string;
  /** The stream's own connection, which is used while artifacts are served by it; absent: one of our own, always. */
  readonly connection?: StreamConnection;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Transfers at a time; default 4. */
  readonly concurrency?: number;
  /** Silence on the connection for this long ends the try; default 10 s. */
  readonly idleTimeoutMs?: number;
  /** First wait between two tries, doubled up to 5 s; default 200 ms. */
  readonly retryBaseMs?: number;
}

/** Fetches by content address. */
export interface ArtifactClient {
  /**
   * The bytes of a manifest (digest of the bytes themselves) or of a gzip bundle (digest of what is in it), checked.
   * Transient failures are tried again until `signal` ends it; then the refusal names what failed last. @throws RefusalError
   */
  readonly fetch: (location: ArtifactLocation, digest: Digest, signal: AbortSignal) => Promise<Uint8Array>;
  readonly close: () => void;
}

/** Default of {@link ArtifactClientOptions.concurrency}. */
export const FETCH_CONCURRENCY_DEFAULT = 4;
const IDLE_TIMEOUT_MS = 10_000;
const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 5_000;

/** A client over HTTPS. One per process; `close` it. */
export function createArtifactClient(options: ArtifactClientOptions): ArtifactClient {
  const concurrency = options.concurrency ?? FETCH_CONCURRENCY_DEFAULT;
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const waiting: (() => void)[] = [];
  let running = 0;
  let agent: Agent | undefined;
  let agentCa = '';

  async function agentFor(): Promise<Agent> {
    const ca = await readFile(options.caFile, 'utf8');
    if (agent === undefined || ca !== agentCa) {
      agent?.destroy();
      agentCa = ca;
      const name = options.serverName === undefined ? {} : serverIdentityOf(options.serverName);
      agent = new Agent({ ca, keepAlive: true, maxSockets: concurrency, minVersion: 'TLSv1.2', ...name });
    }
    return agent;
  }

  async function turn(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  }

  /** Hands the place to the first who waits, or gives it back. */
  function done(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  async function fetchOnce(location: ArtifactLocation, digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
    const path = `/v1/bundles/${digest}`;
    const session = options.connection?.current;
    const bytes =
      session === undefined
        ? await getByHttps(location, path, signal)
        : await getOverStream(session, { path, ticket: location.ticket, idleTimeoutMs, signal });
    await checkDigest(bytes, digest);
    return bytes;
  }

  async function getByHttps(
    { artifactsUrl, ticket }: ArtifactLocation,
    path: string,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const url = new URL(path, artifactsUrl === '' ? options.url : artifactsUrl);
    if (url.protocol !== 'https:')
      throw new FetchFailure('BadUrl', false, `artifacts are fetched by HTTPS only, not from ${url.protocol}`);
    return get(url, ticket, await agentFor(), idleTimeoutMs, signal);
  }

  async function pause(failures: number, signal: AbortSignal): Promise<void> {
    const ceiling = Math.min(RETRY_MAX_MS, (options.retryBaseMs ?? RETRY_BASE_MS) * 2 ** Math.min(failures, 10));
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = options.clock.schedule(Math.ceil(options.random() * ceiling), wake);
      signal.addEventListener('abort', wake);
    });
  }

  async function fetch(location: ArtifactLocation, digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
    let last: unknown;
    for (let failures = 0; ; failures += 1) {
      await turn();
      try {
        signal.throwIfAborted();
        return await fetchOnce(location, digest, signal);
      } catch (error) {
        if (error instanceof RefusalError) throw error;
        if (signal.aborted) throw givenUp(digest, failures, last);
        last = error;
        if (error instanceof FetchFailure && !error.retryable) throw refusalOf(error, `${digest}: ${error.message}`);
      } finally {
        done();
      }
      await pause(failures, signal);
    }
  }

  return {
    fetch,
    close: () => {
      agent?.destroy();
      agent = undefined;
    },
  };
}

/** That the wait was ended is no cause: what failed last is, and without that there was not even one whole try. */
function givenUp(digest: Digest, failures: number, last: unknown): RefusalError {
  if (failures === 0)
    return new RefusalError('Fetch', 'Cancelled', false, { message: `${digest}: given up within the first try` });
  return refusalOf(last, `${digest}: given up; tries that failed: ${failures}; the last one: ${messageOf(last)}`);
}

function refusalOf(cause: unknown, message: string): RefusalError {
  return new RefusalError('Fetch', codeOf(cause) ?? 'FetchFailed', false, { message }, { cause });
}

/** One GET: the whole body, at most {@link BUNDLE_GZ_MAX_BYTES}, all of what its length announces. */
function get(url: URL, ticket: string, agent: Agent, idleTimeoutMs: number, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ticket}`, accept: 'application/octet-stream' };
    const outgoing = request(url, { agent, headers, signal, timeout: idleTimeoutMs }, (response) => {
      const status = response.statusCode ?? 0;
      const announced = Number(response.headers['content-length']);
      if (status !== 200) {
        reject(failureOf(status));
        // Behind the address may be several replicas: one that refuses is not asked again because its connection is kept.
        if (status < 500) outgoing.destroy();
        else response.resume();
        return;
      }
      if (announced > BUNDLE_GZ_MAX_BYTES) {
        outgoing.destroy();
        reject(tooLarge());
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > BUNDLE_GZ_MAX_BYTES) {
          outgoing.destroy();
          reject(tooLarge());
        }
      });
      response.on('end', () => {
        if (!response.complete || (Number.isFinite(announced) && size !== announced)) reject(truncated(size));
        else resolve(Buffer.concat(chunks));
      });
      response.on('error', reject);
      response.on('close', () => {
        // Without effect after `end`; before it the connection broke in the middle.
        reject(truncated(size));
      });
    });
    outgoing.on('timeout', () => {
      outgoing.destroy(silent(idleTimeoutMs));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A manifest is named by its bytes, a bundle by what is inside the gzip. */
async function checkDigest(bytes: Uint8Array, digest: Digest): Promise<void> {
  if (sha256(bytes) === digest) return;
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (isGzip) {
    const inside = await unzip(bytes, { maxOutputLength: SET_MAX_BYTES }).catch(() => undefined);
    if (inside !== undefined && sha256(inside) === digest) return;
  }
  throw new RefusalError('Verify', 'DigestMismatch', false, {
    message: `what was fetched as ${digest} has another digest`,
  });
}
