import { mappingOf, memberOf } from './read/tree.ts';
import { parseDocument } from './read/read-domain.ts';
import { applyEdits, fitsLiteral, quoteYaml } from './read/text-edit.ts';
import { decodeText } from './read/text.ts';
import { reprintYaml } from './read/reprint-yaml.ts';
import type { Problem } from './problem.ts';
import type { TextEdit } from './read/text-edit.ts';
import type { MappingNode, ScalarNode, YamlNode } from './read/yaml-node.ts';

/** The content of a file that `rego_filename` names, or `undefined` where there is none. Paths come as written. */
export type ReadRegoFile = (path: string) => string | Uint8Array | undefined;

/** The text of a PolicyDomain, or why the reference cannot be built. */
export type BuildResult =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problems: readonly Problem[] };

const demanding: ReadonlySet<string> = new Set(['policies', 'policy-libraries', 'mappers']);

/**
 * Builds a PolicyDomainReference: every `rego_filename` becomes a `rego` with the file's text, its trailing line breaks
 * made one; `kind` becomes PolicyDomain. Comments, order and flow style stay; indentation becomes four spaces. The kind
 * of the input is not looked at, and nothing but its YAML syntax is checked. Stops at the first problem.
 */
export function buildReference(input: string | Uint8Array, file: string, readFile: ReadRegoFile): BuildResult {
  const document = parseDocument(input, file);
  if (!document.ok) return { ok: false, problems: [document.problem] };
  const { root, text } = document;
  if (root === null) return { ok: true, text };
  const builder = new Builder(text, readFile);
  try {
    builder.visit(root, undefined, false);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const { message, node } = error;
    const problem = { source: 'build', severity: 'error', class: 'build', file, message } as const;
    return { ok: false, problems: [{ ...problem, ...node.source?.position }] };
  }
  const kind = memberOf(root, 'kind');
  if (kind?.kind === 'scalar' && mappingOf(root) !== undefined) builder.replace(kind, 'PolicyDomain');
  return { ok: true, text: reprintYaml(applyEdits(text, builder.edits)) };
}

class BuildError extends Error {
  readonly node: YamlNode;
  constructor(message: string, node: YamlNode) {
    super(message);
    this.node = node;
  }
}

class Builder {
  readonly edits: TextEdit[] = [];
  readonly #text: string;
  readonly #readFile: ReadRegoFile;

  constructor(text: string, readFile: ReadRegoFile) {
    this.#text = text;
    this.#readFile = readFile;
  }

  /** Visits each node where it is written; aliases stand for nodes that are visited anyway. */
  visit(node: YamlNode, parentKey: string | undefined, inFlow: boolean): void {
    const flow = inFlow || /^[[{]/.test(this.#text.slice(node.source?.start));
    if (node.kind === 'sequence') for (const item of node.items) this.visit(item, parentKey, flow);
    if (node.kind !== 'mapping') return;
    this.#mapping(node, parentKey, flow);
    for (const [key, value] of node.pairs) this.visit(value, key.kind === 'scalar' ? key.value : undefined, flow);
  }

  replace(node: YamlNode, text: string): void {
    if (node.source !== undefined) this.edits.push({ start: node.source.start, end: node.source.end, text });
  }

  #mapping(node: MappingNode, parentKey: string | undefined, flow: boolean): void {
    const named = (name: string) => node.pairs.find(([key]) => key.kind === 'scalar' && key.value === name);
    const filename = named('rego_filename');
    const rego = named('rego');
    if (filename !== undefined && rego !== undefined) {
      throw new BuildError("cannot specify both 'rego' and 'rego_filename' in the same block", filename[0]);
    }
    if (filename === undefined) {
      if (rego === undefined && parentKey !== undefined && demanding.has(parentKey)) {
        throw new BuildError(`missing 'rego' or 'rego_filename' in '${parentKey}' entry`, node);
      }
      return;
    }
    const [key, value] = filename;
    if (value.kind !== 'scalar') throw new BuildError('rego_filename is not a file name', value);
    if (value.value === '') throw new BuildError('rego_filename cannot be empty', value);
    this.replace(key, 'rego');
    this.#insertRego(this.#load(value), key, value, flow);
  }

  #load(node: ScalarNode): string {
    const content = this.#readFile(node.value);
    if (content === undefined) {
      throw new BuildError(`failed to read rego file '${node.value}': file not found: ${node.value}`, node);
    }
    const decoded = decodeText(content);
    if (!decoded.ok) throw new BuildError(`failed to read rego file '${node.value}': ${decoded.message}`, node);
    const trimmed = decoded.text.replace(/\n+$/, '');
    return trimmed === '' ? '' : `${trimmed}\n`;
  }

  #insertRego(rego: string, key: YamlNode, value: ScalarNode, flow: boolean): void {
    if (flow || key.source === undefined || value.source === undefined || !fitsLiteral(rego)) {
      this.replace(value, quoteYaml(rego));
      return;
    }
    const indent = ' '.repeat(key.source.position.column + 1);
    const content = rego.trimEnd().split('\n');
    const lines = content.map((line) => (line === '' ? '\n' : `\n${indent}${line}`)).join('');
    // A comment behind the file name stays behind the block's header; the text follows on the next line.
    const lineEnd = this.#text.slice(value.source.end).search(/\r?\n|$/) + value.source.end;
    this.edits.push({ start: value.source.start, end: value.source.end, text: '|' });
    this.edits.push({ start: lineEnd, end: lineEnd, text: lines });
  }
}
