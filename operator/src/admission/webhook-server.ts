import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'winston';
import type { OperatorMetrics } from '../observability/metrics.ts';
import { readReview, renderReview, type AdmissionRequest, type Verdict } from './admission-review.ts';

/** What the apiserver may send: two copies of an object of at most 3 MiB each. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 15_000;

/** Decides about one request. */
export type Judge = (request: AdmissionRequest) => Promise<Verdict>;

export interface WebhookServerOptions {
  readonly port: number;
  readonly host?: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** By the path that is posted to; undefined where nobody judges. */
  readonly judges: (path: string) => Judge | undefined;
  readonly logger: Logger;
  readonly metrics: Pick<OperatorMetrics, 'admissions' | 'admissionSeconds'>;
}

export interface WebhookServer {
  readonly port: number;
  /** Serves with another certificate from the next connection on. */
  readonly setCertificate: (certificate: string, privateKey: string) => void;
  /** From now on every answer ends its connection, so that the next question is asked elsewhere. */
  readonly dismissClients: () => void;
  /** Takes no new connection, and resolves when what was under way is answered. */
  readonly close: () => Promise<void>;
}

/** The webhooks of admission: AdmissionReview v1 by POST over HTTPS. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  let isLeaving = false;
  const underWay = new Set<ServerResponse>();
  const server = createServer(
    { cert: options.certificate, key: options.privateKey, requestTimeout: REQUEST_TIMEOUT_MS, minVersion: 'TLSv1.2' },
    (request, response) => {
      if (isLeaving) response.setHeader('connection', 'close');
      underWay.add(response);
      response.once('close', () => underWay.delete(response));
      answer(request, response, options).catch((error: unknown) => {
        options.logger.error('admission failed', { error: String(error) });
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    },
  );
  await listen(server, options.port, options.host);
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (cert, key) => server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    dismissClients: () => {
      isLeaving = true;
      for (const response of underWay) if (!response.headersSent) response.setHeader('connection', 'close');
      server.closeIdleConnections();
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { judges, metrics, logger }: WebhookServerOptions,
): Promise<void> {
  const judge = judges(request.url?.split('?')[0] ?? '');
  if (request.method !== 'POST' || judge === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = await readBody(request);
  if (body === undefined) {
    response.writeHead(413, { connection: 'close' }).end();
    return;
  }
  const review = readReview(body);
  if (!review.ok) {
    response.writeHead(400, { 'content-type': 'text/plain' }).end(review.message);
    return;
  }
  const { uid, kind, namespace, name, operation, userInfo } = review.request;
  const stopTimer = metrics.admissionSeconds.startTimer();
  const verdict = await judge(review.request);
  stopTimer();
  metrics.admissions.inc({ kind: kind.kind, outcome: verdict.allowed ? 'allowed' : 'refused' });
  if (!verdict.allowed) {
    const fields = { kind: kind.kind, namespace, name, operation, user: userInfo.username, code: verdict.code };
    logger.info('admission refused', fields);
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(renderReview(uid, verdict));
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
