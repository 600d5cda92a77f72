import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readTar, writeTar } from './tar.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const files = [
  { name: 'b.rego', content: bytes('package b\n') },
  { name: '.manifest', content: bytes('{}') },
];
const archive = writeTar(files);

test('an archive depends on its files and not on their order', () => {
  expect(writeTar(files.toReversed())).toEqual(archive);
  expect(archive.length).toBe(6 * 512);
});

test('what was written is read', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.uint8Array({ maxLength: 1200 })), (contents) => {
      const written = Object.entries(contents).map(([name, content]) => ({ name, content }));
      const read = readTar(writeTar(written));
      expect(Object.fromEntries(Array.from(read, ([name, content]) => [name, [...content]]))).toEqual(
        Object.fromEntries(written.map(({ name, content }) => [name, [...content]])),
      );
    }),
  );
});

const altered = (change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = archive.slice();
  change(copy);
  return copy;
};

test.each<[string, Uint8Array]>([
  ['no end', archive.slice(0, -512)],
  ['something behind the end', new Uint8Array([...archive, ...new Uint8Array(512)])],
  ['a part only', archive.slice(0, 700)],
  ['nothing', new Uint8Array()],
  ['an owner', altered((copy) => copy.set(bytes('0001750'), 108))],
  ['a time', altered((copy) => copy.set(bytes('1'), 140))],
  ['a link in place of a file', altered((copy) => copy.set(bytes('2'), 156))],
  ['a wrong checksum', altered((copy) => copy.set(bytes('777'), 149))],
  ['a size beyond the end', altered((copy) => copy.set(bytes('77777777777'), 124))],
  ['a name twice', (() => new Uint8Array([...archive.slice(0, 1024), ...archive]))()],
])('an archive with %s is refused', (_name, candidate) => {
  expect(() => readTar(candidate)).toThrow(expect.objectContaining({ code: 'bad-tar' }));
});

test('names that do not fit a header are refused', () => {
  expect(() => writeTar([{ name: 'x'.repeat(101), content: bytes('') }])).toThrow('does not fit a header');
});
