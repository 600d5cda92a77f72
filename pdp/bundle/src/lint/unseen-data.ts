import { rowPlace } from '../check/rego.ts';
import { problemOf } from '../check/subject.ts';
import { parseData } from '../documents/json-object.ts';
import type { ParsedSubject } from '../check/rego-parse.ts';
import type { Problem, RegoPosition } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/**
 * Policies that use base documents of their domain: only documents show these, so that for a PORC decision they are
 * undefined. Names that a library's package begins with are passed over, as a policy may mean the package.
 */
export function unseenData({ domain }: SourcedDomain, parsed: readonly ParsedSubject[]): readonly Problem[] {
  if (domain.data === undefined) return [];
  const names = new Set(Object.keys(parseData(domain.data)));
  for (const { tree } of parsed) if (tree?.package[0] !== undefined) names.delete(tree.package[0]);
  const problems: Problem[] = [];
  for (const { subject, tree } of parsed) {
    if (subject.kind !== 'policy' || tree === undefined) continue;
    const used = firstUse(tree, names);
    if (used === undefined) continue;
    const message = `data.${used.name} is the domain's data, which policies do not see: only the documents of a set show it`;
    const base = problemOf(subject, {
      ...{ source: 'schema', class: 'structure', severity: 'warning', field: 'rego', message },
    });
    problems.push({ ...base, ...rowPlace(subject, used.at.row, used.at.col), rego: used.at });
  }
  return problems;
}

/** The first reference in a tree to one of these members of `data`. */
function firstUse(
  node: unknown,
  names: ReadonlySet<string>,
): { readonly name: string; readonly at: RegoPosition } | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  if (isDataRef(node)) {
    const [first] = node.path;
    if (first?.kind === 'string' && first.value !== undefined && names.has(first.value)) {
      return { name: first.value, at: { row: node.location.row, col: node.location.col } };
    }
  }
  for (const member of Object.values(node)) {
    const found = firstUse(member, names);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface DataRef {
  readonly path: readonly { readonly kind: string; readonly value?: string }[];
  readonly location: RegoPosition;
}

function isDataRef(node: object): node is DataRef {
  if (!('kind' in node) || node.kind !== 'ref' || !('head' in node)) return false;
  const { head } = node;
  return typeof head === 'object' && head !== null && 'name' in head && head.name === 'data';
}
