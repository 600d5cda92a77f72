import type { NodeId, SetKey } from '../identifiers.ts';

/** Who is at the other end of a stream, as authentication says. Nothing in it comes from the peer's own messages. */
export interface PeerIdentity {
  /** Pod UID, or the certificate's subject alternative name. */
  readonly nodeId: NodeId;
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Sets that it may have, for stores that keep no list of members. */
  readonly sets: readonly SetKey[];
  /** Of its pod, for waves by labels and zones; absent where nobody knows. */
  readonly traits?: NodeTraits;
  /** Name of the site that a relay speaks for; absent for a PDP. The sets of a relay are those that name its site. */
  readonly site?: string;
}

/** What a relay of `site` is to the hub's machine. Waves choose it by the label `edict.dev/site`. */
export function siteIdentity(site: string, serviceAccount: string): PeerIdentity {
  const traits = { labels: { 'edict.dev/site': site } };
  return { nodeId: `site:${site}`, podName: site, namespace: 'site', serviceAccount, sets: [], traits, site };
}

/** What waves choose PDPs by. */
export interface NodeTraits {
  readonly labels?: Readonly<Record<string, string>>;
  readonly zone?: string;
}

/** `namespace/name` of the peer's pod. */
export function nodeName(identity: PeerIdentity): string {
  return `${identity.namespace}/${identity.podName}`;
}
