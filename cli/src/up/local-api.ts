import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findCondition } from '@edict/crds';
import { formatFolderProblem, isStoreError, type FolderStore, type Operator } from '@edict/operator';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { CommandError, messageOf } from '../io.ts';
import { placesOf } from './domain-places.ts';

export interface LocalApiOptions {
  readonly host: string;
  readonly port: number;
  /** The folder that the store reads. */
  readonly folder: string;
  readonly store: FolderStore;
  readonly operator: Operator;
  readonly registry: Registry;
}

export interface LocalApi {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const Rollback = z.object({ rollbackTo: z.int().min(1).nullable() });
const MAX_BODY_BYTES = 65_536;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

/** What `edict rollout`, `edict pdps` and a Prometheus ask of the all-in-one. Loopback only. */
export async function startLocalApi(options: LocalApiOptions): Promise<LocalApi> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      ({ status, body, contentType = 'application/json' }) => {
        response.writeHead(status, { 'content-type': contentType }).end(body);
      },
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new CommandError(
              `port ${options.port} of the API is in use (another "edict up"?): choose one with --api-port`,
            )
          : error,
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, options: LocalApiOptions): Promise<Answer> {
  const { store, operator, registry } = options;
  if (!isLoopback(request.headers.host)) return text(403, 'this API answers to this machine alone\n');
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const set = /^\/v1\/policysets\/([^/]+)\/([^/]+)$/.exec(path);
  if (request.method === 'PATCH' && set !== null) return await patchSet(request, store, set[1] ?? '', set[2] ?? '');
  if (request.method !== 'GET') return text(405, 'method not allowed\n');
  const [, namespace, name] = /^\/v1\/policybundles\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (namespace !== undefined && name !== undefined) {
    const bundle = await store.get('PolicyBundle', { namespace, name });
    return json(bundle === undefined ? [] : [bundle]);
  }
  switch (path) {
    case '/v1/policysets':
      // Who asks after an edit means the edited files, whether or not the file system has told us yet.
      await store.rescan();
      return json(await store.list('PolicySet'));
    case '/v1/policydomains':
      await store.rescan();
      return json(await store.list('PolicyDomain'));
    case '/v1/policyrevisions':
      return json(await store.list('PolicyRevision'));
    case '/v1/problems':
      await store.rescan();
      return json(await problemsOf(options));
    case '/v1/pdps':
      return json(operator.distributor().pdps());
    case '/metrics':
      return { status: 200, body: await registry.metrics(), contentType: registry.contentType };
    default:
      return text(404, 'not found\n');
  }
}

/** What is wrong with files: those that are no objects yet, and those whose newest form is refused. */
async function problemsOf({ folder, store }: LocalApiOptions): Promise<readonly string[]> {
  const domains = await store.list('PolicyDomain');
  const refused = domains.filter(({ status }) => findCondition(status?.conditions, 'Accepted')?.status === 'False');
  const places = await Promise.all(refused.map(({ metadata }) => placesOf(folder, metadata.name)));
  return [...store.problems().map(formatFolderProblem), ...places.flat()];
}

/** A page in a browser reaches this port too, under a name that it made point here; it cannot change what it sends as Host. */
function isLoopback(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? '');
}

async function patchSet(
  request: IncomingMessage,
  store: FolderStore,
  namespace: string,
  name: string,
): Promise<Answer> {
  const patch = Rollback.safeParse(await readJson(request));
  if (!patch.success) return text(400, `${z.prettifyError(patch.error)}\n`);
  const set = await store.get('PolicySet', { namespace, name });
  if (set === undefined) return text(404, `no policy set ${namespace}/${name}\n`);
  const { rollbackTo: _before, ...spec } = set.spec;
  const { rollbackTo } = patch.data;
  try {
    const next = rollbackTo === null ? spec : { ...spec, rollbackTo };
    return json(await store.update<'PolicySet'>({ ...set, spec: next }));
  } catch (error) {
    if (isStoreError(error)) return text(409, `${error.message}\n`);
    throw error;
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    // Not JSON: the caller's schema refuses it with the reason.
    return undefined;
  }
}

function json(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

function text(status: number, body: string): Answer {
  return { status, body, contentType: 'text/plain' };
}
