import { summarizeManifest } from '@edict/protocol';
import { RevisionFiles } from '../sync/revision-files.ts';
import type { Published } from './revisions.ts';

/** Lays revisions down in a folder as a PDP leaves what it serves. */
export async function storeRevisions(folder: string, published: readonly Published[]): Promise<void> {
  const files = await RevisionFiles.open(folder, (path, reason) => {
    throw new Error(`${path}: ${reason}`);
  });
  for (const { revision, manifest, artifacts } of published) {
    for (const [digest, bytes] of artifacts) await files.writeArtifact(digest, bytes);
    await files.writeRecord(revision.set, { active: { revision, manifest: summarizeManifest(manifest) } });
  }
}
