import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleProgram, BUNDLES, DIST, variablesOf, type BundleSpec, type BundleTarget } from './bundle.ts';
import { emulatorFor } from './emulation.ts';
import { packLayer, writeImageArchive, type Architecture, type ImageSpec } from './image-archive.ts';
import { hostArchitecture } from './node-binary.ts';
import { directoriesOf, NODE_PATH, RUNTIME_USER, runtimeLayer, type Runtime } from './runtime-layer.ts';
import { npmComponents, sbomOf } from './sbom.ts';
import type { TarEntry } from './tar.ts';

/** The programs that images are made of. */
export type ImageProgram = 'operator' | 'pdp';

/** A built image. */
export interface BuiltImage {
  /** `name:tag` */
  readonly name: string;
  /** The archive, for `docker load` or `ctr images import`. */
  readonly archive: string;
  /** Bytes of the archive: what travels. */
  readonly archiveSize: number;
  /** Bytes of JavaScript in it. */
  readonly bundleSize: number;
  /** Bytes of the compressed layers, by architecture: what a node pulls. */
  readonly layerSizes: Readonly<Partial<Record<Architecture, number>>>;
  /** Bills of materials, SPDX 2.3 as JSON; each image has its own as `/usr/share/sbom/<name>.spdx.json`, too. */
  readonly sboms: readonly string[];
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const PORTS: Record<ImageProgram, readonly number[]> = { operator: [8080, 9443, 9444, 9445], pdp: [8181] };

/**
 * Bundles the operator and the PDP and writes `dist/images/edict-<name>.tar` for each, for all the architectures in one. No base
 * image and no Docker are needed; the same sources and the same Debian packages give the same bytes on every machine.
 */
export async function buildImages(
  tag: string,
  architectures: readonly Architecture[] = [hostArchitecture()],
): Promise<Record<ImageProgram, BuiltImage>> {
  const runtimes = new Map<Architecture, Runtime>();
  for (const architecture of architectures) runtimes.set(architecture, await runtimeLayer(architecture));
  return {
    operator: await buildImage('operator', tag, runtimes),
    pdp: await buildImage('pdp', tag, runtimes),
  };
}

async function buildImage(
  program: ImageProgram,
  tag: string,
  runtimes: ReadonlyMap<Architecture, Runtime>,
): Promise<BuiltImage> {
  const spec = BUNDLES.find(({ name }) => name === program);
  if (spec === undefined) throw new Error(`no bundle is named ${program}`);
  const name = `edict-${program}:${tag}`;
  const folder = path.join(DIST, 'images');
  await mkdir(folder, { recursive: true });
  const specs: ImageSpec[] = [];
  const sboms: string[] = [];
  let bundleSize = 0;
  for (const [architecture, runtime] of runtimes) {
    const bundle = await bundleProgram(spec, await targetOf(spec, architecture, runtime));
    bundleSize = bundle.size;
    const sbom = sbomOf(name, [...runtime.components, ...(await npmComponents(ROOT, bundle.sources))]);
    sboms.push(path.join(folder, `edict-${program}.${architecture}.spdx.json`));
    await writeFile(sboms.at(-1) ?? '', sbom);
    specs.push(await imageSpec(spec, { program, name, architecture, runtime, directory: bundle.directory, sbom }));
  }
  const [first, ...others] = specs;
  if (first === undefined) throw new Error('no architecture is named');
  const archive = path.join(folder, `edict-${program}.tar`);
  const archiveSize = await writeImageArchive(archive, first, ...others);
  const layerSizes = Object.fromEntries(
    specs.map(({ architecture, layers }) => [architecture, layers.reduce((sum, { bytes }) => sum + bytes.length, 0)]),
  );
  return { name, archive, archiveSize, bundleSize, layerSizes, sboms };
}

async function targetOf(spec: BundleSpec, architecture: Architecture, runtime: Runtime): Promise<BundleTarget> {
  if (architecture === hostArchitecture()) return { folder: spec.name, node: [process.execPath] };
  const folder = `${spec.name}-${architecture}`;
  if (spec.warmUp === undefined) return { folder, node: [] };
  const emulator = (await emulatorFor(architecture)) ?? '';
  return { folder, node: [emulator, '-L', runtime.sysroot, runtime.node] };
}

interface ImageParts {
  readonly program: ImageProgram;
  readonly name: string;
  readonly architecture: Architecture;
  readonly runtime: Runtime;
  /** Of the bundle. */
  readonly directory: string;
  readonly sbom: string;
}

async function imageSpec(spec: BundleSpec, parts: ImageParts): Promise<ImageSpec> {
  const { program, name, architecture, runtime, directory, sbom } = parts;
  const files: TarEntry[] = [
    { path: `usr/share/sbom/edict-${program}.spdx.json`, mode: 0o644, content: Buffer.from(sbom) },
  ];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const content = await readFile(file);
    files.push({ path: path.join('app', path.relative(directory, file)), mode: 0o644, content });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    name,
    architecture,
    entrypoint: [NODE_PATH, ...spec.flags, '/app/main.js'],
    env: ['NODE_ENV=production', ...environmentOf(spec)],
    user: `${RUNTIME_USER}:${RUNTIME_USER}`,
    workingDir: '/app',
    exposedPorts: PORTS[program],
    labels: { 'org.opencontainers.image.title': `edict-${program}`, 'org.opencontainers.image.licenses': 'Apache-2.0' },
    layers: [runtime.layer, packLayer([...directoriesOf(files), ...files], `edict ${program}`)],
  };
}

function environmentOf(spec: BundleSpec): readonly string[] {
  return Object.entries(variablesOf(spec, '/app')).map(([name, value]) => `${name}=${value}`);
}
