import type { ClusterClient } from '../support/cluster-client.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Fleet } from './fleet.ts';
import { EDICT, type EdictKinds } from './objects.ts';

type Revision = EdictKinds['PolicyRevision'];
type Phase = NonNullable<NonNullable<Revision['status']>['phase']>;

/** What the revisions of a fleet have been seen to say, from the first look on. */
export interface RolloutTimeline {
  /** When the status first said that everybody serves the wave (from 0): milliseconds since the epoch; undefined if it never did. */
  readonly reachedAt: (n: number, wave: number) => number | undefined;
  /** Phases of the revision in the order in which they were seen, each change once. */
  readonly phases: (n: number) => readonly Phase[];
  readonly stop: () => void;
}

/** Watches the revisions of a fleet until `stop`. */
export async function watchRollouts(cluster: ClusterClient, fleet: Fleet): Promise<RolloutTimeline> {
  const seen: { readonly at: number; readonly revision: Revision }[] = [];
  const path = `/apis/${EDICT}/namespaces/${fleet.namespace}/policyrevisions`;
  const stop = await cluster.watch<Revision>(path, ({ type, object, seenAt }) => {
    if (type !== 'DELETED') seen.push({ at: seenAt, revision: object });
  });
  const of = (n: number): typeof seen => seen.filter(({ revision }) => revision.spec.n === n);
  return {
    reachedAt: (n, wave) =>
      of(n).find(({ revision: { status } }) => {
        const [index = 0] = (status?.wave ?? '').split('/').map(Number);
        return status?.phase === 'Completed' || (status?.phase === 'Soaking' && index === wave + 1);
      })?.at,
    phases: (n) => {
      const all = of(n).map(({ revision }) => revision.status?.phase);
      return all.filter((phase, i): phase is Phase => phase !== undefined && phase !== all[i - 1]);
    },
    stop,
  };
}

/** The revision of that number once its status says so; says where it stands when that takes too long. */
export function waitForPhase(fleet: Fleet, n: number, phase: Phase, timeoutMs = 120_000): Promise<Revision> {
  return waitForRevision(`revision ${n} to be ${phase}`, fleet, n, ({ status }) => status?.phase === phase, timeoutMs);
}

/** The revision of that number once it satisfies `is`; says where it stands when that takes too long. */
export function waitForRevision(
  what: string,
  fleet: Fleet,
  n: number,
  is: (revision: Revision) => boolean,
  timeoutMs = 120_000,
): Promise<Revision> {
  return waitFor(
    `${what} in ${fleet.namespace}`,
    async () => {
      const revision = await fleet.revision(n);
      if (is(revision)) return revision;
      const { phase, wave, hold, cause, preparedCount } = revision.status ?? {};
      throw new Error(`it is ${JSON.stringify({ phase, wave, hold, cause, preparedCount })}`);
    },
    { timeoutMs, intervalMs: 100 },
  );
}

/** When wave (from 0) of a revision was decided, by the operator's own record: milliseconds since the epoch. */
export function decidedAt({ metadata, status }: Revision, wave: number): number {
  const found = status?.waves?.find(({ index }) => index === wave);
  if (found?.decision !== 'Commit' || found.decidedAt === undefined) {
    throw new Error(`wave ${wave} of ${metadata.name} is not committed`);
  }
  return Date.parse(found.decidedAt);
}
