import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { buildReference, ConvertError, isError, readDomain, toDomainObject, type Problem } from '@edict/bundle';
import { API_VERSION, validateObject, type ValidationIssue } from '@edict/crds';
import { isCollection, isMap, isNode, LineCounter, parseAllDocuments, type Document } from 'yaml';
import type { FolderProblem } from './folder-problem.ts';
import type { AnyObject } from './object-rules.ts';

export interface FileInput {
  readonly folder: string;
  /** Relative to the folder. */
  readonly file: string;
  readonly text: string;
  /** Namespace of objects that name none. */
  readonly namespace: string;
}

export interface FileObjects {
  readonly objects: readonly AnyObject[];
  readonly problems: readonly FolderProblem[];
  /** Files that the text refers to, relative to the folder. */
  readonly sources: readonly string[];
}

/** Kinds that users write; the others are the operator's own. */
const USER_KINDS: ReadonlySet<string> = new Set(['PolicyDomain', 'PolicySet', 'PolicyDecisionPoint']);
const DOMAIN_KINDS: ReadonlySet<string> = new Set(['PolicyDomain', 'PolicyDomainReference']);

/** Largest file that is read, characters: far more than the largest domain. */
const MAX_FILE_LENGTH = 16 * 1024 * 1024;

/**
 * Reads the objects of one file: any number of YAML documents, each a kind of ours or a PolicyDomain in any of the versions
 * that `@edict/bundle` reads. All problems are told; with any the objects are not to be used.
 */
export function readFileObjects(input: FileInput): FileObjects {
  const { file, text } = input;
  if (text.length > MAX_FILE_LENGTH) {
    return { objects: [], sources: [], problems: [{ file, message: `larger than ${MAX_FILE_LENGTH} characters` }] };
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'core',
    prettyErrors: false,
    uniqueKeys: true,
  });
  if ('empty' in documents) return { objects: [], problems: [], sources: [] };
  const objects: AnyObject[] = [];
  const problems: FolderProblem[] = [];
  const sources = new Set<string>();
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      problems.push({ file, line, column: col, message: error.message.replace(/\s+/g, ' ').trim() });
      continue;
    }
    if (document.contents === null) continue;
    const result = readDocument(input, document, lines, sources);
    if ('problems' in result) problems.push(...result.problems);
    else objects.push(result.object);
  }
  return { objects, problems, sources: [...sources] };
}

type DocumentResult = { readonly object: AnyObject } | { readonly problems: readonly FolderProblem[] };

function readDocument(input: FileInput, document: Document, lines: LineCounter, sources: Set<string>): DocumentResult {
  const { file, namespace } = input;
  const place = (path: readonly PropertyKey[]) => positionOf(document, lines, path);
  const refuse = (path: readonly PropertyKey[], message: string): DocumentResult => ({
    problems: [{ file, ...place(path), message }],
  });
  const value = plainValue(document);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse([], 'not an object');
  const { kind, metadata } = value as { readonly kind?: unknown; readonly metadata?: unknown };
  if (typeof kind !== 'string') return refuse(['kind'], 'kind: must be given');
  const withNamespace = { namespace, ...(typeof metadata === 'object' && metadata !== null ? metadata : {}) };
  if (DOMAIN_KINDS.has(kind)) {
    const domain = readDomainSpec(input, document, kind, sources);
    if ('problems' in domain) return domain;
    return validated(file, place, {
      apiVersion: API_VERSION,
      kind: 'PolicyDomain',
      metadata: withNamespace,
      spec: domain.spec,
    });
  }
  if (!USER_KINDS.has(kind)) return refuse(['kind'], `kind: "${kind}" is not read from a folder`);
  return validated(file, place, { ...value, metadata: withNamespace });
}

function validated(
  file: string,
  place: (path: readonly PropertyKey[]) => Partial<FolderProblem>,
  candidate: object,
): DocumentResult {
  const result = validateObject(candidate);
  if (result.ok) return { object: withoutServerFields(result.object) };
  return {
    problems: result.issues.map((issue, index) => ({
      file,
      ...place(issue.path),
      message: result.problems[index] ?? issueText(issue),
    })),
  };
}

/** The spec of a PolicyDomain document of any version, as ours is written. */
function readDomainSpec(
  { folder, file, text }: FileInput,
  document: Document,
  kind: string,
  sources: Set<string>,
): { readonly spec: unknown } | { readonly problems: readonly FolderProblem[] } {
  // The reader takes one document: what stands before it becomes empty lines, so that its places stay right.
  const [start, end] = document.range ?? [0, text.length];
  let own = text.slice(0, start).replace(/[^\n]/g, '') + text.slice(start, end).replace(/^\.\.\.$/gm, '');
  if (kind === 'PolicyDomainReference') {
    const built = buildReference(own, file, (path) => {
      const target = resolve(folder, dirname(file), path);
      sources.add(relative(folder, target));
      try {
        return readFileSync(target);
      } catch (error) {
        // A missing file is a problem that the builder names with its place.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    });
    if (!built.ok) return { problems: built.problems.map(folderProblem) };
    own = built.text;
  }
  const read = readDomain(own, file);
  if (!read.ok) return { problems: read.problems.filter(isError).map(folderProblem) };
  try {
    return { spec: toDomainObject(read.domain).spec };
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    return { problems: [{ file, message: error.message }] };
  }
}

function folderProblem({ file, line, column, message, kind, mrn }: Problem): FolderProblem {
  const subject = [kind, mrn].filter((part) => part !== undefined && part !== '').join(' ');
  return {
    file,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    message: subject === '' ? message : `[${subject}] ${message}`,
  };
}

/** Users may paste what `kubectl get -o yaml` prints: what a server makes is not theirs to set. */
function withoutServerFields(object: AnyObject): AnyObject {
  const { name, namespace, labels, annotations } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: object.spec,
  };
}

function plainValue(document: Document): unknown {
  return document.toJS({ maxAliasCount: 1000 }) as unknown;
}

/** The place of the deepest node on the path that is there. */
function positionOf(
  document: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
): { line: number; column: number } {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of path) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find(({ key }) => isNode(key) && 'value' in key && String(key.value) === String(part))
      : undefined;
    const next: unknown = isMap(node) ? pair?.value : node.items[Number(part)];
    if (isNode(pair?.key)) offset = pair.key.range?.[0] ?? offset;
    if (!isNode(next)) break;
    if (!isMap(node)) offset = next.range?.[0] ?? offset;
    node = next;
  }
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function issueText({ path, message }: ValidationIssue): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}
