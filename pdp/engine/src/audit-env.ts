/** One configured audit value: `env`, `string`, `k8s-label` or `k8s-annot`; other types are skipped with a warning. */
export interface AuditEnvEntry {
  readonly name: string;
  readonly type: string;
  /** The text itself for `string`; else the name of the variable, label or annotation. */
  readonly value: string;
}

/** Where audit values come from. Read them once, at start. */
export interface AuditEnvSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of the downward API's `labels` file; `''` if there is none. */
  readonly podLabels: string;
  /** Content of the downward API's `annotations` file; `''` if there is none. */
  readonly podAnnotations: string;
}

/** The values that every access record carries, and what was wrong with the configuration. */
export interface AuditEnv {
  readonly env: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Reads configured audit values from their sources. A source that is missing gives `''`. */
export function resolveAuditEnv(entries: readonly AuditEnvEntry[], sources: AuditEnvSources): AuditEnv {
  const readers = new Map<string, (value: string) => string | undefined>([
    ['string', (value) => value],
    ['env', (value) => sources.env[value]],
    ['k8s-label', (value) => parsePodInfo(sources.podLabels).get(value)],
    ['k8s-annot', (value) => parsePodInfo(sources.podAnnotations).get(value)],
  ]);
  const values = new Map<string, string>();
  const warnings: string[] = [];
  for (const { name, type, value } of entries) {
    const read = readers.get(type);
    if (read === undefined) warnings.push(`audit value '${name}' has the unknown type '${type}' and is left out`);
    else values.set(name, read(value) ?? '');
  }
  return { env: Object.fromEntries(values), warnings };
}

/** Reads the downward API's lines `key="value"`: split at the first `=`, quotes around the value trimmed, no escapes. */
export function parsePodInfo(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0)
      values.set(
        line.slice(0, equals),
        line
          .slice(equals + 1)
          .trim()
          .replace(/^"+|"+$/g, ''),
      );
  }
  return values;
}
