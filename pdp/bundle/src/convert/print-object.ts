import { Document, Scalar, visit } from 'yaml';
import { yamlOfData } from './data-object.ts';
import { resolveScalar } from '../read/resolve-scalar.ts';
import { fitsLiteral } from '../read/text-edit.ts';
import type { DomainObject } from './domain-object.ts';

/**
 * Prints an object as YAML that every reader of YAML 1.1 and 1.2 takes for the same: strings are quoted or literal blocks,
 * except keys that could be nothing but strings. `data` are base documents as text, printed with their numbers as they
 * are in the place of those that the object has.
 */
export function printDomainObject(object: DomainObject, data?: string): string {
  if (data === undefined) return print(object);
  const { data: _replaced, ...spec } = object.spec;
  const isEmpty = Object.keys(spec).length === 0;
  const rest = print({ ...object, spec });
  return `${isEmpty ? rest.replace(/spec: \{\}\n$/, 'spec:\n') : rest}  data:${yamlOfData(data, 4)}`;
}

function print(object: DomainObject): string {
  const document = new Document(object, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (position, node) => {
      if (typeof node.value !== 'string') return;
      if (position === 'key' && isPlainKey(node.value)) node.type = Scalar.PLAIN;
      else
        node.type = node.value.includes('\n') && fitsLiteral(node.value) ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ lineWidth: 0 });
}

function isPlainKey(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z-]*$/.test(text)) return false;
  // `y`, `no` and their kin are booleans to some readers.
  if (text.length <= 5 && /^(y|yes|n|no|on|off|true|false|null)$/i.test(text)) return false;
  return (
    resolveScalar({ kind: 'scalar', tag: '', value: text, plain: true, block: false, source: undefined }).tag ===
    '!!str'
  );
}
