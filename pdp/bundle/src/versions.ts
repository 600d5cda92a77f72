/**
 * The part of the package that converts objects between Manetu's versions: it knows neither Rego nor the other parts, so that
 * a process that only converts stays small.
 */
export { convertObject, manetuVersionOf, MANETU_API_GROUP, manetuVersions } from './convert/convert-object.ts';
export type { ManetuVersion } from './convert/convert-object.ts';
export { ConvertError } from './convert/convert-error.ts';
export { isRecord, KEPT_ANNOTATION, KEPT_MAX_BYTES } from './convert/kept-annotation.ts';
export type { Members } from './convert/kept-annotation.ts';
export { parseExactJson, printExactJson } from './exact-json.ts';
export { objectLabel } from './object-label.ts';
