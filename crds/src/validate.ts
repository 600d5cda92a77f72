import { z } from 'zod';
import { API_VERSION, ObjectMeta, type ApiObject } from './object.ts';
import { kindByName } from './kinds.ts';

export type ValidateResult =
  | { readonly ok: true; readonly object: ApiObject<unknown, unknown> }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Checks an object against the schema of its kind and fills in defaults, as the apiserver does. For stores that have no
 * apiserver in front, and for admission. Problems name the path: `spec.roles[0].policy: …`.
 */
export function validateObject(input: unknown): ValidateResult {
  const envelope = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: ObjectMeta }).safeParse(input);
  if (!envelope.success) return { ok: false, problems: envelope.error.issues.map(describe) };
  const { apiVersion, kind, metadata } = envelope.data;
  if (apiVersion !== API_VERSION) {
    return { ok: false, problems: [`apiVersion: "${apiVersion}" is not served; use ${API_VERSION}`] };
  }
  const definition = kindByName(kind);
  if (definition === undefined) return { ok: false, problems: [`kind: "${kind}" is not a kind of ${API_VERSION}`] };
  const spec = definition.spec.safeParse(envelope.data['spec']);
  if (!spec.success) {
    return {
      ok: false,
      problems: spec.error.issues.map((issue) => describe({ ...issue, path: ['spec', ...issue.path] })),
    };
  }
  const status = envelope.data['status'];
  const object = { apiVersion, kind, metadata, spec: spec.data, ...(status === undefined ? {} : { status }) };
  return { ok: true, object };
}

function describe(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  const path = issue.path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${String(part)}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
