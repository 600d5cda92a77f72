import { WIRE } from '../grpc/protobuf-reader.ts';

/**
 * The messages of Envoy's CheckRequest as tables: what each field is called in the two documents that policies read, and how
 * it lies on the wire. Field numbers are those of `proto/envoy/service/auth/v3/attribute_context.proto` and what it imports.
 */
export interface MessageFields {
  /** By field number. */
  readonly fields: readonly (Field | undefined)[];
}

/** How a field's value is read. */
export type FieldKind =
  | 'string'
  | 'bytes'
  | 'uint32'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'struct'
  | { readonly message: MessageFields }
  | { readonly list: MessageFields }
  | { readonly map: 'string' | 'struct' | MessageFields };

export interface Field {
  /** Its name in JSON. */
  readonly json: string;
  /** Its name in Go's rendering of the message, which the reference engine's mappers read. */
  readonly go: string;
  readonly kind: FieldKind;
  /** The wire type that a value of this kind has. */
  readonly wire: number;
  /** Where it is a member of a oneof: how Go wraps it, and the names of all members in JSON. */
  readonly oneof: { readonly go: string; readonly member: string; readonly json: readonly string[] } | undefined;
}

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function field(name: string, kind: FieldKind, oneof?: Field['oneof']): Field {
  return { json: camelCase(name), go: name, kind, wire: wireTypeOf(kind), oneof };
}

function wireTypeOf(kind: FieldKind): number {
  return kind === 'uint32' || kind === 'int32' || kind === 'int64' || kind === 'bool' ? WIRE.varint : WIRE.bytes;
}

/** Fields by number. */
function message(numbered: Readonly<Record<number, Field>>): MessageFields {
  const fields: (Field | undefined)[] = [];
  for (const [number, one] of Object.entries(numbered)) fields[Number(number)] = one;
  return { fields: Array.from(fields) };
}

/** Members of one oneof, by number. */
function oneof(
  go: string,
  members: Readonly<Record<number, readonly [string, FieldKind]>>,
): Readonly<Record<number, Field>> {
  const json = Object.values(members).map(([name]) => camelCase(name));
  return Object.fromEntries(
    Object.entries(members).map(([number, [name, kind]]) => {
      const member = camelCase(`_${name}`);
      return [number, field(name, kind, { go, member, json })];
    }),
  );
}

const SOCKET_ADDRESS = message({
  1: field('protocol', 'int32'),
  2: field('address', 'string'),
  ...oneof('PortSpecifier', { 3: ['port_value', 'uint32'], 4: ['named_port', 'string'] }),
  5: field('resolver_name', 'string'),
  6: field('ipv4_compat', 'bool'),
  7: field('network_namespace_filepath', 'string'),
});

const PIPE = message({ 1: field('path', 'string'), 2: field('mode', 'uint32') });

const INTERNAL_ADDRESS = message({
  ...oneof('AddressNameSpecifier', { 1: ['server_listener_name', 'string'] }),
  2: field('endpoint_id', 'string'),
});

const ADDRESS = message(
  oneof('Address', {
    1: ['socket_address', { message: SOCKET_ADDRESS }],
    2: ['pipe', { message: PIPE }],
    3: ['envoy_internal_address', { message: INTERNAL_ADDRESS }],
  }),
);

const PEER = message({
  1: field('address', { message: ADDRESS }),
  2: field('service', 'string'),
  3: field('labels', { map: 'string' }),
  4: field('principal', 'string'),
  5: field('certificate', 'string'),
});

const HEADER_VALUE = message({
  1: field('key', 'string'),
  2: field('value', 'string'),
  3: field('raw_value', 'bytes'),
});
const HEADER_MAP = message({ 1: field('headers', { list: HEADER_VALUE }) });

const HTTP_REQUEST = message({
  1: field('id', 'string'),
  2: field('method', 'string'),
  3: field('headers', { map: 'string' }),
  4: field('path', 'string'),
  5: field('host', 'string'),
  6: field('scheme', 'string'),
  7: field('query', 'string'),
  8: field('fragment', 'string'),
  9: field('size', 'int64'),
  10: field('protocol', 'string'),
  11: field('body', 'string'),
  12: field('raw_body', 'bytes'),
  13: field('header_map', { message: HEADER_MAP }),
});

const TIMESTAMP = message({ 1: field('seconds', 'int64'), 2: field('nanos', 'int32') });
const REQUEST = message({ 1: field('time', { message: TIMESTAMP }), 2: field('http', { message: HTTP_REQUEST }) });
const ANY = message({ 1: field('type_url', 'string'), 2: field('value', 'bytes') });
const METADATA = message({
  1: field('filter_metadata', { map: 'struct' }),
  2: field('typed_filter_metadata', { map: ANY }),
});
const TLS_SESSION = message({ 1: field('sni', 'string') });

/** Number of `context_extensions` in the attributes. */
export const CONTEXT_EXTENSIONS = 10;

/** `AttributeContext`: all that a CheckRequest has. */
export const ATTRIBUTES = message({
  1: field('source', { message: PEER }),
  2: field('destination', { message: PEER }),
  4: field('request', { message: REQUEST }),
  [CONTEXT_EXTENSIONS]: field('context_extensions', { map: 'string' }),
  11: field('metadata_context', { message: METADATA }),
  12: field('tls_session', { message: TLS_SESSION }),
  13: field('route_metadata_context', { message: METADATA }),
});
