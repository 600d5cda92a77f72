import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { ANONYMOUS, type Peer } from './authenticator.ts';

/** Who a TLS client is by its certificate. */
export function peerOfTls(socket: TLSSocket): Peer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return ANONYMOUS;
  if (!socket.authorized) return { kind: 'untrusted', reason: String(socket.authorizationError) };
  return { kind: 'certificate', names: namesOf(certificate) };
}

/** The URI names, the DNS names, and `CN=…`, in this order: a SPIFFE ID comes first. */
export function namesOf({
  subjectAltName,
  subject,
}: Pick<X509Certificate, 'subjectAltName' | 'subject'>): readonly string[] {
  const alternatives = parseAltNames(subjectAltName ?? '');
  const ofKind = (kind: string): readonly string[] =>
    alternatives.filter((name) => name.kind === kind).map(({ value }) => value);
  const common = subject.split('\n').filter((line) => line.startsWith('CN='));
  return [...ofKind('URI'), ...ofKind('DNS'), ...common];
}

/** One name: `URI:spiffe://a/b`, or quoted as a JSON string where the value holds what could be taken for another name. */
const ALT_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/gy;

function parseAltNames(text: string): readonly { readonly kind: string; readonly value: string }[] {
  return [...text.matchAll(ALT_NAME)].map(([, kind = '', value = '']) => {
    return { kind, value: value.startsWith('"') ? String(JSON.parse(value)) : value };
  });
}
