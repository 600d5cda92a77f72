import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Operator, Store } from '@edict/operator';
import { isStoreError } from '@edict/operator';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { CommandError } from '../io.ts';

export interface LocalApiOptions {
  readonly host: string;
  readonly port: number;
  readonly store: Store;
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
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new CommandError(`port ${options.port} is in use: another "edict up"? choose one with --api-port`)
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

async function answer(request: IncomingMessage, { store, operator, registry }: LocalApiOptions): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (request.method === 'GET') {
    if (path === '/v1/policysets') return json(await store.list('PolicySet'));
    if (path === '/v1/policydomains') return json(await store.list('PolicyDomain'));
    if (path === '/v1/policyrevisions') return json(await store.list('PolicyRevision'));
    if (path === '/v1/pdps') return json(operator.distributor().pdps());
    if (path === '/metrics') return { status: 200, body: await registry.metrics(), contentType: registry.contentType };
  }
  const set = /^\/v1\/policysets\/([^/]+)\/([^/]+)$/.exec(path);
  if (request.method === 'PATCH' && set !== null) return await patchSet(request, store, set[1] ?? '', set[2] ?? '');
  return { status: 404, body: 'not found\n', contentType: 'text/plain' };
}

async function patchSet(request: IncomingMessage, store: Store, namespace: string, name: string): Promise<Answer> {
  const patch = Rollback.safeParse(await readJson(request));
  if (!patch.success) return { status: 400, body: z.prettifyError(patch.error), contentType: 'text/plain' };
  const set = await store.get('PolicySet', { namespace, name });
  if (set === undefined)
    return { status: 404, body: `no policy set ${namespace}/${name}\n`, contentType: 'text/plain' };
  const { rollbackTo: _before, ...spec } = set.spec;
  const { rollbackTo } = patch.data;
  try {
    const next = rollbackTo === null ? spec : { ...spec, rollbackTo };
    return json(await store.update<'PolicySet'>({ ...set, spec: next }));
  } catch (error) {
    if (isStoreError(error)) return { status: 409, body: `${error.message}\n`, contentType: 'text/plain' };
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
