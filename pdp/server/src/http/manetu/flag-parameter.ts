const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** How decisions are asked for: the parameters `probe` and `explain` of the query. */
export interface DecisionFlags {
  /** Decide without an access record. */
  readonly probe: boolean;
  /** Say which policies and rules decided. */
  readonly explain: boolean;
}

export type FlagParameters =
  { readonly ok: true; readonly flags: DecisionFlags } | { readonly ok: false; readonly message: string };

const OFF: FlagParameters = { ok: true, flags: { probe: false, explain: false } };

/**
 * Reads `?probe=` and `?explain=` from a raw query string. Takes what Go's `strconv.ParseBool` takes, as the reference engine
 * does; any other value, an empty value or a repetition is an error.
 */
export function readFlags(query: string): FlagParameters {
  if (query === '') return OFF;
  const parameters = new URLSearchParams(query);
  const probe = readFlag(parameters, 'probe');
  const explain = readFlag(parameters, 'explain');
  if (typeof probe === 'string') return { ok: false, message: probe };
  if (typeof explain === 'string') return { ok: false, message: explain };
  return { ok: true, flags: { probe, explain } };
}

/** The flag, or what is wrong with it. */
function readFlag(parameters: URLSearchParams, name: string): boolean | string {
  const values = parameters.getAll(name);
  const [value] = values;
  if (value === undefined) return false;
  if (values.length > 1) return `Invalid format for parameter ${name}: given more than once`;
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  return `Invalid format for parameter ${name}: ${JSON.stringify(value)} is not a boolean; use true or false`;
}
