import { isSameRevision, type NodeId, type RevisionId } from '../identifiers.ts';
import type { SetLoad, ShadowReport } from '../messages.ts';
import type { ExternalVerdict } from './analysis.ts';
import { addTotals, loadBeside } from './load-window.ts';
import { serves, type NodeView } from './node.ts';
import type { OpenRollout } from './open-rollout.ts';

/** A PDP's word about a shadow evaluation; one about another revision is dropped. */
export function noteShadow(rollout: OpenRollout, nodeId: NodeId, report: ShadowReport): void {
  if (isSameRevision(rollout.revision, report.revision)) rollout.shadow.set(nodeId, report);
}

/** What a PDP measured while a wave soaks, on the side of the revision or on the side of what is beside it. */
export function noteSoakLoad(
  rollout: OpenRollout,
  node: NodeView,
  load: SetLoad,
  canaryLoad: SetLoad | undefined,
): void {
  if (rollout.phase !== 'Soaking') return;
  const { revision } = rollout;
  if (serves(node, revision)) {
    rollout.soaked = addTotals(rollout.soaked, load);
    return;
  }
  const isCanary = node.canary?.n === revision.n && node.canary.setUid === revision.setUid;
  const part = isCanary ? canaryLoad : undefined;
  if (part !== undefined) rollout.soaked = addTotals(rollout.soaked, part);
  rollout.beside = addTotals(rollout.beside, loadBeside(load, part));
}

/** What somebody outside says about the wave `about`; about another one, or one that does not soak, it is dropped. */
export function noteVerdict(
  rollout: OpenRollout,
  about: { readonly revision: RevisionId; readonly wave: number },
  verdict: ExternalVerdict,
  message: string,
): void {
  if (rollout.phase !== 'Soaking' || rollout.wave !== about.wave) return;
  if (isSameRevision(rollout.revision, about.revision)) rollout.external = { verdict, message };
}
