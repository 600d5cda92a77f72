/** Name and value of a header, a character for each byte. */
export type HeaderField = readonly [name: string, value: string];

/** The headers that HPACK knows from the start (RFC 7541, appendix A); the first has the index 1. */
export const STATIC_TABLE: readonly HeaderField[] = [
  [':authority', ''],
  ...(['GET', 'POST'] as const).map((method): HeaderField => [':method', method]),
  ...(['/', '/index.html'] as const).map((path): HeaderField => [':path', path]),
  ...(['http', 'https'] as const).map((scheme): HeaderField => [':scheme', scheme]),
  ...(['200', '204', '206', '304', '400', '404', '500'] as const).map((status): HeaderField => [':status', status]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization'],
    ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
    ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from'],
    ...['host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified'],
    ...['link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh'],
    ...['retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary'],
    ...['via', 'www-authenticate'],
  ].map((name): HeaderField => [name, '']),
];
