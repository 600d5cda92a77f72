import * as gen from '../gen/edict/tunnel/v1/tunnel.ts';
import { MESSAGE_MAX_BYTES, NAME_MAX_LENGTH, SETS_MAX } from '../limits.ts';
import { messageOf } from '../log.ts';
import type { NodeTraits, PeerIdentity } from '../operator/identity.ts';
import type { CloseCode, StreamClose } from '../transport/stream.ts';
import type { TunnelFrame } from '../tunnel/frames.ts';
import { atMostItems, required, setKey, text, whole, WireError, wordCodec } from './checks.ts';

/** Largest encoded frame: a message of the largest size, and what is around it. */
export const TUNNEL_FRAME_MAX_BYTES = MESSAGE_MAX_BYTES + 1024;
/** Longest reason of an end, and labels of one PDP. */
const REASON_MAX_LENGTH = 4_096;
const LABELS_MAX = 1_024;
const TICKET_KEY_MAX_BYTES = 64;
const RETRY_AFTER_MAX_MS = 86_400_000;

const closeCodes = wordCodec<CloseCode, gen.CloseCode>({
  Closed: gen.CloseCode.CLOSED,
  Unavailable: gen.CloseCode.UNAVAILABLE,
  Unauthenticated: gen.CloseCode.UNAUTHENTICATED,
  Protocol: gen.CloseCode.PROTOCOL,
});

/** A frame as bytes; which side says it does not show in them. */
export function encodeTunnelFrame(frame: TunnelFrame): Uint8Array {
  return gen.CarryRequest.encode({ frame: frameToGen(frame) }).finish();
}

/** A frame from bytes, every bound checked; undefined for one of a kind that this version does not know. @throws WireError */
export function decodeTunnelFrame(bytes: Uint8Array): TunnelFrame | undefined {
  if (bytes.length > TUNNEL_FRAME_MAX_BYTES) throw new WireError('TooLarge', `a frame of ${bytes.length} bytes`);
  let decoded: gen.CarryRequest;
  try {
    decoded = gen.CarryRequest.decode(bytes);
  } catch (cause) {
    throw new WireError('Malformed', `not a frame: ${messageOf(cause)}`, { cause });
  }
  return frameFromGen(required(decoded.frame, 'frame'));
}

function frameToGen(frame: TunnelFrame): gen.Frame {
  switch (frame.type) {
    case 'Ready': {
      const { replica, ticketKey } = frame;
      return { stream: 0, frame: { $case: 'ready', value: { replica, ticketKey: Buffer.from(ticketKey) } } };
    }
    case 'Alive':
      return { stream: 0, frame: { $case: 'alive', value: {} } };
    case 'Open':
      return { stream: frame.stream, frame: { $case: 'open', value: identityToGen(frame.identity) } };
    case 'Message': {
      const { buffer, byteOffset, byteLength } = frame.bytes;
      return { stream: frame.stream, frame: { $case: 'message', value: Buffer.from(buffer, byteOffset, byteLength) } };
    }
    case 'Taken':
      return { stream: frame.stream, frame: { $case: 'taken', value: frame.bytes } };
    case 'Close':
      return { stream: frame.stream, frame: { $case: 'close', value: closeToGen(frame.close) } };
  }
}

function frameFromGen({ stream: number, frame }: gen.Frame): TunnelFrame | undefined {
  if (frame === undefined) return undefined;
  const stream = (): number => whole(number, 'stream', 1);
  switch (frame.$case) {
    case 'ready': {
      const { replica, ticketKey } = frame.value;
      whole(ticketKey.length, 'bytes of ticket_key', 16, TICKET_KEY_MAX_BYTES);
      return { type: 'Ready', replica: text(replica, 'replica', NAME_MAX_LENGTH), ticketKey };
    }
    case 'alive':
      return { type: 'Alive' };
    case 'open':
      return { type: 'Open', stream: stream(), identity: identityFromGen(frame.value) };
    case 'message':
      return { type: 'Message', stream: stream(), bytes: frame.value };
    case 'taken':
      return { type: 'Taken', stream: stream(), bytes: whole(frame.value, 'taken', 1) };
    case 'close':
      return { type: 'Close', stream: stream(), close: closeFromGen(frame.value) };
  }
}

function identityToGen({ nodeId, podName, namespace, serviceAccount, sets, traits, site }: PeerIdentity): gen.Open {
  const { labels = {}, zone = '' } = traits ?? {};
  return {
    nodeId,
    podName,
    namespace,
    serviceAccount,
    sets: [...sets],
    traits: traits && { labels: { ...labels }, zone },
    site,
  };
}

function identityFromGen(open: gen.Open): PeerIdentity {
  const name = (value: string, field: string): string => text(value, field, NAME_MAX_LENGTH);
  return {
    nodeId: name(open.nodeId, 'node_id'),
    podName: name(open.podName, 'pod_name'),
    namespace: name(open.namespace, 'namespace'),
    serviceAccount: text(open.serviceAccount, 'service_account', NAME_MAX_LENGTH, 0),
    sets: atMostItems(open.sets, 'sets', SETS_MAX).map((set) => setKey(set, 'sets')),
    ...(open.traits === undefined ? {} : { traits: traitsFromGen(open.traits) }),
    ...(open.site === undefined ? {} : { site: name(open.site, 'site') }),
  };
}

function traitsFromGen({ labels, zone }: gen.Traits): NodeTraits {
  atMostItems(Object.keys(labels), 'labels', LABELS_MAX);
  return { labels, ...(zone === '' ? {} : { zone: text(zone, 'zone', NAME_MAX_LENGTH) }) };
}

function closeToGen({ code, reason, retryAfterMs }: StreamClose): gen.Close {
  return {
    code: closeCodes.encode(code),
    reason: reason.slice(0, REASON_MAX_LENGTH),
    retryAfterMs: retryAfterMs === undefined ? undefined : Math.min(RETRY_AFTER_MAX_MS, Math.ceil(retryAfterMs)),
  };
}

function closeFromGen({ code, reason, retryAfterMs }: gen.Close): StreamClose {
  return {
    code: closeCodes.decode(code, 'code'),
    reason: text(reason, 'reason', REASON_MAX_LENGTH, 0),
    ...(retryAfterMs === undefined
      ? {}
      : { retryAfterMs: whole(retryAfterMs, 'retry_after_ms', 0, RETRY_AFTER_MAX_MS) }),
  };
}
