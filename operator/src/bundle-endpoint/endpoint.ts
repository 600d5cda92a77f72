import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, type Clock, type Log, type SetKey } from '@edict/protocol';
import { BundleAccessError, createBundleAccess, type BundleCaller, type ReviewBundleAccess } from './bundle-access.ts';
import { BUNDLE_LIMITS, BUSY_RETRY_SECONDS, type BundleLimits } from './bundle-limits.ts';
import type { BundleMetrics, BundleOutcome, StatusOutcome } from './bundle-metrics.ts';
import type { CommittedRevision, CommittedSets } from './committed-sets.ts';
import { readOpaStatus } from './opa-status.ts';
import { readPreference } from './preference.ts';
import { RenderedBundles, type RenderedBundlesOptions } from './rendered-bundles.ts';
import type { UnmanagedPdps } from './unmanaged-pdps.ts';
import { Waiters } from './waiters.ts';

/** What OPA takes as the sign that the server knows long polls. */
export const BUNDLE_CONTENT_TYPE = 'application/vnd.openpolicyagent.bundles';

/** What a bundle endpoint is made of. */
export interface BundleEndpointOptions extends Pick<RenderedBundlesOptions, 'readBundle' | 'key'> {
  /** What is committed. Asked for at the first request, so that nothing is watched where no OPA pulls. */
  readonly committed: () => CommittedSets;
  readonly review: ReviewBundleAccess;
  /** Who counts those that report; undefined while another replica does. */
  readonly unmanaged: () => UnmanagedPdps | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: BundleMetrics;
  readonly limits?: Partial<BundleLimits>;
}

/** Serves committed revisions to stock OPAs and takes their status reports. */
export interface BundleEndpoint {
  /** Answers the request and resolves true if its path is one of the endpoint's; else false, and nothing was done. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** Ends all waits; those who waited are told that nothing has changed, on a connection that is closed. */
  readonly close: () => Promise<void>;
}

const BUNDLE_PATH = /^(?:\/v1)?\/bundles\/([a-z0-9][a-z0-9.-]{0,252})\/([a-z0-9][a-z0-9.-]{0,252})$/;
const STATUS_PATH = /^(?:\/v1)?\/status(?:\/[^/?#]{0,253})?$/;

/** Makes an endpoint. */
export function createBundleEndpoint(options: BundleEndpointOptions): BundleEndpoint {
  return new Endpoint(options);
}

class Endpoint implements BundleEndpoint {
  readonly #options: BundleEndpointOptions;
  readonly #limits: BundleLimits;
  readonly #access: (token: string, set?: SetKey) => Promise<BundleCaller>;
  readonly #bundles: RenderedBundles;
  readonly #waiters: Waiters;
  #committed: CommittedSets | undefined;
  #transfers = 0;
  #statuses = 0;
  #closed = false;

  constructor(options: BundleEndpointOptions) {
    this.#options = options;
    this.#limits = { ...BUNDLE_LIMITS, ...options.limits };
    this.#access = createBundleAccess(options.review, options.clock, this.#limits);
    this.#bundles = new RenderedBundles({ ...options, limits: this.#limits });
    this.#waiters = new Waiters(options.clock, this.#limits.waitersMax, options.metrics.waiters);
  }

  readonly handle = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const [path = ''] = (request.url ?? '').split('?');
    const [, namespace, name] = BUNDLE_PATH.exec(path) ?? [];
    if (namespace !== undefined && name !== undefined) {
      await this.#bundle(request, response, `${namespace}/${name}`);
      return true;
    }
    if (!STATUS_PATH.test(path)) return false;
    await this.#status(request, response);
    return true;
  };

  readonly close = async (): Promise<void> => {
    this.#closed = true;
    this.#waiters.close();
    await this.#committed?.close();
  };

  async #bundle(request: IncomingMessage, response: ServerResponse, set: SetKey): Promise<void> {
    const { metrics, log } = this.#options;
    const end = (outcome: BundleOutcome, status: number, headers: Headers = {}, message = ''): void => {
      metrics.request(outcome, 0);
      answer(response, status, headers, message);
    };
    if (request.method !== 'GET') {
      answer(response, 405, { allow: 'GET' });
      return;
    }
    try {
      await this.#authorize(request, set);
    } catch (error) {
      const { outcome, status, headers, message } = refusalOf(error);
      end(outcome, status, headers, message);
      return;
    }
    const gone = goneSignal(response);
    const waitMs = Math.min(this.#limits.waitMaxMs, readPreference(request.headers['prefer']) * 1000);
    const held = (request.headers['if-none-match'] ?? '').split(',').map((etag) => etag.trim());
    const isNews = (revision: CommittedRevision | undefined): boolean =>
      revision !== undefined && !held.includes(this.#bundles.etagOf(revision));
    const sets = await this.#sets();
    let revision = sets.current(set);
    if (!isNews(revision) && waitMs > 0) {
      if (this.#waiters.isFull) {
        end('busy', 503, RETRY, 'too many requests wait for a new revision');
        return;
      }
      revision = await this.#waitForNews(set, waitMs, gone, isNews);
    }
    if (gone.aborted) {
      metrics.request('gone', 0);
      return;
    }
    if (revision === undefined) {
      end('missing', 404, {}, `nothing of set ${set} is committed`);
      return;
    }
    const headers = { etag: this.#bundles.etagOf(revision), 'content-type': BUNDLE_CONTENT_TYPE };
    if (!isNews(revision)) {
      end('unmodified', 304, { ...headers, ...(this.#closed ? CLOSE : {}) });
      return;
    }
    if (this.#transfers >= this.#limits.transfersMax) {
      end('busy', 503, RETRY, 'too many bundles are being sent');
      return;
    }
    this.#transfers += 1;
    try {
      const bytes = await this.#bundles.get(revision);
      const sent = await send(response, bytes, headers);
      metrics.request(sent ? 'sent' : 'gone', sent ? bytes.length : 0);
    } catch (error) {
      log.warn('a bundle for OPA could not be rendered', { set, revision: revision.n, error: messageOf(error) });
      end('failed', 500, {}, 'the bundle could not be rendered');
    } finally {
      this.#transfers -= 1;
    }
  }

  async #waitForNews(
    set: SetKey,
    waitMs: number,
    gone: AbortSignal,
    isNews: (revision: CommittedRevision | undefined) => boolean,
  ): Promise<CommittedRevision | undefined> {
    const { clock } = this.#options;
    const sets = await this.#sets();
    const until = clock.monotonic() + waitMs;
    for (;;) {
      const revision = sets.current(set);
      const left = until - clock.monotonic();
      if (isNews(revision) || left <= 0 || gone.aborted || this.#closed) return revision;
      await this.#waiters.wait(set, left, gone);
    }
  }

  /** What is committed, once it is known. */
  async #sets(): Promise<CommittedSets> {
    if (this.#committed === undefined) {
      this.#committed = this.#options.committed();
      this.#committed.onChange((set) => this.#waiters.wake(set));
    }
    await this.#committed.synced;
    return this.#committed;
  }

  async #authorize(request: IncomingMessage, set?: SetKey): Promise<BundleCaller> {
    const [, token] = /^Bearer ([\x21-\x7e]{1,8192})$/.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new BundleAccessError('InvalidToken', 'no bearer token');
    return await this.#access(token, set);
  }

  async #status(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const end = (outcome: StatusOutcome, status: number, headers: Headers = {}, message = ''): void => {
      this.#options.metrics.status(outcome);
      answer(response, status, headers, message);
    };
    if (request.method !== 'POST') {
      answer(response, 405, { allow: 'POST' });
      return;
    }
    const unmanaged = this.#options.unmanaged();
    if (unmanaged === undefined) {
      // A Service leads the next connection to another replica, sooner or later to the one that counts.
      end('not-leader', 503, { ...RETRY, ...CLOSE }, 'this replica does not lead');
      return;
    }
    if (this.#statuses >= this.#limits.statusesMax) {
      end('busy', 503, RETRY, 'too many status reports are being read');
      return;
    }
    this.#statuses += 1;
    try {
      await this.#authorize(request);
      if (Number(request.headers['content-length'] ?? 0) > this.#limits.statusMaxBytes) {
        end('invalid', 413, CLOSE, `a status may have ${this.#limits.statusMaxBytes} bytes`);
        return;
      }
      const body = await readBody(request, this.#limits.statusMaxBytes);
      const report = body === undefined ? undefined : readOpaStatus(body);
      if (report === undefined) {
        end('invalid', 400, CLOSE, 'the body is no status of OPA with labels.id, or too large');
        return;
      }
      let isFull = false;
      for (const serving of report.serving) {
        const { user } = await this.#authorize(request, serving.set);
        isFull ||= !unmanaged.note({ ...serving, user, id: report.id });
      }
      end(isFull ? 'full' : 'taken', isFull ? 503 : 200, isFull ? RETRY : {});
    } catch (error) {
      const { status, headers, message, outcome } = refusalOf(error);
      end(outcome, status, headers, message);
    } finally {
      this.#statuses -= 1;
    }
  }
}

type Headers = Readonly<Record<string, string>>;

const RETRY: Headers = { 'retry-after': String(BUSY_RETRY_SECONDS) };
const CLOSE: Headers = { connection: 'close' };

interface AccessRefusal {
  readonly outcome: 'unauthenticated' | 'forbidden' | 'busy';
  readonly status: number;
  readonly headers: Headers;
  readonly message: string;
}

/** @throws what is no refusal of access */
function refusalOf(error: unknown): AccessRefusal {
  if (!(error instanceof BundleAccessError)) throw error;
  const { code, message } = error;
  switch (code) {
    case 'InvalidToken':
      return { outcome: 'unauthenticated', status: 401, headers: { 'www-authenticate': 'Bearer' }, message };
    case 'Forbidden':
      return { outcome: 'forbidden', status: 403, headers: {}, message };
    case 'Unavailable':
      return { outcome: 'busy', status: 503, headers: RETRY, message };
  }
}

function answer(response: ServerResponse, status: number, headers: Headers = {}, message = ''): void {
  const body = message === '' ? '' : `${JSON.stringify({ message })}\n`;
  // A 304 describes the bundle that the client has: it has no body and no length of its own.
  const own =
    status === 304
      ? {}
      : {
          'content-length': String(Buffer.byteLength(body)),
          ...(body === '' ? {} : { 'content-type': 'application/json' }),
        };
  response.writeHead(status, { 'cache-control': 'no-store', ...own, ...headers });
  response.end(body);
}

/** True once all of it is out; false if the client went away. */
function send(response: ServerResponse, bytes: Uint8Array, headers: Headers): Promise<boolean> {
  response.writeHead(200, { 'cache-control': 'private, no-cache', 'content-length': String(bytes.length), ...headers });
  return new Promise((resolve) => {
    response.once('close', () => resolve(response.writableFinished));
    response.end(bytes);
  });
}

function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/** The body as text; undefined if it is larger than `maxBytes`. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
