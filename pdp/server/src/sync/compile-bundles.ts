import { parseBundle, type DomainModel } from '@edict/bundle';
import { compileSnapshot, type CompiledSnapshot } from '@edict/engine';
import type { Digest, NackDetail, NackPhase } from '@edict/protocol';

/** The gzip bundles of one revision, in the manifest's order, each with the digest that the manifest names. */
export interface CompileRequest {
  readonly bundles: readonly { readonly digest: Digest; readonly gzip: Uint8Array }[];
}

export type CompileAnswer =
  | { readonly ok: true; readonly compiled: CompiledSnapshot; readonly compileMs: number; readonly heapDeltaBytes: number }
  | {
      readonly ok: false;
      readonly phase: NackPhase;
      readonly code: string;
      readonly deterministic: boolean;
      readonly detail: NackDetail;
    };

/** Verifies each bundle against its digest, reads the domains, and compiles them together. */
export function compileBundles(request: CompileRequest): CompileAnswer {
  const startedMs = performance.now();
  const heapBefore = process.memoryUsage().heapUsed;
  const domains: DomainModel[] = [];
  for (const { digest, gzip } of request.bundles) {
    const bundle = parseBundle(gzip, digest);
    if (!bundle.ok) {
      return {
        ok: false,
        phase: 'Verify',
        code: bundle.code,
        deterministic: true,
        detail: { message: `${digest}: ${bundle.message}` },
      };
    }
    domains.push(bundle.domain);
  }
  const result = compileSnapshot(domains);
  if (!result.ok) {
    const [first] = result.problems;
    return {
      ok: false,
      phase: 'Compile',
      code: first?.code ?? 'InvalidDomains',
      deterministic: true,
      detail: first ?? { message: 'the domains do not compile' },
    };
  }
  return {
    ok: true,
    compiled: result.compiled,
    compileMs: performance.now() - startedMs,
    heapDeltaBytes: Math.max(0, process.memoryUsage().heapUsed - heapBefore),
  };
}
