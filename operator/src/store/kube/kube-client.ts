import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import type { Counter } from 'prom-client';
import { StoreError } from '../errors.ts';
import { SharedContext } from './shared-context.ts';
import { errorOfStatus } from './status-error.ts';

/** One request to the apiserver. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** What is asked for. Default `application/json`. */
  readonly accept?: string;
  /** Ends the request with `Unavailable`. Default 15 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The apiserver over HTTPS: connections are kept, credentials are read afresh (they rotate), errors are coded. */
export interface KubeClient {
  /** The answer's JSON. Throws {@link StoreError}. */
  readonly request: (request: KubeRequest) => Promise<unknown>;
  /** The answer's body as it arrives, after a 200. Throws {@link StoreError}; a later failure is an error of the stream. */
  readonly stream: (request: KubeRequest) => Promise<IncomingMessage>;
  readonly close: () => void;
}

export interface KubeClientOptions {
  readonly config: KubeConfig;
  readonly requests?: Counter<'method' | 'outcome'>;
  /** Told what every answer says of the apiserver's clock (to the second), and when it was asked and heard by ours. */
  readonly onDate?: (serverMs: number, askedMs: number, heardMs: number) => void;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** Connections at a time, watches included. */
const MAX_CONNECTIONS = 64;
/** How long one is kept that nobody uses: a fleet that connects has its tokens reviewed by many, and then by none. */
const IDLE_CONNECTION_MS = 10_000;
/** Larger than any list of ours; what is longer is not read. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** The configuration of the pod that we run in or, outside, of KUBECONFIG. Throws when there is none. */
export function loadKubeConfig(kubeconfig?: string): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (config.getCurrentCluster() === null) throw new StoreError('Invalid', 'no Kubernetes cluster is configured');
  return config;
}

/** Makes a client. It connects on first use. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const cluster = options.config.getCurrentCluster();
  if (cluster === null) throw new StoreError('Invalid', 'no Kubernetes cluster is configured');
  const base = new URL(cluster.server);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: MAX_CONNECTIONS,
    keepAliveMsecs: 10_000,
    // Of connections that nobody uses; those in use have time-outs of their own.
    timeout: IDLE_CONNECTION_MS,
  });
  const context = new SharedContext();

  const send = async (request: KubeRequest): Promise<IncomingMessage> => {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const settings = await authenticated(options.config);
    // A proxy has an agent of its own kind; else ours keeps the connections.
    const isPlainAgent = settings.agent === undefined || settings.agent.constructor.name === 'Agent';
    const { headers: credentials, ...tls } = settings;
    return new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing: ClientRequest = httpsRequest(
        {
          ...tls,
          ...(base.protocol === 'https:' ? { secureContext: context.of(tls) } : {}),
          agent: isPlainAgent ? agent : settings.agent,
          protocol: base.protocol,
          hostname: base.hostname,
          port: base.port === '' ? 443 : base.port,
          method: request.method,
          path: `${base.pathname.replace(/\/$/, '')}${request.path}${queryText(request.query)}`,
          headers: {
            ...(credentials as Record<string, string> | undefined),
            Accept: request.accept ?? 'application/json',
            'User-Agent': 'edict-operator',
            ...(body === undefined
              ? {}
              : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': body.length }),
          },
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        },
        resolve,
      );
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${request.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`)),
        request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      );
      outgoing.once('response', () => clearTimeout(timer));
      outgoing.once('close', () => clearTimeout(timer));
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  };

  const attempt = async (request: KubeRequest): Promise<IncomingMessage> => {
    let response: IncomingMessage;
    const askedMs = Date.now();
    try {
      response = await send(request);
    } catch (cause) {
      options.requests?.inc({ method: request.method, outcome: 'unreachable' });
      throw new StoreError('Unavailable', `${request.method} ${request.path}: ${messageOf(cause)}`, { cause });
    }
    const serverMs = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(serverMs)) options.onDate?.(serverMs, askedMs, Date.now());
    const status = response.statusCode ?? 0;
    options.requests?.inc({ method: request.method, outcome: `${Math.floor(status / 100)}xx` });
    if (status >= 200 && status < 300) return response;
    throw errorOfStatus(status, await readAll(response, request), `${request.method} ${request.path}`);
  };

  return {
    request: async (request) => {
      const response = await attempt(request);
      const text = await readAll(response, request);
      if (text === '') return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new StoreError('Unavailable', `${request.method} ${request.path}: the answer is not JSON`, { cause });
      }
    },
    stream: attempt,
    close: () => agent.destroy(),
  };
}

async function authenticated(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new StoreError('Unavailable', `credentials cannot be read: ${messageOf(cause)}`, { cause });
  }
  return options;
}

async function readAll(response: IncomingMessage, request: KubeRequest): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = setTimeout(() => response.destroy(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    for await (const chunk of response) {
      const bytes = chunk as Buffer;
      size += bytes.length;
      if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      chunks.push(bytes);
    }
  } catch (cause) {
    throw new StoreError('Unavailable', `${request.method} ${request.path}: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function queryText(query: KubeRequest['query']): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(key, value);
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function messageOf(cause: unknown): string {
  return cause !== null && typeof cause === 'object' && 'message' in cause ? String(cause.message) : String(cause);
}
