import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { MessageStream, StreamHandlers } from './stream.ts';

/** Takes an authenticated stream on the operator's side: returns who hears what arrives on it. */
export type AcceptStream = (
  identity: PeerIdentity,
  stream: MessageStream<OperatorMessage>,
) => StreamHandlers<PdpMessage>;
