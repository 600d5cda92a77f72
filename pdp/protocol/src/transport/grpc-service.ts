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

/** Options of both ends: bounds on messages, and pings that find a dead connection below the level of Beats. */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
  'grpc.max_send_message_length': MESSAGE_MAX_BYTES,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
} as const;

/** Trailer that names when to come back, in milliseconds. */
export const RETRY_AFTER_TRAILER = 'edict-retry-after-ms';
