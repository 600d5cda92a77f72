import { createHash, createHmac } from 'node:crypto';
import { stringify } from '../json.ts';
import { isNumber, toBigInt } from '../number.ts';
import {
  buildObject,
  entriesOf,
  getIndex,
  isObject,
  RegoSet,
  sortStrings,
  type ObjectValue,
  type Value,
} from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { toCivil } from './civil-time.ts';
import { requestOperand } from './http-request.ts';
import { builtinError, objectOperand, operandError, typeError } from './operands.ts';
import { quoteText, regoText } from './text.ts';
import { formatTime } from './time-format.ts';
import { parseUri } from './uri-parse.ts';

/** Signing requests to AWS (Signature Version 4). */
export const aws: BuiltinFamily = {
  'providers.aws.sign_req': (ctx, request, config, time) => {
    const operand = objectOperand(ctx, request, 1);
    if (operand === undefined) return undefined;
    const credentials = credentialsOperand(ctx, config);
    if (credentials === undefined) return undefined;
    if (!isNumber(time)) return typeError(ctx, 1, time, 'number');
    const nanoseconds = toBigInt(time);
    if (nanoseconds === null || BigInt.asIntN(64, nanoseconds) !== nanoseconds) {
      return operandError(ctx, 3, 'could not convert time_ns value into a unix timestamp');
    }
    return signRequest(ctx, operand, credentials, nanoseconds);
  },
};

interface Credentials {
  readonly service: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  readonly sessionToken: string;
  /** Undefined if the setting is neither true nor false. */
  readonly isPayloadUnsigned: boolean | undefined;
}

const REQUIRED = ['aws_service', 'aws_access_key', 'aws_secret_access_key', 'aws_region'];

function credentialsOperand(ctx: BuiltinContext, value: Value): Credentials | undefined {
  const config = objectOperand(ctx, value, 1);
  if (config === undefined) return undefined;
  const missing = new RegoSet(REQUIRED.filter((key) => getIndex(config, key) === undefined));
  if (missing.size > 0) return operandError(ctx, 2, `missing required AWS config parameters(s): ${regoText(missing)}`);
  const invalid = new RegoSet(REQUIRED.filter((key) => typeof getIndex(config, key) !== 'string'));
  if (invalid.size > 0) {
    return operandError(ctx, 2, `invalid values for required AWS config parameters(s): ${regoText(invalid)}`);
  }
  const text = (key: string): string => {
    const member = getIndex(config, key);
    return typeof member === 'string' ? member : '';
  };
  const unsigned = getIndex(config, 'disable_payload_signing') ?? false;
  return {
    service: text('aws_service'),
    accessKey: text('aws_access_key'),
    secretKey: text('aws_secret_access_key'),
    region: text('aws_region'),
    sessionToken: text('aws_session_token'),
    isPayloadUnsigned: typeof unsigned === 'boolean' ? unsigned : undefined,
  };
}

function signRequest(
  ctx: BuiltinContext,
  operand: ObjectValue,
  credentials: Credentials,
  nanoseconds: bigint,
): Value | undefined {
  const request = requestOperand(ctx, operand);
  if (request === undefined) return undefined;
  const headers: Value = getIndex(request, 'headers') ?? {};
  if (!isObject(headers)) return typeError(ctx, 0, headers, 'object');
  const invalid = new RegoSet(['url', 'method'].filter((key) => typeof getIndex(request, key) !== 'string'));
  if (invalid.size > 0) {
    return operandError(ctx, 1, `invalid values for required request parameters(s): ${regoText(invalid)}`);
  }
  const url = String(getIndex(request, 'url'));
  const uri = parseUri(url);
  if (typeof uri === 'string') return builtinError(ctx, `parse ${quoteText(url)}: ${uri}`);
  if (credentials.isPayloadUnsigned === undefined) {
    return operandError(ctx, 2, "invalid value for 'disable_payload_signing' in AWS config");
  }
  const own = new Map(
    entriesOf(headers).map(([key, value]) => [
      typeof key === 'string' ? key : '',
      typeof value === 'string' ? value : '',
    ]),
  );
  const civil = toCivil(nanoseconds, 0);
  const instant = formatTime(civil, '20060102T150405Z', () => 'UTC');
  const body = credentials.isPayloadUnsigned ? 'UNSIGNED-PAYLOAD' : sha256(bodyText(request));
  const added = new Map([
    ['host', uri.port === '' && !url.includes('[') ? uri.hostname : hostOf(url)],
    ['x-amz-date', instant],
  ]);
  if (credentials.service === 's3' || credentials.service === 'glacier') added.set('x-amz-content-sha256', body);
  if (credentials.sessionToken !== '') added.set('x-amz-security-token', credentials.sessionToken);
  const canonical = canonicalRequest({
    method: String(getIndex(request, 'method')),
    path: uri.rawPath,
    query: uri.query,
    headers: headersToSign(own, added),
    body,
  });
  const authorization = authorize(credentials, instant, canonical);
  const signed = new Map([...own, ['Authorization', authorization] as const, ...added]);
  return buildObject([...entriesOf(request).filter(([key]) => key !== 'headers'), ['headers', buildObject(signed)]]);
}

function hostOf(url: string): string {
  const authority = /^[^/]*\/\/([^/?#]*)/.exec(url)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1);
}

function bodyText(request: ObjectValue): string {
  const raw = getIndex(request, 'raw_body');
  if (raw !== undefined) return typeof raw === 'string' ? raw : '';
  const body = getIndex(request, 'body');
  return body === undefined ? '' : stringify(body, { escapeHtml: true });
}

const IGNORED = new Set(['authorization', 'user-agent', 'x-amzn-trace-id']);

function headersToSign(
  own: ReadonlyMap<string, string>,
  added: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const headers = new Map(added);
  for (const [key, value] of own) {
    const name = key.toLowerCase();
    // A digest of the body that the caller gives does not replace ours.
    if (!IGNORED.has(name)) headers.set(name, value);
  }
  return headers;
}

interface Canonical {
  readonly text: string;
  readonly names: string;
}

function canonicalRequest(request: {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}): Canonical {
  const names = sortStrings([...request.headers.keys()]);
  const lines = names.map((name) => `${name}:${request.headers.get(name) ?? ''}\n`).join('');
  const list = names.join(';');
  return {
    text: `${request.method}\n${request.path}\n${request.query}\n${lines}\n${list}\n${request.body}`,
    names: list,
  };
}

function authorize(credentials: Credentials, instant: string, canonical: Canonical): string {
  const date = instant.slice(0, 8);
  const scope = `${date}/${credentials.region}/${credentials.service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${instant}\n${scope}\n${sha256(canonical.text)}`;
  const key = [date, credentials.region, credentials.service, 'aws4_request'].reduce<Buffer>(
    (derived, part) => createHmac('sha256', derived).update(part).digest(),
    Buffer.from(`AWS4${credentials.secretKey}`),
  );
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  const who = `Credential=${credentials.accessKey}/${scope}`;
  return `AWS4-HMAC-SHA256 ${who},SignedHeaders=${canonical.names},Signature=${signature}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
