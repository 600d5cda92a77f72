import type { ProtoFile } from './gen/proto-files.ts';
import { FRAME_HEAD_BYTES, type GrpcMethod } from './grpc-method.ts';
import { ProtobufReader, WIRE, WireError } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { failure, GRPC_CODES, type GrpcFailure } from './status.ts';

/** Reflection, under both names that clients ask for: the messages are the same. */
export const REFLECTION_SERVICES = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
] as const;

export interface ReflectionDeps {
  /** The services that are listed. */
  readonly services: readonly string[];
  readonly files: readonly ProtoFile[];
}

/** Tells clients such as grpcurl which services there are, and what their messages look like. */
export function reflectionMethods({ services, files }: ReflectionDeps): readonly GrpcMethod[] {
  const catalog = new Catalog(services, files);
  return REFLECTION_SERVICES.map((service) => ({
    kind: 'stream',
    path: `/${service}/ServerReflectionInfo`,
    label: 'ServerReflectionInfo',
    open: (stream) => ({
      message: (message) => {
        const answer = catalog.answer(message);
        if (Buffer.isBuffer(answer)) stream.send(answer);
        else stream.end(answer);
      },
      ended: () => stream.end(),
    }),
  }));
}

const MALFORMED = failure('INVALID_ARGUMENT', 'the message is no ServerReflectionRequest');

const HOST = (1 << 3) | WIRE.bytes;
const FILE_BY_NAME = (3 << 3) | WIRE.bytes;
const FILE_OF_SYMBOL = (4 << 3) | WIRE.bytes;
const LIST_SERVICES = (7 << 3) | WIRE.bytes;

class Catalog {
  readonly #services: readonly string[];
  readonly #byName: ReadonlyMap<string, ProtoFile>;
  readonly #bySymbol: ReadonlyMap<string, ProtoFile>;

  constructor(services: readonly string[], files: readonly ProtoFile[]) {
    this.#services = services;
    this.#byName = new Map(files.map((file) => [file.name, file]));
    this.#bySymbol = new Map(files.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const)));
  }

  answer(request: Buffer): Buffer | GrpcFailure {
    const response = new ProtobufWriter(FRAME_HEAD_BYTES);
    try {
      const reader = new ProtobufReader(request);
      let write: (() => unknown) | undefined;
      let host = '';
      while (reader.more) {
        const tag = reader.tag();
        if (tag === HOST) host = reader.string();
        else if (tag === FILE_BY_NAME) {
          const name = reader.string();
          write = () => this.#writeFiles(response, this.#byName.get(name), `there is no file ${name}`);
        } else if (tag === FILE_OF_SYMBOL) {
          const symbol = reader.string();
          write = () => this.#writeFiles(response, this.#bySymbol.get(symbol), `there is no symbol ${symbol}`);
        } else if (tag === LIST_SERVICES) {
          reader.string();
          write = () => this.#writeServices(response);
        } else reader.skip(tag);
      }
      response.string(1, host).bytes(2, request);
      // What is left is about extensions, and there are none.
      if (write === undefined) writeError(response, 'there are no extensions');
      else write();
    } catch (error) {
      if (error instanceof WireError) return MALFORMED;
      throw error;
    }
    return response.finish();
  }

  /** A file and all that it imports. */
  #writeFiles(response: ProtobufWriter, file: ProtoFile | undefined, missing: string): void {
    if (file === undefined) {
      writeError(response, missing);
      return;
    }
    const wanted = new Set([file]);
    for (const one of wanted) {
      for (const name of one.imports) {
        const imported = this.#byName.get(name);
        if (imported !== undefined) wanted.add(imported);
      }
    }
    response.message(4, (answer) => {
      for (const one of wanted) answer.bytes(1, Buffer.from(one.descriptor, 'base64'));
    });
  }

  #writeServices(response: ProtobufWriter): void {
    response.message(6, (list) => {
      for (const service of this.#services) list.message(1, (item) => item.string(1, service));
    });
  }
}

function writeError(response: ProtobufWriter, message: string): void {
  response.message(7, (error) => error.uint(1, GRPC_CODES.NOT_FOUND).string(2, message));
}
