import { describe, expect, test } from '@jest/globals';
import { getIndex, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

// Ed25519 certificates, valid from 2020 to 2120: a root, an authority for shop.example only, a server below it, and a
// server of another domain.
const ROOT = `-----BEGIN CERTIFICATE-----
MIIBEDCBw6ADAgECAgEBMAUGAytlcDAPMQ0wCwYDVQQDEwRSb290MCAXDTIwMDEw
MTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDEwRSb290MCowBQYD
K2VwAyEAjnOXpQhiNwmdmOy3rZIaFrDFnQU7ADakeQFmoXn9/2ajQjBAMA4GA1Ud
DwEB/wQEAwICBDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBSP87nKldO/rOWY
V93On1TymnM/bjAFBgMrZXADQQASdmU7NRsJxuuj/zek0QnhgOPMbp8TLm+WP+JC
8Caznct6TJwf9ICOVxlPdueQj6uV2b4fV+BKKe4LcnF8XJsH
-----END CERTIFICATE-----
`;

const BETWEEN = `-----BEGIN CERTIFICATE-----
MIIBNjCB6aADAgECAgECMAUGAytlcDAPMQ0wCwYDVQQDEwRSb290MCAXDTIwMDEw
MTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjASMRAwDgYDVQQDEwdCZXR3ZWVuMCow
BQYDK2VwAyEA0h0kt6qeOobP+sRNfpVpgnCYXbTeQRLFvBJv0V9iylqjZTBjMA4G
A1UdDwEB/wQEAwICBDASBgNVHRMBAf8ECDAGAQH/AgEAMB0GA1UdDgQWBBQ2UVam
rL+AJ7M7Pa6JoDHu/8zlQDAeBgNVHR4BAf8EFDASoBAwDoIMc2hvcC5leGFtcGxl
MAUGAytlcANBAEr+hoqgDSa/78taSXr9M8UCBZjShxjqrXoA/U+/iFDIDXLkpfJI
z/aM4gqbWmTHMdlxDVhC302opYDM9c2InAM=
-----END CERTIFICATE-----
`;

const LEAF = `-----BEGIN CERTIFICATE-----
MIIBPTCB8KADAgECAgEDMAUGAytlcDASMRAwDgYDVQQDEwdCZXR3ZWVuMCAXDTIw
MDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAeMQ0wCwYDVQQKEwRTaG9wMQ0w
CwYDVQQDEwRMZWFmMCowBQYDK2VwAyEAn8dlkHDrh3XSjSbyewyZg/yiSs4xF8BV
zSRVQr8oaq+jXTBbMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcD
ATA0BgNVHREELTArgg4qLnNob3AuZXhhbXBsZYYZc3BpZmZlOi8vc2hvcC5leGFt
cGxlL2FwaTAFBgMrZXADQQDIzn8PY2qr2yxUvK17yetBEna/cpd55TDo2ehi+X7Y
4wA1+FNoRyezrchJP2mIKRloPhCHt1XsyvgwLTm4CgcJ
-----END CERTIFICATE-----
`;

const OUTSIDE = `-----BEGIN CERTIFICATE-----
MIHvMIGioAMCAQICAQQwBQYDK2VwMBIxEDAOBgNVBAMTB0JldHdlZW4wIBcNMjAw
MTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBIxEDAOBgNVBAMTB091dHNpZGUw
KjAFBgMrZXADIQCfx2WQcOuHddKNJvJ7DJmD/KJKzjEXwFXNJFVCvyhqr6MbMBkw
FwYDVR0RBBAwDoIMYmFuay5leGFtcGxlMAUGAytlcANBAF9PscmTnPGNSblFSjQM
y0FarUZJC25/srcq4e+UQxwg1WgVii7zPO8NGHCV57MXlGV7rL0szywM1U+j490M
2QU=
-----END CERTIFICATE-----
`;

const KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINzDp/BXEWyc0xDG+ccRIxSJ2pEwjuOq9/XZ0FL+n8UC
-----END PRIVATE KEY-----
`;

const value = (name: string, ...args: readonly Value[]): Value => {
  const result = callBuiltin(name, ...args);
  if (!('value' in result) || result.value === undefined) throw new Error(JSON.stringify(result));
  return result.value;
};

const at = (from: Value, ...path: readonly Value[]): Value | undefined => {
  let found: Value | undefined = from;
  for (const key of path) found = found === undefined ? undefined : getIndex(found, key);
  return found;
};

const verify = (certificates: string, options: Value): Value | undefined =>
  at(value('crypto.x509.parse_and_verify_certificates_with_options', certificates, options), 0);

test('certificates can be read from PEM and from base64 of it', () => {
  const [leaf] = [value('crypto.x509.parse_certificates', LEAF)];
  expect(value('crypto.x509.parse_certificates', Buffer.from(LEAF).toString('base64'))).toEqual(leaf);
  expect(at(leaf, 0, 'Subject', 'CommonName')).toBe('Leaf');
  expect(at(leaf, 0, 'Subject', 'Organization')).toEqual(['Shop']);
  expect(at(leaf, 0, 'NotAfter')).toBe('2120-01-01T00:00:00Z');
  expect(at(leaf, 0, 'DNSNames')).toEqual(['*.shop.example']);
  expect(at(leaf, 0, 'URIStrings')).toEqual(['spiffe://shop.example/api']);
  expect(at(leaf, 0, 'ExtKeyUsage')).toEqual([1]);
  expect(at(value('crypto.x509.parse_certificates', BETWEEN), 0, 'PermittedDNSDomains')).toEqual(['shop.example']);
});

test('what is no certificate is an error', () => {
  expect(callBuiltin('crypto.x509.parse_certificates', KEY)).toEqual({
    error: "eval_builtin_error: PEM block type is 'PRIVATE KEY', expected CERTIFICATE",
  });
  expect(callBuiltin('crypto.x509.parse_certificates', 'MAA=')).toEqual({
    error: 'eval_builtin_error: x509: malformed tbs certificate',
  });
});

describe('a chain is valid only', () => {
  const chain = ROOT + BETWEEN + LEAF;

  test('from the first certificate down to the last', () => {
    const [valid, found] = [0, 1].map((index) => at(value('crypto.x509.parse_and_verify_certificates', chain), index));
    expect(valid).toBe(true);
    expect([0, 1, 2].map((index) => at(found ?? null, index, 'Subject', 'CommonName'))).toEqual([
      'Leaf',
      'Between',
      'Root',
    ]);
    expect(value('crypto.x509.parse_and_verify_certificates', ROOT + LEAF)).toEqual([false, []]);
    expect(value('crypto.x509.parse_and_verify_certificates', LEAF)).toEqual([false, []]);
    expect(value('crypto.x509.parse_and_verify_certificates', LEAF + BETWEEN + ROOT)).toEqual([false, []]);
  });

  test('with signatures that are right', () => {
    const der = Buffer.from(LEAF.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    const forged = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(verify(ROOT + BETWEEN + forged, {})).toBe(false);
  });

  test('for the host, the time and the usage that are asked for', () => {
    expect(verify(chain, { DNSName: 'www.shop.example' })).toBe(true);
    expect(verify(chain, { DNSName: 'www.eu.shop.example' })).toBe(false);
    expect(verify(chain, { CurrentTime: 0 })).toBe(false);
    expect(verify(chain, { KeyUsages: ['KeyUsageClientAuth'] })).toBe(false);
    expect(verify(chain, { KeyUsages: ['KeyUsageClientAuth', 'KeyUsageServerAuth'] })).toBe(true);
  });

  test('within the names that its authorities may vouch for', () => {
    expect(verify(ROOT + BETWEEN + OUTSIDE, {})).toBe(false);
  });

  test('with options that exist', () => {
    const call = (options: Value): unknown =>
      callBuiltin('crypto.x509.parse_and_verify_certificates_with_options', chain, options);
    expect(call({ Host: 'x' })).toEqual({ error: 'eval_builtin_error: invalid key option' });
    expect(call({ KeyUsages: ['Any', 'KeyUsageAny'] })).toEqual({
      error: "eval_builtin_error: invalid entries for 'KeyUsages' found: [Any]",
    });
  });
});

test('a key pair must belong together', () => {
  const pair = value('crypto.x509.parse_keypair', LEAF, KEY);
  expect(at(pair, 'Leaf', 'Subject', 'CommonName')).toBe('Leaf');
  expect(Buffer.from(String(at(pair, 'PrivateKey')), 'base64')).toHaveLength(64);
  expect(callBuiltin('crypto.x509.parse_keypair', ROOT, KEY)).toEqual({
    error: 'eval_builtin_error: tls: private key does not match public key',
  });
});

test('private keys are read as keys and as a JWK', () => {
  expect(value('crypto.parse_private_keys', KEY + LEAF + KEY)).toHaveLength(2);
  expect(value('crypto.parse_private_keys', 'nothing')).toEqual([]);
  expect(value('crypto.parse_private_keys', `-----BEGIN A-----\n-----END B-----\n${KEY}`)).toHaveLength(1);
  expect(at(value('crypto.x509.parse_rsa_private_key', KEY), 'crv')).toBe('Ed25519');
  expect(callBuiltin('crypto.x509.parse_rsa_private_key', '')).toEqual({
    error: 'eval_builtin_error: input PEM data was empty',
  });
});

test('many beginnings of blocks without an end take no more than linear time', () => {
  const start = performance.now();
  expect(value('crypto.parse_private_keys', '-----BEGIN RSA PRIVATE KEY-----\n'.repeat(300_000))).toEqual([]);
  expect(value('crypto.parse_private_keys', '-----BEGIN A-----\n-----END B-----\n'.repeat(300_000))).toEqual([]);
  // A machine may be slow: in quadratic time it would take minutes.
  expect(performance.now() - start).toBeLessThan(30_000);
});
