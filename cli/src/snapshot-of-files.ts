import { randomUUID } from 'node:crypto';
import { formatProblem } from '@edict/bundle';
import { compileSourcedSnapshot, loadSnapshot, systemClock, type DecideContext, type Snapshot } from '@edict/engine';
import { loadDomainFiles, type LoadedDomains } from './domain-files.ts';
import { CommandError } from './io.ts';

/** Reads, checks and compiles PolicyDomain files; every problem ends the command, each with its place. */
export async function loadSnapshotOf(files: readonly string[]): Promise<Snapshot> {
  const { domains, locate }: LoadedDomains = await loadDomainFiles(files);
  const compiled = compileSourcedSnapshot(domains);
  if (!compiled.ok) throw new CommandError(compiled.problems.map(locate).map(formatProblem).join('\n'));
  return loadSnapshot(compiled.compiled);
}

/** The context of decisions that a command line makes. */
export function decideContext(): DecideContext {
  return { clock: systemClock, newId: randomUUID };
}
