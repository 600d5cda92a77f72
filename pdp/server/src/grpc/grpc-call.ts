import type { IncomingHttpHeaders } from 'node:http2';
import { encodeBlock, type HeaderField, type ServerStream, type StreamReceiver } from '@edict/protocol/http2';
import { systemClock } from '@edict/protocol';
import { frame, FrameReader } from './frames.ts';
import type {
  GrpcCall,
  GrpcMethod,
  GrpcMethodLabel,
  GrpcStream,
  StreamMethod,
  StreamReader,
  UnaryAnswer,
  UnaryMethod,
} from './grpc-method.ts';
import { encodeMessage, failure, GRPC_CODES, parseTimeout, type GrpcCode, type GrpcFailure } from './status.ts';

/** What all calls share. */
export interface CallDeps {
  readonly maxMessageBytes: number;
  readonly maxHeldBytes: number;
  /** Bytes of unfinished messages, over all calls. */
  readonly held: { bytes: number };
  readonly open: Set<OpenCall>;
  readonly onCall: (method: GrpcMethodLabel, code: GrpcCode, seconds: number) => void;
  readonly onError: (error: unknown) => void;
}

/** A call that waits for its caller. */
export interface OpenCall {
  /** Since when it waits for the rest of a message; undefined where there is none to wait for. */
  readonly waitsSinceMs: number | undefined;
  readonly end: (failed: GrpcFailure) => void;
}

const HEAD: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const HEAD_BLOCK = encodeBlock(HEAD);
const OK_BLOCK = encodeBlock([['grpc-status', '0']]);

/** Answers a call without reading it. */
export function refuse(stream: ServerStream, failed: GrpcFailure): void {
  stream.headers(encodeBlock([...HEAD, ...trailersOf(failed)]), true);
}

/** Reads a call and has it answered by its method. */
export function answerCall(
  deps: CallDeps,
  method: GrpcMethod,
  stream: ServerStream,
  metadata: Readonly<IncomingHttpHeaders>,
  caller: string | undefined,
): void {
  if (method.kind === 'unary') stream.receive(new RunningUnary(deps, method, stream, metadata, caller));
  else stream.receive(new RunningStream(deps, method, stream));
}

function trailersOf({ code, message, trailers = {} }: GrpcFailure): readonly HeaderField[] {
  return [
    ['grpc-status', String(GRPC_CODES[code])],
    ['grpc-message', encodeMessage(message)],
    ...Object.entries(trailers),
  ];
}

const NO_MESSAGE = failure('INVALID_ARGUMENT', 'the call has no message');
const SEVERAL = failure('INVALID_ARGUMENT', 'the call has more than one message');
const HELD_FULL = failure('RESOURCE_EXHAUSTED', 'the messages that are under way fill the memory that they may have');
const INTERNAL = failure('INTERNAL', 'internal error');
const TOO_LATE = failure('DEADLINE_EXCEEDED', 'the deadline of the call has passed');

/** One message in, one out. */
class RunningUnary implements GrpcCall, OpenCall, StreamReceiver {
  readonly metadata: IncomingHttpHeaders;
  readonly caller: string | undefined;
  readonly waitsSinceMs: number;
  readonly #deps: CallDeps;
  readonly #method: UnaryMethod;
  readonly #stream: ServerStream;
  #reader: FrameReader | undefined;
  #message: Buffer | undefined;
  #gone: (() => void)[] | undefined;
  #done = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(
    deps: CallDeps,
    method: UnaryMethod,
    stream: ServerStream,
    metadata: IncomingHttpHeaders,
    caller: string | undefined,
  ) {
    this.#deps = deps;
    this.#method = method;
    this.#stream = stream;
    this.metadata = metadata;
    this.caller = caller;
    this.waitsSinceMs = systemClock.monotonic();
    deps.open.add(this);
  }

  readonly onGone = (listener: () => void): void => {
    (this.#gone ??= []).push(listener);
  };

  /** Ends the call without an answer. */
  end(failed: GrpcFailure): void {
    if (this.#finish(failed.code)) refuse(this.#stream, failed);
  }

  data(piece: Buffer): void {
    if (this.#done) return;
    // Most messages come in one piece; only of others anything has to be held.
    if (this.#reader === undefined && this.#message === undefined && isWhole(piece, this.#deps.maxMessageBytes)) {
      this.#message = piece.subarray(5);
      return;
    }
    this.#reader ??= new FrameReader(this.#deps.maxMessageBytes);
    const { held, maxHeldBytes } = this.#deps;
    const before = this.#reader.heldBytes;
    const framed = this.#reader.push(piece);
    held.bytes += this.#reader.heldBytes - before;
    if (!framed.ok) this.end(framed.failed);
    else if (held.bytes > maxHeldBytes) this.end(HELD_FULL);
    else {
      for (const message of framed.messages) {
        if (this.#message !== undefined) this.end(SEVERAL);
        this.#message = message;
      }
    }
  }

  ended(): void {
    if (this.#done) return;
    const failed = this.#reader?.finish() ?? (this.#message === undefined ? NO_MESSAGE : undefined);
    if (failed !== undefined || this.#message === undefined) {
      this.end(failed ?? NO_MESSAGE);
      return;
    }
    this.#letGo();
    try {
      const answer = this.#method.handle(this.#message, this);
      if (answer instanceof Promise) this.#wait(answer);
      else this.#answer(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #wait(answer: Promise<UnaryAnswer>): void {
    const timeout = this.metadata['grpc-timeout'];
    const timeoutMs = typeof timeout === 'string' ? parseTimeout(timeout) : undefined;
    if (timeoutMs !== undefined) {
      const left = Math.max(0, timeoutMs - (systemClock.monotonic() - this.waitsSinceMs));
      this.#deadline = setTimeout(
        () => {
          this.#tellGone();
          this.end(TOO_LATE);
        },
        Math.min(left, MAX_TIMER_MS),
      );
    }
    answer.then(
      (late) => this.#answer(late),
      (error: unknown) => this.#fail(error),
    );
  }

  #answer(answer: UnaryAnswer): void {
    if (!Buffer.isBuffer(answer)) {
      this.end(answer);
      return;
    }
    if (!this.#finish('OK')) return;
    const stream = this.#stream;
    stream.headers(HEAD_BLOCK, false);
    stream.data(frame(answer));
    stream.headers(OK_BLOCK, true);
  }

  #fail(error: unknown): void {
    this.#deps.onError(error);
    this.end(INTERNAL);
  }

  gone(): void {
    if (this.#finish('CANCELLED')) this.#tellGone();
  }

  #tellGone(): void {
    for (const listener of this.#gone?.splice(0) ?? []) listener();
  }

  /** Counts the end of the call; false where it had ended before, or there is nobody to answer any more. */
  #finish(code: GrpcCode): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#letGo();
    clearTimeout(this.#deadline);
    const isGone = this.#stream.isClosed && code !== 'CANCELLED';
    this.#deps.onCall(
      this.#method.label,
      isGone ? 'CANCELLED' : code,
      (systemClock.monotonic() - this.waitsSinceMs) / 1000,
    );
    return !isGone;
  }

  #letGo(): void {
    this.#deps.open.delete(this);
    if (this.#reader === undefined) return;
    this.#deps.held.bytes -= this.#reader.heldBytes;
    this.#reader = undefined;
  }
}

/** The longest that a timer of Node takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function isWhole(piece: Buffer, maxMessageBytes: number): boolean {
  if (piece.length < 5 || piece[0] !== 0) return false;
  const length = piece.readUInt32BE(1);
  return length <= maxMessageBytes && length === piece.length - 5;
}

/** Many messages in, many out. */
class RunningStream implements GrpcStream, OpenCall, StreamReceiver {
  readonly waitsSinceMs = undefined;
  readonly #sinceMs = systemClock.monotonic();
  readonly #deps: CallDeps;
  readonly #label: GrpcMethodLabel;
  readonly #stream: ServerStream;
  readonly #frames: FrameReader;
  readonly #reader: StreamReader;
  readonly #gone: (() => void)[] = [];
  #hasHead = false;
  #done = false;

  constructor(deps: CallDeps, method: StreamMethod, stream: ServerStream) {
    this.#deps = deps;
    this.#label = method.label;
    this.#stream = stream;
    this.#frames = new FrameReader(deps.maxMessageBytes);
    deps.open.add(this);
    this.#reader = method.open(this);
  }

  readonly onGone = (listener: () => void): void => {
    this.#gone.push(listener);
  };

  readonly send = (message: Buffer): void => {
    if (this.#done) return;
    if (!this.#hasHead) this.#stream.headers(HEAD_BLOCK, false);
    this.#hasHead = true;
    this.#stream.data(frame(message));
  };

  readonly end = (failed?: GrpcFailure): void => {
    if (!this.#finish(failed?.code ?? 'OK')) return;
    this.#tellGone();
    const trailers = failed === undefined ? OK_BLOCK : encodeBlock(trailersOf(failed));
    this.#stream.headers(this.#hasHead ? trailers : Buffer.concat([HEAD_BLOCK, trailers]), true);
  };

  data(piece: Buffer): void {
    if (this.#done) return;
    const framed = this.#frames.push(piece);
    if (!framed.ok) this.end(framed.failed);
    else for (const message of framed.messages) this.#reader.message(message);
  }

  ended(): void {
    if (this.#done) return;
    const failed = this.#frames.finish();
    if (failed === undefined) this.#reader.ended();
    else this.end(failed);
  }

  gone(): void {
    if (this.#finish('CANCELLED')) this.#tellGone();
  }

  #tellGone(): void {
    for (const listener of this.#gone) listener();
  }

  #finish(code: GrpcCode): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#deps.open.delete(this);
    this.#deps.onCall(this.#label, code, (systemClock.monotonic() - this.#sinceMs) / 1000);
    return true;
  }
}
