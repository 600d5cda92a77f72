import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** One thing that is in an image. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or `NOASSERTION`. */
  readonly license: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
}

/**
 * A bill of materials as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/). The time in it is the epoch, and its name is made
 * of what it says: equal components give equal bytes.
 */
export function sbomOf(image: string, components: readonly Component[]): string {
  const sorted = components.toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
  const key = createHash('sha256')
    .update(JSON.stringify([image, sorted]))
    .digest('hex');
  const packages = sorted.map(({ name, version, license, purl }) => ({
    SPDXID: `SPDXRef-${createHash('sha256').update(purl).digest('hex').slice(0, 16)}`,
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license,
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  }));
  const relationships = packages.map(({ SPDXID }) => ({
    spdxElementId: 'SPDXRef-DOCUMENT',
    relationshipType: 'DESCRIBES',
    relatedSpdxElement: SPDXID,
  }));
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: image,
    documentNamespace: `https://edict.dev/spdx/${image}-${key}`,
    creationInfo: { created: '1970-01-01T00:00:00Z', creators: ['Tool: edict-images'] },
    packages,
    relationships,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** The npm packages that files below `node_modules` belong to, each once. Paths are relative to `root`. */
export async function npmComponents(root: string, files: readonly string[]): Promise<readonly Component[]> {
  const folders = new Set<string>();
  for (const file of files) {
    const [folder] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
  return await Promise.all(
    [...folders].sort().map(async (folder) => {
      const text = await readFile(path.join(root, folder, 'package.json'), 'utf8');
      const { name, version, license } = JSON.parse(text) as Record<string, unknown>;
      return {
        name: String(name),
        version: String(version),
        license: typeof license === 'string' ? license : 'NOASSERTION',
        purl: `pkg:npm/${String(name).replace('@', '%40')}@${String(version)}`,
      };
    }),
  );
}
