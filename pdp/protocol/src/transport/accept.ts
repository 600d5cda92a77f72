import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { MessageStream, StreamHandlers } from './stream.ts';

/** Takes an authenticated stream on the operator's side: returns who hears what arrives on it. */
export type AcceptStream = (
  identity: PeerIdentity,
  stream: MessageStream<OperatorMessage>,
) => StreamHandlers<PdpMessage>;

/** Takes an authenticated stream whose messages stay as their sender has encoded them. */
export type AcceptBytes = (identity: PeerIdentity, stream: MessageStream<Uint8Array>) => StreamHandlers<Uint8Array>;
