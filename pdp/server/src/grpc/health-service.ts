import { FRAME_HEAD_BYTES, type GrpcMethod } from './grpc-method.ts';
import { ProtobufReader, WIRE, WireError } from './protobuf-reader.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { failure } from './status.ts';

/** gRPC's health protocol. */
export const HEALTH_SERVICE = 'grpc.health.v1.Health';

export interface HealthDeps {
  /** The services that are known; the empty name stands for the whole server. */
  readonly services: readonly string[];
  /** Whether requests should be sent here. */
  readonly isReady: () => boolean;
  /** Calls `look` again and again until the answer is called; a watcher is told only what has changed. */
  readonly every: (look: () => void) => () => void;
  /** Watchers that there may be at once. */
  readonly maxWatchers?: number;
}

/** Default of {@link HealthDeps.maxWatchers}. */
export const MAX_WATCHERS = 1_000;

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
const SERVICE_FIELD = (1 << 3) | WIRE.bytes;

/** `Check` and `Watch`: SERVING while the PDP is ready. */
export function healthMethods({
  services,
  isReady,
  every,
  maxWatchers = MAX_WATCHERS,
}: HealthDeps): readonly GrpcMethod[] {
  const known: ReadonlySet<string> = new Set(['', ...services]);
  let watchers = 0;
  const statusOf = (service: string): number =>
    known.has(service) ? (isReady() ? SERVING : NOT_SERVING) : SERVICE_UNKNOWN;
  return [
    {
      kind: 'unary',
      path: `/${HEALTH_SERVICE}/Check`,
      label: 'Health.Check',
      isPublic: true,
      handle: (message) => {
        const service = readService(message);
        if (service === undefined) return MALFORMED;
        const status = statusOf(service);
        return status === SERVICE_UNKNOWN ? failure('NOT_FOUND', 'unknown service') : response(status);
      },
    },
    {
      kind: 'stream',
      path: `/${HEALTH_SERVICE}/Watch`,
      label: 'Health.Watch',
      isPublic: true,
      open: (stream) => {
        let isWatching = false;
        const watch = (service: string): void => {
          isWatching = true;
          watchers++;
          let told: number | undefined;
          const look = (): void => {
            const status = statusOf(service);
            if (status === told) return;
            told = status;
            stream.send(response(status));
          };
          look();
          const stop = every(look);
          stream.onGone(() => {
            watchers--;
            stop();
          });
        };
        return {
          message: (message) => {
            if (isWatching) return;
            const service = readService(message);
            if (service === undefined) stream.end(MALFORMED);
            else if (watchers >= maxWatchers) stream.end(failure('RESOURCE_EXHAUSTED', 'too many watchers'));
            else watch(service);
          },
          ended: () => {
            if (!isWatching) stream.end(MALFORMED);
          },
        };
      },
    },
  ];
}

const MALFORMED = failure('INVALID_ARGUMENT', 'the message is no HealthCheckRequest');

function response(status: number): Buffer {
  return new ProtobufWriter(FRAME_HEAD_BYTES).uint(1, status).finish();
}

function readService(message: Buffer): string | undefined {
  const reader = new ProtobufReader(message);
  let service = '';
  try {
    while (reader.more) {
      const tag = reader.tag();
      if (tag === SERVICE_FIELD) service = reader.string();
      else reader.skip(tag);
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  return service;
}
