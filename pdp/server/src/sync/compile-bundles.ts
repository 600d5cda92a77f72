import { BundleError, parseBundle, type Digest, type DomainModel, type Problem } from '@edict/bundle';
import { compileSnapshot, type CompiledSnapshot } from '@edict/engine';
import type { NackDetail, NackPhase } from '@edict/protocol';

/** The gzip bundles of one revision, in the manifest's order, each with the digest that the manifest names. */
export interface CompileRequest {
  readonly bundles: readonly { readonly digest: Digest; readonly gzip: Uint8Array }[];
}

export type CompileAnswer =
  | {
      readonly ok: true;
      readonly compiled: CompiledSnapshot;
      readonly compileMs: number;
      readonly heapDeltaBytes: number;
    }
  | {
      readonly ok: false;
      readonly phase: NackPhase;
      readonly code: string;
      readonly deterministic: boolean;
      readonly detail: NackDetail;
      /** The bundle whose bytes are not what its digest says. */
      readonly badArtifact?: Digest;
    };

/** Verifies each bundle against its digest, reads the domains, and compiles them together. */
export function compileBundles(request: CompileRequest): CompileAnswer {
  const startedMs = performance.now();
  const heapBefore = process.memoryUsage().heapUsed;
  const domains: DomainModel[] = [];
  for (const { digest, gzip } of request.bundles) {
    try {
      domains.push(parseBundle(gzip, { digest }));
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      const detail = { message: `${digest}: ${error.message}` };
      // Bytes that are wrong may have been damaged on the way: worth another fetch.
      return { ok: false, phase: 'Verify', code: error.code, deterministic: false, detail, badArtifact: digest };
    }
  }
  const result = compileSnapshot(domains);
  if (!result.ok) {
    const [first] = result.problems;
    return {
      ok: false,
      phase: 'Compile',
      code: first?.class ?? 'InvalidDomains',
      deterministic: true,
      detail: first === undefined ? { message: 'the domains do not compile' } : nackDetail(first),
    };
  }
  return {
    ok: true,
    compiled: result.compiled,
    compileMs: performance.now() - startedMs,
    heapDeltaBytes: Math.max(0, process.memoryUsage().heapUsed - heapBefore),
  };
}

function nackDetail({ message, domain, mrn, line, column, rego }: Problem): NackDetail {
  const row = line ?? rego?.row;
  const col = column ?? rego?.col;
  return {
    message,
    ...(domain === undefined ? {} : { domain }),
    ...(mrn === undefined ? {} : { mrn }),
    ...(row === undefined ? {} : { line: row }),
    ...(col === undefined ? {} : { column: col }),
  };
}
