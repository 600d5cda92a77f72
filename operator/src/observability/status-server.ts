import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PdpListing } from '@edict/protocol';
import type { Registry } from 'prom-client';

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly isReady: () => boolean;
  /** Undefined while this replica does not lead. */
  readonly pdps: () => readonly PdpListing[] | undefined;
}

export interface StatusServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** `/healthz`, `/readyz`, `/metrics`, and `/v1/pdps` of the leader. */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const server = createServer((request, response) => {
    const send = (status: number, body: string, contentType = 'application/json'): void => {
      response.writeHead(status, { 'content-type': contentType }).end(body);
    };
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return send(200, '{"status":"ok"}\n');
      case '/readyz':
        return options.isReady() ? send(200, '{"status":"ready"}\n') : send(503, '{"status":"starting"}\n');
      case '/v1/pdps': {
        const pdps = options.pdps();
        return pdps === undefined
          ? send(503, '{"message":"this replica does not lead"}\n')
          : send(200, JSON.stringify(pdps));
      }
      case '/metrics':
        options.registry.metrics().then(
          (text) => send(200, text, options.registry.contentType),
          (error: unknown) => send(500, String(error), 'text/plain'),
        );
        return;
      default:
        return send(404, '{"message":"not found"}\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
