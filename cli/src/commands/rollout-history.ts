import type { Fleet } from '../fleet/fleet.ts';
import { printJson, type Io, type OutputFormat } from '../io.ts';
import { age, table } from '../render/table.ts';
import { chooseSet, revisionsOf } from './choose-set.ts';

/** Characters of a digest that tell revisions of one set apart. */
const SHORT_DIGEST = 'sha256:'.length + 12;

/** `edict rollout history`: the revisions of a set, newest first. */
export async function rolloutHistory(
  io: Io,
  fleet: Fleet,
  name: string | undefined,
  output: OutputFormat,
): Promise<void> {
  const set = await chooseSet(fleet, name);
  const revisions = revisionsOf(set, await fleet.revisions());
  if (output === 'json') {
    printJson(
      io,
      revisions.map(({ spec: { manifest, ...spec }, status }) => ({
        ...spec,
        manifest: JSON.parse(manifest) as unknown,
        status,
      })),
    );
    return;
  }
  const now = Date.now();
  const rows = revisions.map(({ spec, status, metadata }) => [
    `${spec.n}${spec.n === set.status?.committedRevision ? ' *' : ''}`,
    status?.phase ?? 'Pending',
    `${spec.reason}${spec.rollbackOf === undefined ? '' : ` to ${spec.rollbackOf}`}`,
    status?.preparedCount ?? '',
    status?.activeCount ?? '',
    age(metadata.creationTimestamp, now),
    spec.digest.slice(0, SHORT_DIGEST),
    // A cause may have lines; a row has one.
    (status?.cause ?? '').split('\n')[0] ?? '',
  ]);
  io.stdout(table(['REVISION', 'PHASE', 'REASON', 'PREPARED', 'ACTIVE', 'AGE', 'DIGEST', 'CAUSE'], rows));
}
