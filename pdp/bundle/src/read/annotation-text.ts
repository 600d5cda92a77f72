import type { AnnotationValue } from '../model.ts';

/** Nesting of annotation values that is accepted. The reference reads up to 10,000 levels. */
export const ANNOTATION_MAX_DEPTH = 500;

/** The text is JSON that nests deeper than {@link ANNOTATION_MAX_DEPTH}. */
export class AnnotationDepthError extends Error {
  override readonly name = 'AnnotationDepthError';
}

/** Valid JSON that Go's decoder refuses nevertheless. */
class NotDecodable extends Error {}

/**
 * Decodes an annotation that is a string: the JSON value if the whole text is valid JSON, else the text itself. As in
 * the reference, numbers become float64, and text whose numbers exceed it is no JSON; lone surrogates become U+FFFD.
 * @throws AnnotationDepthError
 */
export function decodeAnnotationText(text: string): AnnotationValue {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text; // JSON.parse throws for nothing but text that is not JSON
  }
  try {
    return copy(parsed, 0);
  } catch (error) {
    if (error instanceof NotDecodable) return text;
    throw error;
  }
}

function copy(value: unknown, depth: number): AnnotationValue {
  if (typeof value === 'string') return value.toWellFormed();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotDecodable();
    return value;
  }
  if (depth >= ANNOTATION_MAX_DEPTH) throw new AnnotationDepthError('the JSON text nests too deeply');
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
  const members = Object.entries(value as object);
  return Object.fromEntries(members.map(([key, member]) => [key.toWellFormed(), copy(member, depth + 1)]));
}

/** True for values that nest deeper than {@link ANNOTATION_MAX_DEPTH}. */
export function isTooDeep(value: AnnotationValue, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth >= ANNOTATION_MAX_DEPTH) return true;
  return Object.values(value).some((member: AnnotationValue) => isTooDeep(member, depth + 1));
}
