import {
  Arrivals,
  LeaderTunnels,
  serveArtifacts,
  serveGrpc,
  watchCertificate,
  type AcceptStream,
  type ArtifactStore,
  type Certificate,
  type Clock,
  type Log,
  type PeerIdentity,
} from '@edict/protocol';
import type { BundleEndpoint } from '../bundle-endpoint/index.ts';
import { createAuthenticator, type ReviewToken } from './authenticator.ts';
import type { DistributionMetrics } from './metrics.ts';
import { TunnelKeeper, type TunnelKeeperOptions } from './tunnel-keeper.ts';
import type { TunnelMetrics } from './tunnel-metrics.ts';

/** PDPs that find a replica which does not lead come back after this at the earliest, plus as much again at random. */
export const NOT_LEADER_RETRY_MS = 250;
/** So many of them come back a second at most: each costs a handshake, and a fleet without a leader comes as a whole. */
export const NOT_LEADER_RATE = 100;

/** What a leading replica serves with. */
export interface LeadingReplica {
  readonly accept: AcceptStream;
  readonly artifacts: ArtifactStore;
}

/** What it takes for replicas that do not lead to carry the streams of PDPs to the one that does. */
export interface TunnelOptions extends Pick<TunnelKeeperOptions, 'leader' | 'findLeader'> {
  /** Name of this replica. */
  readonly replica: string;
  /** Which replica sends a token; its answers are remembered and its calls bounded here. */
  readonly reviewReplica: ReviewToken;
  /** Looks, while this replica leads, at a PDP whom another has let in. @throws PeerError */
  readonly admit: (identity: PeerIdentity) => void;
  /** What carried PDPs fetch here. */
  readonly artifacts: ArtifactStore;
  readonly metrics: TunnelMetrics;
}

/** What a distribution server is made of. */
export interface DistributionServerOptions {
  /** Address to listen on. */
  readonly host: string;
  /** Port of the streams; 0 for any. */
  readonly streamPort: number;
  /** Port of manifests and bundles; 0 for any. */
  readonly artifactsPort: number;
  /** The current certificate and key. Called every ten seconds: a rotation needs no restart. */
  readonly tls: () => Certificate;
  /** Who sends a token; its answers are remembered and its calls bounded here. */
  readonly reviewToken: ReviewToken;
  /** Who has a client certificate with these names; absent: whoever has no token is refused. @throws PeerError */
  readonly identify?: (names: readonly string[]) => PeerIdentity;
  /** Key under the tickets that artifacts are fetched with. */
  readonly ticketKey: Uint8Array;
  /** Undefined while this replica does not lead: streams are told to come back, artifacts are missing. */
  readonly leading: () => LeadingReplica | undefined;
  /** Absent: a replica that does not lead carries nothing, and takes no tunnel when it leads. */
  readonly tunnel?: TunnelOptions;
  /** `host:port` of the streams of the replica that leads, as long as that is another; undefined: not known now. */
  readonly leaderAddress?: () => string | undefined;
  /** Serves bundles to stock OPAs beside the artifacts; nobody does if absent. */
  readonly bundles?: Pick<BundleEndpoint, 'handle'>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: DistributionMetrics;
}

/** A replica's doors for PDPs. They are there whether it leads or not. */
export interface DistributionServer {
  readonly streamPort: number;
  readonly artifactsPort: number;
  /**
   * Ends the tunnels of followers, and sends the PDPs that are carried elsewhere, 10 % a second; resolves when all have gone or `maxMs`
   * passed. The streams of a leader are its distributor's.
   */
  readonly drain: (reason: string, maxMs: number) => Promise<void>;
  /** Ends every connection and both listening sockets. */
  readonly close: () => Promise<void>;
}

/** Listens for streams (gRPC over TLS) and for requests of artifacts (HTTPS). */
export async function createDistributionServer(options: DistributionServerOptions): Promise<DistributionServer> {
  const { host, clock, log, metrics, random, leading, ticketKey, tunnel } = options;
  const certificate = watchCertificate(options.tls, clock);
  const arrivals = new Arrivals(NOT_LEADER_RATE);
  const notLeaderRetryMs = (): number => NOT_LEADER_RETRY_MS * (1 + random()) + arrivals.reserve(clock.monotonic());
  const ways = tunnel && createWays(options, tunnel, notLeaderRetryMs);
  const artifactsNow = (): ArtifactStore | undefined =>
    leading()?.artifacts ?? (ways?.keeper.ticketKey === undefined ? undefined : tunnel?.artifacts);
  const named = new Arrivals(NOT_LEADER_RATE);
  const artifacts = await serveArtifacts({
    host,
    port: options.artifactsPort,
    certificate,
    store: {
      getManifest: async (digest, signal) => await artifactsNow()?.getManifest(digest, signal),
      getBundle: async (digest, signal) => await artifactsNow()?.getBundle(digest, signal),
    },
    ticketKey: () => (leading() === undefined ? ways?.keeper.ticketKey : undefined) ?? ticketKey,
    clock,
    log,
    onRequest: metrics.artifact,
    ...(options.bundles === undefined ? {} : { otherwise: options.bundles.handle }),
  });
  const authenticated = (reviewToken: ReviewToken): ReviewToken => createAuthenticator({ reviewToken, clock, metrics });
  const streams = await serveGrpc({
    host,
    port: options.streamPort,
    certificate,
    get: artifacts.handle,
    ...(options.identify === undefined ? {} : { identify: options.identify }),
    authenticate: authenticated(options.reviewToken),
    acceptor: () => leading()?.accept,
    ...(tunnel === undefined || ways === undefined
      ? {}
      : {
          carrier: () => ways.keeper.carrier,
          tunnels: { authenticate: authenticated(tunnel.reviewReplica), acceptor: () => ways.tunnels.accept },
        }),
    notLeaderRetryMs,
    leader: () => {
      const address = options.leaderAddress?.();
      // One after the other to the leader too, which has a handshake to do for each.
      return address === undefined ? undefined : { address, afterMs: named.reserve(clock.monotonic()) };
    },
    log,
    clock,
  });
  return {
    streamPort: streams.port,
    artifactsPort: artifacts.port,
    drain: async (reason, maxMs) => {
      ways?.tunnels.close(reason);
      await ways?.keeper.drain(reason, maxMs);
    },
    close: async () => {
      certificate.close();
      ways?.tunnels.close('this replica is closing');
      ways?.keeper.close();
      await Promise.all([streams.close(), artifacts.close()]);
    },
  };
}

/** Both ends of tunnels: which of them is of use depends on who leads. */
interface Ways {
  readonly keeper: TunnelKeeper;
  readonly tunnels: LeaderTunnels;
}

function createWays(
  { leading, ticketKey, clock, random, log }: DistributionServerOptions,
  { replica, leader, findLeader, admit, metrics }: TunnelOptions,
  retryAfterMs: () => number,
): Ways {
  const isLeading = (): boolean => leading() !== undefined;
  const onStreamEnded = metrics.ended;
  const keeper = new TunnelKeeper({ leader, findLeader, isLeading, retryAfterMs, onStreamEnded, clock, random, log });
  const tunnels = new LeaderTunnels({ replica, ticketKey, accept: () => leading()?.accept, admit, clock, log });
  metrics.measure(() => ({ ...keeper.figures, followers: tunnels.size, carried: tunnels.streams }));
  return { keeper, tunnels };
}
