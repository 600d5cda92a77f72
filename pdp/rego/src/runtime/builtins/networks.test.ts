import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { callBuiltin } from './call-builtin.ts';
import { containsAddress, parseAddress, parseNetwork, parsePlainIpv4 } from './ip-address.ts';

const almostAddress = fc.oneof(
  fc.ipV4(),
  fc
    .array(fc.constantFrom('0', '1', '01', '9', '10', '99', '100', '255', '256', '1000', '', 'a', ' 1', '-1'), {
      maxLength: 6,
    })
    .map((parts) => parts.join('.')),
  fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '.', '/'), maxLength: 16 }),
);

test('an IPv4 address is read as a number exactly where it is one', () => {
  fc.assert(
    fc.property(almostAddress, (text) => {
      const address = text.includes(':') ? undefined : parseAddress(text);
      expect(parsePlainIpv4(text)).toBe(address === undefined ? -1 : Number(address.value));
    }),
    { numRuns: 2_000 },
  );
});

test('a network contains an address, however it was read', () => {
  const network = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([base, prefix]) => `${base}/${String(prefix)}`);
  fc.assert(
    fc.property(
      fc.oneof(network, fc.constantFrom('::/0', '::ffff:10.0.0.0/104', '2001:db8::/32')),
      fc.ipV4(),
      (text, part) => {
        const [outer, address] = [parseNetwork(text), parseAddress(part)];
        const expected = outer !== undefined && address !== undefined && containsAddress(outer, address);
        expect(callBuiltin('net.cidr_contains', text, part)).toEqual({ value: expected });
        expect(callBuiltin('net.cidr_contains', text, part)).toEqual({ value: expected });
      },
    ),
  );
});
