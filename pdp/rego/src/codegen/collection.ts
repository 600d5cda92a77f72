import type { LocalId, Step } from '../plan/ir.ts';
import { findFeed, type Scan } from './unique-keys.ts';

/** A collection that generated code is building. */
export interface Collection {
  readonly into: 'array' | 'set' | 'object';
  readonly local: string;
  /** Nothing but the number of its members is ever asked for. */
  readonly counted: boolean;
  /** `always` if no member of a set comes twice; the name of a condition if that depends on what a loop goes over. */
  readonly unique: 'always' | string | undefined;
}

/**
 * What a comprehension builds. `counted` is true if only its count is used. `condition` names the variable that says whether
 * a loop, whose values are the members, goes over a set; undefined if it never does.
 */
export const describeCollection = (
  step: Extract<Step, { readonly kind: 'collect' }>,
  counted: boolean,
  condition: (feed: Scan) => string | undefined,
): Collection => {
  const local = `l${String(step.local)}`;
  if (step.into !== 'set')
    return { into: step.into, local, counted: counted && step.into === 'array', unique: undefined };
  const feed = findFeed(step.body);
  const unique = feed === undefined ? undefined : feed.by === 'key' ? 'always' : condition(feed.scan);
  return { into: 'set', local, counted: counted && unique !== undefined, unique };
};

/** The statements in front of the loops that fill a collection. Where it is counted, its local is a number. */
export const openCollection = ({ into, local, counted, unique }: Collection): readonly string[] => {
  if (counted)
    return [unique === undefined || unique === 'always' ? `let ${local} = 0;` : `let ${local} = 0, ${local}s;`];
  switch (into) {
    case 'array':
      return [`const ${local} = [];`];
    case 'set':
      return [`const ${local} = newSet();`];
    case 'object':
      return [`let ${local} = {};`];
    default:
      return into satisfies never;
  }
};

/** The statement that adds a member to an array or a set. */
export const addMember = ({ into, local, counted, unique }: Collection, value: string): string => {
  if (into === 'array') return counted ? `${local}++;` : `${local}.push(${value});`;
  if (unique === undefined) return `${local}.add(${value});`;
  if (unique === 'always') return counted ? `${local}++;` : `${local}.addNew(${value});`;
  return counted
    ? `if (${unique}) ${local}++; else (${local}s ??= newSet()).add(${value});`
    : `if (${unique}) ${local}.addNew(${value}); else ${local}.add(${value});`;
};

/** The statements behind the loops. */
export const closeCollection = ({ local, counted, unique }: Collection): readonly string[] =>
  counted && unique !== undefined && unique !== 'always'
    ? [`if (${local}s !== undefined) ${local} = ${local}s.size;`]
    : [];

/** True if the step behind a comprehension takes its count, and nothing else uses it. */
export const isOnlyCounted = (local: LocalId, next: Step | undefined, uses: ReadonlyMap<LocalId, number>): boolean => {
  if (next?.kind !== 'bind' || next.value.kind !== 'builtin' || next.value.name !== 'count') return false;
  const [arg] = next.value.args;
  return arg?.kind === 'local' && arg.id === local && uses.get(local) === 1;
};
