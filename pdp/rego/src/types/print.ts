import type { FunctionType, Type } from './type.ts';

/** The text of a type in the notation of OPA's documentation; undefined prints as `???`. */
export const printType = (type: Type | undefined): string => {
  if (type === undefined) return '???';
  switch (type.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
      return type.kind;
    case 'set':
      return `set[${printType(type.of)}]`;
    case 'any':
      return type.of.length === 0 ? 'any' : `any<${type.of.map(printType).join(', ')}>`;
    case 'array': {
      const items = type.items.length === 0 ? '' : `<${type.items.map(printType).join(', ')}>`;
      return `array${items}${type.rest === undefined ? '' : `[${printType(type.rest)}]`}`;
    }
    case 'object': {
      const known = [...type.properties].map(
        ([key, value]) => `${key.slice(key.indexOf(':') + 1)}: ${printType(value)}`,
      );
      const rest = type.rest === undefined ? '' : `[${printType(type.rest.key)}: ${printType(type.rest.value)}]`;
      return `object${known.length === 0 ? '' : `<${known.join(', ')}>`}${rest}`;
    }
    case 'function':
      return printSignature(type);
    default:
      return type satisfies never;
  }
};

/** The text of a function's type: `(number, string) => boolean`. */
export const printSignature = ({ args, variadic, result }: FunctionType): string => {
  const all = [...args.map(printType), ...(variadic === undefined ? [] : [`${printType(variadic)}...`])];
  return `(${all.join(', ')}) => ${printType(result)}`;
};
