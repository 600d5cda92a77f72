/** A table with a frame, as OPA prints them: titles in the middle, cells to the left. */
export function boxTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(width(title), ...rows.map((row) => width(row[i] ?? ''))) + 2);
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((w) => '─'.repeat(w)).join(middle) + right;
  const line = (cells: readonly string[], pad: (cell: string, width: number) => string): string =>
    `│${widths.map((w, i) => pad(cells[i] ?? '', w)).join('│')}│`;
  return [
    rule('┌', '┬', '┐'),
    line(header, centered),
    rule('├', '┼', '┤'),
    ...rows.map((row) => line(row, (cell, w) => ` ${cell}${' '.repeat(w - 1 - width(cell))}`)),
    rule('└', '┴', '┘'),
    '',
  ].join('\n');
}

function centered(title: string, total: number): string {
  const free = total - width(title);
  const left = Math.floor(free / 2);
  return ' '.repeat(left) + title + ' '.repeat(free - left);
}

/** In characters; a wide one counts as one. */
function width(text: string): number {
  return Array.from(text).length;
}

/** Names and values in a frame, without titles; values stand to the right. */
export function boxRows(rows: readonly (readonly [name: string, value: string])[]): string {
  const names = Math.max(...rows.map(([name]) => width(name)));
  const values = Math.max(...rows.map(([, value]) => width(value)));
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${'─'.repeat(names + 2)}${middle}${'─'.repeat(values + 2)}${right}`;
  return [
    rule('┌', '┬', '┐'),
    ...rows.map(([name, value]) => `│ ${name.padEnd(names)} │ ${value.padStart(values)} │`),
    rule('└', '┴', '┘'),
    '',
  ].join('\n');
}
