import type { RefTerm, Term } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import { constantKey } from './environment.ts';
import type { TypeEnvironment, TypeTree } from './environment.ts';
import { isEmptyCollection, keysOf, select, unifies, valuesOf } from './operations.ts';
import { ANY, stringKey } from './type.ts';
import type { Type } from './type.ts';

type MaybeType = Type | undefined;

/** What the checker of references needs of the checker of terms. */
export interface TermTypes {
  readonly typeOf: (env: TypeEnvironment, term: Term) => MaybeType;
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
      const local = env.vars.get(head.name);
      if (local !== undefined) return this.#leaf(local, path, 0);
      const root = env.documents.children.get(stringKey(head.name));
      if (root === undefined) continue;
      const found = this.#tree(root, path, 0, env.next !== undefined);
      if (found !== undefined) return found;
    }
    if (head.name !== 'data' && head.name !== 'input') this.#learn(head.name, ANY);
    return this.#leaf(ANY, path, 0);
  }

  /** Undefined where this layer of the environment knows nothing of the reference. */
  #tree(node: TypeTree, path: readonly Term[], index: number, more: boolean): boolean | undefined {
    if (node.type !== undefined) return this.#leaf(node.type, path, index);
    const part = path[index];
    if (part === undefined) return true;
    // Packages and rules have names, so that the first two keys of `data` are strings.
    if (index < 2 && !(constantKey(part) ?? 'string:').startsWith('string:')) return false;
    if (part.kind === 'var' || part.kind === 'ref') {
      const keys = node.keyType();
      if (keys !== undefined && !this.#dynamicKey(part, keys)) return false;
    }
    const key = constantKey(part);
    const child = key === undefined ? undefined : node.children.get(key);
    if (child !== undefined) return this.#tree(child, path, index + 1, more);
    if (more) return undefined;
    // The part may select any child: as in OPA, all of them tell of the types of variables behind it.
    if (!path.slice(index + 1).some((later) => this.#learnsFrom(later))) return true;
    for (const other of node.children.values()) this.#tree(other, path, index + 1, false);
    return true;
  }

  #learnsFrom(part: Term): boolean {
    if (part.kind === 'var') return this.#env.varType(part.name) === undefined;
    return part.kind === 'array' || part.kind === 'object' || part.kind === 'set';
  }

  #learn(name: string, keys: MaybeType): boolean {
    const known = this.#env.varType(name);
    if (known !== undefined) return unifies(known, keys);
    if (keys !== undefined) this.#env.vars.set(name, keys);
    return true;
  }

  #leaf(start: Type, path: readonly Term[], from: number): boolean {
    let type: MaybeType = start;
    for (const part of path.slice(from)) {
      if (type === undefined || isEmptyCollection(type)) return false;
      const keys = keysOf(type);
      if (keys === undefined) return false;
      const key = isScalar(part) ? constantKey(part) : undefined;
      if (key !== undefined) {
        type = select(type, key);
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
      case 'ref': {
        const type = this.#types.typeOf(this.#env, part);
        return type === undefined || unifies(type, keys);
      }
      case 'array':
      case 'object':
      case 'set':
        return this.#types.unifyKey(this.#env, part, keys);
      default:
        return true;
    }
  }
}
