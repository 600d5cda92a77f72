import { expect, test } from '@jest/globals';
import { MAX_FORM_PARTS, readMultipart, readUrlEncoded } from './form-body.ts';

test('form fields are strings, the first of a name counts, and names are data', () => {
  const form = readUrlEncoded('operation=a%20b&operation=c&__proto__=x');
  expect(form.ok && Object.entries(form.fields)).toStrictEqual([
    ['operation', 'a b'],
    ['__proto__', 'x'],
  ]);
});

const part = (name: string, value: string, more = '') =>
  `--B\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

test.each([
  [
    'text fields',
    `${part('operation', 'x')}${part('resource', 'a\r\nb')}--B--\r\n`,
    { operation: 'x', resource: 'a\r\nb' },
  ],
  ['the first of a name counts', `${part('operation', 'x')}${part('operation', 'y')}--B--`, { operation: 'x' }],
  ['a boundary within a line is text', `${part('resource', 'a--B--b')}--B--`, { resource: 'a--B--b' }],
  ['bare line feeds', part('operation', 'x').replaceAll('\r', '') + '--B--', { operation: 'x' }],
  ['files are passed over', `${part('f', 'x', '; filename="a"')}--B--`, {}],
])('multipart: %s', (_name, body, fields) => {
  expect(readMultipart(body, 'multipart/form-data; boundary=B')).toStrictEqual({ ok: true, fields });
});

test.each([
  ['no boundary', 'x', 'multipart/form-data'],
  ['no end', part('a', 'b'), 'multipart/form-data; boundary=B'],
  ['not multipart', 'hello', 'multipart/form-data; boundary=B'],
  ['a part without end of headers', '--B\r\nfoo--B--', 'multipart/form-data; boundary=B'],
])('multipart: %s is refused', (_name, body, contentType) => {
  expect(readMultipart(body, contentType).ok).toBe(false);
});

test('a boundary is text, whatever characters it has', () => {
  const body = '--a.b+(c)?\r\nContent-Disposition: form-data; name="x"\r\n\r\n--aXb\r\n--a.b+(c)?--';
  expect(readMultipart(body, 'multipart/form-data; boundary="a.b+(c)?"')).toStrictEqual({
    ok: true,
    fields: { x: '--aXb' },
  });
});

test('a form of too many parts is refused', () => {
  const body = (parts: number) => `${part('x', '1').repeat(parts)}--B--`;
  expect(readMultipart(body(MAX_FORM_PARTS - 2), 'multipart/form-data; boundary=B').ok).toBe(true);
  expect(readMultipart(body(MAX_FORM_PARTS), 'multipart/form-data; boundary=B').ok).toBe(false);
});
