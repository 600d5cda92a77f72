/** The two sides of an e-mail address. */
export interface Mailbox {
  readonly local: string;
  readonly domain: string;
}

const QUOTED = /^"((?:[\x01-\x08\x0b\x0c\x0e-!#-[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*)"@/;

const ATOMS = /^((?:[0-9A-Za-z!#$%&'*+\-/=?^_`{|}~.]|\\[^])+)@/;

/** Takes an address of a certificate apart, as RFC 2821 writes a mailbox; undefined if it is none. */
export function parseMailbox(text: string): Mailbox | undefined {
  const quoted = QUOTED.exec(text);
  const match = quoted ?? ATOMS.exec(text);
  if (match === null) return undefined;
  const local = (match[1] ?? '').replace(/\\([^])/g, '$1');
  const isWrong = quoted === null && (local.startsWith('.') || local.endsWith('.') || local.includes('..'));
  const domain = text.slice(match[0].length);
  const isDomain = /^[!-~]*$/.test(domain) && (domain === '' || domain.split('.').every((label) => label !== ''));
  return isWrong || !isDomain ? undefined : { local, domain };
}
