import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { bundleProgram, BUNDLES, DIST, variablesOf, type BundleSpec } from './bundle.ts';
import { packLayer, writeImageArchive, type Architecture, type ImageLayer } from './image-archive.ts';
import { directoriesOf, NODE_PATH, RUNTIME_USER, runtimeLayer } from './runtime-layer.ts';
import type { TarEntry } from './tar.ts';

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
}

const PORTS: Record<'operator' | 'pdp', readonly number[]> = { operator: [8080, 9443, 9444, 9445], pdp: [8181] };

/**
 * Bundles the operator and the PDP and writes `dist/images/edict-<name>.tar` for each. No base image, Docker or network is
 * needed; the same sources and machine give the same bytes.
 */
export async function buildImages(
  tag: string,
  architecture: Architecture,
): Promise<Record<'operator' | 'pdp', BuiltImage>> {
  const runtime = await runtimeLayer(architecture);
  const build = async (program: 'operator' | 'pdp'): Promise<BuiltImage> => {
    const spec = BUNDLES.find(({ name }) => name === program);
    if (spec === undefined) throw new Error(`no bundle is named ${program}`);
    return buildImage(spec, program, { tag, architecture, runtime });
  };
  return { operator: await build('operator'), pdp: await build('pdp') };
}

async function buildImage(
  spec: BundleSpec,
  program: 'operator' | 'pdp',
  image: { readonly tag: string; readonly architecture: Architecture; readonly runtime: ImageLayer },
): Promise<BuiltImage> {
  const bundle = await bundleProgram(spec);
  const files: TarEntry[] = [];
  for (const entry of await readdir(bundle.directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(bundle.directory, file);
    files.push({ path: path.join('app', name), mode: 0o644, content: await readFile(file) });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const name = `edict-${program}:${image.tag}`;
  const archive = path.join(DIST, 'images', `edict-${program}.tar`);
  const archiveSize = await writeImageArchive(archive, {
    name,
    architecture: image.architecture,
    entrypoint: [NODE_PATH, ...spec.flags, '/app/main.js'],
    env: ['NODE_ENV=production', ...environmentOf(spec)],
    user: `${RUNTIME_USER}:${RUNTIME_USER}`,
    workingDir: '/app',
    exposedPorts: PORTS[program],
    labels: { 'org.opencontainers.image.title': `edict-${program}`, 'org.opencontainers.image.licenses': 'Apache-2.0' },
    layers: [image.runtime, packLayer([...directoriesOf(files), ...files], `edict ${program}`)],
  });
  return { name, archive, archiveSize, bundleSize: bundle.size };
}

function environmentOf(spec: BundleSpec): readonly string[] {
  return Object.entries(variablesOf(spec, '/app')).map(([name, value]) => `${name}=${value}`);
}
