import { ProtobufReader, WIRE } from '../grpc/protobuf-reader.ts';
import { ProtobufWriter } from '../grpc/protobuf-writer.ts';

/** A field of a message that a test writes: its number, and a text, a number, bytes, or the fields of a message. */
export type TestField = readonly [number: number, value: string | number | Uint8Array | readonly TestField[]];

/** Writes a message field by field, whatever it means. */
export function messageOf(fields: readonly TestField[]): Buffer {
  const writer = new ProtobufWriter();
  write(writer, fields);
  return writer.finish();
}

function write(writer: ProtobufWriter, fields: readonly TestField[]): void {
  for (const [number, value] of fields) {
    if (typeof value === 'string') writer.stringAlways(number, value);
    else if (typeof value === 'number') writer.uintAlways(number, value);
    else if (value instanceof Uint8Array) writer.bytes(number, value);
    else writer.message(number, (inner) => write(inner, value));
  }
}

/** The entries of a map of texts. */
export function mapField(number: number, entries: Readonly<Record<string, string>>): readonly TestField[] {
  return Object.entries(entries).map(([key, value]) => [
    number,
    [
      [1, key],
      [2, value],
    ],
  ]);
}

/** A CheckRequest of an HTTP request. */
export function aCheck(
  http: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
  attributes: readonly TestField[] = [],
): Buffer {
  const { method = 'GET', path = '/', headers = {}, body } = http;
  const request: readonly TestField[] = [
    [2, method],
    ...mapField(3, headers),
    [4, path],
    ...(body === undefined ? [] : [[11, body] as const]),
  ];
  return messageOf([[1, [[4, [[2, request]]], ...attributes]]]);
}

/** The fields of a message, by number; of embedded ones the bytes. */
export function fieldsOf(message: Buffer): ReadonlyMap<number, readonly (Buffer | number)[]> {
  const fields = new Map<number, (Buffer | number)[]>();
  const reader = new ProtobufReader(message);
  while (reader.more) {
    const tag = reader.tag();
    const value = (tag & 7) === WIRE.varint ? reader.uint32() : reader.bytes();
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value]);
  }
  return fields;
}
