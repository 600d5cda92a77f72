import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RegoVersion, SchemaDocument, Value } from '@edict/rego';
import type { WorkspaceModule } from '@edict/rego/tools';
import { renderBundle } from '@edict/bundle';
import { loadDomainFiles } from '../domain-files.ts';
import { codeOf, messageOf } from '../io.ts';
import { readBundle, unpack, type LoadedFiles } from './bundle.ts';
import { joinDocuments, readJson, readYamlDocument, textOf } from './documents.ts';
import { fileProblem } from './problems.ts';

/** What the user named to evaluate, check or test. */
export interface SourceOptions {
  /** Files and folders of policies and data; `a.b:file.json` puts the data of a file at `data.a.b`. */
  readonly data: readonly string[];
  /** Bundles: archives or folders. */
  readonly bundle: readonly string[];
  /** PolicyDomain files, taken as the bundles that they render to. */
  readonly domain: readonly string[];
  /** Names or paths to leave out, as globs. */
  readonly ignore: readonly string[];
  /** JSON schemas: the file of that of the input, or a folder of files that annotations name. */
  readonly schema?: string;
  /** Leaves data out: only policies are wanted. */
  readonly onlyRego?: boolean;
}

/** Policies and data, all together. */
export interface Sources {
  readonly modules: readonly WorkspaceModule[];
  readonly data: Value;
  /** Undefined where none were given. */
  readonly schemas: readonly SchemaDocument[] | undefined;
}

/** Reads everything that the user named. @throws ToolProblems, each with its file */
export async function loadSources(options: SourceOptions): Promise<Sources> {
  const loaded: LoadedFiles[] = [];
  for (const path of options.data) loaded.push(await loadPath(path, options));
  for (const path of options.bundle) loaded.push(await loadBundle(withoutScheme(path), options.ignore));
  if (options.domain.length > 0) {
    const { domains } = await loadDomainFiles(options.domain);
    for (const { domain: model } of domains) {
      loaded.push(readBundle(model.name, unpack(model.name, renderBundle(model).tar)));
    }
  }
  // A file that is named twice is one file.
  const modules = new Map(loaded.flatMap((one) => one.modules).map((module) => [module.name, module]));
  const documents = new Map(
    loaded
      .flatMap((one) => one.documents)
      .map((document) => [JSON.stringify([document.file, document.path]), document]),
  );
  return {
    modules: [...modules.values()],
    data: options.onlyRego === true ? {} : joinDocuments([...documents.values()]),
    schemas: options.schema === undefined ? undefined : await loadSchemas(options.schema),
  };
}

/** The files and folders that {@link loadSources} reads, for who wants to know when they change. */
export function watchedPaths({ data, bundle, domain, schema }: SourceOptions): readonly string[] {
  const schemas = schema === undefined ? [] : [withoutScheme(schema)];
  return [...data.map((path) => splitPrefix(path).path), ...bundle.map(withoutScheme), ...domain, ...schemas];
}

/** The language that options ask for. */
export function regoVersionOf({ v0Compatible = false }: { readonly v0Compatible?: boolean }): RegoVersion {
  return v0Compatible ? 'v0' : 'v1';
}

async function loadPath(given: string, options: SourceOptions): Promise<LoadedFiles> {
  const { prefix, path } = splitPrefix(given);
  if (await isFolder(path)) {
    const loaded: LoadedFiles[] = [];
    for (const file of await filesBelow(path, options.ignore)) {
      loaded.push(await loadFile(join(path, file.name), [...prefix, ...file.folder], options, false));
    }
    return together(loaded);
  }
  return await loadFile(path, prefix, options, true);
}

/** A file of a kind that is not known is only an error where the user named it. */
async function loadFile(
  file: string,
  path: readonly string[],
  { ignore, onlyRego = false }: SourceOptions,
  isNamed: boolean,
): Promise<LoadedFiles> {
  const name = basename(file);
  if (name.endsWith('.rego'))
    return { modules: [{ name: file, source: textOf(file, await read(file)) }], documents: [] };
  if (onlyRego && !(isNamed && name.endsWith('.tar.gz'))) return together([]);
  if (name.endsWith('.json')) {
    return { modules: [], documents: [{ file, path, value: readJson(file, await read(file)) }] };
  }
  if (name.endsWith('.yaml') || name.endsWith('.yml')) {
    return { modules: [], documents: [{ file, path, value: readYamlDocument(file, await read(file)) }] };
  }
  if (isNamed && name.endsWith('.tar.gz')) return await loadBundle(file, ignore);
  if (isNamed) throw fileProblem(file, 'the file is no .rego, .json, .yaml or .tar.gz');
  return together([]);
}

async function loadBundle(path: string, ignore: readonly string[]): Promise<LoadedFiles> {
  if (!(await isFolder(path))) return readBundle(path, unpack(path, await read(path)));
  const files = new Map<string, Uint8Array>();
  for (const { name } of await filesBelow(path, ignore)) {
    const base = basename(name);
    const isWanted =
      base.endsWith('.rego') || /^data\.(json|ya?ml)$/.test(base) || name === '.manifest' || name === 'patch.json';
    if (isWanted) files.set(name, await read(join(path, name)));
  }
  return readBundle(path, files);
}

/** A file is the schema of the input; `schemas/a/b.json` of a folder is called `schema.a.b`. */
async function loadSchemas(given: string): Promise<readonly SchemaDocument[]> {
  const root = withoutScheme(given);
  if (!(await isFolder(root))) return [{ path: [], schema: readJson(root, await read(root)) }];
  const schemas: SchemaDocument[] = [];
  for (const { name, folder } of await filesBelow(root, [])) {
    const file = join(root, name);
    const path = [...folder, basename(name).replace(/\.[^.]*$/, '')];
    schemas.push({ path, schema: readJson(file, await read(file)) });
  }
  return schemas;
}

function together(loaded: readonly LoadedFiles[]): LoadedFiles {
  return { modules: loaded.flatMap((one) => one.modules), documents: loaded.flatMap((one) => one.documents) };
}

/** `a.b:file.json`: the data of the file belongs at `data.a.b`. */
function splitPrefix(given: string): { readonly prefix: readonly string[]; readonly path: string } {
  const match = /^(?<prefix>[A-Za-z_][\w.]*):(?!\/\/)(?<path>.+)$/.exec(given);
  if (match?.groups === undefined) return { prefix: [], path: withoutScheme(given) };
  const parts = (match.groups['prefix'] ?? '').split('.').filter((part) => part !== '');
  return { prefix: parts[0] === 'data' ? parts.slice(1) : parts, path: withoutScheme(match.groups['path'] ?? '') };
}

function withoutScheme(path: string): string {
  return path.startsWith('file://') ? fileURLToPath(path) : path;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileProblem(path, reasonOf(error));
  }
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw fileProblem(file, reasonOf(error));
  }
}

interface FileBelow {
  /** Path below the folder that was named. */
  readonly name: string;
  /** The folders on the way, which say where the data of the file belongs. */
  readonly folder: readonly string[];
}

async function filesBelow(
  root: string,
  ignore: readonly string[],
  folder: readonly string[] = [],
): Promise<readonly FileBelow[]> {
  const found: FileBelow[] = [];
  for (const entry of (await readdir(join(root, ...folder))).sort()) {
    const name = [...folder, entry].join('/');
    if (ignore.some((pattern) => matchesGlob(entry, pattern) || matchesGlob(name, pattern))) continue;
    if (await isFolder(join(root, name))) found.push(...(await filesBelow(root, ignore, [...folder, entry])));
    else found.push({ name, folder });
  }
  return found;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ENOTDIR: 'part of the path is no directory',
};

function reasonOf(error: unknown): string {
  return REASONS[codeOf(error) ?? ''] ?? messageOf(error);
}
