import {
  BundleError,
  parseBundle,
  type BundleErrorCode,
  type Digest,
  type DomainModel,
  type Problem,
  type Serving,
} from '@edict/bundle';
import { compileSnapshot, type CompiledSnapshot } from '@edict/engine';
import type { NackDetail, NackPhase } from '@edict/protocol';

/** The gzip bundles of one revision, in the manifest's order, each with the digest that the manifest names. */
export interface CompileRequest {
  /** Digest of the manifest, by which tests refer to what was compiled. */
  readonly name?: Digest | undefined;
  readonly bundles: readonly { readonly digest: Digest; readonly gzip: Uint8Array }[];
  /** What the manifest says of how the set is served. */
  readonly serving?: Serving | undefined;
  /** Built-ins that policies may not call, as `compileSnapshot` has it. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
}

/** A revision that does not become a snapshot, in the words of a NACK. */
export interface CompileFailure {
  readonly ok: false;
  readonly phase: NackPhase;
  readonly code: string;
  readonly deterministic: boolean;
  readonly detail: NackDetail;
  /** The bundle whose bytes are not what its digest says. */
  readonly badArtifact?: Digest;
}

export type CompileAnswer =
  | {
      readonly ok: true;
      readonly compiled: CompiledSnapshot;
      readonly compileMs: number;
      readonly heapDeltaBytes: number;
    }
  | CompileFailure;

/**
 * Verifies each bundle against its digest, reads the domains, and compiles them together. Programs of `earlier` that did
 * not change are taken from there.
 */
export function compileBundles(request: CompileRequest, earlier?: CompiledSnapshot): CompileAnswer {
  const startedMs = performance.now();
  const heapBefore = process.memoryUsage().heapUsed;
  const domains = readDomains(request.bundles);
  if ('ok' in domains) return domains;
  const { serving, unsafeBuiltins } = request;
  const result = compileSnapshot(domains, { earlier, serving, unsafeBuiltins });
  if (!result.ok) return doesNotCompile(result.problems);
  return {
    ok: true,
    compiled: result.compiled,
    compileMs: performance.now() - startedMs,
    heapDeltaBytes: Math.max(0, process.memoryUsage().heapUsed - heapBefore),
  };
}

/** Verifies each bundle against its digest, and reads the domains. */
export function readDomains(bundles: CompileRequest['bundles']): readonly DomainModel[] | CompileFailure {
  const domains: DomainModel[] = [];
  for (const { digest, gzip } of bundles) {
    try {
      domains.push(parseBundle(gzip, { digest }));
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      return unusableBundle(digest, error);
    }
  }
  return domains;
}

/** What `parseBundle` finds before it has seen that the bytes are those of the digest. */
const BEFORE_DIGEST: ReadonlySet<BundleErrorCode> = new Set<BundleErrorCode>([
  'too-large',
  'bad-gzip',
  'digest-mismatch',
]);

function unusableBundle(digest: Digest, { code, message }: BundleError): CompileFailure {
  const failure = { ok: false, phase: 'Verify', code, detail: { message: `${digest}: ${message}` } } as const;
  // Bytes may have been damaged on the way, and are worth another fetch; bytes that are the right ones never get better.
  return BEFORE_DIGEST.has(code)
    ? { ...failure, deterministic: false, badArtifact: digest }
    : { ...failure, deterministic: true };
}

function doesNotCompile(problems: readonly Problem[]): CompileFailure {
  const failure = { ok: false, phase: 'Compile', deterministic: true } as const;
  const [first] = problems;
  if (first === undefined) {
    return { ...failure, code: 'InvalidDomains', detail: { message: 'the domains do not compile' } };
  }
  const others = problems.length - 1;
  const detail = nackDetail(first);
  const message = others === 0 ? detail.message : `${detail.message} (and ${others} more)`;
  return { ...failure, code: first.regoCode ?? first.class, detail: { ...detail, message } };
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
