/** A reference as written in a domain, taken apart. `domain` is undefined when the referring domain is meant. */
export type Reference =
  { readonly ok: true; readonly domain: string | undefined; readonly id: string } | { readonly ok: false };

/**
 * Takes a reference apart: without a `/` it is an id of the referring domain; otherwise it is split at the first `/`
 * into a domain and an id, and neither may be empty.
 */
export function parseReference(text: string): Reference {
  const slash = text.indexOf('/');
  if (slash === -1) return { ok: true, domain: undefined, id: text };
  if (slash === 0 || slash === text.length - 1) return { ok: false };
  return { ok: true, domain: text.slice(0, slash), id: text.slice(slash + 1) };
}

/** The same reference, as seen from any domain: an unqualified one gets the domain that it was written in. */
export function qualifyReference(text: string, referringDomain: string): string {
  return text.includes('/') ? text : `${referringDomain}/${text}`;
}
