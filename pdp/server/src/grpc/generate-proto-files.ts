import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProtobufReader, WIRE } from './protobuf-reader.ts';

/**
 * Writes `gen/proto-files.ts` of the files in `proto/`: their texts, which are published, and their descriptors, which
 * reflection tells. A program: `npm run generate --workspace @edict/server`.
 */
const packageFolder = join(import.meta.dirname, '../..');
const set = execFileSync('buf', ['build', '--exclude-source-info', '-o', '-#format=binpb'], { cwd: packageFolder });

interface Described {
  readonly name: string;
  readonly imports: readonly string[];
  readonly symbols: readonly string[];
  readonly descriptor: string;
  readonly text: string | undefined;
}

const TEXT = (number: number): number => (number << 3) | WIRE.bytes;

/** Every text field and every embedded message of a message, by field number. */
function fieldsOf(message: Buffer): ReadonlyMap<number, readonly Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  const reader = new ProtobufReader(message);
  while (reader.more) {
    const tag = reader.tag();
    if ((tag & 7) !== WIRE.bytes) reader.skip(tag);
    else fields.set(tag, [...(fields.get(tag) ?? []), reader.bytes()]);
  }
  return fields;
}

function textsOf(message: Buffer, field: number): readonly string[] {
  return (fieldsOf(message).get(TEXT(field)) ?? []).map(String);
}

/** Full names of a message or an enumeration, and of what is declared inside. */
function symbolsOf(prefix: string, message: Buffer, inner: readonly number[]): readonly string[] {
  const fields = fieldsOf(message);
  const name = `${prefix}${String(fields.get(TEXT(1))?.[0] ?? '')}`;
  return [
    name,
    ...inner.flatMap((field) =>
      (fields.get(TEXT(field)) ?? []).flatMap((one) => symbolsOf(`${name}.`, one, field === 3 ? [3, 4] : [])),
    ),
  ];
}

function describe(file: Buffer): Described {
  const fields = fieldsOf(file);
  const [name = ''] = textsOf(file, 1);
  const [scope = ''] = textsOf(file, 2);
  const all = (field: number, inner: readonly number[]): readonly string[] =>
    (fields.get(TEXT(field)) ?? []).flatMap((one) => symbolsOf(`${scope}.`, one, inner));
  return {
    name,
    imports: textsOf(file, 3),
    // Messages with nested messages and enumerations, enumerations, services with methods.
    symbols: [...all(4, [3, 4]), ...all(5, []), ...all(6, [2])],
    descriptor: file.toString('base64'),
    text: name.startsWith('google/protobuf/') ? undefined : readFileSync(join(packageFolder, 'proto', name), 'utf8'),
  };
}

const files = (fieldsOf(set).get(TEXT(1)) ?? []).map(describe).sort((a, b) => (a.name < b.name ? -1 : 1));
mkdirSync(join(import.meta.dirname, 'gen'), { recursive: true });
writeFileSync(
  join(import.meta.dirname, 'gen/proto-files.ts'),
  `// Generated from pdp/server/proto by generate-proto-files.ts: do not edit.

/** A file of \`proto/\`, or one that it imports. */
export interface ProtoFile {
  readonly name: string;
  readonly imports: readonly string[];
  /** Full names of what it declares. */
  readonly symbols: readonly string[];
  /** Its FileDescriptorProto, base64. */
  readonly descriptor: string;
  /** Its source; absent where it is one of protobuf's own. */
  readonly text?: string;
}

export const PROTO_FILES: readonly ProtoFile[] = ${JSON.stringify(files, undefined, 2)};
`,
);
