import { messageOf } from '@edict/protocol';
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { ReadKeys } from './key-source.ts';

/** Keys are read again after this long. */
export const REFRESH_MS = 300_000;
/** After a failed read, and after one that an unknown key asked for: whoever sends made-up key ids can cause no more. */
export const COOL_DOWN_MS = 10_000;
/** Keys that could not be read again for so long are not trusted any more. */
export const MAX_AGE_MS = 3_600_000;

const KeySetShape = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

export interface KeySetOptions {
  readonly read: ReadKeys;
  readonly nowMs: () => number;
  /** Told of every read: what went wrong, or undefined. */
  readonly onRead: (problem: string | undefined) => void;
}

/** There are no keys that may be trusted. */
export class NoKeysError extends Error {
  override readonly name = 'NoKeysError';
  readonly code = 'NoKeys';
}

/**
 * The keys that tokens are signed with, kept in memory: read at the start, again from time to time, and when a token names
 * one that is not there, in bounds. Without keys that are young enough nothing verifies.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #find: JWTVerifyGetKey | undefined;
  /** Raised whenever other keys are there: what was verified before need not hold any more. */
  #generation = 0;
  #text = '';
  #readAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Whether there are keys that may be trusted. Looks for newer ones in the background if it is time to. */
  get isTrusted(): boolean {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#readAtMs >= REFRESH_MS && nowMs - this.#triedAtMs >= COOL_DOWN_MS) void this.read();
    return this.#find !== undefined && nowMs - this.#readAtMs < MAX_AGE_MS;
  }

  /** The key that a token names. Rejects with {@link NoKeysError}, or with jose's error where the key is not there. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (!this.isTrusted) await this.#readInBounds();
    if (!this.isTrusted) throw new NoKeysError('the keys that tokens are signed with cannot be had');
    try {
      return await this.#look(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#readInBounds();
      return await this.#look(header, token);
    }
  };

  /** Reads the keys now. Never rejects: what was there stays. */
  async read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #readInBounds(): Promise<void> {
    if (this.#reading !== undefined || this.#options.nowMs() - this.#triedAtMs >= COOL_DOWN_MS) await this.read();
  }

  async #look(...asked: Parameters<JWTVerifyGetKey>): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    if (this.#find === undefined) throw new NoKeysError('there are no keys yet');
    return await this.#find(...asked);
  }

  async #read(): Promise<void> {
    this.#triedAtMs = this.#options.nowMs();
    try {
      const text = await this.#options.read();
      const keys = KeySetShape.parse(JSON.parse(text));
      const find = createLocalJWKSet(keys);
      if (text !== this.#text) {
        this.#find = find;
        this.#generation++;
        this.#text = text;
      }
      this.#readAtMs = this.#options.nowMs();
      this.#options.onRead(undefined);
    } catch (error) {
      this.#options.onRead(messageOf(error));
    }
  }
}
