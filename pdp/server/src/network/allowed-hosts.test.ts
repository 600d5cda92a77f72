import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AllowedHosts, AllowedHostsError, splitEntries } from './allowed-hosts.ts';
import { isPublicAddress } from './public-address.ts';

test.each([
  ['api.example.com', 'api.example.com', true],
  ['api.example.com', 'API.Example.COM.', true],
  ['api.example.com', 'x.api.example.com', false],
  ['api.example.com', 'example.com', false],
  ['*.example.com', 'a.b.example.com', true],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'badexample.com', false],
  ['*.example.com', 'example.com.evil.net', false],
  ['*', 'anything.example', true],
  ['*', '8.8.8.8', true],
  ['*', '10.0.0.1', false],
  ['*', '169.254.169.254', false],
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.0.0.0/8', '11.1.2.3', false],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['10.0.0.0/8', 'some.name', false],
  ['fd00::/8', 'fd12::1', true],
  ['203.0.113.7', '203.0.113.7', true],
  ['api.example.com', '8.8.8.8', false],
])('with %s, asking for %s is allowed: %p', (entry, host, allowed) => {
  expect(new AllowedHosts([entry]).allowsHost(host)).toBe(allowed);
});

test.each([
  [['api.example.com'], 'api.example.com', '93.184.216.34', true],
  [['api.example.com'], 'api.example.com', '10.0.0.5', false],
  [['api.example.com', '10.0.0.0/24'], 'api.example.com', '10.0.0.5', true],
  [['api.example.com', '10.0.0.0/24'], 'api.example.com', '10.0.1.5', false],
  [['*.svc.cluster.local', '10.96.0.0/12'], 'a.b.svc.cluster.local', '10.97.3.4', true],
  [['*'], 'evil.example', '169.254.169.254', false],
  [['*'], 'evil.example', '127.0.0.1', false],
  [['*'], 'localhost', '127.0.0.1', false],
  [['localhost'], 'localhost', '127.0.0.1', true],
  [['localhost'], 'localhost', '::1', true],
  [['localhost'], 'localhost', '10.0.0.1', false],
  [['evil.example', 'localhost'], 'evil.example', '127.0.0.1', false],
  [['api.example.com'], 'api.example.com', 'fe80::1%eth0', false],
  [['api.example.com'], 'api.example.com', '::ffff:169.254.169.254', false],
])('with %p, %s may be connected to at %s: %p', (entries, host, address, allowed) => {
  expect(new AllowedHosts(entries).allowsAddress(host, address)).toBe(allowed);
});

test.each([
  'http://a.example',
  'a.example:80',
  '*a.example',
  'a.*.example',
  '10.0.0.0/33',
  '10.0.0/8',
  'fe80::/129',
  '1.2.3',
  '',
  '10.0.0.0/8/8',
  'a..b',
])('%p is no entry', (entry) => {
  expect(() => new AllowedHosts([entry])).toThrow(AllowedHostsError);
});

test('an empty list allows nothing', () => {
  fc.assert(fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), (host) => !new AllowedHosts([]).allowsHost(host)));
});

test.each([
  '0.0.0.0',
  '10.255.255.255',
  '100.64.0.1',
  '100.100.100.200',
  '127.1.2.3',
  '168.63.129.16',
  '169.254.169.254',
  '172.31.0.1',
  '192.168.1.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:10.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '2001:db8::1',
  '2002:a9fe:a9fe::1',
  '2001:0:1::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'ff02::1',
  'no address',
])('%s is not public', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['1.1.1.1', '9.255.255.255', '11.0.0.0', '172.32.0.1', '223.255.255.255', '2606:4700::1111', '2a00::1'])(
  '%s is public',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test('a list is what commas separate', () => {
  expect(splitEntries(' a.example, ,10.0.0.0/8,')).toStrictEqual(['a.example', '10.0.0.0/8']);
});
