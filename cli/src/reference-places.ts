import { parseDocument, type EntityKind, type ParsedDocument, type Problem } from '@edict/bundle';

type Node = NonNullable<(ParsedDocument & { readonly ok: true })['root']>;

const SECTIONS: Readonly<Record<EntityKind, string>> = {
  policy: 'policies',
  library: 'policy-libraries',
  role: 'roles',
  group: 'groups',
  'resource-group': 'resource-groups',
  resource: 'resources',
  scope: 'scopes',
  operation: 'operations',
  mapper: 'mappers',
};

/**
 * Problems of a built PolicyDomainReference name lines of a text that nobody wrote. The function that is answered moves
 * them: into the Rego file for a problem of Rego, else to the entity in the reference's own text, else to no line at all.
 */
export function referencePlaces(source: string | Uint8Array, file: string): (problem: Problem) => Problem {
  const document = parseDocument(source, file);
  const root = document.ok ? document.root : null;
  return (problem) => {
    const { line: _line, column: _column, rego, ...rest } = problem;
    const entity = root === null ? undefined : entityOf(root, problem);
    const regoFile = scalarOf(member(entity, 'rego_filename'));
    if (rego !== undefined && regoFile !== undefined) {
      return { ...rest, file: regoFile, line: rego.row, column: rego.col };
    }
    const node = (problem.field === undefined ? undefined : member(entity, problem.field)) ?? entity;
    return { ...rest, ...node?.source?.position, ...(rego === undefined ? {} : { rego }) };
  };
}

function entityOf(root: Node, { kind, mrn }: Problem): Node | undefined {
  if (kind === undefined || mrn === undefined) return undefined;
  const section = member(member(root, 'spec'), SECTIONS[kind]);
  const items = section?.kind === 'sequence' ? section.items : [];
  return items.find((item) => (scalarOf(member(item, 'mrn')) ?? scalarOf(member(item, 'name'))) === mrn);
}

function member(node: Node | undefined, name: string): Node | undefined {
  const mapping = node?.kind === 'alias' ? node.target : node;
  return mapping?.kind === 'mapping' ? mapping.pairs.find(([key]) => scalarOf(key) === name)?.[1] : undefined;
}

function scalarOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' ? node.value : undefined;
}
