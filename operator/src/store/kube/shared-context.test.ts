import { rootCertificates } from 'node:tls';
import { expect, test } from '@jest/globals';
import { SharedContext } from './shared-context.ts';

const [first = '', second = ''] = rootCertificates;

test('connections with the same credentials share a context, also if those were read anew', () => {
  const shared = new SharedContext();
  const context = shared.of({ ca: Buffer.from(first) });
  expect(shared.of({ ca: Buffer.from(first) })).toBe(context);
});

test('rotated credentials give another context', () => {
  const shared = new SharedContext();
  const context = shared.of({ ca: Buffer.from(first) });
  expect(shared.of({ ca: Buffer.from(second) })).not.toBe(context);
});

test('credentials that are none are an error each time', () => {
  const shared = new SharedContext();
  expect(() => shared.of({ key: 'no key' })).toThrow();
  expect(() => shared.of({ key: 'no key' })).toThrow();
});
