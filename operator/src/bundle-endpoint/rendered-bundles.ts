import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import {
  BUNDLE_MAX_BYTES,
  BundleError,
  parseManifest,
  renderOpaSetBundle,
  type Digest,
  type OpaSigningKey,
} from '@edict/bundle';
import type { CommittedRevision } from './committed-sets.ts';
import type { BundleLimits } from './bundle-limits.ts';
import { createTurns } from '../turns.ts';

const unzip = promisify(gunzip);
const zip = promisify(gzip);

/** Bundles of one revision that are read at a time. */
const READS_MAX = 8;

export interface RenderedBundlesOptions {
  /** The gzip bytes of a stored bundle; undefined if there is none. */
  readonly readBundle: (namespace: string, digest: Digest) => Promise<Uint8Array | undefined>;
  readonly key: OpaSigningKey;
  readonly limits: BundleLimits;
}

/** Bundles of whole revisions for stock OPA, rendered when they are asked for; those used last stay in memory. */
export class RenderedBundles {
  readonly #options: RenderedBundlesOptions;
  readonly #known = new Map<string, Uint8Array>();
  readonly #underWay = new Map<string, Promise<Uint8Array>>();
  readonly #turns;
  #size = 0;

  constructor(options: RenderedBundlesOptions) {
    this.#options = options;
    this.#turns = createTurns(options.limits.rendersMax, Infinity, () => new Error('unreachable: anybody may wait'));
  }

  /** What names the bytes: it changes with the revision and with the key. */
  etagOf({ setUid, n, digest }: CommittedRevision): string {
    return `"${this.#options.key.keyId}.${setUid}.${String(n)}.${digest.slice('sha256:'.length, 'sha256:'.length + 16)}"`;
  }

  /** The gzip bytes. Everybody who asks for one revision waits for one rendering. @throws BundleError, or what the store throws */
  async get(revision: CommittedRevision): Promise<Uint8Array> {
    const name = this.etagOf(revision);
    const known = this.#known.get(name);
    if (known !== undefined) {
      this.#known.delete(name); // to the young end
      this.#known.set(name, known);
      return known;
    }
    const before = this.#underWay.get(name);
    if (before !== undefined) return await before;
    const rendering = this.#turns.run(() => this.#render(revision));
    this.#underWay.set(name, rendering);
    try {
      const bytes = await rendering;
      this.#keep(name, bytes);
      return bytes;
    } finally {
      this.#underWay.delete(name);
    }
  }

  #keep(name: string, bytes: Uint8Array): void {
    this.#known.set(name, bytes);
    this.#size += bytes.length;
    for (const [oldest, old] of this.#known) {
      if (this.#size <= this.#options.limits.cacheMaxBytes || this.#known.size === 1) break;
      this.#known.delete(oldest);
      this.#size -= old.length;
    }
  }

  async #render({ set, n, digest, manifest: text, object }: CommittedRevision): Promise<Uint8Array> {
    const manifest = parseManifest(Buffer.from(text, 'utf8'));
    const archives = await this.#readAll(
      object.metadata.namespace ?? '',
      manifest.domains.map((domain) => domain.digest),
    );
    const tar = renderOpaSetBundle({ set, n, digest, manifest, archives, key: this.#options.key });
    return await zip(tar, { level: constants.Z_DEFAULT_COMPRESSION });
  }

  async #readAll(namespace: string, digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const archives = new Map<Digest, Uint8Array>();
    const queue = [...new Set(digests)];
    const work = async (): Promise<void> => {
      for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
        const bytes = await this.#options.readBundle(namespace, digest);
        if (bytes === undefined) throw new BundleError('missing-file', `bundle ${digest} is not stored`);
        archives.set(digest, await unzip(bytes, { maxOutputLength: BUNDLE_MAX_BYTES }));
      }
    };
    await Promise.all(Array.from({ length: READS_MAX }, work));
    return archives;
  }
}
