import type { KubeObject } from '../../store/kube/kube-objects.ts';
import type { AutoscalerFacts } from './plan.ts';

/**
 * Tells which changes of autoscalers concern their fleets. What an autoscaler measures, it writes down at every look, four times
 * a minute for each fleet; only what it concludes is news.
 */
export class AutoscalerNews {
  readonly #known = new Map<string, string>();

  /** Whether the object says something else than when it was last asked about. */
  isNews(autoscaler: KubeObject): boolean {
    const { namespace = '', name, uid = '', generation = 0 } = autoscaler.metadata;
    const { desiredReplicas, conditions = [] } = (autoscaler['status'] ?? {}) as Partial<AutoscalerFacts>;
    const conclusions = conditions.map(({ type, status, reason }) => [type, status, reason]);
    const text = JSON.stringify([uid, generation, desiredReplicas, conclusions]);
    const key = `${namespace}/${name}`;
    if (this.#known.get(key) === text) return false;
    this.#known.set(key, text);
    return true;
  }

  /** It is gone. */
  forget({ metadata: { namespace = '', name } }: KubeObject): void {
    this.#known.delete(`${namespace}/${name}`);
  }
}
