import { numberFromBigInt, numberFromText } from '@edict/rego/values';
import { KnownTexts } from '../grpc/known-texts.ts';
import { ProtobufReader, WIRE, WireError } from '../grpc/protobuf-reader.ts';
import { ATTRIBUTES, CONTEXT_EXTENSIONS, type Field, type FieldKind, type MessageFields } from './check-fields.ts';
import { setMember, type JsonObject } from './json-object.ts';

/**
 * How attributes are written for policies: `json` with the names of proto JSON, as the OPA-Envoy plugin has them; `go` as Go
 * prints the message's struct, as the reference engine's mappers have them. Both leave out what is not set, and both give
 * 64-bit numbers and enumerations as numbers, bytes as base64 and a `Struct` as plain JSON.
 */
export type AttributeStyle = 'json' | 'go';

const ATTRIBUTES_FIELD = (1 << 3) | WIRE.bytes;
/** Only of names, of headers above all: values can be secrets, which are not to be kept. */
const NAMES = new KnownTexts();
const EXTENSIONS_FIELD = (CONTEXT_EXTENSIONS << 3) | WIRE.bytes;

/** A `Struct` nests no deeper: the bound of protobuf's own readers. */
export const MAX_STRUCT_DEPTH = 100;

/**
 * The attributes of a CheckRequest; undefined where it has none. Fields that are not known are passed over.
 * @throws WireError if the bytes are no such message
 */
export function decodeAttributes(message: Buffer, style: AttributeStyle): JsonObject | undefined {
  const reader = new ProtobufReader(message);
  let attributes: JsonObject | undefined;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === ATTRIBUTES_FIELD) attributes = readMessage(reader, ATTRIBUTES, style, attributes ?? {});
    else reader.skip(tag);
  }
  return attributes;
}

/**
 * One of the context extensions of a CheckRequest, without reading the rest.
 * @throws WireError if the bytes are no such message
 */
export function readContextExtension(message: Buffer, name: string): string | undefined {
  const reader = new ProtobufReader(message);
  let found: string | undefined;
  while (reader.more) {
    const tag = reader.tag();
    if (tag !== ATTRIBUTES_FIELD) {
      reader.skip(tag);
      continue;
    }
    reader.message(() => {
      while (reader.more) {
        const inner = reader.tag();
        if (inner !== EXTENSIONS_FIELD) reader.skip(inner);
        else {
          const [key, value] = readEntry(reader, (entry) => entry.string(), '');
          if (key === name) found = value;
        }
      }
    });
  }
  return found;
}

/** Reads an embedded message into what is known of it so far. */
function readMessage(
  reader: ProtobufReader,
  { fields }: MessageFields,
  style: AttributeStyle,
  target: JsonObject,
): JsonObject {
  const end = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    const field = fields[tag >>> 3];
    if (field === undefined || (tag & 7) !== field.wire) reader.skip(tag);
    else readField(reader, field, style, target);
  }
  reader.leave(end);
  return target;
}

function readField(reader: ProtobufReader, field: Field, style: AttributeStyle, target: JsonObject): void {
  const { kind, oneof } = field;
  const name = style === 'json' ? field.json : field.go;
  if (oneof === undefined) {
    // Only what is made of several fields builds on what is there.
    const value = readValue(reader, kind, style, typeof kind === 'string' ? undefined : target[name]);
    if (isSet(value)) target[name] = value;
    else Reflect.deleteProperty(target, name);
    return;
  }
  // Of a oneof the last member counts, and it is set also when it is zero or empty.
  if (style === 'go') {
    const before = target[oneof.go] as JsonObject | undefined;
    target[oneof.go] = { [oneof.member]: readValue(reader, kind, style, before?.[oneof.member]) };
    return;
  }
  const value = readValue(reader, kind, style, target[name]);
  for (const other of oneof.json) if (other !== name && other in target) Reflect.deleteProperty(target, other);
  target[name] = value;
}

/** In proto3 a scalar that is zero or empty is not set. */
function isSet(value: unknown): boolean {
  return value !== '' && value !== 0 && value !== false;
}

function readValue(reader: ProtobufReader, kind: FieldKind, style: AttributeStyle, before: unknown): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes().toString('base64');
    case 'uint32':
      return reader.uint32();
    case 'int32':
      return reader.int32();
    case 'int64': {
      const value = reader.int64();
      return typeof value === 'number' ? value : numberFromBigInt(value);
    }
    case 'bool':
      return reader.bool();
    case 'struct':
      return readStruct(reader, {}, 1);
    default:
      if ('message' in kind) return readMessage(reader, kind.message, style, (before ?? {}) as JsonObject);
      if ('list' in kind) {
        const list = (before ?? []) as unknown[];
        list.push(readMessage(reader, kind.list, style, {}));
        return list;
      }
      return readMapEntry(reader, kind.map, style, (before ?? {}) as JsonObject);
  }
}

function readMapEntry(
  reader: ProtobufReader,
  kind: 'string' | 'struct' | MessageFields,
  style: AttributeStyle,
  target: JsonObject,
): JsonObject {
  if (kind === 'string') {
    readTextEntry(reader, target);
  } else {
    const read = (entry: ProtobufReader): JsonObject =>
      kind === 'struct' ? readStruct(entry, {}, 1) : readMessage(entry, kind, style, {});
    const [key, value] = readEntry(reader, read, undefined);
    setMember(target, key, value ?? {});
  }
  return target;
}

const KEY_FIELD = (1 << 3) | WIRE.bytes;
const VALUE_FIELD = (2 << 3) | WIRE.bytes;

/** An entry of a map of texts. Requests consist of these; so it is read without anything made for it. */
function readTextEntry(reader: ProtobufReader, target: JsonObject): void {
  const end = reader.enter();
  let key = '';
  let value = '';
  while (reader.more) {
    const tag = reader.tag();
    if (tag === KEY_FIELD) key = reader.knownString(NAMES);
    else if (tag === VALUE_FIELD) value = reader.string();
    else reader.skip(tag);
  }
  reader.leave(end);
  setMember(target, key, value);
}

/** An entry of a map: on the wire a message of key and value. */
function readEntry<T>(
  reader: ProtobufReader,
  read: (reader: ProtobufReader) => T,
  missing: T | undefined,
): [string, T | undefined] {
  let key = '';
  let value = missing;
  reader.message(() => {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === KEY_FIELD) key = reader.string();
      else if (tag === VALUE_FIELD) value = read(reader);
      else reader.skip(tag);
    }
  });
  return [key, value];
}

/** A `google.protobuf.Struct` as the object that it stands for. */
function readStruct(reader: ProtobufReader, target: JsonObject, depth: number): JsonObject {
  if (depth > MAX_STRUCT_DEPTH) throw new WireError(`metadata nests deeper than ${MAX_STRUCT_DEPTH} levels`);
  return reader.message(() => {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === KEY_FIELD) {
        const [key, value] = readEntry(reader, (entry) => readStructValue(entry, depth), null);
        setMember(target, key, value);
      } else reader.skip(tag);
    }
    return target;
  });
}

const NULL_VALUE = (1 << 3) | WIRE.varint;
const NUMBER_VALUE = (2 << 3) | WIRE.fixed64;
const STRING_VALUE = (3 << 3) | WIRE.bytes;
const BOOL_VALUE = (4 << 3) | WIRE.varint;
const STRUCT_VALUE = (5 << 3) | WIRE.bytes;
const LIST_VALUE = (6 << 3) | WIRE.bytes;

function readStructValue(reader: ProtobufReader, depth: number): unknown {
  return reader.message(() => {
    let value: unknown = null;
    while (reader.more) {
      const tag = reader.tag();
      switch (tag) {
        case NULL_VALUE:
          reader.skip(tag);
          value = null;
          break;
        case NUMBER_VALUE:
          value = numberOf(reader.double());
          break;
        case STRING_VALUE:
          value = reader.string();
          break;
        case BOOL_VALUE:
          value = reader.bool();
          break;
        case STRUCT_VALUE:
          value = readStruct(reader, {}, depth + 1);
          break;
        case LIST_VALUE:
          value = readList(reader, depth + 1);
          break;
        default:
          reader.skip(tag);
      }
    }
    return value;
  });
}

function readList(reader: ProtobufReader, depth: number): unknown[] {
  if (depth > MAX_STRUCT_DEPTH) throw new WireError(`metadata nests deeper than ${MAX_STRUCT_DEPTH} levels`);
  const list: unknown[] = [];
  reader.message(() => {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === KEY_FIELD) list.push(readStructValue(reader, depth));
      else reader.skip(tag);
    }
  });
  return list;
}

/** A double as policies hold numbers; what is none is its name, as Go has it. */
function numberOf(value: number): unknown {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return Number.isFinite(value) ? numberFromText(String(value)) : goName(value);
}

function goName(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
