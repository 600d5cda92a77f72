import { parseJson, stringify } from '@edict/rego/values';
import { canonicalJson } from '../canonical-json.ts';
import { dereference } from './yaml-node.ts';
import type { Decoder, ValueBuilder } from './decoder.ts';
import type { ScalarNode, YamlNode } from './yaml-node.ts';
import type { Position } from '../problem.ts';

/** Nesting of base documents that is accepted. */
export const DATA_MAX_DEPTH = 500;

/** Levels of keys whose places are remembered: rules, with which keys could clash, do not lie deeper in practice. */
export const DATA_PLACES_DEPTH = 8;

/** A value as JSON text, and how many collections stand inside of each other in it. */
interface JsonPart {
  readonly text: string;
  readonly depth: number;
}

/**
 * Decodes the base documents of a domain to canonical JSON text in which every number has the text that it was written
 * with, so far as JSON can say it. `undefined` where there are none. Problems are left in `decoder`.
 */
export function decodeData(decoder: Decoder, node: YamlNode): string | undefined {
  const target = dereference(node);
  const part = decoder.value(
    node,
    jsonBuilder(decoder, (key) => {
      decoder.report('a key is not a string, which JSON cannot say', key);
    }),
  );
  if (part === undefined || part.text === 'null' || part.text === '{}') return undefined;
  if (target.kind !== 'mapping') {
    decoder.report('data is not an object', node);
    return undefined;
  }
  if (part.depth > DATA_MAX_DEPTH) {
    decoder.report(`the data nests deeper than ${String(DATA_MAX_DEPTH)} levels`, node);
    return undefined;
  }
  const canonical = canonicalData(part.text);
  if (!canonical.ok) decoder.report(`the data cannot be used: ${canonical.message}`, node);
  return canonical.ok ? canonical.text : undefined;
}

/** The one form of a JSON text: keys in order, no spaces, numbers as they stand. */
function canonicalData(
  text: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string } {
  const parsed = parseJson(text);
  return parsed.ok ? { ok: true, text: stringify(parsed.value) } : { ok: false, message: parsed.problem.message };
}

/** Places of the keys of base documents, by their {@link dataPlace}. */
export function dataPlaces(node: YamlNode, add: (path: string, position: Position) => void): void {
  const visit = (at: YamlNode, path: readonly string[]): void => {
    const target = dereference(at);
    if (target.kind !== 'mapping' || path.length >= DATA_PLACES_DEPTH) return;
    for (const [keyNode, value] of target.pairs) {
      const key = dereference(keyNode);
      if (key.kind !== 'scalar') continue;
      const inner = [...path, key.value];
      if (keyNode.source !== undefined) add(dataPlace(inner), keyNode.source.position);
      visit(value, inner);
    }
  };
  visit(node, []);
}

/** Under which path the place of a key of base documents is found: `data/users/ann`, with `~1` for a slash in a key. */
export function dataPlace(path: readonly string[]): string {
  return ['data', ...path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');
}

const jsonNumber = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/;

/** Writes values as JSON text. `onOtherKeys` is told of objects with keys that are no strings, which get their text. */
export function jsonBuilder(
  decoder: Decoder,
  onOtherKeys: (node: YamlNode) => void = () => undefined,
): ValueBuilder<JsonPart> {
  const nothing = { text: 'null', depth: 0 };
  const scalar = (value: null | boolean | bigint | number | string, node: ScalarNode): JsonPart => {
    // YAML knows numbers by more spellings than JSON; what JSON can spell keeps its text, however large.
    if (node.plain && jsonNumber.test(node.value)) return { text: node.value, depth: 0 };
    if (typeof value === 'number' && !Number.isFinite(value)) {
      decoder.report(`${node.value} is not JSON`, node);
      return nothing;
    }
    // What YAML takes for a date is the text that it was written as: kubectl hands it on so.
    return { text: canonicalJson(isDate(value, node) ? node.value : value), depth: 0 };
  };
  return {
    nothing,
    scalar,
    list: (items) => ({ text: `[${items.map(({ text }) => text).join(',')}]`, depth: deepest(items) + 1 }),
    map: (entries, { strings, node }) => {
      if (!strings) onOtherKeys(node);
      const members = Array.from(entries, ([key, { text }]) => `${JSON.stringify(key)}:${text}`);
      return { text: `{${members.join(',')}}`, depth: deepest(entries.values()) + 1 };
    },
  };
}

function isDate(value: unknown, node: ScalarNode): boolean {
  return typeof value === 'string' && node.plain && (node.tag === '' || node.tag === '!!timestamp');
}

function deepest(parts: Iterable<JsonPart>): number {
  let depth = 0;
  for (const part of parts) depth = Math.max(depth, part.depth);
  return depth;
}
