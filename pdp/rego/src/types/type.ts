/**
 * What is known of a value before evaluation. Types describe sets of values; `ANY` holds all of them.
 * `undefined` in place of a type says that nothing is known to exist there (OPA's nil type).
 */
export type Type =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'number' }
  | { readonly kind: 'string' }
  | ArrayType
  | ObjectType
  | SetType
  | AnyType
  | FunctionType;

/** Without `of` nothing is known of the members, or there are none. */
export interface SetType {
  readonly kind: 'set';
  readonly of: Type | undefined;
}

/** First the elements whose types are known each, then any number of `rest`. Without `rest` the length is known. */
export interface ArrayType {
  readonly kind: 'array';
  readonly items: readonly (Type | undefined)[];
  readonly rest: Type | undefined;
}

/**
 * A constant that is a key of an object: its kind and its text, as `string:a`, `number:1`, `boolean:true`, `null:null`;
 * composites by their JSON (`json:[1,"a"]`), which is how OPA tells them apart.
 */
export type ConstantKey = string;

export interface ObjectType {
  readonly kind: 'object';
  /** Keys that are there for sure. */
  readonly properties: ReadonlyMap<ConstantKey, Type | undefined>;
  /** What other keys and values there may be. */
  readonly rest: { readonly key: Type | undefined; readonly value: Type | undefined } | undefined;
}

/** A value of one of the types; of any type at all where there is none. */
export interface AnyType {
  readonly kind: 'any';
  readonly of: readonly Type[];
}

export interface FunctionType {
  readonly kind: 'function';
  readonly args: readonly (Type | undefined)[];
  /** The type of any number of further arguments. */
  readonly variadic: Type | undefined;
  /** Undefined: the call has no value. */
  readonly result: Type | undefined;
}

export const NULL: Type = { kind: 'null' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const NUMBER: Type = { kind: 'number' };
export const STRING: Type = { kind: 'string' };
export const ANY: AnyType = { kind: 'any', of: [] };

/** An array of one known type for each element. */
export const tuple = (items: readonly (Type | undefined)[]): ArrayType => ({ kind: 'array', items, rest: undefined });

export const arrayOf = (of: Type): ArrayType => ({ kind: 'array', items: [], rest: of });

export const setOf = (of: Type | undefined): SetType => ({ kind: 'set', of });

/** The key that stands for a string constant. */
export const stringKey = (value: string): ConstantKey => `string:${value}`;

/** The type of a constant key. */
export const typeOfKey = (key: ConstantKey): Type => {
  const colon = key.indexOf(':');
  switch (key.slice(0, colon)) {
    case 'string':
      return STRING;
    case 'number':
      return NUMBER;
    case 'boolean':
      return BOOLEAN;
    case 'null':
      return NULL;
    default:
      return typeOfJson(JSON.parse(key.slice(colon + 1)));
  }
};

const typeOfJson = (value: unknown): Type => {
  if (value === null) return NULL;
  if (Array.isArray(value)) return tuple(value.map(typeOfJson));
  switch (typeof value) {
    case 'boolean':
      return BOOLEAN;
    case 'number':
      return NUMBER;
    case 'string':
      return STRING;
    default: {
      const entries = Object.entries(value ?? {}).map(([key, member]): [ConstantKey, Type] => [
        stringKey(key),
        typeOfJson(member),
      ]);
      return { kind: 'object', properties: new Map(entries), rest: undefined };
    }
  }
};
