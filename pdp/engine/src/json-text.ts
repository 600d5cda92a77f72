import { JsonWriter, jsonString, type NumberStyle } from './json-writer.ts';

const writer = new JsonWriter();

/**
 * Writes a value as one line of JSON, as a {@link JsonWriter} does. Takes any depth of nesting. The value must be
 * JSON-like: what `parsePorc` gives, or annotations. `numbers` says how numbers that a double does not hold are written:
 * as their nearest double, or in full.
 */
export function jsonText(value: unknown, numbers: NumberStyle = 'double'): string {
  if (typeof value === 'string') return jsonString(value);
  writer.reset();
  writer.value(value, numbers);
  return writer.text();
}
