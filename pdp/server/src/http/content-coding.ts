import { messageReply, type Reply } from './reply.ts';
import { headerOf, type RouteRequest } from './route.ts';

/** The answer to a body that is coded, where no coding is taken (RFC 9110, sections 12.5.3 and 15.5.16); undefined for a plain one. */
export function codedBody({ headers }: Pick<RouteRequest, 'headers'>): Reply | undefined {
  const coding = headerOf(headers, 'content-encoding')?.trim().toLowerCase();
  if (coding === undefined || coding === '' || coding === 'identity') return undefined;
  return messageReply(415, 'bodies are taken without a Content-Encoding', { 'accept-encoding': 'identity' });
}
