import type { RevisionId } from '../identifiers.ts';
import { holds, type NodeView } from './node.ts';
import type { SiteProgress } from './progress.ts';

/** Where the set's sites stand, by name; of a site whose relay has no stream nothing but that is known. */
export function siteProgress(
  sites: readonly string[],
  nodes: ReadonlyMap<string, NodeView>,
  newest: RevisionId | undefined,
): readonly SiteProgress[] {
  if (sites.length === 0) return [];
  const relays = new Map([...nodes.values()].map((node) => [node.site, node]));
  return sites.toSorted().map((site): SiteProgress => {
    const relay = relays.get(site);
    if (relay?.connected !== true) return { site, connected: false, active: relay?.active?.n ?? 0, prepared: false };
    const { active, report } = relay;
    const isPrepared = newest !== undefined && holds(relay, newest);
    const known = { site, connected: true, active: active?.n ?? 0, prepared: isPrepared };
    if (report === undefined) return known;
    const { revision, committed, counts, exceptions } = report;
    return { ...known, report: { revision, committed, counts, exceptions } };
  });
}
