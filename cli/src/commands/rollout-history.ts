import { revisionSummary } from '@edict/operator/views';
import type { Fleet } from '../fleet/fleet.ts';
import type { FleetOutput, Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';
import { age, table } from '../render/table.ts';
import { chooseSet, revisionsOf, sightOf } from './choose-set.ts';

/** Characters of a digest that tell revisions of one set apart. */
const SHORT_DIGEST = 'sha256:'.length + 12;

/** `edict rollout history`: the revisions of a set, newest first. */
export async function rolloutHistory(
  io: Io,
  fleet: Fleet,
  name: string | undefined,
  output: FleetOutput,
): Promise<void> {
  const set = await chooseSet(fleet, name);
  const revisions = revisionsOf(set, await fleet.revisions());
  const sight = sightOf(set, revisions);
  if (output !== 'text') {
    printObject(
      io,
      revisions.map((revision) => {
        const { manifest, ...spec } = revision.spec;
        const { by, why } = revisionSummary(sight, revision);
        return { ...spec, by, why, manifest: JSON.parse(manifest) as unknown, status: revision.status };
      }),
      output,
    );
    return;
  }
  const now = Date.now();
  const rows = revisions.map((revision) => {
    const { spec, status, metadata } = revision;
    const { by = '', why, convergenceMs, skewMs } = revisionSummary(sight, revision);
    return [
      `${spec.n}${spec.n === set.status?.committedRevision ? ' *' : ''}`,
      status?.phase ?? 'Pending',
      `${spec.reason}${spec.rollbackOf === undefined ? '' : ` to ${spec.rollbackOf}`}`,
      status?.preparedCount ?? '',
      status?.activeCount ?? '',
      age(metadata.creationTimestamp, now),
      spec.digest.slice(0, SHORT_DIGEST),
      convergenceMs === undefined ? '' : `${convergenceMs}ms`,
      skewMs === undefined ? '' : `${skewMs}ms`,
      by,
      // A cause may have lines; a row has one.
      (status?.cause ?? why ?? '').split('\n')[0] ?? '',
    ];
  });
  const header = ['REVISION', 'PHASE', 'REASON', 'PREPARED', 'ACTIVE', 'AGE', 'DIGEST', 'TOOK', 'SKEW', 'BY', 'CAUSE'];
  io.stdout(table(header, rows));
}
