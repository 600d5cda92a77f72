import type { Clock } from '../clock.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

/** How long an address is taken without asking again; it is asked for anew as soon as another replica leads. */
const ADDRESS_TTL_MS = 10_000;
/** How long a pod that was not found is not looked for again. */
const UNKNOWN_TTL_MS = 1_000;

export interface LeaderAddressOptions {
  readonly objects: KubeObjects;
  readonly namespace: string;
  /** Pod that leads. */
  readonly leader: () => string | undefined;
  readonly identity: string;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

interface Pod extends KubeObject {
  readonly status?: { readonly podIP?: string };
}

/** Where the replica that leads is reached; undefined while that is this one, or nobody, or it cannot be found. */
export interface LeaderFinder {
  /** Asks the API where it has to. Never rejects. */
  readonly find: () => Promise<string | undefined>;
  /** What is known without waiting; what is not, or not for sure, is asked for meanwhile. */
  readonly known: () => string | undefined;
}

/** Finds the pod that leads by its name in the Lease, and its address in the API, which is asked by one call at a time. */
export function createLeaderFinder(options: LeaderAddressOptions): LeaderFinder {
  const { objects, namespace, leader, identity, clock, log } = options;
  let known: { readonly name: string; readonly host: string | undefined; readonly until: number } | undefined;
  let asking: { readonly name: string; readonly host: Promise<string | undefined> } | undefined;
  const ask = async (name: string): Promise<string | undefined> => {
    let host: string | undefined;
    try {
      host = (await objects.get<Pod>(RESOURCES.Pod, { namespace, name }))?.status?.podIP;
    } catch (error) {
      log.warn('the pod that leads was not found', { name, error: String(error) });
    }
    known = { name, host, until: clock.monotonic() + (host === undefined ? UNKNOWN_TTL_MS : ADDRESS_TTL_MS) };
    if (asking?.name === name) asking = undefined;
    return host;
  };
  const another = (): string | undefined => {
    const name = leader();
    return name === identity ? undefined : name;
  };
  const isFresh = (name: string): boolean => known?.name === name && known.until > clock.monotonic();
  const find = async (): Promise<string | undefined> => {
    const name = another();
    if (name === undefined) return undefined;
    if (isFresh(name)) return known?.host;
    if (asking?.name !== name) asking = { name, host: ask(name) };
    return await asking.host;
  };
  return {
    find,
    known: () => {
      const name = another();
      if (name === undefined) return undefined;
      if (!isFresh(name)) void find();
      return known?.name === name ? known.host : undefined;
    },
  };
}

/** `host:port`, as an address to dial and in URLs: a host of IPv6 is in brackets there. */
export function addressAt(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
