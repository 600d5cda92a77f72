export { startPdp, type LinkHandlers, type OpenLink, type Pdp, type PdpOptions, type PdpStatus } from './pdp.ts';
export { createLogger } from './observability/logger.ts';
export { writeDescriptor } from './audit/write-descriptor.ts';
export type { WriteBytes } from './audit/line-writer.ts';
export type { FetchArtifact } from './sync/revision-loader.ts';
export type { OperatorLink } from './sync/pdp-runner.ts';
