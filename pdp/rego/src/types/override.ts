import type { Term } from '../ast.ts';
import { constantKey } from './constant.ts';
import { ANY } from './type.ts';
import type { ConstantKey, ObjectType, Type } from './type.ts';

/**
 * A type with another one at a path within it; objects on the way that are not known are made. Undefined where the path
 * has parts that are no constants.
 */
export const overrideAt = (type: Type, path: readonly Term[], value: Type): Type | undefined => {
  const keys = path.map(constantKey);
  return keys.every((key) => key !== undefined) ? override(type, keys, value) : undefined;
};

const override = (type: Type, [key, ...tail]: readonly ConstantKey[], value: Type): Type => {
  if (key === undefined) return value;
  if (type.kind !== 'object') return objectAt([key, ...tail], value, { key: ANY, value: ANY });
  const old = type.properties.get(key);
  const member = old === undefined ? nested(tail, value, type.rest) : override(old, tail, value);
  return { ...type, properties: new Map([...type.properties, [key, member]]) };
};

const nested = (path: readonly ConstantKey[], value: Type, rest: ObjectType['rest']): Type =>
  path.length === 0 ? value : objectAt(path, value, rest);

const objectAt = ([key = '', ...tail]: readonly ConstantKey[], value: Type, rest: ObjectType['rest']): ObjectType => ({
  kind: 'object',
  properties: new Map([[key, nested(tail, value, rest)]]),
  rest,
});
