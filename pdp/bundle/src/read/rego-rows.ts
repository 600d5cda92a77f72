import type { Position } from '../problem.ts';
import type { YamlNode } from './yaml-node.ts';

/**
 * Where each row of a Rego text that is embedded as a block stands in its file. `undefined` where rows of the text are
 * not rows of the file: quoted and plain scalars of several lines, most folded blocks, Kubernetes objects.
 */
export function regoRowPositions(
  node: YamlNode,
  rego: string,
  lines: readonly string[],
): readonly Position[] | undefined {
  if (node.kind !== 'scalar' || node.source === undefined) return undefined;
  const { line, column } = node.source.position;
  const rows = rego.split('\n');
  if (!node.block) {
    // On one line, and so a constant distance away: the opening quote counts, escapes do not.
    return rows.length > 1 ? undefined : [{ line, column: node.plain ? column : column + 1 }];
  }
  const positions: Position[] = [];
  for (const [index, row] of rows.entries()) {
    const fileLine = lines[line + index];
    // The empty row after the last line break may lie behind the end of the file.
    if (row === '') positions.push({ line: line + index + 1, column: 1 });
    else if (fileLine?.endsWith(row) === true) {
      positions.push({ line: line + index + 1, column: fileLine.length - row.length + 1 });
    } else return undefined;
  }
  return positions;
}
