import type { Fleet } from '../fleet/fleet.ts';
import { printJson, type Io, type OutputFormat } from '../io.ts';
import { age, table } from '../render/table.ts';

/** `edict pdps`: every PDP, what it serves, and what is wrong with it. */
export async function pdps(io: Io, fleet: Fleet, output: OutputFormat): Promise<void> {
  const listing = await fleet.pdps();
  if (output === 'json') {
    printJson(io, listing);
    return;
  }
  if (listing.length === 0) {
    io.stdout('no PDP is connected\n');
    return;
  }
  const now = Date.now();
  const rows = listing.flatMap(({ pod, connected, lastBeatAt, engineVersion, sets }) => {
    const beat = lastBeatAt === 0 ? '' : age(new Date(lastBeatAt).toISOString(), now);
    const about = (set: string, active: string, staged: string, state: string, nack: string): string[] => [
      pod,
      connected ? 'yes' : 'no',
      set,
      active,
      staged,
      state,
      beat,
      engineVersion,
      nack,
    ];
    if (sets.length === 0) return [about('', '', '', '', '')];
    return sets.map(({ set, active, staged, state, nack = '' }) =>
      about(set, active === 0 ? '-' : String(active), staged > active ? String(staged) : '-', state, nack),
    );
  });
  io.stdout(table(['PDP', 'CONNECTED', 'SET', 'ACTIVE', 'STAGED', 'STATE', 'BEAT', 'ENGINE', 'NACK'], rows));
}
