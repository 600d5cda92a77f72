import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { isDigest, parseManifest, verifyRevision, type Digest, type SignedRevision } from '@edict/bundle';
import { messageOf, SET_MAX_BYTES, type LoadedRecord, type RelayRecord, type SetKey } from '@edict/protocol';
import { z } from 'zod';

const unzip = promisify(gunzip);

const DigestText = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));

const StoredRevision = z.strictObject({
  set: z.string().min(1),
  setUid: z.string().min(1),
  n: z.int().min(1),
  digest: DigestText,
  parent: z.int().min(0),
  reason: z.enum(['Spec', 'Rollback', 'Withdraw', 'Emergency']),
  createdAt: z.string().min(1),
  keyId: z.string(),
  signature: z.string(),
});

/** Believed as little as anything else here: PDPs verify it. */
const StoredDecision = z.strictObject({ final: z.boolean(), keyId: z.string(), signature: z.string() });

const StoredRecord = z.strictObject({
  set: z.string().min(1),
  committed: StoredRevision.optional(),
  decision: StoredDecision.optional(),
  canary: z
    .strictObject({
      revision: StoredRevision,
      share: z.strictObject({ salt: z.string(), upTo: z.int().min(1).max(9_999) }),
      decided: z.array(
        z.strictObject({ index: z.int().min(0), principals: z.int().min(1).max(9_999), decidedAt: z.number() }),
      ),
      decision: StoredDecision.optional(),
    })
    .optional(),
});

/** Something on the disk that is not taken, and why. */
export interface RelayFileProblem {
  readonly file: string;
  readonly message: string;
}

/** What a start finds. */
export interface LoadedFiles {
  readonly records: readonly LoadedRecord[];
  readonly problems: readonly RelayFileProblem[];
}

/**
 * The state directory of a relay: one record per set in `sets/`, manifests and bundles by digest in `artifacts/`. Whatever
 * is written is whole or not there after a crash. Nothing that is read is believed: digests and signatures are checked.
 */
export interface RelayFiles {
  /** The records whose signatures hold and whose artifacts are all there; damaged ones are left out, and named. */
  readonly load: (trustedKeys: ReadonlyMap<string, string>) => Promise<LoadedFiles>;
  /** Resolves when the record survives a power cut. */
  readonly store: (record: RelayRecord) => Promise<void>;
  /** The bytes of a manifest or of a gzip bundle; undefined if they are not there. */
  readonly read: (digest: Digest) => Promise<Uint8Array | undefined>;
  readonly has: (digest: Digest) => Promise<boolean>;
  /** Writes bytes whose digest the caller has checked. */
  readonly write: (digest: Digest, bytes: Uint8Array) => Promise<void>;
  /** Removes every artifact but these. */
  readonly keep: (digests: ReadonlySet<Digest>) => Promise<void>;
}

const TEMPORARY = '.tmp';

/** Opens the directory, which is made if it is not there. */
export async function openRelayFiles(directory: string): Promise<RelayFiles> {
  const sets = join(directory, 'sets');
  const artifacts = join(directory, 'artifacts');
  for (const folder of [sets, artifacts]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const recordOf = (set: SetKey): string => join(sets, `${encodeURIComponent(set)}.json`);
  const artifactOf = (digest: Digest): string => join(artifacts, digest.replace(':', '-'));
  const read = (digest: Digest): Promise<Uint8Array | undefined> => readIfThere(artifactOf(digest));

  async function isWhole(revision: SignedRevision, trustedKeys: ReadonlyMap<string, string>): Promise<boolean> {
    verifyRevision(revision, trustedKeys);
    const bytes = await read(revision.digest);
    if (bytes === undefined) throw new Error(`manifest ${revision.digest} is not there`);
    if (sha256(bytes) !== revision.digest) throw new Error(`manifest ${revision.digest} is damaged`);
    const manifest = parseManifest(bytes);
    for (const digest of namedBy(manifest)) {
      const bundle = await read(digest);
      if (bundle === undefined) throw new Error(`bundle ${digest} is not there`);
      const inside = await unzip(bundle, { maxOutputLength: SET_MAX_BYTES }).catch(() => undefined);
      if (inside === undefined || sha256(inside) !== digest) throw new Error(`bundle ${digest} is damaged`);
    }
    return manifest.consistency?.mode === 'Strict';
  }

  async function loadRecord(
    file: string,
    trustedKeys: ReadonlyMap<string, string>,
    problems: RelayFileProblem[],
  ): Promise<LoadedRecord | undefined> {
    const path = join(sets, file);
    const held = new Map<Digest, boolean>();
    try {
      const { set, committed, decision, canary } = StoredRecord.parse(JSON.parse(await readFile(path, 'utf8')));
      if (committed === undefined) return undefined;
      const whole = { set, committed, ...(decision === undefined ? {} : { decision }) };
      if (committed.set !== set) throw new Error(`revision ${committed.n} is of ${committed.set}, not of ${set}`);
      held.set(committed.digest, await isWhole(committed, trustedKeys));
      if (canary === undefined) return { record: whole, held };
      try {
        held.set(canary.revision.digest, await isWhole(canary.revision, trustedKeys));
        const { decision: part, ...rest } = canary;
        const canaryWhole = part === undefined ? rest : { ...rest, decision: part };
        return { record: { ...whole, canary: canaryWhole }, held };
      } catch (error) {
        problems.push({ file: path, message: `the canary is left out: ${messageOf(error)}` });
        return { record: whole, held };
      }
    } catch (error) {
      problems.push({ file: path, message: messageOf(error) });
      return undefined;
    }
  }

  return {
    load: async (trustedKeys) => {
      const records: LoadedRecord[] = [];
      const problems: RelayFileProblem[] = [];
      for (const file of await readdir(sets)) {
        if (!file.endsWith('.json')) continue;
        const loaded = await loadRecord(file, trustedKeys, problems);
        if (loaded !== undefined) records.push(loaded);
      }
      return { records, problems };
    },
    store: (record) => writeWhole(recordOf(record.set), JSON.stringify(record)),
    read,
    has: (digest) =>
      access(artifactOf(digest)).then(
        () => true,
        () => false,
      ),
    write: (digest, bytes) => writeWhole(artifactOf(digest), bytes),
    keep: async (digests) => {
      const names = new Set([...digests].map((digest) => digest.replace(':', '-')));
      for (const name of await readdir(artifacts)) {
        if (!names.has(name) && !name.endsWith(TEMPORARY)) await rm(join(artifacts, name), { force: true });
      }
    },
  };
}

/** Everything that a manifest names. */
export function namedBy({
  domains,
  tests,
}: Pick<ReturnType<typeof parseManifest>, 'domains' | 'tests'>): readonly Digest[] {
  return [...new Set([...domains.map(({ digest }) => digest), ...tests])];
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Beside it, flushed, renamed, and the folder flushed: the old file or the new one, whole. */
async function writeWhole(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
  try {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(bytes);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}
