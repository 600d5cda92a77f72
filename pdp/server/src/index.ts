export { startPdp, type Pdp, type PdpOptions, type PdpStatus } from './pdp.ts';
export { createLogger } from './observability/logger.ts';
export { writeDescriptor } from './audit/write-descriptor.ts';
export type { WriteBytes } from './audit/line-writer.ts';
export type { ArtifactSource, FetchArtifact } from './sync/revision-loader.ts';
export { createHttpEdge, type HttpEdge, type HttpEdgeOptions } from './http/http-edge.ts';
export type { ActiveRevision, ActiveSets } from './active-sets.ts';
