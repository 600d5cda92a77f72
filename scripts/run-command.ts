import { spawn } from 'node:child_process';

/** How a command is run; all parts are optional. */
export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to the command's standard input, which is then closed. */
  readonly input?: string;
  /** Called with each piece of standard error as it arrives, for progress of long builds. */
  readonly onStderr?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What a finished command left behind, whatever its exit code. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that could not be started, or ended with a code other than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: 'CommandFailed' | 'CommandNotFound';
  readonly result: CommandResult | undefined;
  constructor(code: CommandError['code'], message: string, result?: CommandResult, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.result = result;
  }
}

/** Runs to the end and resolves with the exit code, output and errors; rejects only when the program cannot be started. */
export function tryCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: options.signal,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(text);
    });
    child.on('error', (cause) => {
      reject(new CommandError('CommandNotFound', `cannot run ${command}: ${cause.message}`, undefined, cause));
    });
    // A command may exit without reading its input; that is its right, and its exit code says what came of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('close', (code, killedBy) => {
      resolve({ code: code ?? 128, stdout, stderr: killedBy === null ? stderr : `${stderr}ended by ${killedBy}\n` });
    });
  });
}

/** Runs to the end and resolves with standard output; a code other than 0 rejects with what the command said. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await tryCommand(command, args, options);
  if (result.code !== 0) {
    const said = result.stderr.trim() === '' ? result.stdout : result.stderr;
    const line = `${command} ${args.join(' ')}`;
    throw new CommandError('CommandFailed', `${line} ended with ${result.code}: ${said.trim().slice(-4000)}`, result);
  }
  return result.stdout;
}
