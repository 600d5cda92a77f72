import type { ActionBody, ActionName } from '@edict/operator/views';
import type { Fleet } from '../fleet/fleet.ts';
import type { FleetOutput, Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';
import { chooseSet, sightOf } from './choose-set.ts';

export interface RolloutActionOptions {
  readonly set?: string;
  readonly body: ActionBody;
  readonly output: FleetOutput;
  /** What the user calls this program. */
  readonly program: string;
}

/** `edict rollout pause|resume|approve|abort|undo`: one write, said at once. What comes of it, `rollout status` shows. */
export async function rolloutAction(
  io: Io,
  fleet: Fleet,
  action: ActionName,
  { set: wanted, body, output, program }: RolloutActionOptions,
): Promise<void> {
  const set = await chooseSet(fleet, wanted);
  const result = await fleet.act(action, sightOf(set, await fleet.revisions()), body);
  if (output !== 'text') {
    printObject(io, { set: set.metadata.name, ...result }, output);
    return;
  }
  const watch = result.isChanged ? `; watch it: ${program} rollout status ${set.metadata.name}` : '';
  io.stdout(`${result.message}${watch}\n`);
}
