import type { PeerIdentity } from '../operator/identity.ts';
import type { StreamClose } from '../transport/stream.ts';

/** Names one carried stream within its tunnel: counted up by the follower from 1, and never used again. */
export type CarriedStream = number;

/** The leader's first word. */
export interface TunnelReady {
  readonly type: 'Ready';
  /** Name of the leader. */
  readonly replica: string;
  /** Key under the tickets that it gives out. */
  readonly ticketKey: Uint8Array;
}

/** What travels through a tunnel, either way but for `Ready` (leader) and `Open` (follower). */
export type TunnelFrame =
  | TunnelReady
  /** The tunnel is there. */
  | { readonly type: 'Alive' }
  /** A PDP has dialled. */
  | { readonly type: 'Open'; readonly stream: CarriedStream; readonly identity: PeerIdentity }
  /** One message, encoded; nobody in between looks into it. */
  | { readonly type: 'Message'; readonly stream: CarriedStream; readonly bytes: Uint8Array }
  /** So many bytes of messages of the stream have left the tunnel at its other end. */
  | { readonly type: 'Taken'; readonly stream: CarriedStream; readonly bytes: number }
  /** The stream is over. */
  | { readonly type: 'Close'; readonly stream: CarriedStream; readonly close: StreamClose };

/** What a {@link TunnelEnd} writes: everything that is about one stream. */
export type StreamFrame = Exclude<TunnelFrame, { readonly type: 'Ready' | 'Alive' }>;
