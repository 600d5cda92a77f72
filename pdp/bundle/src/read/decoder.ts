import { Buffer } from 'node:buffer';
import { isIndicatedString, resolveScalar, ScalarError, scalarTag } from './resolve-scalar.ts';
import { dereference } from './yaml-node.ts';
import { Unencodable } from '../model.ts';
import type { AnnotationValue } from '../model.ts';
import type { Position } from '../problem.ts';
import type { AliasNode, MappingNode, ScalarNode, SequenceNode, YamlNode } from './yaml-node.ts';

/** Something in a document that does not fit the type that it is decoded into. */
export interface TypeProblem {
  readonly message: string;
  readonly position: Position | undefined;
  /** Decoding had to stop here. */
  readonly fatal: boolean;
}

/** The document cannot be decoded at all: excessive aliasing, an alias inside itself, a tag that its text contradicts. */
class DecodeFailure extends Error {
  readonly position: Position | undefined;
  constructor(message: string, position: Position | undefined) {
    super(message);
    this.position = position;
  }
}

/** What decodes one field of a mapping; it stores what it reads itself. */
export type FieldDecoder = (value: YamlNode) => void;

/** Makes values out of a tree of any shape. */
export interface ValueBuilder<T> {
  /** Null, and what stands for a value that is a problem. */
  readonly nothing: T;
  /** A scalar's meaning; `bigint` for integers. */
  readonly scalar: (value: null | boolean | bigint | number | string, node: ScalarNode) => T;
  readonly list: (items: readonly T[], node: SequenceNode) => T;
  /** `strings`: whether all keys are strings, and not merely written as such. */
  readonly map: (
    entries: ReadonlyMap<string, T>,
    about: { readonly strings: boolean; readonly node: MappingNode },
  ) => T;
}

/** Ignores explicit keys that an outer mapping has already set, while a merge key is followed. */
type Taken = Set<string>;

/**
 * Decodes a tree into typed values as yaml.v3 decodes into Go structures: unknown keys are ignored, null leaves a field
 * alone, scalars become strings by their text. Problems are collected, so that one pass finds all of them.
 */
export class Decoder {
  readonly problems: TypeProblem[] = [];
  #decoded = 0;
  #aliased = 0;
  #aliasDepth = 0;
  readonly #open = new Set<AliasNode>();

  /** Runs `decode` and collects also what stops decoding altogether. `undefined` if there was any problem. */
  run<T>(decode: () => T): T | undefined {
    try {
      const result = decode();
      return this.problems.length === 0 ? result : undefined;
    } catch (error) {
      if (error instanceof DecodeFailure) {
        this.problems.push({ message: error.message, position: error.position, fatal: true });
      } else if (error instanceof RangeError) {
        this.problems.push({ message: 'aliases nest too deeply', position: undefined, fatal: true });
      } else throw error;
      return undefined;
    }
  }

  /** A string field; `undefined` for null, which leaves the field as it is. */
  string(node: YamlNode): string | undefined {
    return this.#follow(node, (target) => {
      if (target.kind !== 'scalar') {
        this.#mismatch(target, 'a string');
        return undefined;
      }
      if (isNull(target)) return undefined;
      const { tag } = this.#resolve(target);
      return tag === '!!binary' ? this.#binary(target) : target.value;
    });
  }

  /** A boolean field: YAML's booleans and the words of YAML 1.1; `undefined` for null. */
  boolean(node: YamlNode): boolean | undefined {
    return this.#follow(node, (target) => {
      if (target.kind !== 'scalar') {
        this.#mismatch(target, 'a boolean');
        return undefined;
      }
      if (isNull(target)) return undefined;
      const { tag, value } = this.#resolve(target);
      if (typeof value === 'boolean') return value;
      const word = tag === '!!binary' ? this.#binary(target) : value;
      if (typeof word === 'string') {
        if (trueWords.has(word)) return true;
        if (falseWords.has(word)) return false;
      }
      this.#mismatch(target, 'a boolean');
      return undefined;
    });
  }

  /** A list field; elements for which `decodeItem` answers `undefined` (null, or a problem) are left out. */
  list<T>(node: YamlNode, decodeItem: (item: YamlNode, index: number) => T | undefined): readonly T[] | undefined {
    return this.#follow(node, (target) => {
      if (target.kind === 'scalar' && isNull(target)) return undefined;
      if (target.kind !== 'sequence') {
        this.#mismatch(target, 'a list');
        return undefined;
      }
      const result: T[] = [];
      for (const item of target.items) {
        const value = decodeItem(item, result.length);
        if (value !== undefined) result.push(value);
      }
      return result;
    });
  }

  /** A structure: calls the decoder of each key that is known. `false` for null. */
  struct(node: YamlNode, fields: Readonly<Record<string, FieldDecoder>>, taken?: Taken): boolean {
    const decoded = this.#follow(node, (target) => {
      if (target.kind === 'scalar' && isNull(target)) return undefined;
      if (target.kind !== 'mapping') {
        this.#mismatch(target, 'a mapping');
        return undefined;
      }
      if (!this.#uniqueKeys(target)) return undefined;
      this.#structFields(target, fields, taken);
      return true;
    });
    return decoded === true;
  }

  /** A value of any type, as the annotation model holds it. */
  any(node: YamlNode): AnnotationValue {
    return this.value(node, this.#annotationBuilder) ?? null;
  }

  /** A value of any type, made by `builder`; undefined for a mapping whose keys repeat, which is a problem. */
  value<T>(node: YamlNode, builder: ValueBuilder<T>): T | undefined {
    return this.#follow(node, (target): T | undefined => {
      switch (target.kind) {
        case 'scalar':
          return this.#scalarValue(target, builder);
        case 'sequence':
          return builder.list(
            target.items.map((item) => this.value(item, builder) ?? builder.nothing),
            target,
          );
        case 'mapping':
          return this.#mappingValue(target, builder);
      }
    });
  }

  #structFields(target: MappingNode, fields: Readonly<Record<string, FieldDecoder>>, taken: Taken | undefined): void {
    let merge: YamlNode | undefined;
    const done = new Set<string>();
    for (const [keyNode, value] of target.pairs) {
      if (isMergeKey(keyNode)) {
        merge = value;
        continue;
      }
      const key = this.string(keyNode);
      if (key === undefined || taken?.has(key) === true) continue;
      taken?.add(key);
      if (!Object.hasOwn(fields, key)) continue;
      if (done.has(key)) {
        this.report(`field ${key} is already set`, keyNode);
        continue;
      }
      done.add(key);
      fields[key]?.(value);
    }
    if (merge === undefined) return;
    const merged = taken ?? this.#explicitKeys(target);
    for (const source of this.#mergeSources(merge)) this.struct(source, fields, merged);
  }

  readonly #annotationBuilder: ValueBuilder<AnnotationValue> = {
    nothing: null,
    scalar: (value, { value: text }) =>
      typeof value === 'number' && !Number.isFinite(value) ? new Unencodable(`${text} is not JSON`) : value,
    list: (items) => items,
    map: (entries, { strings }) =>
      strings ? Object.fromEntries(entries) : new Unencodable('a map with keys that are not strings is not JSON'),
  };

  #scalarValue<T>(node: ScalarNode, builder: ValueBuilder<T>): T {
    if (isNull(node)) return builder.nothing;
    const { tag, value } = this.#resolve(node);
    return builder.scalar(tag === '!!binary' ? this.#binary(node) : value, node);
  }

  #mappingValue<T>(node: MappingNode, builder: ValueBuilder<T>): T | undefined {
    const entries = new Map<string, T>();
    // Whether keys are strings is judged by their own tags; merged mappings then follow the outer one.
    const strings = node.pairs.every(([key]) => isMergeKey(key) || keyTag(key) === '!!str');
    if (!this.#uniqueKeys(node)) return undefined;
    this.#mappingEntries(node, entries, undefined, builder);
    return builder.map(entries, { strings, node });
  }

  #mappingEntries<T>(
    node: MappingNode,
    entries: Map<string, T>,
    taken: Taken | undefined,
    builder: ValueBuilder<T>,
  ): void {
    let merge: YamlNode | undefined;
    for (const [keyNode, value] of node.pairs) {
      if (isMergeKey(keyNode)) {
        merge = value;
        continue;
      }
      const keyTarget = dereference(keyNode);
      if (keyTarget.kind !== 'scalar') throw new DecodeFailure('invalid map key', positionOf(keyNode));
      const key = this.string(keyNode) ?? '';
      if (taken?.has(key) === true) continue;
      taken?.add(key);
      entries.set(key, this.value(value, builder) ?? builder.nothing);
    }
    if (merge === undefined) return;
    const merged = taken ?? this.#explicitKeys(node);
    for (const source of this.#mergeSources(merge)) {
      this.#follow(source, (target) => {
        if (target.kind === 'mapping' && this.#uniqueKeys(target)) {
          this.#mappingEntries(target, entries, merged, builder);
        }
        return undefined;
      });
    }
  }

  #explicitKeys(node: MappingNode): Taken {
    const keys = new Set<string>();
    for (const [key] of node.pairs) {
      const target = dereference(key);
      if (target.kind === 'scalar') keys.add(target.value);
    }
    return keys;
  }

  #mergeSources(merge: YamlNode): readonly YamlNode[] {
    const sources = merge.kind === 'sequence' ? merge.items : [merge];
    for (const source of sources) {
      if (dereference(source).kind === 'mapping') continue;
      throw new DecodeFailure('map merge requires a map or a sequence of maps as the value', positionOf(source));
    }
    return sources;
  }

  #uniqueKeys(node: MappingNode): boolean {
    const seen = new Map<string, YamlNode>();
    let unique = true;
    for (const [key] of node.pairs) {
      const text = key.kind === 'scalar' ? key.value : key.kind === 'alias' ? key.name : '';
      const id = `${key.kind} ${text}`;
      const first = seen.get(id);
      if (first === undefined) {
        seen.set(id, key);
        continue;
      }
      const line = positionOf(first)?.line;
      this.report(
        `mapping key "${text}" is already defined${line === undefined ? '' : ` at line ${String(line)}`}`,
        key,
      );
      unique = false;
    }
    return unique;
  }

  #follow<T>(
    node: YamlNode,
    decode: (target: ScalarNode | MappingNode | SequenceNode) => T | undefined,
  ): T | undefined {
    this.#count(node);
    if (node.kind !== 'alias') return decode(node);
    if (this.#open.has(node)) throw new DecodeFailure(`anchor '${node.name}' value contains itself`, positionOf(node));
    this.#open.add(node);
    this.#aliasDepth += 1;
    const result = this.#follow(node.target, decode);
    this.#aliasDepth -= 1;
    this.#open.delete(node);
    return result;
  }

  /** Documents that consist mostly of repetitions by alias are refused, the more strictly the larger they become. */
  #count(node: YamlNode): void {
    this.#decoded += 1;
    if (this.#aliasDepth > 0) this.#aliased += 1;
    if (this.#aliased <= 100 || this.#decoded <= 1000) return;
    if (this.#aliased / this.#decoded <= allowedAliasRatio(this.#decoded)) return;
    throw new DecodeFailure('document contains excessive aliasing', positionOf(node));
  }

  #resolve(node: ScalarNode) {
    try {
      return resolveScalar(node);
    } catch (error) {
      if (error instanceof ScalarError) throw new DecodeFailure(error.message, positionOf(node));
      throw error;
    }
  }

  #binary(node: ScalarNode): string {
    const text = node.value.replace(/[\r\n]/g, '');
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
      throw new DecodeFailure('!!binary value contains invalid base64 data', positionOf(node));
    }
    return Buffer.from(text, 'base64').toString('utf8');
  }

  #mismatch(node: ScalarNode | MappingNode | SequenceNode, wanted: string): void {
    const found =
      node.kind === 'scalar'
        ? `${scalarTag(node)} \`${abbreviate(node.value)}\``
        : node.kind === 'mapping'
          ? 'a mapping'
          : 'a list';
    this.report(`${found} where ${wanted} is needed`, node);
  }

  /** Adds a problem that only the caller can see. */
  report(message: string, node: YamlNode): void {
    this.problems.push({ message, position: positionOf(node), fatal: false });
  }
}

// What the decoder accepts beyond YAML's own booleans, in fields that are booleans.
const trueWords: ReadonlySet<string> = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const falseWords: ReadonlySet<string> = new Set(['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);

const ALIAS_RATIO_LOW = 400_000;
const ALIAS_RATIO_HIGH = 4_000_000;

/** 99 % may come from aliases in small documents, 10 % in large ones, and in between what a straight line gives. */
function allowedAliasRatio(decoded: number): number {
  if (decoded <= ALIAS_RATIO_LOW) return 0.99;
  if (decoded >= ALIAS_RATIO_HIGH) return 0.1;
  return 0.99 - 0.89 * ((decoded - ALIAS_RATIO_LOW) / (ALIAS_RATIO_HIGH - ALIAS_RATIO_LOW));
}

function positionOf(node: YamlNode): Position | undefined {
  return node.source?.position;
}

function isNull(node: ScalarNode): boolean {
  return scalarTag(node) === '!!null' && (node.tag === '!!null' ? isNullText(node) : true);
}

/** `!!null x` is a contradiction, which resolving reports. */
function isNullText(node: ScalarNode): boolean {
  return ['', '~', 'null', 'Null', 'NULL'].includes(node.value);
}

function isMergeKey(node: YamlNode): boolean {
  if (node.kind !== 'scalar' || node.value !== '<<') return false;
  return node.tag === '!!merge' || ((node.tag === '' || node.tag === '!') && !isIndicatedString(node));
}

function keyTag(node: YamlNode): string {
  const target = dereference(node);
  return target.kind === 'scalar' ? scalarTag(target) : `!!${target.kind}`;
}

function abbreviate(text: string): string {
  return text.length > 10 ? `${text.slice(0, 7)}...` : text;
}
