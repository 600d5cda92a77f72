/** Something in the folder that cannot be used. What the file held before serves on. */
export interface FolderProblem {
  /** Relative to the folder. */
  readonly file: string;
  /** Both count from 1; absent where the problem has no place. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
}

/** `file:line:column: message`, leaving out what is not known. */
export function formatFolderProblem(problem: FolderProblem): string {
  const place = [problem.file, problem.line, problem.line === undefined ? undefined : problem.column]
    .filter((part) => part !== undefined)
    .join(':');
  return `${place}: ${problem.message}`;
}
