import type { Store } from '../store/store.ts';

/** Bytes of bundles that stay in memory. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** The gzip bytes of stored bundles, by namespace and digest; the ones used last stay in memory, as they never change. */
export class BundleBytes {
  readonly #store: Store;
  readonly #maxBytes: number;
  readonly #known = new Map<string, Uint8Array>();
  readonly #underWay = new Map<string, Promise<Uint8Array | undefined>>();
  #size = 0;

  constructor(store: Store, maxBytes = DEFAULT_MAX_BYTES) {
    this.#store = store;
    this.#maxBytes = maxBytes;
  }

  /** Undefined if there is no such bundle. Throws what the store throws. Not to be changed by the caller. */
  async get(namespace: string, digest: string): Promise<Uint8Array | undefined> {
    const key = `${namespace} ${digest}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.#known.delete(key); // to the young end
      this.#known.set(key, known);
      return known;
    }
    // A fleet asks for a new bundle all at once: one read answers all.
    const before = this.#underWay.get(key);
    if (before !== undefined) return before;
    const reading = this.#read(namespace, digest, key);
    this.#underWay.set(key, reading);
    try {
      return await reading;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #read(namespace: string, digest: string, key: string): Promise<Uint8Array | undefined> {
    const bundle = await this.#store.get('PolicyBundle', { namespace, name: digest.replace(':', '-') });
    if (bundle === undefined) return undefined;
    const bytes = Buffer.from(bundle.spec.data, 'base64');
    this.#known.set(key, bytes);
    this.#size += bytes.length;
    for (const [oldest, old] of this.#known) {
      if (this.#size <= this.#maxBytes || this.#known.size === 1) break;
      this.#known.delete(oldest);
      this.#size -= old.length;
    }
    return bytes;
  }
}
