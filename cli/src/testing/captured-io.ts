import type { Io } from '../io.ts';

/** A command line's world in a test, and what was written to it. */
export interface CapturedIo {
  readonly io: Io;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** A pipe of 100 columns with nothing on standard input, that nobody interrupts; `over` says otherwise. */
export function captureIo(over: Partial<Io> = {}): CapturedIo {
  let stdout = '';
  let stderr = '';
  const io: Io = {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    stdin: () => Promise.resolve(Buffer.alloc(0)),
    isTerminal: false,
    columns: 100,
    interrupted: () => new AbortController().signal,
    ...over,
  };
  return { io, stdout: () => stdout, stderr: () => stderr };
}

/** What a command prints on a pipe of 120 columns; what it throws is thrown. */
export async function said(work: (io: Io) => Promise<void>): Promise<string> {
  const { io, stdout } = captureIo({ columns: 120 });
  await work(io);
  return stdout();
}
