/** Lines of either side that are compared; what is longer is shown as replaced as a whole. */
export const DIFF_LINES_COMPARED_MAX = 500;
/** Lines that a diff shows. */
export const DIFF_LINES_MAX = 400;
/** Unchanged lines around a change. */
const CONTEXT = 3;

/** The lines of two texts, each after `+`, `-` or a space; unchanged ones only around what changes, with ` ...` for a gap. */
export function diffLines(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const [a, b] = [linesOf(before), linesOf(after)];
  const lines = nearChanges(compared(a, b));
  return lines.length <= DIFF_LINES_MAX ? lines : [...lines.slice(0, DIFF_LINES_MAX - 1), ' ...'];
}

function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

/** Equal ends are taken off first: what is left is compared by its longest common subsequence. */
function compared(a: readonly string[], b: readonly string[]): readonly string[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const isLong = Math.max(left.length, right.length) > DIFF_LINES_COMPARED_MAX;
  const middle = isLong ? [...left.map((line) => `-${line}`), ...right.map((line) => `+${line}`)] : merged(left, right);
  const same = (lines: readonly string[]): readonly string[] => lines.map((line) => ` ${line}`);
  return [...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))];
}

function merged(a: readonly string[], b: readonly string[]): readonly string[] {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(` ${a[i] ?? ''}`);
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`-${a[i] ?? ''}`);
      i += 1;
    } else {
      lines.push(`+${b[j] ?? ''}`);
      j += 1;
    }
  }
  return lines;
}

function nearChanges(lines: readonly string[]): readonly string[] {
  const isNear = lines.map((_line, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some((line) => !line.startsWith(' ')),
  );
  return lines.flatMap((line, at) => {
    if (isNear[at] === true) return [line];
    return at === 0 || isNear[at - 1] === true ? [' ...'] : [];
  });
}
