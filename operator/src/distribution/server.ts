import {
  serveArtifacts,
  serveGrpc,
  watchCertificate,
  type AcceptStream,
  type Certificate,
  type PdpListing,
  type RolloutProgress,
  type SetKey,
} from '@edict/protocol';
import { createAuthenticator, type ReviewToken } from './authenticator.ts';
import { createDistributor, type Distributor, type DistributorOptions } from './distributor.ts';

/** PDPs that find a replica which does not lead come back after this, plus as much again at random. */
export const NOT_LEADER_RETRY_MS = 1_000;
/** How long a closing leader lets its PDPs leave in order. */
export const DRAIN_MAX_MS = 5_000;

/** What a distribution server is made of. */
export interface DistributionServerOptions extends DistributorOptions {
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
}

/** A replica's distribution server. */
export interface DistributionServer {
  readonly streamPort: number;
  readonly artifactsPort: number;
  /** This replica leads from now on: it takes streams and decides. */
  readonly lead: () => void;
  /** It no longer does: streams are closed, later ones are told to come back. Artifacts are served on. */
  readonly follow: () => void;
  /** While it leads: counts of a set. */
  readonly progress: (set: SetKey) => RolloutProgress | undefined;
  /** While it leads: every PDP that it knows of. */
  readonly pdps: () => readonly PdpListing[];
  /** Takes streams from inside this process as well (all-in-one), while it leads. */
  readonly accept: () => AcceptStream | undefined;
  /** Sends PDPs elsewhere, then closes everything. */
  readonly close: () => Promise<void>;
}

/** Listens for streams and for requests of artifacts. Takes no stream before {@link DistributionServer.lead}. */
export async function createDistributionServer(options: DistributionServerOptions): Promise<DistributionServer> {
  const { host, clock, log, metrics, backend, random } = options;
  const certificate = watchCertificate(options.tls, clock);
  const authenticate = createAuthenticator({ reviewToken: options.reviewToken, clock, metrics });
  let distributor: Distributor | undefined;
  const artifacts = await serveArtifacts({
    host,
    port: options.artifactsPort,
    certificate,
    store: backend,
    ticketKey: options.ticketKey,
    clock,
    log,
    onRequest: metrics.artifact,
  });
  const streams = await serveGrpc({
    host,
    port: options.streamPort,
    certificate,
    authenticate,
    acceptor: () => distributor?.accept,
    notLeaderRetryMs: () => NOT_LEADER_RETRY_MS * (1 + random()),
    log,
  });
  const follow = (): void => {
    distributor?.close();
    distributor = undefined;
  };
  return {
    streamPort: streams.port,
    artifactsPort: artifacts.port,
    lead: () => {
      distributor ??= createDistributor(options);
    },
    follow,
    progress: (set) => distributor?.progress(set),
    pdps: () => distributor?.pdps() ?? [],
    accept: () => distributor?.accept,
    close: async () => {
      await distributor?.drain('the operator is shutting down', DRAIN_MAX_MS);
      follow();
      certificate.close();
      await Promise.all([streams.close(), artifacts.close()]);
    },
  };
}
