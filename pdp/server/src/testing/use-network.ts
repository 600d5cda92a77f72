import { afterEach } from '@jest/globals';
import type { HttpAnswer, HttpRequest, RequestBounds } from '@edict/engine';
import { createNetworkPort, type NetworkObservation, type NetworkPortOptions } from '../network/network-port.ts';
import { aRequest, ROOMY, startRawServer, startServer } from './network-servers.ts';

/** Servers and ports for the tests of one file, closed after each test. */
export function useNetwork() {
  const closers: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const serve = async (...options: Parameters<typeof startServer>) => {
    const server = await startServer(...options);
    closers.push(server.close);
    return server;
  };
  const serveRaw = async (...options: Parameters<typeof startRawServer>) => {
    const server = await startRawServer(...options);
    closers.push(server.close);
    return server;
  };
  const open = (options: Partial<NetworkPortOptions> = {}) => {
    const seen: NetworkObservation[] = [];
    const port = createNetworkPort({
      allowedHosts: ['127.0.0.0/8', 'localhost'],
      observe: (observation) => seen.push(observation),
      ...options,
    });
    closers.push(port.close);
    const send = (url: string, over: Partial<HttpRequest> = {}, bounds: Partial<RequestBounds> = {}) =>
      port.send(aRequest(url, over), { ...ROOMY, ...bounds });
    const outcomes = () => seen.map(({ outcome }) => outcome);
    return { port, send, seen, outcomes };
  };
  return { serve, serveRaw, open, later: (close: () => void) => void closers.push(close) };
}

/** The text of a response; the answer itself if it is none. */
export function bodyOf(answer: HttpAnswer): unknown {
  return answer.ok ? Buffer.from(answer.response.body).toString() : answer;
}

/** Why there was no response. */
export function failureOf(answer: HttpAnswer): unknown {
  return answer.ok ? 'no failure' : answer.failure;
}
