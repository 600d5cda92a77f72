import * as gen from '../gen/edict/distribution/v1/distribution.ts';
import { messageOf } from '../log.ts';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import { WireError } from './checks.ts';
import { operatorMessageFromGen, operatorMessageToGen } from './operator-messages.ts';
import { pdpMessageFromGen, pdpMessageToGen } from './pdp-messages.ts';

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MESSAGE_MAX_BYTES) {
    throw new WireError('TooLarge', `a message of ${bytes.length} bytes, at most ${MESSAGE_MAX_BYTES} are allowed`);
  }
  return bytes;
}

function decoded<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  bounded(bytes);
  try {
    return decode(bytes);
  } catch (cause) {
    throw new WireError('Malformed', `not a message: ${messageOf(cause)}`, { cause });
  }
}

/** A PDP's message as bytes. @throws WireError `TooLarge` */
export function encodePdpMessage(message: PdpMessage): Uint8Array {
  return bounded(gen.ConnectRequest.encode(pdpMessageToGen(message)).finish());
}

/** A PDP's message from bytes, every bound checked. @throws WireError */
export function decodePdpMessage(bytes: Uint8Array): PdpMessage {
  return pdpMessageFromGen(decoded(bytes, (input) => gen.ConnectRequest.decode(input)));
}

/**
 * What `decode` makes of the bytes, or undefined for a message of a type that this version does not know: whoever sends one is
 * newer, and gets on without an answer to it. Unknown members of known messages are skipped by the encoding itself.
 */
export function knownMessage<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof WireError && error.code === 'UnknownMessage') return undefined;
    throw error;
  }
}

/** An operator's message as bytes. @throws WireError `TooLarge` */
export function encodeOperatorMessage(message: OperatorMessage): Uint8Array {
  return bounded(gen.ConnectResponse.encode(operatorMessageToGen(message)).finish());
}

/** An operator's message from bytes, every bound checked. @throws WireError */
export function decodeOperatorMessage(bytes: Uint8Array): OperatorMessage {
  return operatorMessageFromGen(decoded(bytes, (input) => gen.ConnectResponse.decode(input)));
}
