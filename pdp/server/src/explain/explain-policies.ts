import {
  indexDomains,
  parseBundle,
  policyFingerprint,
  policyModules,
  type Digest,
  type DomainIndex,
  type PolicyRef,
} from '@edict/bundle';
import type { PolicyIdentity } from '@edict/engine';
import type { Program, Value } from '@edict/rego';
import { programUsesNetwork } from '@edict/rego/network';
import { bindProgram, Explanation, openWorkspace, type TracePlace } from '@edict/rego/tools';
import { parseJson, stringify } from '@edict/rego/values';
import { explainRules, type RuleExplanation } from './rule-explanation.ts';

/** What was decided, and which policies answered. */
export interface RulesQuestion {
  /** Digest of the manifest that decided. */
  readonly digest: string;
  /** JSON text of what the policies saw as `input`. */
  readonly input: string;
  /** When, in ms since the epoch: what `time.now_ns` says. */
  readonly nowMs: number;
  /** Steps that each policy may take. */
  readonly maxSteps: number;
  /** Each policy once. */
  readonly policies: readonly PolicyIdentity[];
}

/** The gzip bundles of a revision, each with its digest, in the manifest's order. */
export type BundleFiles = readonly { readonly digest: Digest; readonly gzip: Uint8Array }[];

/** What rules made one policy answer, or why that cannot be told. */
export type PolicyRules =
  | {
      readonly ok: true;
      readonly rules: RuleExplanation;
      /** JSON text of what the policy answered this time; undefined where it has no value. */
      readonly answer: string | undefined;
    }
  | { readonly ok: false; readonly reason: string };

/** The rules of each policy of a question, in its order; or that the bundles of the revision are wanted first. */
export type RulesFound =
  { readonly kind: 'found'; readonly policies: readonly PolicyRules[] } | { readonly kind: 'bundles-wanted' };

/** Revisions whose policies are kept at hand. */
export const KEPT_REVISIONS = 2;

/** Policies of one revision that are kept compiled. */
const KEPT_POLICIES = 64;

/** Time that one policy may take, which tells of every step. */
const EVALUATION_MS = 1_000;

interface Telling {
  readonly program: Program;
  readonly places: readonly TracePlace[];
}

interface KnownRevision {
  readonly index: DomainIndex;
  readonly telling: Map<string, Telling | string>;
}

/**
 * Evaluates policies once more by programs that tell what they do. Such programs are compiled when they are first asked for
 * and are slow: this runs on a thread of its own, and no decision ever comes from them.
 */
export class PolicyRuleFinder {
  readonly #revisions = new Map<string, KnownRevision>();

  /** Never throws for anything that policies, inputs or bundles can cause. */
  find(question: RulesQuestion, bundles: BundleFiles | undefined): RulesFound {
    const known = this.#revisions.get(question.digest);
    if (known === undefined && bundles === undefined) return { kind: 'bundles-wanted' };
    const input = parseJson(question.input);
    if (!input.ok) return allFailed(question, 'the input of the policies cannot be read');
    try {
      const revision = known ?? this.#keep(question.digest, bundles ?? []);
      const policies = question.policies.map((policy) => rulesOf(revision, policy, input.value, question));
      return { kind: 'found', policies };
    } catch (error) {
      return allFailed(question, error instanceof Error ? error.message : String(error));
    }
  }

  #keep(digest: string, bundles: BundleFiles): KnownRevision {
    const domains = bundles.map(({ digest: expected, gzip }) => parseBundle(gzip, { digest: expected }));
    const revision = { index: indexDomains(domains), telling: new Map<string, Telling | string>() };
    forgetOldest(this.#revisions, KEPT_REVISIONS);
    this.#revisions.set(digest, revision);
    return revision;
  }
}

function allFailed({ policies }: RulesQuestion, reason: string): RulesFound {
  return { kind: 'found', policies: policies.map(() => ({ ok: false, reason })) };
}

function rulesOf(
  { index, telling }: KnownRevision,
  policy: PolicyIdentity,
  input: Value,
  { nowMs, maxSteps }: RulesQuestion,
): PolicyRules {
  const key = `${policy.fingerprint} ${policy.mrn}`;
  let known = telling.get(key);
  if (known === undefined) {
    known = compileTelling(index, policy);
    forgetOldest(telling, KEPT_POLICIES);
    telling.set(key, known);
  }
  if (typeof known === 'string') return { ok: false, reason: known };
  const explanation = new Explanation(known.places);
  const { value, failure } = bindProgram(known.program, {}, { trace: explanation.listener })('0', input, {
    maxSteps,
    maxMs: EVALUATION_MS,
    nowNs: BigInt(Math.trunc(nowMs)) * 1_000_000n,
  });
  if (failure?.code === 'eval_cancel_error') return { ok: false, reason: failure.message };
  const rules = explainRules(explanation.documents.get(ANSWER.join('.')));
  return { ok: true, rules, answer: value === undefined ? undefined : stringify(value) };
}

/** What policies are asked for, below `data`. */
const ANSWER = ['authz', 'allow'];

/** The policy as a program that tells what it does; or why there is none. */
function compileTelling(index: DomainIndex, policy: PolicyIdentity): Telling | string {
  const ref = refOf(index, policy);
  if (ref === undefined) return 'the policy is not in the bundles of its revision';
  // What may be called was settled when the revision was taken.
  const opened = openWorkspace(policyModules(index, ref), { regoVersion: 'v0', instrument: true });
  const compiled = opened.ok ? opened.value.documents([ANSWER]) : opened;
  if (!compiled.ok)
    return compiled.diagnostics[0]?.message ?? 'the policy cannot be compiled so that it tells its steps';
  const { program, places } = compiled.value;
  if (programUsesNetwork(program)) return 'the policy can ask the network, which is not asked again';
  return { program, places };
}

/** Policies of several domains may have one MRN; the fingerprint tells them apart. */
function refOf(index: DomainIndex, { mrn, fingerprint }: PolicyIdentity): PolicyRef | undefined {
  return index.domains
    .filter(({ policies }) => policies.some((policy) => policy.mrn === mrn))
    .map(({ name: domain }) => ({ domain, mrn }))
    .find((ref) => policyFingerprint(index, ref) === fingerprint);
}

/** Makes room for one more. */
function forgetOldest(kept: Map<string, unknown>, most: number): void {
  for (const key of kept.keys()) {
    if (kept.size < most) return;
    kept.delete(key);
  }
}
