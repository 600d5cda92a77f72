import { instantiate } from '@edict/rego';
import { isDeterministic } from '@edict/rego/deterministic';
import { programUsesNetwork } from '@edict/rego/network';
import { baseIndex, getIndex, numberFromBigInt, parseJson } from '@edict/rego/values';
import type { DocumentPlace, Outcome, Value } from '@edict/rego';
import type { CompiledDocuments } from './compiled-snapshot.ts';
import type { Documents } from './documents.ts';

/** Documents, and what they were loaded from. */
export interface LoadedDocuments extends Documents {
  readonly compiled: CompiledDocuments;
  /** The base documents; immutable. */
  readonly base: Value;
}

/**
 * Makes compiled documents ready to be asked. Those of an earlier snapshot are taken over, warm as they are, where neither
 * the program nor the data has changed. Throws only if `compiled` did not come from `compileSnapshot`.
 */
export function loadDocuments(compiled: CompiledDocuments, previous?: LoadedDocuments): LoadedDocuments {
  const { program, data } = compiled;
  if (previous?.compiled.program.key === program.key && previous.compiled.data === data) return previous;
  const base = previous?.compiled.data === data ? previous.base : parseBase(data);
  const instance = instantiate(program.program, { data: base });
  const root = placesOf(program.program.documents ?? []);
  return {
    compiled,
    base,
    deterministic: isDeterministic(program.program),
    usesNetwork: programUsesNetwork(program.program),
    isDefined: (path) => nearestPlace(root, path.map(pathKey)).place.at?.kind === 'rule',
    evaluate: (path, input, options) => {
      const keys = path.map(pathKey);
      const { place, depth } = nearestPlace(root, keys);
      const { at } = place;
      const rest = keys.slice(depth);
      // Below a package there is nothing but base documents, and nothing has to be evaluated for these.
      if (at?.kind === 'package' && rest.length > 0) return found(walk(base, keys, baseIndex));
      if (at === undefined || at.kind === 'function') return nothing;
      const outcome = instance.evaluate(at.entrypoint, input, options);
      return outcome.kind === 'value' && rest.length > 0 ? found(walk(outcome.value, rest, getIndex)) : outcome;
    },
  };
}

function parseBase(data: string): Value {
  const parsed = parseJson(data);
  if (!parsed.ok) throw new Error(`the data of a compiled snapshot is no JSON: ${parsed.problem.message}`);
  return parsed.value;
}

const nothing: Outcome = { kind: 'undefined' };

function found(value: Value): Outcome {
  return value === undefined ? nothing : { kind: 'value', value };
}

/** A place below `data`; `at` says what packages and rules make of it. */
interface Place {
  readonly children: Map<string, Place>;
  at: DocumentPlace | undefined;
}

function placesOf(documents: readonly DocumentPlace[]): Place {
  const root: Place = { children: new Map(), at: undefined };
  for (const document of documents) {
    let place = root;
    for (const part of document.path) {
      let child = place.children.get(part);
      if (child === undefined) {
        child = { children: new Map(), at: undefined };
        place.children.set(part, child);
      }
      place = child;
    }
    place.at = document;
  }
  return root;
}

/** The innermost place on the way to a document, and how many keys lead to it. What is below a rule is part of its value. */
function nearestPlace(root: Place, keys: readonly Value[]): { readonly place: Place; readonly depth: number } {
  let place = root;
  let depth = 0;
  for (; depth < keys.length && place.at?.kind === 'package'; depth++) {
    const key = keys[depth];
    const child = typeof key === 'string' ? place.children.get(key) : undefined;
    if (child === undefined) break;
    place = child;
  }
  return { place, depth };
}

function walk(from: Value, keys: readonly Value[], step: (value: Value, key: Value) => Value): Value {
  let value = from;
  for (const key of keys) {
    if (value === undefined) return undefined;
    value = step(value, key);
  }
  return value;
}

/** What OPA takes for a number in a path; it has to fit 64 bits. */
const wholeNumber = /^([-+]?[0-9]{1,19})(\.0*)?$/;

/** A part of a path as a key: whole numbers are numbers, so that they find elements of arrays. */
function pathKey(part: string): Value {
  const digits = wholeNumber.exec(part)?.[1];
  if (digits === undefined) return part;
  const number = BigInt(digits.replace('+', ''));
  return BigInt.asIntN(64, number) === number ? numberFromBigInt(number) : part;
}
