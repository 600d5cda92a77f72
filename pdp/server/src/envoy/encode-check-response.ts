import { RegoNumber } from '@edict/rego/values';
import type { SessionRevision } from '../core/session.ts';
import { FRAME_HEAD_BYTES } from '../grpc/grpc-method.ts';
import { ProtobufWriter } from '../grpc/protobuf-writer.ts';
import { GRPC_CODES } from '../grpc/status.ts';
import type { CheckAnswer, CheckProblem, DeniedReply, HeaderEntry, RequestChanges } from './check-answer.ts';
import { isJsonObject, type JsonObject } from './json-object.ts';

/** What goes to Envoy's other filters and to its log, in the namespace `envoy.filters.http.ext_authz`. */
export interface CheckMetadata {
  /** Metadata of the policy's own. */
  readonly given: Readonly<JsonObject> | undefined;
  /** Names the record of the decision; undefined where nothing was decided. */
  readonly decisionId: string | undefined;
  readonly revision: SessionRevision;
  readonly problem: CheckProblem | undefined;
}

const PERMISSION_DENIED = 7;

/** A CheckResponse, behind the bytes that its frame needs. */
export function encodeCheckResponse(answer: CheckAnswer, metadata: CheckMetadata): Buffer {
  const { given, decisionId, revision, problem } = metadata;
  const isBare = given === undefined && problem === undefined && decisionId?.length === ANY_ID.length;
  const bare = isBare && saysNothingElse(answer) ? bareResponseOf(answer.allow, revision, decisionId) : undefined;
  return bare ?? encode(answer, metadata);
}

/** Yes or no, and nothing more. */
function saysNothingElse(answer: CheckAnswer): boolean {
  return answer.allow ? answer.changes === undefined : answer.reply === undefined && answer.message === undefined;
}

/** As long as ids are. */
const ANY_ID = 'id-of-a-decision-in-36-characters---';

/** A response to which only the id of the decision is lacking. */
interface BareResponse {
  readonly bytes: Buffer;
  /** Where it belongs. */
  readonly idAt: number;
}

const bareResponses = new WeakMap<SessionRevision, { readonly allow: BareResponse; readonly deny: BareResponse }>();

/** Most responses of a revision differ in nothing but the id. Undefined where that takes more bytes than it has characters. */
function bareResponseOf(allow: boolean, revision: SessionRevision, decisionId: string): Buffer | undefined {
  let both = bareResponses.get(revision);
  if (both === undefined) {
    both = {
      allow: bareResponse({ allow: true, changes: undefined }, revision),
      deny: bareResponse({ allow: false, reply: undefined }, revision),
    };
    bareResponses.set(revision, both);
  }
  const { bytes, idAt } = allow ? both.allow : both.deny;
  const response = Buffer.allocUnsafe(bytes.length);
  bytes.copy(response);
  return response.write(decisionId, idAt) === ANY_ID.length ? response : undefined;
}

function bareResponse(answer: CheckAnswer, revision: SessionRevision): BareResponse {
  const bytes = encode(answer, { given: undefined, decisionId: ANY_ID, revision, problem: undefined });
  return { bytes, idAt: bytes.indexOf(ANY_ID) };
}

function encode(answer: CheckAnswer, metadata: CheckMetadata): Buffer {
  const writer = new ProtobufWriter(FRAME_HEAD_BYTES);
  if (answer.allow) {
    const { changes } = answer;
    writer.message(1, (status) => status.uint(1, GRPC_CODES.OK));
    if (changes !== undefined) writer.message(3, (ok) => writeChanges(ok, changes));
  } else {
    const { reply, message = '' } = answer;
    writer.message(1, (status) => status.uint(1, PERMISSION_DENIED).string(2, message));
    if (reply !== undefined) writer.message(2, (denied) => writeReply(denied, reply));
  }
  return writer.message(4, (struct) => writeMetadata(struct, metadata)).finish();
}

function writeChanges(writer: ProtobufWriter, changes: RequestChanges): void {
  writeHeaders(writer, 2, changes.headers);
  for (const name of changes.headersToRemove) writer.stringAlways(5, name);
  writeHeaders(writer, 6, changes.responseHeaders);
  for (const entry of changes.queryToSet) writer.message(7, (parameter) => writeEntry(parameter, entry));
  for (const name of changes.queryToRemove) writer.stringAlways(8, name);
}

function writeReply(writer: ProtobufWriter, { status, headers, body }: DeniedReply): void {
  writer.message(1, (httpStatus) => httpStatus.uint(1, status));
  writeHeaders(writer, 2, headers);
  writer.string(3, body);
}

/** Without `append`: a header replaces what the client sent by that name. */
function writeHeaders(writer: ProtobufWriter, field: number, headers: readonly HeaderEntry[]): void {
  for (const entry of headers) {
    writer.message(field, (option) => option.message(1, (header) => writeEntry(header, entry)));
  }
}

function writeEntry(writer: ProtobufWriter, [name, value]: HeaderEntry): void {
  writer.string(1, name).string(2, value);
}

/** Members that a policy cannot set. */
const OWN_MEMBERS: ReadonlySet<string> = new Set(['decision_id', 'edict']);
const revisions = new WeakMap<SessionRevision, Buffer>();

function writeMetadata(writer: ProtobufWriter, { given, decisionId, revision, problem }: CheckMetadata): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!OWN_MEMBERS.has(name)) writeMember(writer, name, value);
  }
  if (decisionId !== undefined) writeMember(writer, 'decision_id', decisionId);
  if (problem !== undefined) {
    writeMember(writer, 'edict', { ...edictMember(revision), problem });
    return;
  }
  let known = revisions.get(revision);
  if (known === undefined) {
    const member = new ProtobufWriter();
    writeMember(member, 'edict', edictMember(revision));
    known = member.finish();
    revisions.set(revision, known);
  }
  writer.raw(known);
}

/** Which revision answered. */
function edictMember({ set, n, digest }: SessionRevision): JsonObject {
  return { set, revision: n, digest };
}

function writeMember(writer: ProtobufWriter, name: string, value: unknown): void {
  writer.message(1, (entry) => {
    entry.stringAlways(1, name).message(2, (member) => writeValue(member, value));
  });
}

/** JSON data as a `google.protobuf.Value`. Numbers become doubles. */
function writeValue(writer: ProtobufWriter, value: unknown): void {
  switch (typeof value) {
    case 'string':
      writer.stringAlways(3, value);
      return;
    case 'boolean':
      writer.boolAlways(4, value);
      return;
    case 'number':
      writer.double(2, value);
      return;
    default:
      if (Array.isArray(value)) {
        const items: readonly unknown[] = value;
        writer.message(6, (list) => {
          for (const item of items) list.message(1, (element) => writeValue(element, item));
        });
      } else if (value instanceof RegoNumber) {
        writer.double(2, Number(value.text));
      } else if (isJsonObject(value)) {
        writer.message(5, (struct) => {
          for (const [name, member] of Object.entries(value)) writeMember(struct, name, member);
        });
      } else {
        writer.uintAlways(1, 0);
      }
  }
}
