import { Decoder } from './decoder.ts';
import { jsonBuilder } from './decode-data.ts';
import { parseDocument } from './read-domain.ts';

/** A YAML document as JSON text, or why it is none. */
export type JsonOfYaml =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/**
 * Turns the first document of a YAML stream into JSON text: numbers keep their text, keys become strings, dates stay what
 * was written. An empty stream is `null`. Bounded like domains are: size, nesting, aliases.
 */
export function jsonOfYaml(input: string | Uint8Array): JsonOfYaml {
  const document = parseDocument(input, '');
  if (!document.ok) return { ok: false, message: document.problem.message };
  const { root } = document;
  if (root === null) return { ok: true, text: 'null' };
  const decoder = new Decoder();
  const part = decoder.run(() => decoder.value(root, jsonBuilder(decoder)));
  if (part !== undefined) return { ok: true, text: part.text };
  const [problem] = decoder.problems;
  return { ok: false, message: problem?.message ?? 'the document cannot be read' };
}
