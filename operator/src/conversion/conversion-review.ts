import {
  convertObject,
  ConvertError,
  isRecord,
  manetuVersionOf,
  objectLabel,
  parseExactJson,
  printExactJson,
  type ManetuVersion,
  type Members,
} from '@edict/bundle/versions';

/** What became of a call of the webhook. */
export type Conversion =
  | {
      readonly ok: true;
      /** The answer, a ConversionReview, in which the objects are converted or a reason says why not. */
      readonly body: string;
      readonly outcome: 'converted' | 'refused';
      readonly objects: number;
      readonly to: ManetuVersion | 'other';
    }
  /** The body is no ConversionReview. */
  | { readonly ok: false; readonly message: string };

const REVIEW = 'apiextensions.k8s.io/v1';

/**
 * Answers a call of the apiserver (`apiextensions.k8s.io/v1` ConversionReview): every object in the version that is asked for,
 * in order; or, if there is one that cannot be converted, none, with its name and why. Pure. No digit of a number is lost.
 */
export function convertReview(body: string): Conversion {
  let review;
  try {
    review = parseExactJson(body);
  } catch (error) {
    return { ok: false, message: `the body is not JSON: ${String(error)}` };
  }
  if (!isRecord(review) || review['apiVersion'] !== REVIEW || review['kind'] !== 'ConversionReview') {
    return { ok: false, message: `not a ConversionReview of ${REVIEW}` };
  }
  const { request } = review;
  if (!isRecord(request) || typeof request['uid'] !== 'string' || !Array.isArray(request['objects'])) {
    return { ok: false, message: 'the ConversionReview has no request with uid and objects' };
  }
  const objects = request['objects'] as readonly unknown[];
  const version = manetuVersionOf(request['desiredAPIVersion']);
  const converted = version === undefined ? undefined : convertAll(objects, version);
  const failure =
    converted === undefined
      ? `${JSON.stringify(request['desiredAPIVersion'])} is not a version of PolicyDomain that can be converted to`
      : converted.failure;
  const response =
    failure === undefined
      ? { uid: request['uid'], convertedObjects: converted?.objects, result: { status: 'Success' } }
      : { uid: request['uid'], convertedObjects: [], result: { status: 'Failed', message: failure } };
  return {
    ok: true,
    body: printExactJson({ apiVersion: REVIEW, kind: 'ConversionReview', response }),
    outcome: failure === undefined ? 'converted' : 'refused',
    objects: objects.length,
    to: version ?? 'other',
  };
}

function convertAll(
  objects: readonly unknown[],
  to: ManetuVersion,
): { readonly objects: readonly Members[]; readonly failure?: string } {
  const converted: Members[] = [];
  for (const object of objects) {
    const result = convertOne(object as Members, to);
    if (typeof result === 'string') return { objects: [], failure: `${objectLabel(object)}: ${result}` };
    converted.push(result);
  }
  return { objects: converted };
}

function convertOne(object: Members, to: ManetuVersion): Members | string {
  if (!isRecord(object)) return 'not an object';
  const from = manetuVersionOf(object['apiVersion']);
  if (from === undefined || object['kind'] !== 'PolicyDomain') {
    return `${printExactJson(object['kind'])} of ${printExactJson(object['apiVersion'])} is not a PolicyDomain of a known version`;
  }
  try {
    return convertObject(object, from, to);
  } catch (error) {
    if (error instanceof ConvertError) return error.message;
    if (error instanceof RangeError) return 'its values nest too deeply to be converted';
    throw error;
  }
}
