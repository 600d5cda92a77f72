/** ` Did you mean "a", "b", or "c"?`, or nothing if no option is near. */
export function suggest(lead: string, input: string, options: readonly string[]): string {
  const threshold = Math.max(Math.floor(input.length * 0.4) + 1, 1);
  const near = options
    .map((option) => ({ option, distance: lexicalDistance(input, option) }))
    .filter(({ distance }) => distance <= threshold)
    .sort((a, b) => a.distance - b.distance)
    .map(({ option }) => option);
  return near.length === 0 ? '' : ` ${lead} ${quotedList(near)}?`;
}

/** `"a"`, `"a" or "b"`, `"a", "b", or "c"`; five at most. */
export function quotedList(items: readonly string[]): string {
  const quoted = items.slice(0, 5).map((item) => `"${item}"`);
  if (quoted.length <= 2) return quoted.join(' or ');
  return `${quoted.slice(0, -1).join(', ')}, or ${quoted.at(-1) ?? ''}`;
}

/** Edits from one word to another; a change of case is one. */
function lexicalDistance(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  if (left === right) return 1;
  let row = Array.from({ length: right.length + 1 }, (_unused, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const cost = left[i - 1] === right[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
