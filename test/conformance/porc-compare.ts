import { isDeepStrictEqual } from 'node:util';
import type { Expectation, ExpectedReference } from './porc-cases.ts';

/** An access record as it was printed. Fields with default values are absent. */
export interface PrintedRecord {
  readonly decision: string;
  readonly references?: readonly PrintedReference[];
  readonly systemOverride?: boolean;
  readonly grantReason?: string;
  readonly denyReason?: string;
  readonly principal?: { readonly subject?: string; readonly realm?: string };
  readonly operation?: string;
  readonly resource?: string;
  readonly metadata?: { readonly env?: Readonly<Record<string, string>> };
  readonly porc?: unknown;
}

interface PrintedReference {
  readonly phase: string;
  readonly id?: string;
  readonly decision: string;
  readonly reasonCode?: string;
  readonly reason?: string;
  readonly policies: readonly { readonly mrn?: string; readonly fingerprint?: string }[];
}

/** How an answer differs from the expected one; empty if it does not. */
export function differences(expect: Partial<Expectation>, printed: PrintedRecord, records: boolean): readonly string[] {
  const allowed: readonly (string | undefined)[] =
    expect.decision === 'UNSTABLE' ? (expect.observed ?? []) : [expect.decision];
  const found: string[] = [];
  if (!allowed.includes(printed.decision)) found.push(`decision ${printed.decision}, not ${allowed.join(' or ')}`);
  if (!records || expect.decision === 'UNSTABLE') return found;
  const unstable = new Set(expect.unstable ?? []);
  const check = (field: keyof Expectation, actual: unknown): void => {
    const expected = expect[field];
    if (unstable.has(field) || sameJson(expected, actual)) return;
    found.push(`${field}\n    expected ${JSON.stringify(expected)}\n    got      ${JSON.stringify(actual)}`);
  };
  check('systemOverride', printed.systemOverride ?? false);
  check('grantReason', printed.grantReason);
  check('denyReason', printed.denyReason);
  check('subject', printed.principal?.subject ?? '');
  check('realm', printed.principal?.realm ?? '');
  check('operation', printed.operation ?? '');
  check('resource', printed.resource ?? '');
  check('porc', printed.porc);
  check('env', printed.metadata?.env);
  if (!unstable.has('references')) {
    found.push(...referenceDifferences(expect.references ?? [], printed.references ?? []));
  }
  return found;
}

const phaseOrder = ['SYSTEM', 'IDENTITY', 'RESOURCE', 'SCOPE'];

function referenceDifferences(
  expected: readonly ExpectedReference[],
  printed: readonly PrintedReference[],
): readonly string[] {
  const left = sorted(expected.map(comparable));
  const right = sorted(
    printed.map((one) => {
      const [policy] = one.policies;
      return comparable({ ...one, policy: policy?.mrn ?? null, fingerprint: policy?.fingerprint ?? null });
    }),
  );
  if (isDeepStrictEqual(left, right)) return [];
  const reasons = printed.map(({ reason }) => reason).filter((reason) => reason !== undefined);
  const show = (references: readonly object[]) => references.map((one) => `\n      ${JSON.stringify(one)}`).join('');
  return [`references\n    expected${show(left)}\n    got${show(right)}\n    reasons ${JSON.stringify(reasons)}`];
}

interface Comparable {
  readonly phase: string;
  readonly id: string;
  readonly decision: string;
  readonly reasonCode: string;
  readonly policy: string | null;
  readonly fingerprint: string | null;
}

/** Without `reason`, which is free text. A policy without MRN is recorded with an empty one. */
function comparable(reference: {
  readonly phase: string;
  readonly id?: string;
  readonly decision: string;
  readonly reasonCode?: string;
  readonly policy: string | null;
  readonly fingerprint: string | null;
}): Comparable {
  const { phase, id = '', decision, reasonCode = 'POLICY_OUTCOME', policy, fingerprint } = reference;
  return { phase, id, decision, reasonCode, policy: policy === '' ? null : policy, fingerprint };
}

/** By phase, inside IDENTITY by id; otherwise the order counts. */
function sorted(references: readonly Comparable[]): readonly Comparable[] {
  return references.toSorted((a, b) => {
    const phases = phaseOrder.indexOf(a.phase) - phaseOrder.indexOf(b.phase);
    if (phases !== 0 || a.phase !== 'IDENTITY') return phases;
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
  });
}

/** Equal as JSON: -0 is 0 here, because JSON writers disagree on it. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a);
  if (left.length !== Object.keys(b).length) return false;
  return left.every(([key, value]) => Object.hasOwn(b, key) && sameJson(value, (b as Record<string, unknown>)[key]));
}
