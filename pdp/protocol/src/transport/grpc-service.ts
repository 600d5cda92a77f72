import { MESSAGE_MAX_BYTES } from '../limits.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asBytes = (buffer: Buffer): Uint8Array => buffer;

/**
 * The gRPC service, with bytes on both sides: decoding is done by the owner of a stream, which can answer bad bytes in the
 * words of the protocol.
 */
export const DISTRIBUTION_SERVICE = {
  connect: {
    path: '/edict.distribution.v1.DistributionService/Connect',
    requestStream: true,
    responseStream: true,
    requestSerialize: asBuffer,
    requestDeserialize: asBytes,
    responseSerialize: asBuffer,
    responseDeserialize: asBytes,
  },
} as const;

/** How often each end asks whether the other is there, below the level of Beats, and how long it waits for the answer. */
export const KEEPALIVE_INTERVAL_MS = 20_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Options of the operator's end: bounds on messages, and pings that find a dead connection below the level of Beats. */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
  'grpc.max_send_message_length': MESSAGE_MAX_BYTES,
  'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.keepalive_permit_without_calls': 1,
} as const;

/** Trailer that names when to come back, in milliseconds. */
export const RETRY_AFTER_TRAILER = 'edict-retry-after-ms';
