import { z } from 'zod';
import { API_VERSION, ObjectMeta, type ApiObject } from './object.ts';
import { kindByName } from './kinds.ts';

export type ValidateResult =
  | { readonly ok: true; readonly object: ApiObject<unknown, unknown> }
  | { readonly ok: false; readonly problems: readonly string[]; readonly issues: readonly ValidationIssue[] };

/** One problem with its place in the object; `path` is empty for the object as a whole. */
export interface ValidationIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Checks an object against the schema of its kind and fills in defaults, as the apiserver does. For stores that have no
 * apiserver in front, and for admission. Problems name the path: `spec.roles[0].policy: …`.
 */
export function validateObject(input: unknown): ValidateResult {
  const envelope = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: ObjectMeta }).safeParse(input);
  if (!envelope.success) return refuse(envelope.error.issues);
  const { apiVersion, kind, metadata } = envelope.data;
  if (apiVersion !== API_VERSION) {
    return refuse([{ path: ['apiVersion'], message: `"${apiVersion}" is not served; use ${API_VERSION}` }]);
  }
  const definition = kindByName(kind);
  if (definition === undefined) {
    return refuse([{ path: ['kind'], message: `"${kind}" is not a kind of ${API_VERSION}` }]);
  }
  const spec = definition.spec.safeParse(envelope.data['spec']);
  if (!spec.success) {
    return refuse(spec.error.issues.map(({ path, message }) => ({ path: ['spec', ...path], message })));
  }
  const status = envelope.data['status'];
  const object = { apiVersion, kind, metadata, spec: spec.data, ...(status === undefined ? {} : { status }) };
  return { ok: true, object };
}

function refuse(issues: readonly ValidationIssue[]): ValidateResult {
  return {
    ok: false,
    problems: issues.map(describe),
    issues: issues.map(({ path, message }) => ({ path, message })),
  };
}

function describe(issue: ValidationIssue): string {
  const path = issue.path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${String(part)}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
