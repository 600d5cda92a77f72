/**
 * Seconds that a client is ready to wait, by its header `Prefer` (RFC 7240); 0 for none. OPA sends
 * `modes=snapshot,delta;wait=30`, others `wait=30`.
 */
export function readPreference(header: string | readonly string[] | undefined): number {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  for (const part of text.split(/[;,]/)) {
    const [, seconds] = /^\s*wait\s*=\s*"?([0-9]{1,9})"?\s*$/i.exec(part) ?? [];
    if (seconds !== undefined) return Number(seconds);
  }
  return 0;
}
