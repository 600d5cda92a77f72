import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type JsonValue,
  type Registry,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

const SERVER = join(import.meta.dirname, '../../pdp/server');

let known: Registry | undefined;

/** The messages of the PDP's `.proto` files, read by protobuf's own compiler and runtime: nothing of the PDP takes part. */
function registry(): Registry {
  if (known === undefined) {
    const set = execFileSync(
      join(import.meta.dirname, '../../node_modules/.bin/buf'),
      ['build', '-o', '-#format=binpb'],
      {
        cwd: SERVER,
      },
    );
    known = createFileRegistry(fromBinary(FileDescriptorSetSchema, set));
  }
  return known;
}

/** Bytes of a message that is given in proto JSON. */
export function encodeMessage(type: string, json: JsonValue): Buffer {
  const schema = messageOf(type);
  return Buffer.from(toBinary(schema, fromJson(schema, json, { registry: registry() })));
}

/** A message as proto JSON. */
export function decodeMessage(type: string, bytes: Uint8Array): JsonValue {
  const schema = messageOf(type);
  return toJson(schema, fromBinary(schema, bytes), { registry: registry() });
}

function messageOf(type: string) {
  const schema = registry().getMessage(type);
  if (schema === undefined) throw new Error(`there is no message ${type}`);
  return schema;
}

/** The answer to a call, or why there is none. */
export type CallResult =
  | { readonly ok: true; readonly response: JsonValue }
  | { readonly ok: false; readonly code: number; readonly details: string; readonly trailers: Metadata };

/** A client of a PDP's gRPC port, by the gRPC library that Node programs use. */
export class GrpcClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  /** Calls a unary method of a service with messages in proto JSON. */
  async call(
    path: string,
    [requestType, responseType]: readonly [string, string],
    request: JsonValue,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<CallResult> {
    return await this.callRaw(path, responseType, encodeMessage(requestType, request), metadata);
  }

  /** Calls with bytes that may be no message. */
  async callRaw(
    path: string,
    responseType: string,
    request: Buffer,
    metadata: Readonly<Record<string, string>> = {},
    deadlineMs = 30_000,
  ): Promise<CallResult> {
    const headers = new Metadata();
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
    return await new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        headers,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, bytes?: Buffer) => {
          if (error !== null)
            resolve({ ok: false, code: error.code, details: error.details, trailers: error.metadata });
          else resolve({ ok: true, response: decodeMessage(responseType, bytes ?? Buffer.alloc(0)) });
        },
      );
    });
  }

  /** Envoy's check. */
  async check(request: JsonValue, metadata: Readonly<Record<string, string>> = {}): Promise<CallResult> {
    return await this.call(CHECK, CHECK_TYPES, request, metadata);
  }

  close(): void {
    this.#client.close();
  }
}

/** Path of Envoy's check. */
export const CHECK = '/envoy.service.auth.v3.Authorization/Check';

/** Its messages. */
export const CHECK_TYPES = ['envoy.service.auth.v3.CheckRequest', 'envoy.service.auth.v3.CheckResponse'] as const;
