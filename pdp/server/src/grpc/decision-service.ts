import { parsePorc } from '@edict/engine';
import { inSession } from '../core/in-session.ts';
import type { DecisionCore, EntryRequest, PorcAnswer, Session, SessionRevision } from '../core/session.ts';
import { inSlices } from '../http/in-slices.ts';
import { entryOfCall } from './entry-of-call.ts';
import { FRAME_HEAD_BYTES, type GrpcCall, type UnaryAnswer, type UnaryMethod } from './grpc-method.ts';
import { ProtobufReader, WIRE, WireError } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { failure, refusalFailure } from './status.ts';

/** Our own service, as `proto/edict/pdp/v1/decision.proto` describes it. */
export const DECISION_SERVICE = 'edict.pdp.v1.DecisionService';

export interface DecisionServiceDeps {
  readonly core: DecisionCore;
  /** PORCs that one batch may hold. */
  readonly maxBatch: number;
}

/** What both requests say. */
interface Asked {
  readonly porcs: readonly Buffer[];
  readonly probe: boolean;
  readonly instance: string | undefined;
  readonly atLeast: string | undefined;
  readonly wait: string | undefined;
}

/** `Authorize` and `AuthorizeBatch`: decisions on PORCs. Where no decision is given the call fails, or the item has a problem. */
export function decisionMethods({ core, maxBatch }: DecisionServiceDeps): readonly UnaryMethod[] {
  const method = (
    label: 'Authorize' | 'AuthorizeBatch',
    decide: (session: Session, asked: Asked, call: GrpcCall) => UnaryAnswer | Promise<UnaryAnswer>,
  ): UnaryMethod => ({
    kind: 'unary',
    path: `/${DECISION_SERVICE}/${label}`,
    label,
    handle: (message, call) => {
      const asked = readAsked(message);
      if (asked === undefined) return invalid(`the message is no ${label}Request`);
      const entry = entryOf(call, asked, message.length);
      return inSession(core, entry, (session) => decide(session, asked, call), refusalFailure);
    },
  });
  const invalid = (message: string): UnaryAnswer => {
    core.invalid('grpc');
    return failure('INVALID_ARGUMENT', message);
  };

  const one = method('Authorize', (session, { porcs, probe }) => {
    const parsed = parsePorc(porcs.at(-1) ?? EMPTY);
    if (!parsed.ok) return invalid(parsed.message);
    const answer = session.decide(parsed.porc, { probe });
    return answer instanceof Promise ? answer.then((late) => answerOf(session, late)) : answerOf(session, answer);
  });

  const many = method('AuthorizeBatch', (session, { porcs, probe }, { onGone }) => {
    if (porcs.length > maxBatch) return invalid(`${porcs.length} PORCs are more than the ${maxBatch} of one batch`);
    return decideAll(session, porcs, probe, onGone);
  });

  return [one, many];
}

/** The longest that `Policy-Wait` can say in milliseconds. */
const MAX_WAIT_MS = 999_999_999;

const EMPTY = Buffer.alloc(0);

const PORC_FIELD = (1 << 3) | WIRE.bytes;
const PROBE_FIELD = (2 << 3) | WIRE.varint;
const REQUIREMENT_FIELD = (3 << 3) | WIRE.bytes;
const SET_FIELD = (1 << 3) | WIRE.bytes;
const AT_LEAST_FIELD = (2 << 3) | WIRE.bytes;
const WAIT_FIELD = (3 << 3) | WIRE.varint;

/** Reads either request: they differ in nothing but how many PORCs they mean. Undefined if the bytes are none. */
function readAsked(message: Buffer): Asked | undefined {
  const porcs: Buffer[] = [];
  let probe = false;
  let instance = '';
  let atLeast = '';
  let waitMs = 0;
  const reader = new ProtobufReader(message);
  const readRequirement = (): void => {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === SET_FIELD) instance = reader.string();
      else if (tag === AT_LEAST_FIELD) atLeast = reader.string();
      else if (tag === WAIT_FIELD) waitMs = reader.uint32();
      else reader.skip(tag);
    }
  };
  try {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === PORC_FIELD) porcs.push(reader.bytes());
      else if (tag === PROBE_FIELD) probe = reader.bool();
      else if (tag === REQUIREMENT_FIELD) reader.message(readRequirement);
      else reader.skip(tag);
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  return {
    porcs,
    probe,
    instance: given(instance),
    atLeast: given(atLeast),
    // A wait of months is cut short like any other that is too long.
    wait: waitMs === 0 ? undefined : `${Math.min(waitMs, MAX_WAIT_MS)}ms`,
  };
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function entryOf(call: GrpcCall, { instance, atLeast, wait }: Asked, bytes: number): EntryRequest {
  const entry = entryOfCall('grpc', call, bytes);
  return {
    ...entry,
    instance: instance ?? entry.instance,
    atLeast: atLeast ?? entry.atLeast,
    wait: wait ?? entry.wait,
  };
}

function answerOf({ revision }: Session, answer: PorcAnswer): UnaryAnswer {
  if (answer.kind === 'refused') return refusalFailure(answer);
  return new ProtobufWriter(FRAME_HEAD_BYTES).bool(1, answer.allow).bytes(2, revisionBytes(revision)).finish();
}

/** Decides the items one after the other, all by one revision. Other calls get their turn in between. */
async function decideAll(
  session: Session,
  porcs: readonly Buffer[],
  probe: boolean,
  onGone: GrpcCall['onGone'],
): Promise<UnaryAnswer> {
  const response = new ProtobufWriter(FRAME_HEAD_BYTES);
  const take = (answer: PorcAnswer): boolean => {
    response.message(1, (item) => writeItem(item, answer));
    return true;
  };
  const end = await inSlices(porcs, onGone, (text) => {
    const parsed = parsePorc(text);
    if (!parsed.ok) {
      response.message(1, (item) => writeProblem(item, '', parsed.message));
      return true;
    }
    const answer = session.decide(parsed.porc, { probe });
    return answer instanceof Promise ? answer.then(take) : take(answer);
  });
  if (end === 'interrupted') return failure('CANCELLED', 'the call was cancelled before all was decided');
  return response.bytes(2, revisionBytes(session.overall)).finish();
}

function writeItem(item: ProtobufWriter, answer: PorcAnswer): void {
  if (answer.kind === 'refused') writeProblem(item, answer.problem, answer.detail);
  else item.boolAlways(1, answer.allow);
}

function writeProblem(item: ProtobufWriter, name: string, detail: string): void {
  item.message(2, (problem) => problem.string(1, name).string(2, detail));
}

const known = new WeakMap<SessionRevision, Buffer>();

/** The message that names a revision: the same for all its answers. */
function revisionBytes(revision: SessionRevision): Buffer {
  let bytes = known.get(revision);
  if (bytes === undefined) {
    const { set, n, digest, token } = revision;
    bytes = new ProtobufWriter().string(1, set).uint(2, n).string(3, digest).string(4, token).finish();
    known.set(revision, bytes);
  }
  return bytes;
}
