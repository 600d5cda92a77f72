import { randomUUID } from 'node:crypto';
import { formatProblem } from '@edict/bundle';
import {
  compileSourcedSnapshot,
  decide as decideOne,
  loadSnapshot,
  parsePorc,
  renderAccessRecord,
  systemClock,
  type DecideContext,
  type Decision,
  type Snapshot,
} from '@edict/engine';
import { loadDomainFiles, readBytes } from '../bundle-files.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';

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

/** `edict decide`: one decision, from files or from a running PDP. */
export async function decide(io: Io, options: DecideOptions): Promise<void> {
  const body = options.input === '-' ? await io.stdin() : await readBytes(options.input);
  if (options.url !== undefined) return await decideRemotely(io, options.url, body, options);
  if (options.bundle.length === 0) throw new CommandError('name PolicyDomain files with -b, or a PDP with --url');
  const snapshot = await loadFiles(options.bundle);
  const parsed = parsePorc(body);
  if (!parsed.ok)
    throw new CommandError(`${options.input === '-' ? 'standard input' : options.input}: ${parsed.message}`);
  const decision = decideOne(snapshot, parsed.porc, decideContext());
  printDecision(io, decision, options.output);
}

/** Reads, checks and compiles PolicyDomain files; every problem ends the command. */
export async function loadFiles(files: readonly string[]): Promise<Snapshot> {
  const compiled = compileSourcedSnapshot(await loadDomainFiles(files));
  if (!compiled.ok) throw new CommandError(compiled.problems.map(formatProblem).join('\n'));
  return loadSnapshot(compiled.compiled);
}

/** The context of decisions that a command line makes. */
export function decideContext(): DecideContext {
  return { clock: systemClock, newId: randomUUID };
}

function printDecision(io: Io, { allow, record }: Decision, output: OutputFormat): void {
  const rendered = record === undefined ? undefined : (JSON.parse(renderAccessRecord(record)) as unknown);
  if (output === 'json') {
    printJson(io, { allow, record: rendered });
    return;
  }
  io.stdout(`${allow ? 'GRANT' : 'DENY'}\n`);
  for (const { phase, id, decision, reasonCode, reason } of record?.references ?? []) {
    const why = reasonCode === 'POLICY_OUTCOME' ? '' : `  ${reasonCode}${reason === '' ? '' : `: ${reason}`}`;
    io.stdout(`  ${phase.padEnd(9)}${decision.padEnd(6)}${id}${why}\n`);
  }
}

async function decideRemotely(io: Io, url: string, body: Buffer, options: DecideOptions): Promise<void> {
  const target = new URL('/decision', url);
  if (options.probe) target.searchParams.set('probe', 'true');
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (options.set !== undefined) headers['policy-set'] = options.set;
  const response = await fetch(target, { method: 'POST', headers, body: new Uint8Array(body) }).catch(
    (error: unknown) => {
      throw new CommandError(`cannot reach ${url}: ${String(error)}`);
    },
  );
  const text = await response.text();
  if (!response.ok) throw new CommandError(`${url} answered ${response.status}: ${text.trim()}`);
  const { allow } = JSON.parse(text) as { allow: boolean };
  const set = response.headers.get('policy-set');
  const revision = Number(response.headers.get('policy-revision'));
  const digest = response.headers.get('policy-digest');
  if (options.output === 'json') printJson(io, { allow, set, revision, digest });
  else io.stdout(`${allow ? 'GRANT' : 'DENY'}  by ${set ?? '?'}@${revision} (${digest ?? '?'})\n`);
}
