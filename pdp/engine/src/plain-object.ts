/** An object as JSON has them: any keys, all of them own properties. */
export type PlainObject = Readonly<Record<string, unknown>>;

/** Tells objects from arrays, null and everything else. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells whether an object has no members. */
export function isEmptyObject(value: PlainObject): boolean {
  for (const _ in value) return false;
  return true;
}

/** An own member, whatever it is called; `undefined` if there is none. */
export function memberOf(object: PlainObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A member if it is a string, else `''`. */
export function stringMember(object: PlainObject, key: string): string {
  const value = memberOf(object, key);
  return typeof value === 'string' ? value : '';
}

/** Sets an own member whatever it is called, `__proto__` included. */
export function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else object[key] = value;
}
