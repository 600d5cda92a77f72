import { X509Certificate } from 'node:crypto';

/** The first certificate of a PEM text; undefined for text that holds none. */
export function certificateIn(pem: string | undefined): X509Certificate | undefined {
  return authoritiesIn(pem ?? '')[0];
}

/** All certificates of a PEM text that can be read. */
export function authoritiesIn(pem: string): readonly X509Certificate[] {
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return parts.flatMap((part) => {
    try {
      return [new X509Certificate(part)];
    } catch {
      // Text that somebody edited: whatever it is, it is no certificate.
      return [];
    }
  });
}

/** Whether a certificate bears the signature of one of these authorities. */
export function isSignedByOneOf(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((authority) => certificate.verify(authority.publicKey));
}

/** DNS names that a certificate is for. */
export function dnsNamesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length));
}
