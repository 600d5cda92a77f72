import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  BUNDLE_MAX_BYTES,
  digestOf,
  fallbackArtifactPath,
  fallbackIndexPath,
  formatFallbackIndex,
  isDigest,
  parseManifest,
  type Digest,
} from '@edict/bundle';
import { committedOf, decisionOf, signedOf } from '@edict/operator';
import type { Fleet } from '../fleet/fleet.ts';
import { codeOf, CommandError, counted, type FleetOutput, type Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';
import { chooseSet, revisionsOf } from './choose-set.ts';

export interface BundleExportOptions {
  /** Names of sets in the fleet's namespace. */
  readonly sets: readonly string[];
  /** Folder to write to. */
  readonly out: string;
  readonly output: FleetOutput;
}

/** What was written of one set. */
interface Exported {
  readonly set: string;
  readonly revision: number;
  readonly digest: string;
  readonly artifacts: number;
}

/** Bundles that are fetched at a time. */
const FETCHES_MAX = 8;

/** `edict bundle export`: committed revisions as the files of a fallback source. */
export async function bundleExport(io: Io, fleet: Fleet, { sets, out, output }: BundleExportOptions): Promise<void> {
  const exported: Exported[] = [];
  for (const set of new Set(sets)) exported.push(await exportSet(fleet, set, out));
  if (output !== 'text') {
    printObject(io, exported, output);
    return;
  }
  for (const { set, revision, digest, artifacts } of exported) {
    io.stdout(`${set}@${revision} (${digest}) with ${counted(artifacts, 'artifact')} is in ${out}\n`);
  }
}

async function exportSet(fleet: Fleet, name: string, out: string): Promise<Exported> {
  const set = await chooseSet(fleet, name);
  const ascending = revisionsOf(set, await fleet.revisions()).toReversed();
  const committed = committedOf(ascending);
  if (committed === undefined) throw new CommandError(`no revision of ${name} is committed: nothing is written`);
  const revision = signedOf(committed);
  const text = Buffer.from(committed.spec.manifest, 'utf8');
  if (digestOf(text) !== revision.digest)
    throw new CommandError(`the manifest of ${committed.metadata.name} is damaged`);
  const { domains, tests } = parseManifest(text);
  const digests = [...new Set([...domains.map(({ digest }) => digest), ...tests])];
  // The index comes last: whoever reads it finds all that it leads to.
  await writeArtifact(out, revision.digest, text);
  const queue = [...digests];
  const work = async (): Promise<void> => {
    for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
      await exportBundle(fleet, digest, out);
    }
  };
  await Promise.all(Array.from({ length: FETCHES_MAX }, work));
  const decision = decisionOf(committed);
  const index = formatFallbackIndex({
    revision,
    ...(decision === undefined ? {} : { decision }),
    exportedAt: new Date().toISOString(),
  });
  await replaceFile(join(out, fallbackIndexPath(revision.set)), index);
  return { set: revision.set, revision: revision.n, digest: revision.digest, artifacts: digests.length + 1 };
}

async function exportBundle(fleet: Fleet, digest: Digest, out: string): Promise<void> {
  const path = join(out, fallbackArtifactPath(digest));
  if (isBundle(await readIfThere(path), digest)) return;
  const bytes = await fleet.readBundle(fleet.namespace, digest);
  if (bytes === undefined)
    throw new CommandError(`bundle ${digest} is gone: the revision may just have been replaced, try again`);
  if (!isBundle(bytes, digest)) throw new CommandError(`bundle ${digest} is damaged`);
  await replaceFile(path, bytes);
}

async function writeArtifact(out: string, digest: string, bytes: Uint8Array): Promise<void> {
  if (!isDigest(digest)) throw new CommandError(`${digest} is no digest`);
  await replaceFile(join(out, fallbackArtifactPath(digest)), bytes);
}

function isBundle(bytes: Uint8Array | undefined, digest: Digest): boolean {
  if (bytes === undefined) return false;
  try {
    return digestOf(gunzipSync(bytes, { maxOutputLength: BUNDLE_MAX_BYTES })) === digest;
  } catch {
    // Not gzip at all: it is written anew.
    return false;
  }
}

/** A reader sees the old file or the new one, whole. */
async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
