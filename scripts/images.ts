import { parseArgs } from 'node:util';
import { bundleProgram, BUNDLES } from './images/bundle.ts';
import { buildImages } from './images/build-image.ts';
import type { Architecture } from './images/image-archive.ts';

/**
 * `node scripts/images.ts [--tag dev] [--bundles]`: makes the image archives in `dist/images`, or with `--bundles` only the
 * bundles of all programs in `dist/bundles`. Prints what was made and its size.
 */
const { values } = parseArgs({
  options: { tag: { type: 'string', default: 'dev' }, bundles: { type: 'boolean', default: false } },
});
const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

if (values.bundles) {
  for (const spec of BUNDLES) {
    const bundle = await bundleProgram(spec);
    process.stdout.write(`${bundle.directory} ${megabytes(bundle.size)}\n`);
  }
} else {
  const architecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  for (const image of Object.values(await buildImages(values.tag, architecture))) {
    const sizes = `${megabytes(image.archiveSize)}, JavaScript ${megabytes(image.bundleSize)}`;
    process.stdout.write(`${image.name} ${image.archive} (${sizes})\n`);
  }
}
