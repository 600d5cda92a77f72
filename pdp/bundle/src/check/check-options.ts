import type { RegoVersion } from '@edict/rego';
import type { Compile } from './rego.ts';

/** How strictly domains are checked. */
export interface CheckOptions {
  /** Built-ins that policies and libraries may not call; mappers may call all. Default `http.send`. */
  readonly unsafeBuiltins?: readonly string[];
  /** Language of modules that do not say which. Default `v0`. */
  readonly regoVersion?: RegoVersion;
  /** What compiles. Default `compile` of `@edict/rego`; callers that keep programs pass one that remembers. */
  readonly compile?: Compile;
}

/** What policies and libraries may not call unless configured otherwise. */
export const defaultUnsafeBuiltins: readonly string[] = ['http.send'];

/** The built-ins that policies may not call where these are allowed by name. */
export function unsafeBuiltinsBut(allowed: readonly string[]): readonly string[] {
  return defaultUnsafeBuiltins.filter((name) => !allowed.includes(name));
}
