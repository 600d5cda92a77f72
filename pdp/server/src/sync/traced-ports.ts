import type { PdpPorts } from '@edict/protocol';
import type { RolloutTracer } from '../observability/rollout-tracer.ts';

/** The ports, with a span for each piece of work on a revision; they themselves where nothing is traced. */
export function tracedPorts(ports: PdpPorts, tracer: RolloutTracer | undefined): PdpPorts {
  if (tracer === undefined) return ports;
  const { split } = ports;
  const { measure } = tracer;
  return {
    ...ports,
    fetchManifest: (request, signal) =>
      measure('fetch manifest', request.set, request.revision, () => ports.fetchManifest(request, signal)),
    fetchBundles: (request, missing, signal) =>
      measure('fetch bundles', request.set, request.revision, () => ports.fetchBundles(request, missing, signal)),
    compile: (set, revision, signal) => measure('compile', set, revision, () => ports.compile(set, revision, signal)),
    runTests: (set, revision, signal) =>
      measure('run tests', set, revision, () => ports.runTests(set, revision, signal)),
    swap: (set, revision) => measure('swap', set, revision, () => ports.swap(set, revision)),
    ...(split && {
      split: (set, revision, share) => measure('split', set, revision, () => split(set, revision, share)),
    }),
  };
}
