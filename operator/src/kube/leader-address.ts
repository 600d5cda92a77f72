import type { Clock } from '../clock.ts';
import type { FindLeader, LeaderAddress } from '../console/http/forward.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

/** How long an address is taken without asking again; it is asked for anew as soon as another replica leads. */
const ADDRESS_TTL_MS = 10_000;

export interface LeaderAddressOptions {
  readonly objects: KubeObjects;
  readonly namespace: string;
  /** Pod that leads. */
  readonly leader: () => string | undefined;
  readonly identity: string;
  readonly port: number;
  readonly serverName: string;
  /** What serving certificates are checked against. */
  readonly ca: () => string;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

interface Pod extends KubeObject {
  readonly status?: { readonly podIP?: string };
}

/** Finds the pod that leads by its name in the Lease, and its address in the API. */
export function createLeaderFinder(options: LeaderAddressOptions): FindLeader {
  const { objects, namespace, leader, identity, port, serverName, ca, clock, log } = options;
  let known: { readonly name: string; readonly host: string; readonly until: number } | undefined;
  const addressOf = (host: string): LeaderAddress => ({ host, port, ca: ca(), serverName });
  return async () => {
    const name = leader();
    if (name === undefined || name === identity) return undefined;
    if (known?.name === name && known.until > clock.monotonic()) return addressOf(known.host);
    try {
      const pod = await objects.get<Pod>(RESOURCES.Pod, { namespace, name });
      const host = pod?.status?.podIP;
      if (host === undefined) return undefined;
      known = { name, host, until: clock.monotonic() + ADDRESS_TTL_MS };
      return addressOf(host);
    } catch (error) {
      log.warn('the pod that leads was not found', { name, error: String(error) });
      return undefined;
    }
  };
}
