import type { Serving } from '@edict/crds';
import { INSTANCE_PATH, instanceOfPath } from '../instance-path.ts';

/** The well-known address of the metadata (RFC 8615); what follows it is the path of the PDP. */
export const WELL_KNOWN = '/.well-known/authzen-configuration';

/** What clients are told of a PDP, by name (AuthZEN 1.0, section 9). */
export type Metadata = Readonly<Record<'policy_decision_point' | `${string}_endpoint`, string>>;

/** Where a PDP at `base` (an https URL without a final slash) answers. Searches are named only where rules list candidates. */
export function metadataOf(base: string, { candidates }: NonNullable<Serving['authzen']>): Metadata {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    ...(candidates.subject === undefined ? {} : { search_subject_endpoint: `${base}/access/v1/search/subject` }),
    ...(candidates.resource === undefined ? {} : { search_resource_endpoint: `${base}/access/v1/search/resource` }),
    ...(candidates.action === undefined ? {} : { search_action_endpoint: `${base}/access/v1/search/action` }),
  };
}

/** Which PDP metadata are asked for: its URL, and the instance that its path names. */
export interface AskedPdp {
  readonly base: string;
  readonly instance: string | undefined;
}

/**
 * The PDP whose metadata are at `path`. Its URL is as the client that asked must know it: as configured, else by the name that
 * it used. `no-host`: it used none that could be told on; `nowhere`: nothing answers at the path that it asks about.
 */
export function askedPdp(
  publicUrl: string | undefined,
  host: string | undefined,
  path: string,
): AskedPdp | 'no-host' | 'nowhere' {
  const root = publicUrl === undefined ? rootOf(host) : publicUrl.replace(/\/$/, '');
  if (root === undefined) return 'no-host';
  const asked = path.slice(WELL_KNOWN.length).replace(/\/$/, '');
  // A proxy that serves the PDP below a path of its own may leave that in the address of the metadata, or take it away.
  const own = publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/$/, '');
  const below = own !== '' && (asked === own || asked.startsWith(`${own}/`)) ? asked.slice(own.length) : asked;
  if (below === '') return { base: root, instance: undefined };
  const instance = below.startsWith(INSTANCE_PATH) ? instanceOfPath(`${below}/`) : undefined;
  const isWhole = below.indexOf('/', INSTANCE_PATH.length) === -1;
  return instance === undefined || !isWhole ? 'nowhere' : { base: `${root}${below}`, instance };
}

/** What is no plain name and port would put its sender's text into addresses that others trust. */
function rootOf(host: string | undefined): string | undefined {
  const isName = host !== undefined && /^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?$/.test(host);
  return isName ? `https://${host}` : undefined;
}
