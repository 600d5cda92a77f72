import type { Term } from '../ast.ts';
import { stringKey } from './type.ts';
import type { ConstantKey } from './type.ts';

/** The key that stands for a constant term; undefined for terms that are none. */
export const constantKey = (term: Term): ConstantKey | undefined => {
  switch (term.kind) {
    case 'string':
      return stringKey(term.value);
    case 'number':
      return `number:${numberText(term.text)}`;
    case 'null':
    case 'boolean':
      return `${term.kind}:${jsonText(term)}`;
    default:
      return isConstant(term) ? `json:${jsonText(term)}` : undefined;
  }
};

/** One text for numbers that are written differently, where a double can tell: 3.50 is 3.5. */
const numberText = (text: string): string => (text.length <= 15 ? String(Number(text)) : text);

/** Only kinds and keys count, so that the order of a set does not matter much. */
const jsonText = (term: Term): string => {
  switch (term.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(term.value);
    case 'number':
      return numberText(term.text);
    case 'string':
      return JSON.stringify(term.value);
    case 'array':
      return `[${term.items.map(jsonText).join(',')}]`;
    case 'set':
      return `[${[...new Set(term.items.map(jsonText))].sort().join(',')}]`;
    case 'object': {
      const keyText = (key: Term): string => JSON.stringify(key.kind === 'string' ? key.value : jsonText(key));
      return `{${term.entries
        .map(([key, value]) => `${keyText(key)}:${jsonText(value)}`)
        .sort()
        .join(',')}}`;
    }
    default:
      return 'null';
  }
};

/** Whether a term is a constant, composites included. */
export const isConstant = (term: Term): boolean => {
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return true;
    case 'array':
    case 'set':
      return term.items.every(isConstant);
    case 'object':
      return term.entries.every(([key, value]) => isConstant(key) && isConstant(value));
    default:
      return false;
  }
};
