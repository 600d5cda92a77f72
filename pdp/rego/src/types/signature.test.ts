import { expect, test } from '@jest/globals';

import { builtinDeclarations } from '../runtime/builtins/declarations.ts';
import { declaration } from './builtins.ts';
import { printSignature } from './print.ts';
import { parseSignature, SignatureError } from './signature.ts';

test.each([...builtinDeclarations.values()].map(({ name, signature }) => [name, signature]))(
  'the signature of %s prints as it is written',
  (_name, signature) => {
    expect(printSignature(parseSignature(signature))).toBe(signature);
  },
);

test.each(['', '()', '(number', '(number) =>', '(nonsense) => any', '(any) => any more'])(
  'the malformed signature %j is refused',
  (signature) => {
    expect(() => parseSignature(signature)).toThrow(SignatureError);
  },
);

test('a built-in without a result is void, and variable arguments do not count', () => {
  expect(declaration('print')).toMatchObject({ void: true, arity: 0 });
  expect(declaration('count')).toMatchObject({ void: false, arity: 1 });
  expect(declaration('no.such')).toBeUndefined();
});
