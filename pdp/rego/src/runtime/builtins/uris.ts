import type { Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { builtinError, typeError } from './operands.ts';
import { quoteText } from './text.ts';
import { parseUri } from './uri-parse.ts';

/** URIs, as Go's net/url reads them. */
export const uris: BuiltinFamily = {
  'uri.parse': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const uri = parseUri(text);
    if (typeof uri === 'string') return builtinError(ctx, `parse ${quoteText(text)}: ${uri}`);
    const members: Record<string, Value> = {
      scheme: uri.scheme,
      hostname: uri.hostname,
      port: uri.port,
      path: uri.path,
      raw_path: uri.path === '' ? '' : uri.rawPath,
      raw_query: uri.query,
      fragment: uri.fragment,
    };
    return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''));
  },
  'uri.is_valid': (_ctx, text) => typeof text === 'string' && text !== '' && typeof parseUri(text) !== 'string',
};
