import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '@edict/protocol';

/** Where a listener's certificate is. */
export interface TlsFilePaths {
  /** PEM: the certificate and its chain. */
  readonly certFile: string;
  /** PEM: its private key. */
  readonly keyFile: string;
  /** PEM: the authorities whose client certificates are trusted; without it clients are not asked for one. */
  readonly clientCaFile?: string | undefined;
}

/** What was read from the files, known to fit together. */
export interface TlsMaterials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

export interface TlsFilesOptions extends TlsFilePaths {
  /** Time between two looks at the files. */
  readonly reloadMs: number;
  /** Told after new files were taken, and what is wrong with those that were not, once for each state of them. */
  readonly onReload: (problem: string | undefined) => void;
}

/** Default of {@link TlsFilesOptions.reloadMs}. */
export const TLS_RELOAD_MS = 5_000;

/**
 * A certificate that is read again whenever its files change. They are read whole and compared, so that it does not matter
 * how they are replaced: rewritten, renamed, or by the symbolic links that Kubernetes turns. Files that do not fit together,
 * as between the writing of the one and of the other, are not taken: the last good ones stay.
 */
export class TlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #users = new Set<(materials: TlsMaterials) => void>();
  readonly #timer: NodeJS.Timeout;
  #current: TlsMaterials;
  /** What was refused last, so that it is told once and not at every look. */
  #refused: string | undefined;
  #looking: Promise<void> | undefined;

  private constructor(options: TlsFilesOptions, current: TlsMaterials) {
    this.#options = options;
    this.#current = current;
    this.#timer = setInterval(() => void this.look(), options.reloadMs);
    this.#timer.unref();
  }

  /** Reads the files for the first time. Rejects when they cannot be used. */
  static async open(options: TlsFilesOptions): Promise<TlsFiles> {
    const materials = await readMaterials(options);
    checkMaterials(materials);
    return new TlsFiles(options, materials);
  }

  get current(): TlsMaterials {
    return this.#current;
  }

  /** Gives `take` what is current, now and whenever it changes. The answer ends that. */
  follow(take: (materials: TlsMaterials) => void): () => void {
    take(this.#current);
    this.#users.add(take);
    return () => void this.#users.delete(take);
  }

  /** Looks at the files now. Never rejects. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    await this.#looking;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#users.clear();
  }

  async #look(): Promise<void> {
    let problem: string;
    try {
      const found = await readMaterials(this.#options);
      if (isSame(found, this.#current)) {
        this.#refused = undefined;
        return;
      }
      checkMaterials(found);
      for (const take of this.#users) take(found);
      this.#current = found;
      this.#refused = undefined;
      this.#options.onReload(undefined);
      return;
    } catch (error) {
      problem = messageOf(error);
    }
    if (problem === this.#refused) return;
    this.#refused = problem;
    this.#options.onReload(problem);
  }
}

/** The form in which Node takes them. */
export function secureContextOptions({ cert, key, ca }: TlsMaterials): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) };
}

/** Reads until two readings find the same: files that are replaced meanwhile are not all of one kind. */
async function readMaterials(paths: TlsFilePaths): Promise<TlsMaterials> {
  for (;;) {
    const first = await readOnce(paths).catch(() => undefined);
    const second = await readOnce(paths);
    if (first !== undefined && isSame(first, second)) return second;
  }
}

async function readOnce({ certFile, keyFile, clientCaFile }: TlsFilePaths): Promise<TlsMaterials> {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCaFile === undefined ? undefined : readFile(clientCaFile),
  ]);
  return { cert, key, ca };
}

/** @throws Error if the key is not the certificate's, or something is no PEM */
function checkMaterials(materials: TlsMaterials): void {
  createSecureContext(secureContextOptions(materials));
  const { ca } = materials;
  if (ca?.includes('-----BEGIN CERTIFICATE-----') === false) throw new Error('the client CA file has no certificate');
}

function isSame(a: TlsMaterials, b: TlsMaterials): boolean {
  if (!a.cert.equals(b.cert) || !a.key.equals(b.key)) return false;
  return a.ca === undefined || b.ca === undefined ? a.ca === b.ca : a.ca.equals(b.ca);
}
