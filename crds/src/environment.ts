import { z } from 'zod';

/** Environment variables by name, as `process.env` has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The configuration cannot be used; the message lists every problem, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'InvalidConfiguration';

  constructor(problems: readonly string[]) {
    super(`invalid configuration:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
}

/**
 * Reads the variables that a schema names. A variable that is empty counts as not set. `problems` are others that the caller
 * found, to be told with those found here.
 * @throws ConfigError
 */
export function readEnvironment<T extends z.ZodObject>(
  schema: T,
  env: Variables,
  problems: readonly string[] = [],
): z.output<T> {
  const parsed = schema.safeParse(
    Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[name] === '' ? undefined : env[name]])),
  );
  if (parsed.success && problems.length === 0) return parsed.data;
  const found = (parsed.error?.issues ?? []).map(({ path, message, code }) => {
    const name = path.join('.');
    const missing = code === 'invalid_type' && (env[name] ?? '') === '';
    return `${name}: ${missing ? 'is required' : message}`;
  });
  throw new ConfigError([...found, ...problems]);
}

/** What `--help` prints: one variable per line with its default. */
export function describeEnvironment(schema: z.ZodObject): string {
  return Object.entries(schema.shape)
    .map(([name, one]) => {
      const fallback = z.safeParse(one, undefined);
      const suffix = fallback.success ? ` (default ${JSON.stringify(fallback.data)})` : '';
      return `  ${name.padEnd(40)}${z.globalRegistry.get(one)?.description ?? ''}${suffix}`;
    })
    .join('\n');
}

/** What Kubernetes sets in every pod of a namespace for a Service whose name begins like the prefix of our variables. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$/;

/** Variables with the prefix that the schema does not name, such as misspelt ones; sorted. `known` are others that are right. */
export function unknownVariables(
  schema: z.ZodObject,
  prefix: string,
  env: Variables,
  known: readonly string[] = [],
): readonly string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !Object.hasOwn(schema.shape, name) && !known.includes(name))
    .filter((name) => !SERVICE_LINK.test(name))
    .sort();
}
