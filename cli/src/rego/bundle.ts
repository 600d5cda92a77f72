import { gunzipSync } from 'node:zlib';
import type { WorkspaceModule } from '@edict/rego/tools';
import { toJson } from '@edict/rego/values';
import { z } from 'zod';
import { codeOf, messageOf } from '../io.ts';
import { readJson, readYamlDocument, textOf, type DataDocument } from './documents.ts';
import { fileProblem } from './problems.ts';
import { TarError, untar } from './untar.ts';

/** Most bytes that a bundle may have when it is unpacked. */
export const MAX_UNPACKED_BYTES = 1_073_741_824;

/** What a bundle, or a folder of policies, holds. */
export interface LoadedFiles {
  readonly modules: readonly WorkspaceModule[];
  readonly documents: readonly DataDocument[];
}

/** The files of a bundle by their paths in it. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

const Manifest = z.object({
  roots: z.array(z.string()).optional(),
  rego_version: z.union([z.literal(0), z.literal(1)]).optional(),
  file_rego_versions: z.record(z.string(), z.union([z.literal(0), z.literal(1)])).optional(),
});
type Manifest = z.infer<typeof Manifest>;

/** Unpacks a `.tar.gz`, or a plain tar. @throws ToolProblems for what is none, or too large */
export function unpack(name: string, bytes: Uint8Array): BundleFiles {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    return untar(isGzip ? gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }) : bytes);
  } catch (error) {
    if (error instanceof TarError) throw fileProblem(name, `no bundle: ${error.message}`);
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw fileProblem(name, `the bundle is larger than ${MAX_UNPACKED_BYTES} bytes when unpacked`);
    }
    throw fileProblem(name, `no bundle: ${messageOf(error)}`);
  }
}

/**
 * Reads the policies and the data of an OPA bundle: `*.rego`, `data.json`, `data.yaml` and `.manifest`. Signatures are not
 * checked: whoever runs the tool has chosen the file. @throws ToolProblems
 */
export function readBundle(name: string, files: BundleFiles): LoadedFiles {
  const manifest = readManifest(name, files.get('.manifest'));
  const modules: WorkspaceModule[] = [];
  const documents: DataDocument[] = [];
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const file = `${name}/${path}`;
    const folder = path.split('/').slice(0, -1);
    const base = path.slice(path.lastIndexOf('/') + 1);
    if (path === 'patch.json') throw fileProblem(name, 'delta bundles are not supported');
    if (base.endsWith('.wasm')) throw fileProblem(file, 'WebAssembly is not supported: build the bundle with its Rego');
    if (base.endsWith('.rego')) {
      modules.push({ name: file, source: textOf(file, bytes), regoVersion: versionOf(manifest, path) });
    } else if (base === 'data.json') documents.push({ file, path: folder, value: readJson(file, bytes) });
    else if (base === 'data.yaml' || base === 'data.yml') {
      documents.push({ file, path: folder, value: readYamlDocument(file, bytes) });
    }
  }
  checkRoots(name, manifest, documents);
  return { modules, documents };
}

function readManifest(name: string, bytes: Uint8Array | undefined): Manifest {
  if (bytes === undefined) return {};
  const file = `${name}/.manifest`;
  const parsed = Manifest.safeParse(toJson(readJson(file, bytes)));
  if (!parsed.success) throw fileProblem(file, z.prettifyError(parsed.error));
  return parsed.data;
}

function versionOf(
  { rego_version: all, file_rego_versions: some = {} }: Manifest,
  path: string,
): 'v0' | 'v1' | undefined {
  const own = Object.entries(some).find(([pattern]) => pattern.replace(/^\//, '') === path)?.[1] ?? all;
  return own === undefined ? undefined : own === 0 ? 'v0' : 'v1';
}

/** Data outside of the roots is somebody else's. */
function checkRoots(name: string, { roots }: Manifest, documents: readonly DataDocument[]): void {
  if (roots === undefined || roots.includes('')) return;
  const allowed = roots.map((root) => root.split('/').filter((part) => part !== ''));
  const check = (value: unknown, path: readonly string[]): void => {
    if (allowed.some((root) => root.every((part, index) => part === path[index]))) return;
    const leads = allowed.some((root) => path.every((part, index) => part === root[index]));
    if (!leads || typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw fileProblem(name, `the manifest's roots [${roots.join(', ')}] do not permit data at /${path.join('/')}`);
    }
    for (const [key, member] of Object.entries(value)) check(member, [...path, key]);
  };
  for (const { path, value } of documents) check(toJson(value), path);
}
