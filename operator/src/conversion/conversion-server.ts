import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { convertReview } from './conversion-review.ts';
import type { ConversionMetrics } from './conversion-metrics.ts';

/** Bounds of the conversion webhook, each with its default: a pod of 256 MiB bears all of them at their ends. */
export interface ConversionLimits {
  /** Largest body of a call, bytes. A list may come in one call. Default 12 MiB. */
  readonly maxBodyBytes: number;
  /** Bodies that are held at a time, bytes; calls beyond are told to come again. Default 24 MiB. */
  readonly maxHeldBytes: number;
  /** Calls that are read at a time; others are told to come again. Default 64. */
  readonly maxCalls: number;
  /** A call must have arrived by then. Default 15 s. */
  readonly requestTimeoutMs: number;
}

/** Defaults of {@link ConversionLimits}. */
export const CONVERSION_LIMITS: ConversionLimits = {
  maxBodyBytes: 12_582_912,
  maxHeldBytes: 25_165_824,
  maxCalls: 64,
  requestTimeoutMs: 15_000,
};

/** Where the apiserver calls. */
export const CONVERSION_PATH = '/convert';

export interface ConversionServerOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly metrics: ConversionMetrics;
  /** Told of calls that failed by a fault of ours. */
  readonly onError: (error: unknown) => void;
  readonly limits?: Partial<ConversionLimits>;
}

export interface ConversionServer {
  readonly port: number;
  /** Serves with another certificate from the next connection on. */
  readonly setCertificate: (certificate: string, privateKey: string) => void;
  /** Takes no more connections; resolves when the calls under way are answered. */
  readonly close: () => Promise<void>;
}

/** The conversion webhook: `POST /convert` over HTTPS, ConversionReview v1. It keeps nothing between calls. */
export async function startConversionServer(options: ConversionServerOptions): Promise<ConversionServer> {
  const { metrics } = options;
  const limits = { ...CONVERSION_LIMITS, ...options.limits };
  const load: Load = { calls: 0, heldBytes: 0 };
  const server = createServer(
    {
      cert: options.certificate,
      key: options.privateKey,
      minVersion: 'TLSv1.2',
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.requestTimeoutMs, 1000),
    },
    (request, response) => {
      if (request.method !== 'POST' || request.url?.split('?')[0] !== CONVERSION_PATH) {
        response.writeHead(404, { connection: 'close' }).end();
        return;
      }
      if (load.calls >= limits.maxCalls) {
        refuseForNow(response, metrics);
        return;
      }
      load.calls += 1;
      answer(request, response, limits, load, metrics)
        .catch((error: unknown) => {
          if (!request.complete) {
            // The caller has gone, or took too long.
            metrics.requests.inc({ outcome: 'aborted' });
            response.destroy();
            return;
          }
          metrics.requests.inc({ outcome: 'failed' });
          options.onError(error);
          if (!response.headersSent) response.writeHead(500, { connection: 'close' });
          response.end();
        })
        .finally(() => {
          load.calls -= 1;
        });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (cert, key) => server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
  };
}

/** What is under way. */
interface Load {
  calls: number;
  heldBytes: number;
}

/** The apiserver's client comes again. */
function refuseForNow(response: ServerResponse, metrics: ConversionMetrics): void {
  metrics.requests.inc({ outcome: 'busy' });
  response.writeHead(503, { connection: 'close', 'retry-after': '1' }).end('too much at a time');
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  limits: ConversionLimits,
  load: Load,
  metrics: ConversionMetrics,
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Who is refused in the middle of a body is told so: the connection ends after the answer, not with the loop.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      load.heldBytes += chunk.length;
      if (size > limits.maxBodyBytes) {
        metrics.requests.inc({ outcome: 'too-large' });
        response
          .writeHead(413, { connection: 'close', 'content-type': 'text/plain' })
          .end(`more than ${String(limits.maxBodyBytes)} bytes: ask for fewer objects at a time, or for v1beta1`);
        return;
      }
      if (load.heldBytes > limits.maxHeldBytes) {
        refuseForNow(response, metrics);
        return;
      }
      chunks.push(chunk);
    }
    convert(Buffer.concat(chunks).toString(), response, metrics);
  } finally {
    load.heldBytes -= size;
  }
}

function convert(body: string, response: ServerResponse, metrics: ConversionMetrics): void {
  const stopTimer = metrics.seconds.startTimer();
  const conversion = convertReview(body);
  stopTimer();
  if (!conversion.ok) {
    metrics.requests.inc({ outcome: 'invalid' });
    response.writeHead(400, { 'content-type': 'text/plain' }).end(conversion.message);
    return;
  }
  metrics.requests.inc({ outcome: conversion.outcome });
  if (conversion.outcome === 'converted') metrics.objects.inc({ to: conversion.to }, conversion.objects);
  response.writeHead(200, { 'content-type': 'application/json' }).end(conversion.body);
}
