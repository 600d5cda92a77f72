import { z } from 'zod';

/** The part of `admission.k8s.io/v1` AdmissionReview that we read. */
export const AdmissionRequest = z.looseObject({
  uid: z.string().min(1).max(253),
  kind: z.looseObject({ group: z.string(), version: z.string(), kind: z.string() }),
  namespace: z.string().default(''),
  name: z.string().default(''),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  userInfo: z.looseObject({ username: z.string().default('') }).default({ username: '' }),
  object: z.unknown().optional(),
  oldObject: z.unknown().optional(),
  dryRun: z.boolean().nullish(),
});
export type AdmissionRequest = z.output<typeof AdmissionRequest>;

const AdmissionReview = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: AdmissionRequest,
});

/** What the webhook says of a request. */
export type Verdict =
  | {
      readonly allowed: true;
      readonly warnings?: readonly string[];
      /** What is changed about the object: operations of RFC 6902. */
      readonly patch?: readonly object[];
    }
  /** `code`: the HTTP status that the user's client sees. */
  | { readonly allowed: false; readonly code: 400 | 403 | 409 | 413 | 422 | 503; readonly message: string };

/** kubectl prints each warning in full; the apiserver cuts at 4096 bytes for all of them. */
const WARNING_MAX = 256;
const WARNINGS_MAX = 10;
/** Longer refusals are cut: they travel in a status that people read. */
const MESSAGE_MAX = 8192;

export type ReadReview =
  { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly message: string };

/** Reads the body of a webhook call. */
export function readReview(body: string): ReadReview {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    return { ok: false, message: `the body is not JSON: ${String(error)}` };
  }
  const parsed = AdmissionReview.safeParse(json);
  return parsed.success
    ? { ok: true, request: parsed.data.request }
    : { ok: false, message: `not an AdmissionReview: ${z.prettifyError(parsed.error)}` };
}

/** The answer to the review with that uid. */
export function renderReview(uid: string, verdict: Verdict): string {
  const response = verdict.allowed
    ? {
        uid,
        allowed: true,
        ...(verdict.warnings === undefined || verdict.warnings.length === 0
          ? {}
          : { warnings: verdict.warnings.slice(0, WARNINGS_MAX).map((text) => text.slice(0, WARNING_MAX)) }),
        ...(verdict.patch === undefined
          ? {}
          : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(verdict.patch)).toString('base64') }),
      }
    : { uid, allowed: false, status: { code: verdict.code, message: verdict.message.slice(0, MESSAGE_MAX) } };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
}
