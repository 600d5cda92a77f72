import {
  Arrivals,
  serveArtifacts,
  serveGrpc,
  watchCertificate,
  type AcceptStream,
  type ArtifactStore,
  type Certificate,
  type Clock,
  type Log,
} from '@edict/protocol';
import type { BundleEndpoint } from '../bundle-endpoint/index.ts';
import { createAuthenticator, type ReviewToken } from './authenticator.ts';
import type { DistributionMetrics } from './metrics.ts';

/** PDPs that find a replica which does not lead come back after this at the earliest, plus as much again at random. */
export const NOT_LEADER_RETRY_MS = 1_000;
/** So many of them come back a second at most: each costs a handshake, and a fleet without a leader comes as a whole. */
export const NOT_LEADER_RATE = 100;

/** What a leading replica serves with. */
export interface LeadingReplica {
  readonly accept: AcceptStream;
  readonly artifacts: ArtifactStore;
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
  /** Key under the tickets that artifacts are fetched with. */
  readonly ticketKey: Uint8Array;
  /** Undefined while this replica does not lead: streams are told to come back, artifacts are missing. */
  readonly leading: () => LeadingReplica | undefined;
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
  /** Ends every connection and both listening sockets. */
  readonly close: () => Promise<void>;
}

/** Listens for streams (gRPC over TLS) and for requests of artifacts (HTTPS). */
export async function createDistributionServer(options: DistributionServerOptions): Promise<DistributionServer> {
  const { host, clock, log, metrics, random, leading, ticketKey } = options;
  const certificate = watchCertificate(options.tls, clock);
  const arrivals = new Arrivals(NOT_LEADER_RATE);
  const artifacts = await serveArtifacts({
    host,
    port: options.artifactsPort,
    certificate,
    store: {
      getManifest: async (digest, signal) => await leading()?.artifacts.getManifest(digest, signal),
      getBundle: async (digest, signal) => await leading()?.artifacts.getBundle(digest, signal),
    },
    ticketKey,
    clock,
    log,
    onRequest: metrics.artifact,
    ...(options.bundles === undefined ? {} : { otherwise: options.bundles.handle }),
  });
  const streams = await serveGrpc({
    host,
    port: options.streamPort,
    certificate,
    get: artifacts.handle,
    authenticate: createAuthenticator({ reviewToken: options.reviewToken, clock, metrics }),
    acceptor: () => leading()?.accept,
    notLeaderRetryMs: () => NOT_LEADER_RETRY_MS * (1 + random()) + arrivals.reserve(clock.monotonic()),
    log,
    clock,
  });
  return {
    streamPort: streams.port,
    artifactsPort: artifacts.port,
    close: async () => {
      certificate.close();
      await Promise.all([streams.close(), artifacts.close()]);
    },
  };
}
