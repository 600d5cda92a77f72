import { named, nodeOf, nodesOf, textOf, type GraphqlNode } from './graphql-node.ts';
import { valueText, type Report } from './graphql-values.ts';

/** Most pairs of fields that are compared; beyond it a document counts as too complex. */
export const MAX_FIELD_COMPARISONS = 100_000;

/** Reports fields of one response name that mean different things (section 5.3.2 of the specification). */
export function checkOverlaps(document: GraphqlNode, report: Report): void {
  const fragments = nodesOf(document, 'Fragments');
  let comparisons = 0;
  const compareSets = (sets: readonly GraphqlNode[]): void => {
    const byName = new Map<string, GraphqlNode[]>();
    for (const field of sets.flatMap((set) => collectFields(set, fragments, new Set()))) {
      const alias = textOf(field, 'Alias');
      const others = byName.get(alias);
      if (others === undefined) byName.set(alias, [field]);
      else others.push(field);
    }
    for (const [alias, fields] of byName) {
      const [first, ...rest] = fields;
      if (first === undefined) continue;
      for (const other of rest) {
        if (++comparisons > MAX_FIELD_COMPARISONS) {
          report(first, 'Fields cannot be compared: the document is too complex.');
          return;
        }
        const reason = difference(first, other);
        if (reason === undefined) continue;
        const hint = 'Use different aliases on the fields to fetch both if this was intentional.';
        report(first, `Fields "${alias}" conflict because ${reason}. ${hint}`);
      }
      if (rest.length > 0) compareSets(fields);
    }
  };
  const visit = (node: GraphqlNode): void => {
    compareSets([node]);
    for (const selection of nodesOf(node, 'SelectionSet')) visit(selection);
  };
  for (const operation of nodesOf(document, 'Operations')) visit(operation);
}

/** The fields of a selection, those of its fragments included. */
function collectFields(
  node: GraphqlNode,
  fragments: readonly GraphqlNode[],
  seen: Set<string>,
): readonly GraphqlNode[] {
  return nodesOf(node, 'SelectionSet').flatMap((selection): readonly GraphqlNode[] => {
    if (selection['Alias'] !== undefined) return [selection];
    // Different types may answer one name differently: such fields never meet.
    if (selection['TypeCondition'] !== undefined) {
      return textOf(selection, 'TypeCondition') === '' ? collectFields(selection, fragments, seen) : [];
    }
    const name = textOf(selection, 'Name');
    const fragment = named(fragments, name);
    if (fragment === undefined || seen.has(name)) return [];
    seen.add(name);
    return collectFields(fragment, fragments, seen);
  });
}

function difference(a: GraphqlNode, b: GraphqlNode): string | undefined {
  const nameA = textOf(a, 'Name');
  const nameB = textOf(b, 'Name');
  if (nameA !== nameB) return `"${nameA}" and "${nameB}" are different fields`;
  return argumentsText(a) === argumentsText(b) ? undefined : 'they have differing arguments';
}

function argumentsText(field: GraphqlNode): string {
  return nodesOf(field, 'Arguments')
    .map((argument) => {
      const value = nodeOf(argument, 'Value');
      return `${textOf(argument, 'Name')}:${value === undefined ? '' : valueText(value)}`;
    })
    .sort()
    .join(',');
}
