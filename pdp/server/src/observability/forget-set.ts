import type { PdpMetrics } from './metrics.ts';
import type { SetLabels } from './set-labels.ts';

/** A set is gone for good: its place among the labels goes to another, and its time series end. Those of folded sets go on. */
export function forgetSet(set: string, labels: SetLabels, metrics: PdpMetrics): void {
  const label = labels.forget(set);
  if (label === undefined) return;
  const { instanceDecisions, decisionCache, staleDecisions, shadowEvaluations, shadowDiffs, shadowDropped } = metrics;
  for (const counter of [instanceDecisions, decisionCache, shadowDiffs]) counter.forget('set', label);
  for (const counter of [staleDecisions, shadowEvaluations, shadowDropped]) counter.forget('set', label);
  const { activeRevision, activeSince, canaryRevision, canaryShare } = metrics;
  for (const gauge of [activeRevision, activeSince, canaryRevision, canaryShare]) gauge.remove({ set: label });
}
