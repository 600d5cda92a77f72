import { ANY, type Type } from './type.ts';

/** Types that one type may be made of, those inside of these included, before it counts as any. */
export const MAX_TYPE_SIZE = 32_768;

/** Types are never changed, and those inside of others are shared: the size of each is counted once. */
const sizes = new WeakMap<Type, number>();

/**
 * The same type, or any where it would be too large: `x1 := [x0, x0]`, `x2 := [x1, x1]`, … doubles with every line. Less is
 * known of such a value then, and less is refused.
 */
export const bounded = <T extends Type>(type: T): T | typeof ANY => (sizeOf(type) > MAX_TYPE_SIZE ? ANY : type);

const sizeOf = (type: Type | undefined): number => {
  if (type === undefined) return 0;
  const known = sizes.get(type);
  if (known !== undefined) return known;
  let size = 1;
  for (const part of partsOf(type)) size += sizeOf(part);
  sizes.set(type, size);
  return size;
};

const partsOf = (type: Type): readonly (Type | undefined)[] => {
  switch (type.kind) {
    case 'array':
      return [...type.items, type.rest];
    case 'object':
      return [...type.properties.values(), type.rest?.key, type.rest?.value];
    case 'set':
      return [type.of];
    case 'any':
      return type.of;
    case 'function':
      return [...type.args, type.variadic, type.result];
    default:
      return [];
  }
};
