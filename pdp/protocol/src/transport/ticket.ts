import { createHmac, timingSafeEqual } from 'node:crypto';
import { isDigest } from '../digest-form.ts';
import type { Digest, NodeId } from '../identifiers.ts';

/** How long a ticket is good for. Longer than any prepare; a repeat of the offer brings a new one. */
export const TICKET_LIFETIME_MS = 5 * 60_000;

/** The right of one node to fetch one manifest and what it names. */
export interface Ticket {
  readonly nodeId: NodeId;
  readonly manifest: Digest;
}

/** Why a ticket is worth nothing. */
export type TicketProblem = 'Malformed' | 'Forged' | 'Expired';

function macOf(payload: string, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update('edict/ticket/v1\n').update(payload).digest();
}

/** A ticket as text, safe in a header. `now` is wall-clock milliseconds. */
export function issueTicket(ticket: Ticket, key: Uint8Array, now: number): string {
  const payload = Buffer.from(JSON.stringify([ticket.nodeId, ticket.manifest, now + TICKET_LIFETIME_MS])).toString(
    'base64url',
  );
  return `${payload}.${macOf(payload, key).toString('base64url')}`;
}

/** The ticket, or why it is refused. The signature is judged before anything in it is read. */
export function checkTicket(text: string, key: Uint8Array, now: number): Ticket | TicketProblem {
  const [payload, mac, ...rest] = text.split('.');
  if (payload === undefined || mac === undefined || rest.length > 0) return 'Malformed';
  const given = Buffer.from(mac, 'base64url');
  const expected = macOf(payload, key);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'Forged';
  const fields = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as readonly unknown[];
  const [nodeId, manifest, expiry] = fields;
  if (typeof nodeId !== 'string' || typeof manifest !== 'string' || typeof expiry !== 'number') return 'Malformed';
  if (!isDigest(manifest)) return 'Malformed';
  return expiry <= now ? 'Expired' : { nodeId, manifest };
}
