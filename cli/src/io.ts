/** What a command line has of the world; tests give their own. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Everything on standard input. */
  readonly stdin: () => Promise<Buffer>;
  /** Whether stdout is a terminal that understands cursor movement. */
  readonly isTerminal: boolean;
  /** Width of the terminal; of a usual one where there is none. */
  readonly columns: number;
  /**
   * Aborted when the user interrupts. Who asks for it promises to end soon after; while nobody has asked, an interrupt ends
   * the process as usual.
   */
  readonly interrupted: () => AbortSignal;
}

/** What `edict` exits with. Stable: scripts rely on it. */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  /** A query of Rego ended in an error, or a test of Rego failed: `opa` exits so, too. */
  regoFailed: 2,
  unknownCommand: 3,
  interrupted: 130,
} as const;

/** Ends a command with a message for people (none if empty) and an exit code. Thrown for everything that the user can mend. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT_CODES.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The message of anything caught, without its class. */
export function messageOf(error: unknown): string {
  return error !== null && typeof error === 'object' && 'message' in error ? String(error.message) : String(error);
}

/** Node's code of a caught error (`ENOENT`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error !== null && typeof error === 'object' && 'code' in error ? String(error.code) : undefined;
}

/** Output forms that every command knows. */
export type OutputFormat = 'text' | 'json';

/** Those of the commands that ask a running Edict. */
export type FleetOutput = OutputFormat | 'yaml';

/** Prints `value` as indented JSON. */
export function printJson(io: Io, value: unknown): void {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`);
}

/** `1 file`, `2 files`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
