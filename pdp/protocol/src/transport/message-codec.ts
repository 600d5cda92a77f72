import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { TunnelFrame } from '../tunnel/frames.ts';
import {
  decodeOperatorMessage,
  decodePdpMessage,
  encodeOperatorMessage,
  encodePdpMessage,
  knownMessage,
} from '../wire/codec.ts';
import { decodeTunnelFrame, encodeTunnelFrame, TUNNEL_FRAME_MAX_BYTES } from '../wire/tunnel-frames.ts';

/** What is said on a stream: one side's messages to bytes, and the other's from bytes. */
export interface MessageCodec<Out, In> {
  /** Largest encoded message, either way. */
  readonly maxBytes: number;
  /** @throws WireError */
  readonly encode: (message: Out) => Uint8Array;
  /** Undefined for a message that this version does not know. @throws WireError */
  readonly decode: (bytes: Uint8Array) => In | undefined;
  /** Which message it is, for people. */
  readonly nameOf: (message: Out) => string;
}

/** As the PDP has it. */
export const PDP_CODEC: MessageCodec<PdpMessage, OperatorMessage> = {
  maxBytes: MESSAGE_MAX_BYTES,
  encode: encodePdpMessage,
  decode: (bytes) => knownMessage(decodeOperatorMessage, bytes),
  nameOf: ({ type }) => type,
};

/** As the operator has it. */
export const OPERATOR_CODEC: MessageCodec<OperatorMessage, PdpMessage> = {
  maxBytes: MESSAGE_MAX_BYTES,
  encode: encodeOperatorMessage,
  decode: (bytes) => knownMessage(decodePdpMessage, bytes),
  nameOf: ({ type }) => type,
};

/** As a follower of the operator has it, who looks into nothing. */
export const BYTES_CODEC: MessageCodec<Uint8Array, Uint8Array> = {
  maxBytes: MESSAGE_MAX_BYTES,
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
  nameOf: () => 'a message',
};

/** Between a follower and its leader. */
export const TUNNEL_CODEC: MessageCodec<TunnelFrame, TunnelFrame> = {
  maxBytes: TUNNEL_FRAME_MAX_BYTES,
  encode: encodeTunnelFrame,
  decode: decodeTunnelFrame,
  nameOf: ({ type }) => type,
};
