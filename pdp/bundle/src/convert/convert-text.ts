import { isDeepStrictEqual } from 'node:util';
import { canonicalJson } from '../canonical-json.ts';
import { Unencodable } from '../model.ts';
import { Decoder } from '../read/decoder.ts';
import { parseDocument, readDomain } from '../read/read-domain.ts';
import { resolveScalar } from '../read/resolve-scalar.ts';
import { applyEdits, quoteYaml } from '../read/text-edit.ts';
import { itemsOf, mappingOf, memberOf } from '../read/tree.ts';
import { dereference } from '../read/yaml-node.ts';
import { ConvertError } from './convert-error.ts';
import { toDomainObject } from './domain-object.ts';
import { printDomainObject } from './print-object.ts';
import { withoutLosses } from './without-losses.ts';
import type { DomainModel } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { TextEdit } from '../read/text-edit.ts';
import type { MappingNode, YamlNode } from '../read/yaml-node.ts';
import type { ApiVersion } from '../sourced-domain.ts';

/** A converted file, and what the new version cannot say; or why there is none. */
export type ConvertResult =
  | { readonly ok: true; readonly text: string; readonly losses: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const annotated = ['roles', 'groups', 'resource-groups', 'resources', 'scopes'] as const;

/**
 * Converts a PolicyDomain file to another version with its meaning kept: reading the result gives the same domain, but
 * for what `losses` names. Comments and layout stay, unless a value can only be written anew; then the whole file is.
 */
export function convertText(input: string | Uint8Array, file: string, target: ApiVersion): ConvertResult {
  const read = readDomain(input, file);
  if (!read.ok) return read;
  const document = parseDocument(input, file);
  if (!document.ok) return { ok: false, problems: [document.problem] };
  if (document.root === null) throw new Error('a document that holds a domain has a root'); // readDomain refuses others
  const { model: expected, losses } = withoutLosses(read.domain, target);
  try {
    const text = editedText(document.text, document.root, read.apiVersion, target, losses.length > 0);
    if (text !== undefined && means(text, file, expected)) return { ok: true, text, losses };
    const { data, ...rest } = expected;
    const written = printDomainObject(toDomainObject(rest, { apiVersion: target }), data);
    if (!means(written, file, expected)) throw new Error(`${file}: the converted text reads back differently`);
    return { ok: true, text: written, losses };
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    const problem = { source: 'build', severity: 'error', class: 'build', file, message: error.message } as const;
    return { ok: false, problems: [{ ...problem, domain: read.domain.name }] };
  }
}

function means(text: string, file: string, expected: DomainModel): boolean {
  const read = readDomain(text, file);
  return read.ok && isDeepStrictEqual(read.domain, expected);
}

/** The text with its version and those annotation values replaced that would change meaning. */
function editedText(
  text: string,
  root: YamlNode,
  from: ApiVersion,
  target: ApiVersion,
  lossy: boolean,
): string | undefined {
  const label = memberOf(root, 'apiVersion');
  if (lossy || label?.source === undefined) return undefined;
  const edits = new Map<YamlNode, TextEdit>([
    [label, { start: label.source.start, end: label.source.end, text: target }],
  ]);
  const wasNative = from.endsWith('/v1beta1');
  if (wasNative !== target.endsWith('/v1beta1')) {
    const spec = memberOf(root, 'spec');
    for (const section of annotated) {
      for (const entity of itemsOf(memberOf(spec, section))) {
        for (const entry of itemsOf(memberOf(entity, 'annotations'))) {
          const value = memberOf(entry, 'value');
          if (value === undefined) addValue(edits, mappingOf(entry), wasNative ? 'null' : '');
          else replaceValue(edits, dereference(value), wasNative);
        }
      }
    }
  }
  return applyEdits(text, [...edits.values()]);
}

function replaceValue(edits: Map<YamlNode, TextEdit>, value: YamlNode, wasNative: boolean): void {
  if (value.source === undefined) return;
  const { start, end } = value.source;
  const replacement = wasNative ? jsonOfNative(value) : textOfScalar(value);
  if (replacement === undefined) return;
  // An empty value ends where its key does: what is put there needs a space.
  edits.set(value, { start, end, text: `${start === end ? ' ' : ''}${quoteYaml(replacement)}` });
}

/** The text that a version with string values takes a scalar for, if the scalar has to be quoted to stay that. */
function textOfScalar(value: YamlNode): string | undefined {
  if (value.kind !== 'scalar') return undefined;
  const { tag } = resolveScalar(value);
  if (tag === '!!str' || tag === '!!binary') return undefined;
  return tag === '!!null' ? '' : value.value;
}

/** The JSON text of a value that is no string. */
function jsonOfNative(value: YamlNode): string | undefined {
  if (value.kind === 'scalar' && resolveScalar(value).tag === '!!str') return undefined;
  const decoded = new Decoder().any(value);
  if (typeof decoded === 'string') return undefined;
  if (decoded instanceof Unencodable)
    throw new ConvertError('unencodable', `an annotation cannot be converted: ${decoded.reason}`);
  return canonicalJson(decoded);
}

/** Gives an annotation without a value the one that its absence meant. */
function addValue(edits: Map<YamlNode, TextEdit>, entry: MappingNode | undefined, text: string): void {
  const [first] = entry?.pairs ?? [];
  const source = first?.[0].source;
  if (entry === undefined || source === undefined || entry.source === undefined) return;
  const flow = entry.source.start < source.start;
  const separator = flow ? ', ' : `\n${' '.repeat(source.position.column - 1)}`;
  edits.set(entry, { start: source.start, end: source.start, text: `value: ${quoteYaml(text)}${separator}` });
}
