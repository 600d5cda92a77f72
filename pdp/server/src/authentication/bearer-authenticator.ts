import { jwtVerify, errors } from 'jose';
import { headerOf, type RequestHeaders } from '../http/route.ts';
import type { AllowedCallers } from './allowed-callers.ts';
import type { Verdict } from './authenticator.ts';
import { NoKeysError, type KeySet } from './key-set.ts';
import { refused } from './refusals.ts';

/** Longer tokens are refused unread. */
export const MAX_TOKEN_LENGTH = 8_192;
/** Tokens whose verdict is remembered, and for how long at most: a withdrawn key counts within that time. */
export const MAX_REMEMBERED = 4_096;
export const REMEMBER_MS = 60_000;

/** Signatures that only the issuer can make: no `none`, and no secrets that verifiers share. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const SCHEME = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export interface BearerOptions {
  readonly keys: KeySet;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly toleranceMs: number;
  readonly allowed: AllowedCallers;
  readonly nowMs: () => number;
}

interface Remembered {
  readonly verdict: Verdict;
  readonly untilMs: number;
  readonly generation: number;
}

/**
 * Judges callers by JWTs that an issuer signed (RFC 7519, RFC 6750): the caller is the token's subject. A token that was
 * verified is known for a while, so that its next requests wait for nothing.
 */
export class BearerAuthenticator {
  readonly #options: BearerOptions;
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: BearerOptions) {
    this.#options = options;
  }

  judge(headers: RequestHeaders): Verdict | Promise<Verdict> {
    const sent = headerOf(headers, 'authorization');
    if (sent === undefined) return refused('missing', 'a bearer token is needed', 'Bearer');
    const token = sent.length > MAX_TOKEN_LENGTH ? undefined : SCHEME.exec(sent)?.[1];
    if (token === undefined) return refused('invalid', 'the authorization header holds no bearer token', 'Bearer');
    const known = this.#remembered.get(token);
    if (known !== undefined) {
      const { keys, nowMs } = this.#options;
      if (nowMs() < known.untilMs && known.generation === keys.generation && keys.isTrusted) return known.verdict;
      this.#remembered.delete(token);
    }
    return this.#verify(token);
  }

  async #verify(token: string): Promise<Verdict> {
    const { keys, issuer, audiences, toleranceMs, allowed, nowMs } = this.#options;
    const { generation } = keys;
    const atMs = nowMs();
    try {
      const { payload } = await jwtVerify(token, keys.find, {
        issuer,
        audience: [...audiences],
        algorithms: ALGORITHMS,
        clockTolerance: toleranceMs / 1000,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(atMs),
      });
      const { sub = '', exp = 0 } = payload;
      const caller = allowed.firstOf([sub]);
      const verdict: Verdict =
        caller === undefined
          ? refused('forbidden', 'the subject of the bearer token is not let in here', 'Bearer')
          : { kind: 'known', caller };
      this.#remember(token, verdict, Math.min(exp * 1000 + toleranceMs, atMs + REMEMBER_MS), generation);
      return verdict;
    } catch (error) {
      if (error instanceof NoKeysError) {
        return refused('unavailable', 'The keys that bearer tokens are signed with cannot be had now.', 'Bearer');
      }
      return refused('invalid', reasonOf(error), 'Bearer');
    }
  }

  #remember(token: string, verdict: Verdict, untilMs: number, generation: number): void {
    // The eldest goes: tokens are used for a while and then no more.
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const [eldest] = this.#remembered.keys();
      if (eldest !== undefined) this.#remembered.delete(eldest);
    }
    this.#remembered.set(token, { verdict, untilMs, generation });
  }
}

/** What a client is told of a token that does not verify: enough to mend an honest mistake. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `the claim ${error.claim} of the token is not accepted`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'no known key has signed the token';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature of the token is wrong';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'the algorithm of the token is not accepted';
  return 'the token is not a JWT that can be verified';
}
