/** The well-known address of the metadata (RFC 8615); what follows it is the path of the PDP. */
export const WELL_KNOWN = '/.well-known/authzen-configuration';

/** Where a PDP at `base` (an https URL without a final slash) answers (AuthZEN 1.0, section 9). */
export function metadataOf(base: string): Readonly<Record<string, string>> {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
  };
}

/** The URL of the PDP as the client that asked must know it: as configured, else by the name that it used. */
export function baseUrlOf(publicUrl: string | undefined, host: string | undefined, path: string): string | undefined {
  const suffix = path.slice(WELL_KNOWN.length).replace(/\/$/, '');
  if (publicUrl !== undefined) return `${publicUrl.replace(/\/$/, '')}${suffix}`;
  // What is no plain name and port would put its sender's text into addresses that others trust.
  if (host === undefined || !/^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?$/.test(host))
    return undefined;
  return `https://${host}${suffix}`;
}
