export * from './identifiers.ts';
export * from './limits.ts';
export * from './messages.ts';
export * from './nack.ts';
export * from './versions.ts';
export * from './clock.ts';
export * from './random.ts';
export { FolderInUseError, lockFolder, type FolderLock } from './folder-lock.ts';
export * from './rollout-trace.ts';
export { isInShare, principalShare } from './principal-share.ts';
export * from './pdp/state.ts';
export * from './pdp/events.ts';
export * from './pdp/lease.ts';
export { createPdp, stepPdp } from './pdp/machine.ts';
export { orderRevisions, type RevisionOrder } from './pdp/revision-order.ts';
export { Arrivals } from './operator/arrivals.ts';
export * from './operator/instant.ts';
export * from './operator/observation.ts';
export * from './operator/progress.ts';
export type { ExternalVerdict } from './operator/analysis.ts';
export {
  SetRollout,
  type DecisionOutcome,
  type RolloutDeps,
  type RolloutEffect,
  type SignDecision,
} from './operator/rollout.ts';
export * from './operator/identity.ts';
export { OperatorMachine, type OperatorDeps, type OperatorEffect, type OperatorEvent } from './operator/machine.ts';
export { planWaves } from './operator/waves.ts';
export { wantsBack } from './operator/way-back.ts';
export type { PdpListing, PdpRefusal, PdpSetListing } from './operator/listing.ts';
export type { SessionId } from './operator/sessions.ts';
export { Outbox } from './operator/outbox.ts';
export * from './log.ts';
export * from './pdp/ports.ts';
export * from './pdp/client.ts';
export * from './transport/stream.ts';
export * from './transport/accept.ts';
export { explainTlsProblem, tlsProblemOf, type TlsProblem } from './transport/tls-problem.ts';
export * from './transport/backoff.ts';
export { dialInMemory } from './transport/memory.ts';
export { checkTicket, issueTicket, TICKET_LIFETIME_MS, type Ticket, type TicketProblem } from './transport/ticket.ts';
export { WireError } from './wire/checks.ts';
export { decodeOperatorMessage, decodePdpMessage, encodeOperatorMessage, encodePdpMessage } from './wire/codec.ts';
export * from './transport/certificate.ts';
export * from './transport/peer-error.ts';
export {
  CONNECT_TIMEOUT_MS,
  dialGrpc,
  dialTunnel,
  type GrpcDialOptions,
  type TunnelDialOptions,
} from './transport/grpc-client.ts';
export {
  AUTHENTICATION_TIMEOUT_MS,
  serveGrpc,
  type GrpcServer,
  type GrpcServerOptions,
  type TunnelDoor,
} from './transport/grpc-server.ts';
export type { TunnelFrame, TunnelReady } from './tunnel/frames.ts';
export { FollowerTunnel, type CarriedEnd, type FollowerTunnelOptions } from './tunnel/follower-tunnel.ts';
export { LeaderTunnels, type AcceptTunnel, type LeaderTunnelsOptions } from './tunnel/leader-tunnels.ts';
export { TUNNEL_ALIVE_MS, TUNNEL_SILENCE_MS } from './tunnel/tunnel-port.ts';
export { StreamConnection } from './transport/stream-connection.ts';
export * from './transport/artifact-client.ts';
export * from './transport/artifact-server.ts';
export type { AnswerHeaders, ArtifactExchange } from './transport/artifact-exchange.ts';
export type { RelayEffect, RelayEvent } from './relay/events.ts';
export type { RelayedCanary, RelayRecord } from './relay/record.ts';
export {
  HUB_SILENCE_MAX_MS,
  RELAY_TUNING,
  RelayMachine,
  SITE_REPORT_MS,
  STORE_RETRY_MS,
  type LoadedRecord,
  type RelayDeps,
} from './relay/relay-machine.ts';
export { SITE_HOLD_MAX_MS } from './relay/site-set.ts';
export { UNKNOWN_AGE_MS } from './relay/hub-link.ts';
