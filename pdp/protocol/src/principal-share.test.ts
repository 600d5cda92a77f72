import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isInShare, murmur3, principalShare } from './principal-share.ts';

test.each([
  ['', 0x00000000],
  ['a', 0x3c2569b2],
  ['aa', 0x371091a9],
  ['aaa', 0xb4d05fb7],
  ['test', 0xba6bd213],
  ['Hello, world!', 0xc0363e43],
])('the hash of %p is the published one', (text, hash) => {
  expect(murmur3(new TextEncoder().encode(text))).toBe(hash);
});

test.each([
  ['', '', 3175],
  ['uid-1/4', 'mrn:iam:identity:alice', 895],
  ['uid-1/4', 'mrn:iam:identity:bob', 5088],
  ['uid-1/4', 'zoë', 7688],
  ['uid-2/1', 'mrn:iam:identity:alice', 957],
])('with salt %p principal %p is in place %d, for ever', (salt, principal, place) => {
  expect(principalShare(salt, principal)).toBe(place);
});

test('a lone surrogate counts as the replacement character', () => {
  expect(principalShare('s', '\ud800')).toBe(principalShare('s', '\ufffd'));
});

test('places are spread evenly: no tenth of them has more than twelve hundredths of ten thousand principals', () => {
  for (const salt of ['uid-1/1', 'uid-1/2', '0b4c/9']) {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index += 1) {
      const tenth = Math.floor(principalShare(salt, `mrn:iam:identity:user-${index}`) / 1000);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.max(...tenths)).toBeLessThan(1200);
    expect(Math.min(...tenths)).toBeGreaterThan(800);
  }
});

test('who is in a share is in every greater one', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(9_999), fc.nat(9_999), (salt, principal, a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      const place = principalShare(salt, principal);
      expect(place).toBeGreaterThanOrEqual(0);
      expect(place).toBeLessThan(10_000);
      if (isInShare({ salt, upTo: less }, principal)) expect(isInShare({ salt, upTo: more }, principal)).toBe(true);
    }),
  );
});
