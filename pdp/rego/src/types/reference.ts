import type { RefTerm, Term } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import { constantKey } from './constant.ts';
import type { TypeEnvironment, TypeTree } from './environment.ts';
import { isEmptyCollection, keysOf, select, unifies, valuesOf } from './operations.ts';
import { ANY, stringKey } from './type.ts';
import type { Type } from './type.ts';

type MaybeType = Type | undefined;

/** What the checker of references needs of the checker of terms. */
export interface TermTypes {
  /** Unifies a composite key of a reference with the keys that there are. */
  readonly unifyKey: (env: TypeEnvironment, key: Term, keys: Type) => boolean;
}

/** Walks a reference through what is known of documents, and learns the types of variables in it. */
export class RefChecker {
  readonly #env: TypeEnvironment;
  readonly #types: TermTypes;

  constructor(env: TypeEnvironment, types: TermTypes) {
    this.#env = env;
    this.#types = types;
  }

  /** False where the reference can select nothing. */
  check({ head, path }: RefTerm): boolean {
    if (head.kind !== 'var') return true;
    for (let env: TypeEnvironment | undefined = this.#env; env !== undefined; env = env.next) {
      if (env.vars.has(head.name)) return this.#leaf(env.vars.get(head.name), path);
      const root = env.documents.children.get(stringKey(head.name));
      const found = root === undefined ? undefined : this.#tree(root, path);
      if (found !== undefined) return found;
    }
    if (head.name !== 'data' && head.name !== 'input') this.#learn(head.name, ANY);
    return this.#leaf(ANY, path);
  }

  /** Undefined where this layer of the environment knows nothing of the reference. */
  #tree(root: TypeTree, path: readonly Term[]): boolean | undefined {
    let node = root;
    for (const [index, part] of path.entries()) {
      if (node.type !== undefined) return this.#leaf(node.type, path.slice(index));
      // Packages and rules have names, so that the first two keys of `data` are strings.
      if (index < 2 && part.kind !== 'var' && part.kind !== 'string') return false;
      if (part.kind === 'var' && !this.#learn(part.name, node.keyType())) return false;
      const key = constantKey(part);
      const child = key === undefined ? undefined : node.children.get(key);
      if (child === undefined) return undefined;
      node = child;
    }
    return true;
  }

  #learn(name: string, keys: MaybeType): boolean {
    const known = this.#env.varType(name);
    if (known !== undefined) return unifies(known, keys);
    this.#env.vars.set(name, keys);
    return true;
  }

  #leaf(start: MaybeType, path: readonly Term[]): boolean {
    let type = start;
    for (const part of path) {
      if (type === undefined || isEmptyCollection(type)) return false;
      const keys = keysOf(type);
      if (keys === undefined) return false;
      if (isScalar(part)) {
        type = select(type, part);
        if (type === undefined) return false;
        continue;
      }
      if (!this.#dynamicKey(part, keys)) return false;
      type = valuesOf(type);
    }
    return true;
  }

  #dynamicKey(part: Term, keys: Type): boolean {
    switch (part.kind) {
      case 'var':
        return this.#learn(part.name, keys);
      case 'array':
      case 'object':
      case 'set':
        return this.#types.unifyKey(this.#env, part, keys);
      default:
        return true;
    }
  }
}
