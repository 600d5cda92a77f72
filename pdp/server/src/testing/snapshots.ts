import type { DomainModel } from '@edict/bundle';
import { compileSnapshot, loadSnapshot, type CompileSnapshotOptions, type Snapshot } from '@edict/engine';
import { craneDomain } from './revisions.ts';

/** Compiles domains that are known to be good. */
export function snapshotOf(domains: readonly DomainModel[], options: CompileSnapshotOptions = {}): Snapshot {
  const result = compileSnapshot(domains, options);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return loadSnapshot(result.compiled);
}

/** The snapshot of one {@link craneDomain}. */
export function craneSnapshot(limit: number): Snapshot {
  return snapshotOf([craneDomain(limit)]);
}
