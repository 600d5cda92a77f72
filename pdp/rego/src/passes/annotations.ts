import { isMap, LineCounter, parseDocument } from 'yaml';

import type { MetadataBlock, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';

/** Where an annotation applies. */
export type Scope = 'rule' | 'document' | 'package' | 'subpackages';

/** A metadata block that was read. `scope` is what it says; what it means without one depends on what follows it. */
export interface Annotation {
  readonly scope: string | undefined;
  readonly entrypoint: boolean;
  /** What policies see of it, `scope` apart. */
  readonly fields: readonly (readonly [string, unknown])[];
  readonly location: Location;
}

/** Reads a block, or says why that is not possible. Its text is YAML. */
export const readAnnotation = (block: MetadataBlock): Annotation | Diagnostic => {
  const { lines, location } = block;
  const at = (line: number): Location => ({ ...location, row: location.row + Math.min(line, lines.length) });
  const problem = (message: string, where: Location): Diagnostic => ({
    code: 'rego_parse_error',
    message,
    location: where,
  });
  const text = lines.join('\n');
  if (text.trim() === '') return problem('expected METADATA block, found whitespace', location);
  const document = parseDocument(text, { lineCounter: new LineCounter(), prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    return problem(`yaml: line ${line}: ${error.message.split('\n')[0] ?? ''}`, at(line + 1));
  }
  if (!isMap(document.contents)) return problem('yaml: metadata must be a mapping', at(1));
  let values: Readonly<Record<string, unknown>>;
  try {
    values = document.toJS({ maxAliasCount: 100 }) as Record<string, unknown>;
  } catch {
    return problem('yaml: document contains excessive aliasing', at(1));
  }
  const scope = values['scope'];
  if (scope !== undefined && typeof scope !== 'string') return problem('yaml: scope must be a string', at(1));
  const fields: [string, unknown][] = [];
  for (const name of ['title', 'description', 'organizations', 'custom', 'labels'] as const) {
    const value = values[name];
    if (!isEmpty(value)) fields.push([name, value]);
  }
  const authors = listOf(values['authors']).map(readAuthor);
  if (authors.length > 0) fields.push(['authors', authors]);
  const resources = listOf(values['related_resources']).map((one) => (typeof one === 'string' ? { ref: one } : one));
  if (resources.length > 0) fields.push(['related_resources', resources]);
  const entrypoint = values['entrypoint'] === true;
  if (entrypoint) fields.push(['entrypoint', true]);
  return { scope: scope === '' ? undefined : scope, entrypoint, fields, location };
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** `Name Surname <mail>` has an address where the last word is in angle brackets. */
const readAuthor = (author: unknown): unknown => {
  if (typeof author !== 'string') return author;
  const words = author.trim().split(/\s+/);
  const last = words.at(-1) ?? '';
  const email = /^<(.*)>$/.exec(last)?.[1];
  const name = (email === undefined ? words : words.slice(0, -1)).join(' ');
  return { ...(name === '' ? {} : { name }), ...(email === undefined || email === '' ? {} : { email }) };
};

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
