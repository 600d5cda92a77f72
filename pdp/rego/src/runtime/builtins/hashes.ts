import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { typeError } from './operands.ts';

/** Digests and message authentication codes, in hexadecimal. */
export const hashes: BuiltinFamily = {
  'crypto.md5': (ctx, text) => digest(ctx, text, 'md5'),
  'crypto.sha1': (ctx, text) => digest(ctx, text, 'sha1'),
  'crypto.sha256': (ctx, text) => digest(ctx, text, 'sha256'),
  'crypto.hmac.md5': (ctx, text, key) => authenticate(ctx, text, key, 'md5'),
  'crypto.hmac.sha1': (ctx, text, key) => authenticate(ctx, text, key, 'sha1'),
  'crypto.hmac.sha256': (ctx, text, key) => authenticate(ctx, text, key, 'sha256'),
  'crypto.hmac.sha512': (ctx, text, key) => authenticate(ctx, text, key, 'sha512'),
  'crypto.hmac.equal': (ctx, a, b) => {
    if (typeof a !== 'string') return typeError(ctx, 1, a, 'string');
    if (typeof b !== 'string') return typeError(ctx, 2, b, 'string');
    const first = Buffer.from(a);
    const second = Buffer.from(b);
    return first.length === second.length && timingSafeEqual(first, second);
  },
};

function digest(ctx: BuiltinContext, text: Value, algorithm: string): Value | undefined {
  if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
  return createHash(algorithm).update(text, 'utf8').digest('hex');
}

function authenticate(ctx: BuiltinContext, text: Value, key: Value, algorithm: string): Value | undefined {
  if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
  if (typeof key !== 'string') return typeError(ctx, 2, key, 'string');
  return createHmac(algorithm, key).update(text, 'utf8').digest('hex');
}
