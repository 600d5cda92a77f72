import type { Diagnostic, Location } from '@edict/rego';
import { counted } from '../io.ts';

/** Something that keeps a tool for policy authors from doing its work. */
export interface ToolProblem {
  readonly message: string;
  /** OPA's code, where it has one. */
  readonly code?: string;
  readonly location?: { readonly file: string; readonly row: number; readonly col: number };
  /** Of a text that could not be parsed: the line, and the place in it. */
  readonly details?: SourceLine;
}

/** A line of a text, with a place in it that is counted in bytes from 0. */
export interface SourceLine {
  readonly line: string;
  readonly idx: number;
}

/** Ends a command with everything that is wrong. */
export class ToolProblems extends Error {
  override readonly name = 'ToolProblems';
  readonly problems: readonly ToolProblem[];

  constructor(problems: readonly ToolProblem[]) {
    super(problems.map(({ message }) => message).join('; '));
    this.problems = problems;
  }
}

/** A problem of a file as a whole. */
export function fileProblem(file: string, message: string): ToolProblems {
  return new ToolProblems([{ message: `${file}: ${message}` }]);
}

/** A problem at a place of a text. */
export function placedProblem(file: string, text: string, offset: number, message: string): ToolProblems {
  const before = text.slice(0, offset).split('\n');
  const location = { file, row: before.length, col: Array.from(before.at(-1) ?? '').length + 1 };
  return new ToolProblems([{ message, location }]);
}

/** What the compiler says, as a problem. `textOfFile` gives the text that a location is in. */
export function problemOf(
  { code, message, location }: Diagnostic,
  textOfFile: (file: string) => string | undefined = () => undefined,
): ToolProblem {
  const text = code === 'rego_parse_error' ? textOfFile(location.file) : undefined;
  const details = text === undefined || text === '' ? {} : { details: sourceLine(text, location.start) };
  return { code, message, location: placeOf(location), ...details };
}

/** The line of what stands at or in front of an offset, white space apart: where a text ends early, that is its end. */
function sourceLine(text: string, offset: number): SourceLine {
  let at = Math.max(0, Math.min(offset, text.length - 1));
  while (at > 0 && /\s/.test(text.charAt(at))) at--;
  const begin = Math.max(text.lastIndexOf('\n', at), text.lastIndexOf('\r', at)) + 1;
  const [line = ''] = text.slice(begin).split(/[\r\n]/, 1);
  return { line, idx: Buffer.byteLength(text.slice(begin, at)) };
}

/** A line with a mark below its place; tabs in front are left out. */
function markedLine({ line, idx }: SourceLine): readonly string[] {
  const shown = line.replace(/^\t+/, '');
  const before = Array.from(Buffer.from(line).subarray(0, idx).toString());
  return [shown, `${' '.repeat(Math.max(0, before.length - (line.length - shown.length)))}^`];
}

/** File, row and column of a location. */
export function placeOf({ file, row, col }: Location): NonNullable<ToolProblem['location']> {
  return { file, row, col };
}

/** `file:row:col`; the query where a location names no file. */
export function printPlace({
  file,
  row,
  col,
}: {
  readonly file: string;
  readonly row: number;
  readonly col: number;
}): string {
  return `${file === '' ? 'query' : file}:${row}:${col}`;
}

/** `file:row:col: code: message`, and below it the line that could not be parsed. */
export function printProblem({ message, code, location, details }: ToolProblem): string {
  const parts = [location === undefined ? undefined : printPlace(location), code, message];
  const lines = details === undefined ? [] : markedLine(details);
  return [parts.filter((part) => part !== undefined).join(': '), ...lines].join('\n\t');
}

/** All problems for people, the first `most` of them. */
export function printProblems(problems: readonly ToolProblem[], most = Number.POSITIVE_INFINITY): string {
  const count = `${counted(problems.length, 'error')} occurred:`;
  const [only] = problems;
  if (problems.length === 1 && only !== undefined) return `${count} ${printProblem(only)}\n`;
  const shown = problems.slice(0, most).map(printProblem);
  if (problems.length > most) shown.push(`and ${problems.length - most} more`);
  return `${[count, ...shown].join('\n')}\n`;
}
