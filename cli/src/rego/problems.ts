import type { Diagnostic, Location } from '@edict/rego';
import { counted } from '../io.ts';

/** Something that keeps a tool for policy authors from doing its work. */
export interface ToolProblem {
  readonly message: string;
  /** OPA's code, where it has one. */
  readonly code?: string;
  readonly location?: { readonly file: string; readonly row: number; readonly col: number };
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

/** What the compiler says, as a problem. */
export function problemOf({ code, message, location }: Diagnostic): ToolProblem {
  return { code, message, location: placeOf(location) };
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

/** `file:row:col: code: message`. */
export function printProblem({ message, code, location }: ToolProblem): string {
  const parts = [location === undefined ? undefined : printPlace(location), code, message];
  return parts.filter((part) => part !== undefined).join(': ');
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
