import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { useFolders } from '../testing/folders.ts';
import { AllowedCallers } from './allowed-callers.ts';
import { ANONYMOUS, LOCAL, type Peer, type Verdict } from './authenticator.ts';
import { BearerAuthenticator, MAX_TOKEN_LENGTH } from './bearer-authenticator.ts';
import { CertificateAuthenticator } from './certificate-authenticator.ts';
import { COOL_DOWN_MS, KeySet, MAX_AGE_MS, REFRESH_MS } from './key-set.ts';
import { keySource, MAX_KEYS_BYTES } from './key-source.ts';
import { openAuthenticator } from './open-authenticator.ts';
import type { AuthenticationSettings } from './settings.ts';
import { namesOf } from './tls-peer.ts';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'edict';

interface Signer {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function aSigner(kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

let first: Signer;
let second: Signer;
beforeAll(async () => {
  first = await aSigner('first');
  second = await aSigner('second');
});

const keysOf = (...signers: readonly Signer[]): string => JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });

interface TokenParts {
  readonly signer?: Signer;
  readonly sub?: string | undefined;
  readonly issuer?: string;
  readonly audience?: string;
  readonly exp?: number | undefined;
  readonly nbf?: number;
}

const START_MS = Date.UTC(2026, 0, 1);
const START = START_MS / 1000;

async function aToken(parts: TokenParts = {}): Promise<string> {
  const { signer = first, issuer = ISSUER, audience = AUDIENCE } = parts;
  const sub = 'sub' in parts ? parts.sub : 'ada';
  const exp = 'exp' in parts ? parts.exp : START + 3_600;
  const claims = { sub, iss: issuer, aud: audience, exp, nbf: parts.nbf };
  // What is undefined is left out, as in a token that lacks it.
  return await new SignJWT(JSON.parse(JSON.stringify(claims)) as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', kid: signer.kid })
    .sign(signer.privateKey);
}

/** A key server whose keys and clock are as the test says. */
async function tokens({ callers = [] as readonly string[] } = {}) {
  const state = {
    nowMs: START_MS,
    text: keysOf(first),
    reads: 0,
    isDown: false,
    problems: [] as (string | undefined)[],
  };
  const nowMs = (): number => state.nowMs;
  const keys = new KeySet({
    nowMs,
    read: () => {
      state.reads++;
      return state.isDown ? Promise.reject(new Error('down')) : Promise.resolve(state.text);
    },
    onRead: (problem) => state.problems.push(problem),
  });
  await keys.read();
  const authenticator = new BearerAuthenticator({
    keys,
    issuer: ISSUER,
    audiences: [AUDIENCE, 'other'],
    toleranceMs: 30_000,
    allowed: new AllowedCallers(callers),
    nowMs,
  });
  const judge = async (token: string): Promise<string> =>
    summary(await authenticator.judge({ authorization: `Bearer ${token}` }));
  return { state, keys, authenticator, judge };
}

const summary = (verdict: Verdict): string =>
  verdict.kind === 'known' ? `known ${String(verdict.caller)}` : `${verdict.reason} ${verdict.reply.status}`;

test('a token of the issuer is its subject, at once when it comes again', async () => {
  const { judge, authenticator } = await tokens();
  const token = await aToken();
  expect(await judge(token)).toBe('known ada');
  expect(authenticator.judge({ authorization: `bearer ${token}` })).toStrictEqual({ kind: 'known', caller: 'ada' });
});

test.each<[string, TokenParts]>([
  ['of another issuer', { issuer: 'https://other.test' }],
  ['for another audience', { audience: 'somebody' }],
  ['that has expired', { exp: START - 31 }],
  ['that is not valid yet', { nbf: START + 31 }],
  ['without an end', { exp: undefined }],
  ['without a subject', { sub: undefined }],
])('a token %s is a 401 that says what to use', async (_name, parts) => {
  const { authenticator } = await tokens();
  const verdict = await authenticator.judge({ authorization: `Bearer ${await aToken(parts)}` });
  expect(verdict).toMatchObject({
    kind: 'refused',
    reason: 'invalid',
    reply: {
      status: 401,
      headers: { 'www-authenticate': expect.stringMatching(/^Bearer realm="edict", error="invalid_token", /) },
    },
  });
});

test('a clock that is a little behind or ahead does no harm', async () => {
  const { judge } = await tokens();
  expect(await judge(await aToken({ exp: START - 29 }))).toBe('known ada');
  expect(await judge(await aToken({ nbf: START + 29 }))).toBe('known ada');
});

test('no token, what is none, an unsigned one, one signed with a shared secret, an altered one: 401', async () => {
  const { authenticator, judge } = await tokens();
  expect(summary(await authenticator.judge({}))).toBe('missing 401');
  expect(summary(await authenticator.judge({ authorization: 'Basic YTpi' }))).toBe('invalid 401');
  expect(await judge('a'.repeat(MAX_TOKEN_LENGTH))).toBe('invalid 401');
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = part({ sub: 'ada', iss: ISSUER, aud: AUDIENCE, exp: START + 60 });
  expect(await judge(`${part({ alg: 'none' })}.${claims}.`)).toBe('invalid 401');
  const secret = new TextEncoder().encode(JSON.stringify(first.jwk));
  const shared = await new SignJWT({ sub: 'ada', iss: ISSUER, aud: AUDIENCE, exp: START + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'first' })
    .sign(secret);
  expect(await judge(shared)).toBe('invalid 401');
  const [head, , signature] = (await aToken()).split('.');
  expect(await judge(`${head}.${claims}.${signature}`)).toBe('invalid 401');
});

test('subjects that are not let in are a 403', async () => {
  const { judge } = await tokens({ callers: ['ada', 'system:serviceaccount:shop:*'] });
  expect(await judge(await aToken())).toBe('known ada');
  expect(await judge(await aToken({ sub: 'system:serviceaccount:shop:web' }))).toBe(
    'known system:serviceaccount:shop:web',
  );
  expect(await judge(await aToken({ sub: 'adalbert' }))).toBe('forbidden 403');
});

test('a known token is known no longer than it is valid', async () => {
  const { judge, state } = await tokens();
  const token = await aToken({ exp: START + 20 });
  expect(await judge(token)).toBe('known ada');
  state.nowMs += 51_000;
  expect(await judge(token)).toBe('invalid 401');
});

test('a new key is found when a token names it, and made-up key ids cause no more than one read in a while', async () => {
  const { judge, state } = await tokens();
  const token = await aToken({ signer: second });
  state.nowMs += COOL_DOWN_MS;
  expect([await judge(token), state.reads]).toStrictEqual(['invalid 401', 2]);
  state.text = keysOf(first, second);
  for (let tries = 0; tries < 5; tries++) expect(await judge(token)).toBe('invalid 401');
  expect(state.reads).toBe(2);
  state.nowMs += COOL_DOWN_MS;
  expect([await judge(token), state.reads]).toStrictEqual(['known ada', 3]);
});

test('a key that is withdrawn counts no more, though its token was known', async () => {
  const { judge, state, keys } = await tokens();
  const token = await aToken();
  expect(await judge(token)).toBe('known ada');
  state.text = keysOf(second);
  await keys.read();
  expect(await judge(token)).toBe('invalid 401');
});

test('keys that cannot be had: those that are known go on for a while, then nobody is let in until they come back', async () => {
  const { judge, state } = await tokens();
  const token = await aToken({ exp: START + 86_400 });
  state.isDown = true;
  state.nowMs += REFRESH_MS;
  expect(await judge(token)).toBe('known ada');
  state.nowMs = START_MS + MAX_AGE_MS;
  expect(await judge(token)).toBe('unavailable 503');
  state.isDown = false;
  state.nowMs += COOL_DOWN_MS;
  expect(await judge(token)).toBe('known ada');
  expect(state.problems).toContain('down');
});

test('what is no key set changes nothing', async () => {
  const { judge, state, keys } = await tokens();
  for (const text of ['', 'null', '{}', '{"keys":[1]}', '<html>']) {
    state.text = text;
    await keys.read();
  }
  expect(await judge(await aToken())).toBe('known ada');
  expect(state.problems.filter((problem) => problem !== undefined)).toHaveLength(5);
});

test.each([
  [
    'a SPIFFE ID comes first',
    'DNS:web.shop, URI:spiffe://cluster/ns/shop/sa/web',
    'C=DE\nCN=web',
    ['spiffe://cluster/ns/shop/sa/web', 'web.shop', 'CN=web'],
  ],
  ['a quoted name is one name', 'URI:"spiffe://a/b, DNS:admin", DNS:x', 'O=x', ['spiffe://a/b, DNS:admin', 'x']],
  ['addresses and mail are no names', 'IP Address:1.2.3.4, email:a@b', 'CN=x', ['CN=x']],
  ['no names at all', undefined, '', []],
])('names of a certificate: %s', (_name, subjectAltName, subject, names) => {
  expect(namesOf({ subjectAltName, subject })).toStrictEqual(names);
});

test('a certificate is judged by its names, once', () => {
  const authenticator = new CertificateAuthenticator(new AllowedCallers(['spiffe://cluster/ns/shop/*']), undefined);
  const peer: Peer = { kind: 'certificate', names: ['spiffe://cluster/ns/shop/sa/web', 'CN=x'] };
  const verdict = authenticator.judge(peer);
  expect(verdict).toStrictEqual({ kind: 'known', caller: 'spiffe://cluster/ns/shop/sa/web' });
  expect(authenticator.judge(peer)).toBe(verdict);
  const stranger = authenticator.judge({ kind: 'certificate', names: ['CN=x'] });
  expect(stranger).toMatchObject({ reason: 'forbidden', reply: { status: 403 } });
  expect(authenticator.judge({ kind: 'untrusted', reason: 'CERT_HAS_EXPIRED' })).toMatchObject({ reason: 'invalid' });
  expect(authenticator.judge(ANONYMOUS)).toBeUndefined();
});

const newFolder = useFolders();
const servers: { readonly close: () => unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const QUIET = { logger: { warn: () => undefined }, metrics: { keyFetches: { inc: () => undefined } } };
const deps = QUIET as unknown as Parameters<typeof openAuthenticator>[1];

test('with certificates and tokens either will do; a token that is there counts; who opens the socket is let in', async () => {
  const file = join(await newFolder(), 'keys.json');
  await writeFile(file, keysOf(first));
  const settings: AuthenticationSettings = {
    mode: 'CertificateOrBearer',
    callers: [],
    bearer: { keys: file, issuer: ISSUER, audiences: [AUDIENCE], toleranceMs: 0 },
  };
  const authenticator = await openAuthenticator(settings, deps);
  const peer: Peer = { kind: 'certificate', names: ['CN=x'] };
  const exp = Math.floor(Date.now() / 1000) + 60;
  const authorization = `Bearer ${await aToken({ exp })}`;
  const judged = await Promise.all([
    authenticator?.authenticate({}, peer),
    authenticator?.authenticate({ authorization }, peer),
    authenticator?.authenticate({ authorization }, ANONYMOUS),
    authenticator?.authenticate({ authorization: 'Bearer x' }, peer),
    authenticator?.authenticate({}, ANONYMOUS),
    authenticator?.authenticate({}, LOCAL),
  ]);
  expect(judged.map((verdict) => verdict && summary(verdict))).toStrictEqual([
    'known CN=x',
    'known ada',
    'known ada',
    'invalid 401',
    'missing 401',
    'known unix',
  ]);
  expect(await openAuthenticator({ mode: 'None', callers: [] }, deps)).toBeUndefined();
});

test('keys are read from a server; another status, a redirect and a text beyond the bound are failures', async () => {
  const answers: Record<string, readonly [number, string]> = {
    '/keys': [200, keysOf(first)],
    '/broken': [500, '{}'],
    '/moved': [302, ''],
    '/large': [200, 'x'.repeat(MAX_KEYS_BYTES + 1)],
  };
  const server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ''] ?? [404, ''];
    response.writeHead(status, { location: '/keys' }).end(body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const read = (path: string): Promise<string> => keySource(`http://127.0.0.1:${address.port}${path}`, undefined)();
  expect(await read('/keys')).toBe(keysOf(first));
  for (const path of ['/broken', '/moved', '/large', '/nothing']) await expect(read(path)).rejects.toThrow();
});
