import { parsePorc, decide as decideOne } from '@edict/engine';
import { z } from 'zod';
import { inputName, readInput } from '../files.ts';
import { CommandError, messageOf, printJson, type Io, type OutputFormat } from '../io.ts';
import { printDecision } from '../render/decision.ts';
import { decideContext, loadSnapshotOf } from '../snapshot-of-files.ts';

export interface DecideOptions {
  readonly bundle: readonly string[];
  /** A file, or `-` for standard input. */
  readonly input: string;
  /** Ask a running PDP instead of deciding here. */
  readonly url?: string;
  readonly set?: string;
  readonly probe: boolean;
  readonly output: OutputFormat;
}

/** How long a PDP may take to answer. */
const REMOTE_TIMEOUT_MS = 30_000;

/** `edict decide`: one decision, from files or from a running PDP. Exit code 0 for GRANT and DENY alike. */
export async function decide(io: Io, options: DecideOptions): Promise<void> {
  if (options.url === undefined && options.bundle.length === 0) {
    throw new CommandError('name PolicyDomain files with -b, or a PDP with --url');
  }
  if (options.url === undefined && (options.set !== undefined || options.probe)) {
    throw new CommandError('--set and --probe need --url');
  }
  const body = await readInput(options.input, io.stdin);
  if (options.url !== undefined) {
    await decideRemotely(io, options.url, body, options);
    return;
  }
  const snapshot = await loadSnapshotOf(options.bundle);
  const parsed = parsePorc(body);
  if (!parsed.ok) throw new CommandError(`${inputName(options.input)}: ${parsed.message}`);
  printDecision(io, decideOne(snapshot, parsed.porc, decideContext()), options.output);
}

const Answer = z.object({ allow: z.boolean() });

async function decideRemotely(io: Io, url: string, body: Buffer, options: DecideOptions): Promise<void> {
  const target = new URL('/decision', url);
  if (options.probe) target.searchParams.set('probe', 'true');
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (options.set !== undefined) headers['policy-set'] = options.set;
  const request = {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(REMOTE_TIMEOUT_MS),
  };
  const { response, text } = await ask(target, request);
  if (!response.ok) throw new CommandError(`${url} answered ${response.status}: ${text.trim()}`);
  const answer = Answer.safeParse(jsonOrUndefined(text));
  if (!answer.success) throw new CommandError(`${url} answered no decision: ${text.slice(0, 200).trim()}`);
  const { allow } = answer.data;
  const set = response.headers.get('policy-set');
  const revision = response.headers.get('policy-revision');
  const digest = response.headers.get('policy-digest');
  if (options.output === 'json') {
    printJson(io, { allow, set, revision: revision === null ? null : Number(revision), digest });
    return;
  }
  const by = set === null ? '' : `  by ${set}@${revision ?? '?'} (${digest ?? '?'})`;
  io.stdout(`${allow ? 'GRANT' : 'DENY'}${by}\n`);
}

async function ask(target: URL, request: RequestInit): Promise<{ readonly response: Response; readonly text: string }> {
  try {
    const response = await fetch(target, request);
    return { response, text: await response.text() };
  } catch (error) {
    const cause = error !== null && typeof error === 'object' && 'cause' in error ? error.cause : undefined;
    throw new CommandError(`cannot reach ${target.origin}: ${messageOf(cause ?? error)}`);
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says what it got instead
  }
}
