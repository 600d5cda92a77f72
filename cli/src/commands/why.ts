import { explainPdp, pdpView, sightPdps, summarizeFindings } from '@edict/operator/views';
import { CommandError, type FleetOutput, type Io } from '../io.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { readAll } from '../fleet/read-all.ts';
import { printObject } from '../render/print-object.ts';
import { age } from '../render/table.ts';
import { sightOf } from './choose-set.ts';

export interface WhyOptions {
  /** Name of the pod, with its namespace or without, or the id of the PDP. */
  readonly pdp: string;
  /** Default: every set of the namespace that it serves. */
  readonly set?: string;
  readonly output: FleetOutput;
}

/** `edict why`: what keeps a PDP from serving what it should. */
export async function why(io: Io, fleet: Fleet, { pdp: name, set: wanted, output }: WhyOptions): Promise<void> {
  const [sets, revisions, listings] = await readAll([fleet.sets(), fleet.revisions(), fleet.pdps()]);
  const names = new Set([name, `${fleet.namespace}/${name}`]);
  const meant = listings.filter(({ pod, nodeId }) => names.has(pod) || nodeId === name);
  const now = Date.now();
  const found = sets
    .filter(({ metadata }) => wanted === undefined || metadata.name === wanted)
    .flatMap((set) => sightPdps(sightOf(set, revisions), meant, now));
  if (found.length === 0) {
    const where = wanted === undefined ? `the sets of namespace ${fleet.namespace}` : `set ${wanted}`;
    throw new CommandError(`no PDP named ${name} among those of ${where}: is its pod selected by spec.pdps.selector?`);
  }
  const told = found.map((pdp) => {
    const findings = explainPdp(pdp);
    return {
      set: pdp.sight.set.metadata.name,
      summary: summarizeFindings(pdp, findings),
      findings,
      pdp: pdpView(pdp),
    };
  });
  if (output !== 'text') {
    printObject(io, told, output);
    return;
  }
  for (const { set, pdp, findings } of told) {
    io.stdout(`${pdp.pod}  ${set}  ${pdp.state}  serves ${pdp.active === 0 ? 'nothing' : `revision ${pdp.active}`}\n`);
    for (const { code, severity, message, advice, since } of findings) {
      const ago = since === undefined ? '' : ` [${age(since, now)} ago]`;
      io.stdout(`  ${severity.toLowerCase()} ${code}: ${message}${ago}\n`);
      if (advice !== undefined) io.stdout(`    to do: ${advice}\n`);
    }
  }
}
