import type { ConstantKey, FunctionType, Type } from './type.ts';

/** Characters of a type that a message shows. */
const MAX_TEXT = 4_000;

/** The text of a type in the notation of OPA's documentation, cut short where it is very long; undefined prints as `???`. */
export const printType = (type: Type | undefined): string => {
  const text = print(type, (key) => key.slice(key.indexOf(':') + 1));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
};

/** A text that types share only if they are the same: keys of several kinds have texts of their own. */
export const exactText = (type: Type): string => print(type, (key) => JSON.stringify(key));

const print = (type: Type | undefined, keyText: (key: ConstantKey) => string): string => {
  const inner = (one: Type | undefined): string => print(one, keyText);
  if (type === undefined) return '???';
  switch (type.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return type.kind;
    case 'set':
      return `set[${inner(type.of)}]`;
    case 'any':
      return type.of.length === 0 ? 'any' : `any<${type.of.map(inner).join(', ')}>`;
    case 'array': {
      const items = type.items.length === 0 ? '' : `<${type.items.map(inner).join(', ')}>`;
      return `array${items}${type.rest === undefined ? '' : `[${inner(type.rest)}]`}`;
    }
    case 'object': {
      const sorted = [...type.properties].sort(([a], [b]) => (a < b ? -1 : 1));
      const known = sorted.map(([key, value]) => `${keyText(key)}: ${inner(value)}`);
      const rest = type.rest === undefined ? '' : `[${inner(type.rest.key)}: ${inner(type.rest.value)}]`;
      return `object${known.length === 0 ? '' : `<${known.join(', ')}>`}${rest}`;
    }
    case 'function':
      return signatureText(type, inner);
    default:
      return type satisfies never;
  }
};

/** The text of a function's type: `(number, string) => boolean`. */
export const printSignature = (type: FunctionType): string => signatureText(type, printType);

const signatureText = ({ args, variadic, result }: FunctionType, inner: (type: Type | undefined) => string): string => {
  const all = [...args.map(inner), ...(variadic === undefined ? [] : [`${inner(variadic)}...`])];
  return `(${all.join(', ')}) => ${inner(result)}`;
};
