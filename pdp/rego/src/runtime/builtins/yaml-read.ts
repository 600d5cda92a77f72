import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
  Scalar,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import { setMember, type Value } from '../value.ts';
import { formatFloat } from './go-float.ts';
import { resolvePlain } from './yaml-scalar.ts';

/** Most values that one YAML text may stand for, aliases written out: a bomb of aliases is an error. */
export const MAX_YAML_VALUES = 1_000_000;

/** What reading YAML gives: the first document as JSON, or what is wrong and where in the text, so far as that is known. */
export type YamlResult =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string; readonly offset: number | undefined };

/** Reads the first document of a YAML text, as plain JSON; all documents must be well-formed. Empty text is null. */
export function readYaml(text: string): YamlResult {
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
  });
  if (!Array.isArray(documents)) return { ok: true, value: null };
  for (const document of documents as Document.Parsed[]) {
    const [error] = document.errors;
    if (error !== undefined) {
      const line = text.slice(0, error.pos[0]).split('\n').length;
      return { ok: false, message: `yaml: line ${String(line)}: ${error.message}`, offset: error.pos[0] };
    }
  }
  const first = (documents as Document.Parsed[])[0];
  const reader = new YamlReader(first);
  try {
    return { ok: true, value: reader.read(first?.contents ?? null).value };
  } catch (error) {
    if (error instanceof YamlProblem) return { ok: false, message: error.message, offset: error.offset };
    throw error;
  }
}

/** Ends the reading of a document from within; never leaves this file. */
class YamlProblem extends Error {
  override readonly name = 'YamlProblem';
  /** Where the node starts that the problem is about. */
  readonly offset: number | undefined;

  constructor(message: string, node: unknown) {
    super(message);
    this.offset = isNode(node) ? node.range?.[0] : undefined;
  }
}

interface Read {
  readonly value: Value;
  /** Number of values inside, itself included. */
  readonly size: number;
}

class YamlReader {
  readonly #document: Document.Parsed | undefined;
  readonly #known = new Map<Node, Read | 'open'>();

  constructor(document: Document.Parsed | undefined) {
    this.#document = document;
  }

  read(node: unknown): Read {
    if (node === null || node === undefined) return { value: null, size: 1 };
    const target = this.#resolve(node as Node);
    const known = this.#known.get(target);
    if (known === 'open') throw new YamlProblem('yaml: anchor value contains itself', node);
    if (known !== undefined) return known;
    this.#known.set(target, 'open');
    const result = this.#convert(target);
    if (result.size > MAX_YAML_VALUES) throw new YamlProblem('yaml: document contains excessive aliasing', node);
    this.#known.set(target, result);
    return result;
  }

  #resolve(node: Node): Node {
    if (!isAlias(node)) return node;
    const target = this.#document === undefined ? undefined : node.resolve(this.#document);
    if (target === undefined) throw new YamlProblem(`yaml: unknown anchor '${node.source}' referenced`, node);
    return target;
  }

  #convert(node: Node): Read {
    if (isScalar(node)) return { value: scalarValue(node), size: 1 };
    if (isSeq(node)) {
      const elements = node.items.map((item) => this.read(item));
      return { value: elements.map(({ value }) => value), size: totalSize(elements) };
    }
    if (isMap(node)) return this.#map(node);
    throw new YamlProblem('yaml: unsupported node', node);
  }

  #map(node: YAMLMap): Read {
    const own = new Map<string, Read>();
    const merged: Record<string, Value>[] = [];
    const sizes: Read[] = [];
    for (const { key, value } of node.items) {
      if (isMergeKey(key)) {
        merged.push(...this.#mergeSources(value, sizes));
        continue;
      }
      const name = keyText(this.read(key).value, key);
      const read = this.read(value);
      own.set(name, read);
      sizes.push(read);
    }
    const result: Record<string, Value> = {};
    // The first of several merged maps wins, and own keys win over all.
    for (const source of merged.reverse()) {
      for (const key of Object.keys(source)) setMember(result, key, source[key]);
    }
    for (const [key, { value }] of own) setMember(result, key, value);
    return { value: result, size: totalSize(sizes) };
  }

  #mergeSources(value: unknown, sizes: Read[]): Record<string, Value>[] {
    const target = value === null || value === undefined ? undefined : this.#resolve(value as Node);
    const nodes = isSeq(target) ? target.items : [target];
    return nodes.map((node) => {
      const read = this.read(node);
      sizes.push(read);
      if (typeof read.value === 'object' && read.value !== null && !Array.isArray(read.value)) {
        return read.value as Record<string, Value>;
      }
      throw new YamlProblem('yaml: map merge requires map or sequence of maps as the value', node);
    });
  }
}

function totalSize(parts: readonly Read[]): number {
  return parts.reduce((sum, { size }) => sum + size, 1);
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && (key.type === Scalar.PLAIN || key.tag === '!!merge');
}

function scalarValue(node: Scalar): Value {
  const text = String(node.value);
  const tag = node.tag?.replace('tag:yaml.org,2002:', '!!');
  if (tag === '!!str' || tag === '!' || tag === '!!timestamp') return text;
  if (tag === '!!binary') return Buffer.from(text.replace(/\s/g, ''), 'base64').toString('utf8');
  if (node.type !== Scalar.PLAIN && tag === undefined) return text;
  const resolved = resolvePlain(text);
  if ('problem' in resolved) throw new YamlProblem(resolved.problem, node);
  if (tag === '!!float' && typeof resolved.value === 'number') return resolved.value;
  return resolved.value;
}

/** Keys become strings; null and collections cannot. */
function keyText(key: Value, node: unknown): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'boolean') return String(key);
  if (typeof key === 'number') return Number.isInteger(key) ? String(key) : formatFloat(Math.fround(key), 'g', -1);
  if (typeof key === 'object' && key !== null && 'text' in key) return String(key.text);
  throw new YamlProblem('yaml: invalid map key', node);
}
