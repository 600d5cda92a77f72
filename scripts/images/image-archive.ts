import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { writeTar, type TarEntry } from './tar.ts';

/** Processor names as image manifests spell them. */
export type Architecture = 'amd64' | 'arm64';

/** A layer ready to be put into any number of images. */
export interface ImageLayer {
  /** gzip of the tar. */
  readonly bytes: Buffer;
  /** `sha256:…` of the uncompressed tar, which names the layer in the image's configuration. */
  readonly diffId: string;
  /** What the layer holds, for `docker history`. */
  readonly createdBy: string;
}

/** Everything an image says about itself. */
export interface ImageSpec {
  /** `name:tag`, without a registry. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly entrypoint: readonly string[];
  readonly env?: readonly string[];
  /** `uid:gid` */
  readonly user?: string;
  readonly workingDir?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly exposedPorts?: readonly number[];
  readonly layers: readonly ImageLayer[];
}

const OCI = 'application/vnd.oci.image';

/** Packs members as a layer; equal members give equal bytes. */
export function packLayer(entries: readonly TarEntry[], createdBy: string): ImageLayer {
  const tar = writeTar(entries);
  return { bytes: gzipSync(tar, { level: 6 }), diffId: sha256(tar), createdBy };
}

/**
 * Writes an archive that is an OCI image layout and a `docker save` archive at once: `docker load`, `ctr images import`,
 * skopeo and crane read it. Several specs are one image for several architectures, with an index of them; readers that know no
 * index take the first. Returns its size in bytes. Equal specs give equal bytes.
 */
export async function writeImageArchive(file: string, ...specs: readonly [ImageSpec, ...ImageSpec[]]): Promise<number> {
  const blobs = new Map<string, Uint8Array>();
  const addBlob = (bytes: Uint8Array): { readonly digest: string; readonly size: number } => {
    const digest = sha256(bytes);
    blobs.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, bytes);
    return { digest, size: bytes.byteLength };
  };
  const images = specs.map((spec) => {
    const config = addBlob(json(imageConfig(spec)));
    const layers = spec.layers.map((layer) => ({ mediaType: `${OCI}.layer.v1.tar+gzip`, ...addBlob(layer.bytes) }));
    const manifest = addBlob(
      json({
        schemaVersion: 2,
        mediaType: `${OCI}.manifest.v1+json`,
        config: { mediaType: `${OCI}.config.v1+json`, ...config },
        layers,
      }),
    );
    const platform = { architecture: spec.architecture, os: 'linux' };
    return { config, layers, descriptor: { mediaType: `${OCI}.manifest.v1+json`, ...manifest, platform } };
  });
  const [first] = images;
  if (first === undefined) throw new Error('an image without an architecture');
  const { name } = specs[0];
  const [, tag = 'latest'] = name.split(':');
  // containerd takes the full name from the first, every other reader the tag from the second
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${name}`,
    'org.opencontainers.image.ref.name': tag,
  };
  const manifests = images.map(({ descriptor }) => descriptor);
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests };
  const { platform, ...single } = first.descriptor;
  const descriptor =
    images.length === 1
      ? { ...single, annotations, platform }
      : { mediaType: index.mediaType, ...addBlob(json(index)), annotations };
  const blobPath = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  const archive = writeTar([
    { path: 'blobs', mode: 0o755 },
    { path: 'blobs/sha256', mode: 0o755 },
    { path: 'oci-layout', mode: 0o644, content: json({ imageLayoutVersion: '1.0.0' }) },
    {
      path: 'index.json',
      mode: 0o644,
      content: json({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [descriptor] }),
    },
    {
      path: 'manifest.json',
      mode: 0o644,
      content: json([
        {
          Config: blobPath(first.config.digest),
          RepoTags: [name],
          Layers: first.layers.map((layer) => blobPath(layer.digest)),
        },
      ]),
    },
    ...[...blobs].map(([blob, content]) => ({ path: blob, mode: 0o644, content })),
  ]);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, archive);
  return archive.byteLength;
}

function imageConfig(spec: ImageSpec): unknown {
  const ports = (spec.exposedPorts ?? []).map((port) => [`${port}/tcp`, {}] as const);
  return {
    architecture: spec.architecture,
    os: 'linux',
    config: {
      Entrypoint: spec.entrypoint,
      Env: spec.env ?? [],
      ...(spec.user === undefined ? {} : { User: spec.user }),
      ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
      ...(ports.length === 0 ? {} : { ExposedPorts: Object.fromEntries(ports) }),
      ...(spec.labels === undefined ? {} : { Labels: spec.labels }),
    },
    rootfs: { type: 'layers', diff_ids: spec.layers.map((layer) => layer.diffId) },
    history: spec.layers.map((layer) => ({ created: '1970-01-01T00:00:00Z', created_by: layer.createdBy })),
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
