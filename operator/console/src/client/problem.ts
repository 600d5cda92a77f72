import type { Problem } from '../../../src/console/wire.ts';

/** An answer that is no success, or none at all. `message` is for people. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The last part of the problem's type: `forbidden`; `unreachable` when no answer came. */
  readonly code: string;

  constructor(status: number, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.code = code;
  }

  /** Whether the same question may be answered later although nobody does anything about it. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Reads the problem that a response carries; a body that is none is told by its status. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const text = await response.text().catch(() => '');
  const problem = parseProblem(text);
  const code = problem?.type?.split(':').at(-1) ?? String(response.status);
  const detail = problem?.detail ?? problem?.title ?? `the server answered ${response.status} ${response.statusText}`;
  return new ApiProblem(response.status, code, detail.trim());
}

function parseProblem(text: string): Partial<Problem> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // A proxy in between answers with text of its own; the status tells enough.
    return undefined;
  }
}

/** Makes a problem of anything thrown by `fetch`. */
export function unreachable(cause: unknown): ApiProblem {
  return new ApiProblem(0, 'unreachable', 'the operator cannot be reached', cause);
}
