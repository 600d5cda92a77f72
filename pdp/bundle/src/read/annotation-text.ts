import type { AnnotationValue } from '../model.ts';

/** Nesting up to which Go's JSON decoder reads. */
const JSON_MAX_DEPTH = 10_000;

/** Valid JSON that Go's decoder refuses nevertheless. */
class NotDecodable extends Error {}

/**
 * Decodes an annotation that is a string: the JSON value if the whole text is valid JSON, else the text itself. As in
 * the reference, numbers become float64, and text whose numbers exceed it is no JSON; lone surrogates become U+FFFD.
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
  if (depth >= JSON_MAX_DEPTH) throw new NotDecodable();
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
  const members = Object.entries(value as object);
  return Object.fromEntries(members.map(([key, member]) => [key.toWellFormed(), copy(member, depth + 1)]));
}
