import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { CallResult, GrpcClient } from '../../support/envoy-client.ts';
import type { Report } from '../report.ts';

interface SkipperCase {
  readonly case: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly chunked?: boolean;
  readonly status: number;
  readonly response_headers: Readonly<Record<string, string>>;
  readonly response_body?: string;
  readonly upstream?: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
}

/** What Skipper was recorded with: it sends no more of a body. */
const MAX_BODY_BYTES = 64;
const PASSES = 200;
const FORBIDDEN = 403;

/** What a client and an upstream see, as Skipper's recording says it and as Envoy makes it of our answer. */
interface Seen {
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
  readonly upstreamUrl: string | undefined;
  readonly upstreamHeaders: Readonly<Record<string, string>> | undefined;
}

/** Cases that are about Skipper alone: a PDP has nothing that could do the same. */
const NOT_OURS: readonly { readonly why: string; readonly of: (one: SkipperCase) => boolean }[] = [
  {
    why: 'Skipper answers in place of an upstream with what the policy allows; behind a PDP there is an upstream',
    of: ({ host, case: name }) =>
      host.startsWith('serve') &&
      /^(?:true|objallow|hdrs|hdrlist|query\?.*|dyn|allowstatus|body-ok|body-chunked-ok)$/.test(name),
  },
  { why: 'a route with wrong arguments', of: ({ host }) => host === 'bad.example' },
];

interface Difference {
  readonly why: string;
  readonly of: (one: SkipperCase) => boolean;
  readonly ours: (theirs: Seen) => Seen;
}

/** Everything in which we mean to differ. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a result that cannot be read is a deny, not an error that a proxy may take for leave to pass',
    of: ({ status, case: name }) => status === 500 && name !== 'body-malformed',
    ours: (theirs) => ({ ...theirs, status: FORBIDDEN }),
  },
  {
    why: 'a body that is no JSON is a wrong request, whichever filter asks',
    of: ({ status, case: name }) => status === 500 && name === 'body-malformed',
    ours: (theirs) => ({ ...theirs, status: 400, responseBody: '<any>' }),
  },
  {
    why: 'headers of a policy replace those of the client: what a client claims about itself must not stand beside them',
    of: ({ case: name, upstream }) => upstream !== undefined && (name === 'hdrs' || name === 'hdrlist'),
    ours: (theirs) => ({
      ...theirs,
      upstreamHeaders: Object.fromEntries(
        Object.entries(theirs.upstreamHeaders ?? {}).map(([name, value]) => [name, value.split(', ').at(-1) ?? '']),
      ),
    }),
  },
  {
    why: 'query parameters are changed as the policy says; Skipper passes over that',
    of: ({ case: name, upstream }) => upstream !== undefined && name.startsWith('query'),
    ours: (theirs) => ({ ...theirs, upstreamUrl: '/query?k=2&q=new' }),
  },
  {
    why: 'the text of a 400 says what is wrong with the request',
    of: ({ status }) => status === 400,
    ours: (theirs) => ({ ...theirs, responseBody: '<any>' }),
  },
];

/**
 * Runs what was recorded of Skipper's authorization filter as checks of Envoy, and compares what a client and an upstream would
 * see behind an Envoy that does what the answers say. Prints what is passed over, and why.
 */
export async function runSkipperCases(path: string, client: GrpcClient, filter: string, report: Report): Promise<void> {
  for (const one of JSON.parse(readFileSync(path, 'utf8')) as readonly SkipperCase[]) {
    const id = `skipper ${one.host} ${one.case}`;
    if (!id.includes(filter)) continue;
    const notOurs = NOT_OURS.find(({ of }) => of(one));
    if (notOurs !== undefined) {
      console.log(`not of a PDP: ${id}: ${notOurs.why}`);
      continue;
    }
    const expected = DIFFERENCES.filter(({ of }) => of(one)).reduce((theirs, { ours }) => ours(theirs), recorded(one));
    report(id, differencesOf(seenBy(one, await ask(client, one)), expected));
  }
}

function recorded({ status, response_headers, response_body = '', upstream }: SkipperCase): Seen {
  const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = upstream?.headers ?? {};
  return {
    status,
    responseHeaders: response_headers,
    responseBody: response_body,
    upstreamUrl: upstream?.url,
    upstreamHeaders: upstream === undefined ? undefined : headers,
  };
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function ask(
  client: GrpcClient,
  { host, method, path, headers, body, chunked }: SkipperCase,
): Promise<CallResult> {
  const isPartial = body !== undefined && body.length > MAX_BODY_BYTES;
  const http = {
    method,
    path,
    host,
    headers: {
      ...lowerCase(headers),
      ...(body === undefined || chunked === true ? {} : { 'content-length': String(body.length) }),
      ...(isPartial ? { 'x-envoy-auth-partial-body': 'true' } : {}),
    },
    ...(body === undefined ? {} : { body: body.slice(0, MAX_BODY_BYTES) }),
  };
  return await client.check({ attributes: { request: { http } } }, { 'policy-set': 'conformance/safe' });
}

interface Entry {
  readonly header: { readonly key: string; readonly value?: string };
}

interface Answer {
  readonly status?: { readonly code?: number };
  readonly okResponse?: {
    readonly headers?: readonly Entry[];
    readonly headersToRemove?: readonly string[];
    readonly responseHeadersToAdd?: readonly Entry[];
    readonly queryParametersToSet?: readonly { readonly key: string; readonly value: string }[];
    readonly queryParametersToRemove?: readonly string[];
  };
  readonly deniedResponse?: {
    readonly status?: { readonly code?: string };
    readonly headers?: readonly Entry[];
    readonly body?: string;
  };
}

/** Statuses as proto JSON names them. */
const STATUSES: Readonly<Record<string, number>> = {
  MovedPermanently: 301,
  BadRequest: 400,
  Forbidden: 403,
  PayloadTooLarge: 413,
};

function seenBy({ path, headers }: SkipperCase, result: CallResult): Seen | string {
  if (!result.ok) return `gRPC error ${result.code}: ${result.details}`;
  const { status, okResponse, deniedResponse } = result.response as Answer;
  if (status?.code !== undefined) {
    return {
      status: STATUSES[deniedResponse?.status?.code ?? 'Forbidden'] ?? 0,
      responseHeaders: valuesOf(deniedResponse?.headers),
      responseBody: deniedResponse?.body ?? '',
      upstreamUrl: undefined,
      upstreamHeaders: undefined,
    };
  }
  const upstreamHeaders = { ...lowerCase(headers), ...valuesOf(okResponse?.headers) };
  for (const name of okResponse?.headersToRemove ?? []) Reflect.deleteProperty(upstreamHeaders, name);
  const url = new URL(path, 'http://upstream');
  for (const name of okResponse?.queryParametersToRemove ?? []) url.searchParams.delete(name);
  // As Envoy was seen to do it, what is set goes to the end.
  for (const { key, value } of okResponse?.queryParametersToSet ?? []) {
    url.searchParams.delete(key);
    url.searchParams.append(key, value);
  }
  return {
    status: PASSES,
    responseHeaders: valuesOf(okResponse?.responseHeadersToAdd),
    responseBody: '',
    upstreamUrl: `${url.pathname}${url.search}`,
    upstreamHeaders,
  };
}

/** Of entries of one name the last counts, as Envoy was seen to do. */
function valuesOf(entries: readonly Entry[] | undefined): Record<string, string> {
  return Object.fromEntries((entries ?? []).map(({ header }) => [header.key.toLowerCase(), header.value ?? '']));
}

function differencesOf(ours: Seen | string, expected: Seen): readonly string[] {
  if (typeof ours === 'string') return [ours];
  const compared = expected.responseBody === '<any>' ? { ...ours, responseBody: '<any>' } : ours;
  return isDeepStrictEqual(compared, expected)
    ? []
    : [`seen ${JSON.stringify(compared)}, expected ${JSON.stringify(expected)}`];
}
