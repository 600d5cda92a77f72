import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { ProblemError } from './problem.ts';

/** Where the replica that leads serves its console. */
export interface LeaderAddress {
  readonly host: string;
  readonly port: number;
  /** What its certificate is checked against (PEM), and the name in it. */
  readonly ca: string;
  readonly serverName: string;
}

/** Finds the replica that leads; undefined while nobody does, or it cannot be found. Never rejects. */
export type FindLeader = () => Promise<LeaderAddress | undefined>;

/** On what one replica passes on to another: that one passes on nothing. */
const FORWARDED_HEADER = 'edict-forwarded';
/** Headers that travel; all else is between the client and us. */
const REQUEST_HEADERS = ['authorization', 'content-type', 'content-length', 'accept', 'last-event-id'] as const;
/** Connections to the leader at a time; event streams are among them. */
export const FORWARDED_MAX = 512;

const agent = new Agent({ keepAlive: true, maxSockets: FORWARDED_MAX });

/** True for a request that another replica passed on, and for one whose user only the connection proves. */
export function mayForward({ headers }: IncomingMessage): boolean {
  return headers[FORWARDED_HEADER] === undefined && headers.authorization !== undefined;
}

/**
 * Passes a request on to the replica that leads and its answer back, event streams included. Ends when either side goes.
 * @throws ProblemError if the leader does not answer
 */
export async function forwardToLeader(
  request: IncomingMessage,
  response: ServerResponse,
  { host, port, ca, serverName }: LeaderAddress,
): Promise<void> {
  const headers = REQUEST_HEADERS.flatMap((name): readonly (readonly [string, string])[] => {
    const value = request.headers[name];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  const outgoing = httpsRequest({
    host,
    port,
    ca,
    servername: serverName,
    agent,
    method: request.method,
    path: request.url,
    headers: { ...Object.fromEntries(headers), [FORWARDED_HEADER]: '1' },
  });
  response.once('close', () => outgoing.destroy());
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', (cause) => {
      reject(new ProblemError('unavailable', 'the replica that leads does not answer', { cause }));
    });
    request.pipe(outgoing);
  });
  const { connection: _ours, 'keep-alive': _alive, 'transfer-encoding': _coding, ...kept } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, kept);
  // What was begun cannot be taken back: a leader that goes ends the answer, and the client comes back.
  outgoing.on('error', () => response.destroy());
  answer.once('error', () => response.destroy());
  answer.pipe(response);
}
