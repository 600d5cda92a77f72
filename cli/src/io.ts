/** What a command line has of the world; tests give their own. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Everything on standard input. */
  readonly stdin: () => Promise<Buffer>;
  /** Whether stdout is a terminal that understands cursor movement. */
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Aborted when the user interrupts. */
  readonly interrupted: AbortSignal;
}

/** Ends a command with a message for people and an exit code. Thrown for everything that the user can mend. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Output forms that every command knows. */
export type OutputFormat = 'text' | 'json';

/** Prints `value` as indented JSON. */
export function printJson(io: Io, value: unknown): void {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`);
}
