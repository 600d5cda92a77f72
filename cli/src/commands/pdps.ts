import { pdpView, sightPdps, type PdpState, type PdpView } from '@edict/operator/views';
import { CommandError } from '../io.ts';
import type { FleetOutput, Io } from '../io.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { readAll } from '../fleet/read-all.ts';
import { printObject } from '../render/print-object.ts';
import { age, table } from '../render/table.ts';
import { sightOf } from './choose-set.ts';

export interface PdpsOptions {
  readonly set?: string;
  readonly state?: PdpState;
  readonly output: FleetOutput;
}

/** `edict pdps`: the PDPs of the namespace's sets, what each serves, and what is wrong with it. */
export async function pdps(io: Io, fleet: Fleet, { set: wanted, state, output }: PdpsOptions): Promise<void> {
  const [sets, revisions, listings] = await readAll([fleet.sets(), fleet.revisions(), fleet.pdps()]);
  const chosen = wanted === undefined ? sets : sets.filter(({ metadata }) => metadata.name === wanted);
  if (wanted !== undefined && chosen.length === 0) {
    throw new CommandError(`no policy set named ${wanted} in namespace ${fleet.namespace}`);
  }
  const now = Date.now();
  const views = chosen.flatMap((set) =>
    sightPdps(sightOf(set, revisions), listings, now).map((pdp) => ({ set: set.metadata.name, ...pdpView(pdp) })),
  );
  const shown = views.filter((view) => state === undefined || view.state === state);
  if (output !== 'text') {
    printObject(io, shown, output);
    return;
  }
  if (shown.length === 0) {
    io.stdout(views.length === 0 ? 'no PDP is connected\n' : `none of ${views.length} is ${state ?? ''}\n`);
    return;
  }
  const header = ['PDP', 'SET', 'STATE', 'ACTIVE', 'STAGED', 'BEAT', 'ENGINE', 'REASON'];
  io.stdout(
    table(
      header,
      shown.map((view) => rowOf(view, now)),
    ),
  );
}

function rowOf(view: PdpView & { readonly set: string }, now: number): readonly string[] {
  const { pod, set, state, active, staged, lastBeatAt, engine, reason = '', canary } = view;
  const share = canary === undefined ? '' : ` (${canary.revision}: ${canary.upTo / 100}%)`;
  return [
    pod,
    set,
    state,
    `${active === 0 ? '-' : active}${share}`,
    staged === 0 ? '-' : String(staged),
    age(lastBeatAt, now),
    engine,
    // A reason may have lines; a row has one.
    reason.split('\n')[0] ?? '',
  ];
}
