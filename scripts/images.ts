import { parseArgs } from 'node:util';
import { bundleProgram, BUNDLES } from './images/bundle.ts';
import { buildImages } from './images/build-image.ts';
import type { Architecture } from './images/image-archive.ts';
import { hostArchitecture } from './images/node-binary.ts';
import { verifyImages } from './images/verify.ts';

const USAGE = `node scripts/images.ts [--tag dev] [--arch amd64,arm64] [--verify] [--bundles]
  Makes the image archives in dist/images: OCI layouts that docker load, ctr and skopeo read too, with an index where several
  architectures are named, and a bill of materials (SPDX) for each. Default: this machine's architecture.
  --verify   builds twice and compares; starts each image (the foreign ones emulated, which needs root and qemu-user-static)
             and asks the PDPs for a decision and the conversion webhook for a conversion. Ends with "N passed, N failed", and with 1 if anything failed.
  --bundles  makes only the bundles of all programs, in dist/bundles.`;

const { values } = parseArgs({
  options: {
    tag: { type: 'string', default: 'dev' },
    arch: { type: 'string', default: hostArchitecture() },
    verify: { type: 'boolean', default: false },
    bundles: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

if (values.help) console.log(USAGE);
else if (values.bundles) await makeBundles();
else await makeImages(architecturesOf(values.arch));

async function makeBundles(): Promise<void> {
  for (const spec of BUNDLES) {
    const bundle = await bundleProgram(spec);
    console.log(`${bundle.directory} ${megabytes(bundle.size)}`);
  }
}

async function makeImages(architectures: readonly Architecture[]): Promise<void> {
  const images = await buildImages(values.tag, architectures);
  for (const { name, archive, layerSizes, bundleSize } of Object.values(images)) {
    const sizes = Object.entries(layerSizes).map(([architecture, bytes]) => `${architecture} ${megabytes(bytes)}`);
    console.log(`${name} ${archive} (${sizes.join(', ')}, JavaScript ${megabytes(bundleSize)})`);
  }
  if (!values.verify) return;
  let [passed, failed] = [0, 0];
  await verifyImages(images, architectures, values.tag, ({ what, ok, detail }) => {
    if (ok) passed++;
    else failed++;
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}: ${detail}`);
  });
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

/** The first named is what readers take that know no index. */
function architecturesOf(text: string): readonly Architecture[] {
  return [...new Set(text.split(','))].map((name) => {
    if (name === 'amd64' || name === 'arm64') return name;
    console.error(`no architecture ${JSON.stringify(name)}: --arch takes amd64, arm64, or both with a comma`);
    process.exit(1);
  });
}
