import type { Value } from '@edict/rego';
import { isPlainObject, mergeDocuments, readYaml, setMember } from '@edict/rego/tools';
import { parseJson } from '@edict/rego/values';
import { fileProblem, placedProblem } from './problems.ts';

/** What a file of data holds, and where below `data` it goes. */
export interface DataDocument {
  readonly file: string;
  readonly path: readonly string[];
  readonly value: Value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of a file. @throws ToolProblems for bytes that are no UTF-8 */
export function textOf(file: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw fileProblem(file, 'it is no UTF-8 text');
  }
}

/** Reads JSON. @throws ToolProblems with the place of the first mistake */
export function readJson(file: string, bytes: Uint8Array): Value {
  const source = textOf(file, bytes);
  const result = parseJson(source);
  if (result.ok) return result.value;
  throw placedProblem(file, source, result.problem.offset, result.problem.message);
}

/** Reads the first document of a YAML text. @throws ToolProblems with the place of the first mistake */
export function readYamlDocument(file: string, bytes: Uint8Array): Value {
  const source = textOf(file, bytes);
  const result = readYaml(source);
  if (result.ok) return result.value;
  if (result.offset === undefined) throw fileProblem(file, result.message);
  throw placedProblem(file, source, result.offset, result.message.replace(/^yaml: (?:line \d+: )?/, ''));
}

/** Puts documents together. @throws ToolProblems where two say different things of one place, or one is no object */
export function joinDocuments(documents: readonly DataDocument[]): Value {
  let joined: Value = {};
  documents.forEach((document, index) => {
    const { file, path, value } = document;
    if (path.length === 0 && (value === undefined || !isPlainObject(value)))
      throw fileProblem(file, 'the document must be an object');
    const merged = mergeDocuments(joined, nest(path, value));
    if (!merged.ok) {
      const place = ['data', ...merged.conflict].join('.');
      const other = documents
        .slice(0, index)
        .find((earlier) => holds(nest(earlier.path, earlier.value), merged.conflict));
      const also = other === undefined ? '' : `, also defined in ${other.file}`;
      throw fileProblem(file, `merge error: conflicting values at ${place}${also}`);
    }
    joined = merged.value;
  });
  return joined;
}

function nest(path: readonly string[], value: Value): Value {
  return path.reduceRight<Value>((inner, part) => {
    const outer: Record<string, Value> = {};
    setMember(outer, part, inner);
    return outer;
  }, value);
}

function holds(value: Value, path: readonly string[]): boolean {
  let at: Value = value;
  for (const part of path) {
    if (at === undefined || !isPlainObject(at) || !Object.hasOwn(at, part)) return false;
    at = at[part];
  }
  return true;
}
