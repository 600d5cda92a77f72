/** The only method that PDPs call: one stream of messages each way. */
export const CONNECT_PATH = '/edict.distribution.v1.DistributionService/Connect';

/** Between replicas of the operator: the streams of many PDPs in one call. */
export const TUNNEL_PATH = '/edict.tunnel.v1.TunnelService/Carry';

/** Messages are protobuf behind gRPC's frames. */
export const CONTENT_TYPE = 'application/grpc+proto';

/** How often a PDP asks whether its operator is there, below the level of Beats, and how long it waits for the answer. */
export const KEEPALIVE_INTERVAL_MS = 20_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Trailer that names when to come back, in milliseconds. */
export const RETRY_AFTER_TRAILER = 'edict-retry-after-ms';

/** Trailers of a replica that does not lead: `host:port` of the one that does, and when to dial that, in milliseconds. */
export const LEADER_TRAILER = 'edict-leader';
export const LEADER_AFTER_TRAILER = 'edict-leader-after-ms';

/** Header of an accepted stream: artifacts can be fetched by the connection that it is on. */
export const ARTIFACTS_HEADER = 'edict-artifacts';
