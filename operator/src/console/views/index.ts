export {
  ACTION_KINDS,
  changedAnnotations,
  planAction,
  type ActionPlan,
  type AnnotationChange,
} from '../actions/plan-action.ts';
export * from '../wire.ts';
export { explainPdp, summarizeFindings } from './explain-pdp.ts';
export { sightPdps, type PdpSight } from './pdp-sight.ts';
export { pdpView } from './pdp-view.ts';
export { diffRevisions, type ReadBundle } from './revision-diff.ts';
export { revisionSummary } from './revision-view.ts';
export { rolloutView } from './rollout-view.ts';
export { setDetail } from './set-view.ts';
export type { SetSight } from './sight.ts';
export { KEY_STATUS_MEMBER, KeyStatus, REVOKE_ANNOTATION, ROTATE_ANNOTATION } from '../../keys/key-status.ts';
