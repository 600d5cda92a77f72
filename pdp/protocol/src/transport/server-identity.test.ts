import type { PeerCertificate } from 'node:tls';
import { expect, test } from '@jest/globals';
import { hostOf, serverIdentityOf } from './server-identity.ts';

const bearing = (subjectaltname: string) => ({ subjectaltname }) as PeerCertificate;

test.each([
  ['a name', 'operator.example', 'operator.example', 'DNS:operator.example'],
  ['an address', '192.0.2.7', '', 'IP Address:192.0.2.7'],
  ['an IPv6 address', '2001:db8::7', '', 'IP Address:2001:DB8:0:0:0:0:0:7'],
  ['an address of a URL', '[2001:db8::7]', '', 'IP Address:2001:DB8:0:0:0:0:0:7'],
])('%s is what the certificate must bear; only names are sent', (_name, host, servername, names) => {
  const identity = serverIdentityOf(host);
  expect(identity.servername).toBe(servername);
  expect(identity.checkServerIdentity('whoever was dialled', bearing(names))).toBeUndefined();
  const other = identity.checkServerIdentity(host, bearing('DNS:other.example, IP Address:192.0.2.8'));
  expect(other).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test.each([
  ['operator.example:9444', 'operator.example'],
  ['192.0.2.7:9444', '192.0.2.7'],
  ['[2001:db8::7]:9444', '[2001:db8::7]'],
])('%s is at host %s', (address, host) => {
  expect(hostOf(address)).toBe(host);
});
