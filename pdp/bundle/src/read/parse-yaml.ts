import { Composer, isAlias, isCollection, isMap, isScalar, LineCounter, Parser, Scalar } from 'yaml';
import type { Document, Node, Pair, YAMLError } from 'yaml';
import type { Position } from '../problem.ts';
import type { NodeSource, YamlNode } from './yaml-node.ts';

/** The first document of a stream, or the first reason why it is not YAML. `root` is null for a stream without any. */
export type ParsedYaml =
  | { readonly ok: true; readonly root: YamlNode | null }
  | { readonly ok: false; readonly message: string; readonly position: Position | undefined };

/** Nesting that is still read; YAML itself has no limit. */
export const YAML_MAX_DEPTH = 1000;

class YamlError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Parses the first document of `text`. Later ones are not looked at, not even for syntax. Scalars keep their text and
 * duplicate keys stay: both are judged when the tree is decoded.
 */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const document = firstDocument(text, lines);
    if (document === undefined) return { ok: true, root: null };
    // A directive that nobody knows is a warning to the parser, and an error to the reference.
    const [error] = [...document.errors, ...document.warnings.filter(({ code }) => code === 'BAD_DIRECTIVE')];
    if (error !== undefined) return { ok: false, message: describe(error), position: positionAt(error.pos[0]) };
    const root = document.contents;
    return { ok: true, root: root === null ? null : new TreeBuilder(text, positionAt).build(root, 0) };
  } catch (error) {
    if (error instanceof YamlError) return { ok: false, message: error.message, position: positionAt(error.offset) };
    // The parser recurses: what nests too deeply for the stack ends here and nowhere else.
    if (error instanceof RangeError) return { ok: false, message: 'nested too deeply', position: undefined };
    throw error;
  }
}

function firstDocument(text: string, lines: LineCounter): Document.Parsed | undefined {
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ schema: 'failsafe', resolveKnownTags: false, uniqueKeys: false, logLevel: 'silent' });
  // Both work token by token: leaving the loop leaves the rest of the stream unread.
  for (const document of composer.compose(parser.parse(text), false, text.length)) return document;
  const { errors } = composer.streamInfo();
  const [error] = errors;
  if (error !== undefined) throw new YamlError(describe(error), error.pos[0]);
  return undefined;
}

function describe(error: YAMLError): string {
  return error.message.replace(/\s+/g, ' ').trim();
}

class TreeBuilder {
  readonly #anchors = new Map<string, YamlNode>();
  readonly #text: string;
  readonly #positionAt: (offset: number) => Position;

  constructor(text: string, positionAt: (offset: number) => Position) {
    this.#text = text;
    this.#positionAt = positionAt;
  }

  build(node: Node, depth: number): YamlNode {
    const source = this.#source(node);
    if (depth > YAML_MAX_DEPTH) throw new YamlError(`nested deeper than ${String(YAML_MAX_DEPTH)}`, source.start);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) throw new YamlError(`unknown anchor '${node.source}' referenced`, source.start);
      return { kind: 'alias', name: node.source, target, source };
    }
    if (isScalar(node)) return this.#anchored(node, this.#scalar(node, source));
    if (!isCollection(node)) throw new YamlError('unexpected kind of node', source.start);
    if (isMap(node)) {
      const pairs: [YamlNode, YamlNode][] = [];
      const mapping = this.#anchored(node, { kind: 'mapping', pairs, source });
      for (const pair of node.items) pairs.push(this.#pair(pair as Pair<Node | null, Node | null>, source, depth));
      return mapping;
    }
    const items: YamlNode[] = [];
    const sequence = this.#anchored(node, { kind: 'sequence', items, source });
    for (const item of node.items) items.push(item === null ? emptyAt(source) : this.build(item as Node, depth + 1));
    return sequence;
  }

  #pair({ key, value }: Pair<Node | null, Node | null>, parent: NodeSource, depth: number): [YamlNode, YamlNode] {
    const keyNode = key === null ? emptyAt(parent) : this.build(key, depth + 1);
    // YAML 1.2 lets quoted keys of flow mappings go over several lines; 1.1 does not, where it is mostly a lost quote.
    if (keyNode.kind === 'scalar' && !keyNode.block && keyNode.source !== undefined) {
      const { start, end } = keyNode.source;
      if (this.#text.slice(start, end).includes('\n')) throw new YamlError("could not find expected ':'", start);
    }
    const valueNode = value === null ? emptyAt(keyNode.source ?? parent) : this.build(value, depth + 1);
    return [keyNode, valueNode];
  }

  #scalar(node: Scalar, source: NodeSource): YamlNode {
    const plain = node.type === undefined || node.type === Scalar.PLAIN;
    const value = node.source ?? '';
    if (!value.isWellFormed()) throw new YamlError('an escape gives half of a surrogate pair', source.start);
    const block = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
    return { kind: 'scalar', tag: shortTag(node.tag), value, plain, block, source };
  }

  #anchored<N extends YamlNode>(node: Node & { anchor?: string | undefined }, built: N): N {
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, built);
    return built;
  }

  #source(node: Node): NodeSource {
    const [start, end] = node.range ?? [0, 0];
    return { position: this.#positionAt(Math.min(start, this.#text.length)), start, end };
  }
}

function emptyAt(place: NodeSource): YamlNode {
  const source = { position: place.position, start: place.end, end: place.end };
  return { kind: 'scalar', tag: '', value: '', plain: true, block: false, source };
}

function shortTag(tag: string | undefined): string {
  if (tag === undefined) return '';
  return tag.startsWith('tag:yaml.org,2002:') ? `!!${tag.slice('tag:yaml.org,2002:'.length)}` : tag;
}
