import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import type { MetadataBlock, RefTerm, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { parseTerm } from '../parser/index.ts';
import { parseUri } from '../runtime/builtins/uri-parse.ts';

/** Where an annotation applies. */
export type Scope = 'rule' | 'document' | 'package' | 'subpackages';

/** That a document has the type of a schema, within what an annotation describes. */
export interface SchemaAnnotation {
  readonly path: RefTerm;
  /** The schema itself, as JSON, or the parts of its name below `schema`. */
  readonly schema:
    | { readonly definition: unknown }
    | { readonly name: readonly string[]; readonly written: string }
    | { readonly problem: string };
}

/** A metadata block that was read. `scope` is what it says; what it means without one depends on what follows it. */
export interface Annotation {
  readonly scope: string | undefined;
  readonly entrypoint: boolean;
  readonly schemas: readonly SchemaAnnotation[];
  /** What policies see of it, `scope` apart. */
  readonly fields: readonly (readonly [string, unknown])[];
  readonly location: Location;
}

/** Reads a block, or says why that is not possible. Its text is YAML. */
export const readAnnotation = (block: MetadataBlock): Annotation | Diagnostic => {
  const { lines, location } = block;
  try {
    return new AnnotationReader(lines.join('\n'), location).read();
  } catch (error) {
    if (!(error instanceof AnnotationProblem)) throw error;
    const { message, line } = error;
    const row = location.row + (line === undefined ? 0 : Math.min(line, lines.length));
    return { code: 'rego_parse_error', message, location: { ...location, row } };
  }
};

/** Ends the reading of an annotation from within; never leaves this file. */
class AnnotationProblem extends Error {
  override readonly name = 'AnnotationProblem';
  /** Counted from 1 below the line that says METADATA; undefined for that line itself. */
  readonly line: number | undefined;

  constructor(message: string, line: number | undefined) {
    super(message);
    this.line = line;
  }
}

/** Aliases that one annotation may have written out. */
const MAX_ALIASES = 100;

/** What YAML 1.1 takes for true and false, beyond the words themselves. */
const OLD_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

class AnnotationReader {
  readonly #lines = new LineCounter();
  readonly #location: Location;
  readonly #document: Document.Parsed;

  constructor(text: string, location: Location) {
    this.#location = location;
    if (text.trim() === '') throw new AnnotationProblem('expected METADATA block, found whitespace', undefined);
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: true });
    // What follows a first document is not read.
    const error = this.#document.errors.find(({ code }) => code !== 'MULTIPLE_DOCS');
    if (error === undefined) {
      this.#checkAliases();
      return;
    }
    const line = error.linePos?.[0].line ?? 1;
    throw new AnnotationProblem(`yaml: line ${line}: ${error.message.split('\n')[0] ?? ''}`, line + 1);
  }

  read(): Annotation {
    const { contents } = this.#document;
    if (contents !== null && !isMap(contents)) throw this.#mismatch(contents, 'a mapping');
    // All fields have the kind that is wanted before any of them is looked into.
    const scope = this.#text('scope');
    const texts = (['title', 'description'] as const).map((name) => [name, this.#text(name)] as const);
    const entrypoint = this.#boolean('entrypoint');
    const organizations = this.#list('organizations').map((item) => this.#textOf(item));
    const related = this.#list('related_resources');
    const authors = this.#list('authors');
    const schemas = this.#list('schemas').map((item) => this.#mapOf(item));
    const compile = this.#map('compile');
    const values = (['custom', 'labels'] as const).map((name) => [name, this.#map(name)] as const);

    const resources = related.map((item) => readResource(this.#plain(item)));
    if (compile !== undefined) checkCompile(this.#plain(compile));
    const read = schemas.map((item) => this.#schema(item));
    const people = authors.map((item) => readAuthor(this.#plain(item)));
    const fields: (readonly [string, unknown])[] = [
      ...texts,
      ['organizations', organizations],
      ['related_resources', resources],
      ['authors', people],
      ['schemas', read.map(valueOfSchema)],
      ...values.map(([name, map]) => [name, map && this.#plainMap(map)] as const),
      ['entrypoint', entrypoint ? true : undefined],
    ];
    return {
      scope: scope === '' ? undefined : scope,
      entrypoint,
      schemas: read,
      fields: fields.filter(([, value]) => !isEmpty(value)),
      location: this.#location,
    };
  }

  #checkAliases(): void {
    visit(this.#document, {
      Alias: (_key, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        throw new AnnotationProblem(`yaml: unknown anchor '${alias.source}' referenced`, 1);
      },
    });
  }

  #node(key: string): Node | undefined {
    const { contents } = this.#document;
    const value: unknown = isMap(contents) ? contents.get(key, true) : undefined;
    const node = isAlias(value) ? value.resolve(this.#document) : value;
    return isNode(node) && !(isScalar(node) && node.value === null) ? node : undefined;
  }

  #mismatch(node: unknown, wanted: string): AnnotationProblem {
    const line = this.#lines.linePos((isNode(node) ? node.range?.[0] : undefined) ?? 0).line;
    return new AnnotationProblem(`yaml: line ${line}: expected ${wanted}`, line + 1);
  }

  #text(key: string): string {
    const node = this.#node(key);
    return node === undefined ? '' : this.#textOf(node);
  }

  #textOf(node: unknown): string {
    if (!isScalar(node)) throw this.#mismatch(node, 'a string');
    return node.value === null ? '' : (node.source ?? '');
  }

  #boolean(key: string): boolean {
    const node = this.#node(key);
    if (node === undefined) return false;
    const value: unknown = isScalar(node) ? node.value : undefined;
    const known =
      typeof value === 'string' && isScalar(node) && node.type === 'PLAIN' ? OLD_BOOLEANS.get(value) : value;
    if (typeof known !== 'boolean') throw this.#mismatch(node, 'true or false');
    return known;
  }

  #list(key: string): readonly unknown[] {
    const node = this.#node(key);
    if (node === undefined) return [];
    if (!isSeq(node)) throw this.#mismatch(node, 'a list');
    return node.items;
  }

  #map(key: string): YAMLMap | undefined {
    const node = this.#node(key);
    return node === undefined ? undefined : this.#mapOf(node);
  }

  #mapOf(node: unknown): YAMLMap {
    if (!isMap(node)) throw this.#mismatch(node, 'a mapping');
    return node;
  }

  /** A value as JSON. Keys are strings. */
  #plain(node: unknown): unknown {
    try {
      const value: unknown = isNode(node)
        ? node.toJS(this.#document, { maxAliasCount: MAX_ALIASES, mapAsMap: true })
        : node;
      return jsonOf(value);
    } catch (error) {
      if (error instanceof AnnotationProblem) throw error;
      throw new AnnotationProblem('yaml: document contains excessive aliasing', 1);
    }
  }

  /** The keys of a map of its own may be any scalars; those inside of it are strings. */
  #plainMap(map: YAMLMap): Readonly<Record<string, unknown>> {
    return Object.fromEntries(map.items.map(({ key, value }) => [this.#textOf(key), this.#plain(value)]));
  }

  #schema(map: YAMLMap): SchemaAnnotation {
    const [pair] = map.items;
    const written = pair === undefined ? '' : this.#textOf(pair.key);
    const path = readRef(written, this.#location);
    if (path === undefined) throw new AnnotationProblem('invalid document reference', undefined);
    const { value } = pair ?? {};
    if (isScalar(value) && typeof value.value === 'string') {
      const ref = readRef(value.value, this.#location);
      const isSchema = ref?.head.kind === 'var' && ref.head.name === 'schema';
      if (!isSchema) throw new AnnotationProblem('invalid schema reference', undefined);
      const name = ref.path.map((part) => (part.kind === 'string' ? part.value : `\u0000${part.kind}`));
      return { path, schema: { name, written: value.value } };
    }
    if (isMap(value) && value.items.every(({ key }) => isScalar(key) && typeof key.value === 'string')) {
      try {
        return { path, schema: { definition: this.#plain(value) } };
      } catch (error) {
        if (!(error instanceof AnnotationProblem)) throw error;
        return { path, schema: { problem: `unable to compile the schema: ${error.message}` } };
      }
    }
    throw new AnnotationProblem(`invalid schema declaration for path "${written}"`, undefined);
  }
}

/** A reference, or one of the documents that stand alone. */
const readRef = (text: string, location: Location): RefTerm | undefined => {
  const { term } = parseTerm(text, location.file);
  if (term?.kind === 'ref') return { ...term, location };
  const isRoot = term?.kind === 'var' && (term.name === 'input' || term.name === 'data' || term.name === 'schema');
  return isRoot ? { kind: 'ref', head: term, path: [], location } : undefined;
};

const valueOfSchema = ({ path, schema }: SchemaAnnotation): unknown => ({
  path: valueOfRef(path),
  ...('name' in schema ? { schema: ['schema', ...schema.name] } : {}),
  ...('definition' in schema ? { definition: schema.definition } : {}),
});

const valueOfRef = ({ head, path }: RefTerm): unknown => [
  head.kind === 'var' ? head.name : '',
  ...path.map((part) => (part.kind === 'string' ? part.value : part.kind === 'number' ? Number(part.text) : '')),
];

const jsonOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(jsonOf);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries(
    [...(value as ReadonlyMap<unknown, unknown>)].map(([key, member]) => {
      if (typeof key !== 'string') throw new AnnotationProblem('invalid map key type(s)', undefined);
      return [key, jsonOf(member)];
    }),
  );
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const trimmed = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');

const readResource = (resource: unknown): unknown => {
  const problem = (what: string): AnnotationProblem =>
    new AnnotationProblem(`invalid related-resource definition ${JSON.stringify(resource)}: ${what}`, undefined);
  if (typeof resource !== 'string' && !isObject(resource)) throw problem('invalid value type, must be string or map');
  const ref = typeof resource === 'string' ? resource : trimmed(resource['ref']);
  if (ref === '') {
    throw problem(typeof resource === 'string' ? 'ref URL may not be empty string' : "'ref' value required in object");
  }
  const uri = parseUri(ref);
  if (typeof uri === 'string') throw problem(uri);
  const description = typeof resource === 'string' ? '' : trimmed(resource['description']);
  return { ...(description === '' ? {} : { description }), ref };
};

/** `Name Surname <mail>` has an address where the last word is in angle brackets. */
const readAuthor = (author: unknown): unknown => {
  const problem = (what: string): AnnotationProblem =>
    new AnnotationProblem(`invalid author definition ${JSON.stringify(author)}: ${what}`, undefined);
  const person = (name: string, email: string): unknown => ({
    ...(name === '' ? {} : { name }),
    ...(email === '' ? {} : { email }),
  });
  if (isObject(author)) {
    const name = trimmed(author['name']);
    const email = trimmed(author['email']);
    if (name === '' && email === '') throw problem("'name' and/or 'email' values required in object");
    return person(name, email);
  }
  if (typeof author !== 'string') throw problem('invalid value type, must be string or map');
  if (author.trim() === '') throw problem('author is an empty string');
  const words = author.trim().split(/\s+/);
  const email = /^<(.*)>$/.exec(words.at(-1) ?? '')?.[1];
  return person((email === undefined ? words : words.slice(0, -1)).join(' '), email ?? '');
};

/** What partial evaluation would be told: nothing here uses it, but it must be well-formed. */
const checkCompile = (compile: unknown): void => {
  if (!isObject(compile)) return;
  const { unknowns, mask_rule: mask } = compile;
  for (const unknown of Array.isArray(unknowns) ? (unknowns as readonly unknown[]) : []) {
    if (typeof unknown === 'string' && readRef(unknown, NOWHERE) === undefined) {
      throw new AnnotationProblem(`invalid unknowns element ${JSON.stringify(unknown)}`, undefined);
    }
  }
  if (typeof mask !== 'string') return;
  const { term } = parseTerm(mask, '');
  if (term?.kind !== 'ref' && term?.kind !== 'var' && term?.kind !== 'string') {
    throw new AnnotationProblem(`invalid mask_rule annotation ${JSON.stringify(mask)}`, undefined);
  }
};

const NOWHERE: Location = { file: '', row: 1, col: 1, start: 0, end: 0 };

/** A JSON-like value as a constant term. */
export const termOfValue = (value: unknown, location: Location): Term => {
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', value, location };
    case 'number':
    case 'bigint':
      return Number.isFinite(Number(value))
        ? { kind: 'number', text: String(value), location }
        : { kind: 'string', value: String(value), location };
    case 'string':
      return { kind: 'string', value: value.toWellFormed(), location };
    case 'object': {
      if (value === null) return { kind: 'null', location };
      if (Array.isArray(value)) {
        return { kind: 'array', items: value.map((item) => termOfValue(item, location)), location };
      }
      const entries = Object.entries(value).map(
        ([key, item]) => [termOfValue(key, location), termOfValue(item, location)] as const,
      );
      return { kind: 'object', entries, location };
    }
    default:
      return { kind: 'null', location };
  }
};

/** What a policy sees of an annotation. */
export const valueOfAnnotation = (annotation: Annotation, scope: Scope): Readonly<Record<string, unknown>> =>
  Object.fromEntries([['scope', scope], ...annotation.fields]);
