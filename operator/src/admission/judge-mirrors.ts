import { isDeepStrictEqual } from 'node:util';
import { convertObject, ConvertError, isRecord, manetuVersionOf, type Members } from '@edict/bundle';
import { API_VERSION, MANETU_GROUP, ObjectMeta, type ManetuPolicyDomain, type PolicyDomain } from '@edict/crds';
import { z } from 'zod';
import { mirroredUid, mirrorOf } from '../controllers/manetu-domain/mirror.ts';
import { FORCE_DELETE_ANNOTATION } from '../controllers/names.ts';
import { isDeleting } from '../controllers/world.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';

/** Places that a warning names; the rest are counted. */
const PLACES_SHOWN = 5;

/**
 * The request as one for the mirror that the object is to get, so that it is judged as any domain. The verdict, where there can
 * be no mirror. What has no valid content now, and is to have none after, may change in its metadata.
 */
export function mirrorRequest(
  request: AdmissionRequest,
): { readonly mirrored: AdmissionRequest } | { readonly verdict: Verdict } {
  const after = storedForm(request.object);
  if (typeof after === 'string') return refuse(after);
  const before = storedForm(request.oldObject);
  const isSame = typeof before !== 'string' && isDeepStrictEqual(before.spec, after.spec);
  if (request.operation === 'UPDATE' && (isSame || isDeleting(after))) return { verdict: { allowed: true } };
  const content = mirrorOf(after);
  if (!content.ok) return refuse(content.message);
  const { finalizers: _finalizers, ...metadata } = after.metadata;
  const object = {
    apiVersion: API_VERSION,
    kind: 'PolicyDomain',
    metadata: { ...metadata, labels: content.labels },
    spec: content.spec,
  };
  return { mirrored: { ...request, name: after.metadata.name, object, oldObject: undefined } };
}

function refuse(message: string): { readonly verdict: Verdict } {
  return { verdict: { allowed: false, code: 422, message } };
}

/** An object of Manetu's group in the version that is stored, and that means what the object means; or what is wrong with it. */
function storedForm(value: unknown): ManetuPolicyDomain | string {
  const object = value as Members;
  const version = isRecord(object) ? manetuVersionOf(object['apiVersion']) : undefined;
  if (version === undefined) return `not a PolicyDomain of ${MANETU_GROUP}`;
  try {
    const stored = convertObject(object, version, 'v1beta1');
    const metadata = ObjectMeta.safeParse(stored['metadata']);
    if (!metadata.success) return `metadata: ${z.prettifyError(metadata.error)}`;
    return { ...(stored as unknown as ManetuPolicyDomain), metadata: metadata.data };
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    return error.message;
  }
}

/** What is allowed, and may not be what the user means. */
export function manetuWarnings(request: AdmissionRequest, existing: PolicyDomain | undefined): readonly string[] {
  const warnings: string[] = [];
  if (existing !== undefined && mirroredUid(existing.metadata) === undefined) {
    warnings.push(
      `a PolicyDomain ${existing.metadata.name} of edict.dev has the name: nothing is served of this one before that is gone`,
    );
  }
  const object = request.object as Members;
  const takesText = manetuVersionOf(object['apiVersion']) !== 'v1beta1';
  const [scalars, large] = [new Set<string>(), new Set<string>()];
  for (const { place, value, isText } of places(object['spec'], takesText)) {
    if (isText && (typeof value === 'number' || typeof value === 'boolean')) scalars.add(place);
    if (holdsLargeInteger(value)) large.add(place);
  }
  if (scalars.size > 0) {
    warnings.push(
      `text without quotes was read by kubectl first (0x1F has become 31, n and off have become false): quote ${some(scalars)}`,
    );
  }
  if (large.size > 0) warnings.push(`integers beyond 2^53 are rounded: ${some(large)}`);
  return warnings;
}

function some(places: ReadonlySet<string>): string {
  const shown = [...places].slice(0, PLACES_SHOWN).join(', ');
  return places.size > PLACES_SHOWN ? `${shown} and ${String(places.size - PLACES_SHOWN)} more` : shown;
}

interface Place {
  readonly place: string;
  readonly value: unknown;
  /** Whether text is meant. */
  readonly isText: boolean;
}

/** Members of entities that are text. */
const TEXTS = ['mrn', 'name', 'description', 'rego', 'policy', 'group'] as const;

function* places(spec: unknown, takesText: boolean): Generator<Place> {
  if (!isObject(spec)) return;
  for (const [section, entities] of Object.entries(spec)) {
    if (!Array.isArray(entities)) continue;
    for (const entity of entities as readonly unknown[]) {
      if (!isObject(entity)) continue;
      const id = JSON.stringify(entity['mrn'] ?? entity['name'] ?? section);
      for (const member of TEXTS) yield { place: `${member} of ${id}`, value: entity[member], isText: true };
      if (!Array.isArray(entity['annotations'])) continue;
      for (const entry of entity['annotations'] as readonly unknown[]) {
        if (!isObject(entry)) continue;
        const place = `annotation ${JSON.stringify(entry['name'])} of ${id}`;
        yield { place: `the name of ${place}`, value: entry['name'], isText: true };
        yield { place, value: entry['value'], isText: takesText };
      }
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reading JSON has rounded them already: no integer beyond 2^53 is a safe one. */
function holdsLargeInteger(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsLargeInteger);
}

/** Refuses a user who changes or deletes a mirror: the operator would only write it again. */
export function refuseMirrorEdit(request: AdmissionRequest, operatorUser: string): Verdict | undefined {
  const { operation, userInfo } = request;
  if (operation === 'CREATE' || userInfo.username === operatorUser) return undefined;
  const before = request.oldObject as PolicyDomain | undefined;
  if (before === undefined || mirroredUid(before.metadata) === undefined || isDeleting(before)) return undefined;
  const after = request.object as PolicyDomain | undefined;
  if (operation === 'DELETE') {
    if (before.metadata.annotations?.[FORCE_DELETE_ANNOTATION] === 'true') return undefined;
  } else if (
    isDeepStrictEqual(after?.spec, before.spec) &&
    isDeepStrictEqual(after?.metadata.labels, before.metadata.labels)
  ) {
    return undefined;
  }
  const { name, namespace = '' } = before.metadata;
  const message = `PolicyDomain ${name} is what the operator made of policydomain.${MANETU_GROUP}/${name}: kubectl -n ${namespace} ${operation === 'DELETE' ? 'delete' : 'edit'} policydomain.${MANETU_GROUP}/${name}`;
  return { allowed: false, code: 403, message };
}
