const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export type ProbeParameter =
  { readonly ok: true; readonly probe: boolean } | { readonly ok: false; readonly message: string };

const OFF: ProbeParameter = { ok: true, probe: false };

/**
 * Reads `?probe=` from a raw query string. Takes what Go's `strconv.ParseBool` takes, as the reference engine does; any
 * other value, an empty value or a repetition is an error.
 */
export function readProbe(query: string): ProbeParameter {
  if (query === '') return OFF;
  const values = new URLSearchParams(query).getAll('probe');
  const [value] = values;
  if (value === undefined) return OFF;
  if (values.length > 1) return { ok: false, message: 'Invalid format for parameter probe: given more than once' };
  if (TRUE.has(value)) return { ok: true, probe: true };
  if (FALSE.has(value)) return OFF;
  return {
    ok: false,
    message: `Invalid format for parameter probe: ${JSON.stringify(value)} is not a boolean; use true or false`,
  };
}
