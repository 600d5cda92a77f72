/** A request that cannot be read; the message goes to the client. */
export class RequestParseError extends Error {
  override readonly name = 'RequestParseError';
  readonly code = 'request-unreadable';
}

/**
 * Decodes the percent-escapes of a path.
 * @throws RequestParseError for an escape that is none, and for bytes that are no UTF-8
 */
export function unescapePath(escaped: string): string {
  return escaped.includes('%') ? decode(escaped) : escaped;
}

/**
 * The parameters of a query or of a form, each with all its values in their order.
 * @throws RequestParseError for an escape that is none, for bytes that are no UTF-8, and for a semicolon, which some servers
 *   take for a separator and others do not
 */
export function parseQuery(query: string): ReadonlyMap<string, readonly string[]> {
  const parameters = new Map<string, string[]>();
  if (query === '') return parameters;
  for (const part of query.split('&')) {
    if (part === '') continue;
    if (part.includes(';')) throw new RequestParseError('invalid semicolon separator in query');
    const equals = part.indexOf('=');
    const name = unescapeComponent(equals === -1 ? part : part.slice(0, equals));
    const value = equals === -1 ? '' : unescapeComponent(part.slice(equals + 1));
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [value]);
    else values.push(value);
  }
  return parameters;
}

function unescapeComponent(escaped: string): string {
  const spaced = escaped.includes('+') ? escaped.replaceAll('+', ' ') : escaped;
  return unescapePath(spaced);
}

function decode(escaped: string): string {
  const wrong = /%(?![0-9a-fA-F]{2})/.exec(escaped);
  if (wrong !== null) {
    throw new RequestParseError(`invalid URL escape ${JSON.stringify(escaped.slice(wrong.index, wrong.index + 3))}`);
  }
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw new RequestParseError('the escapes in the URL are no UTF-8');
  }
}
