import type { Program } from './api.ts';
import { declaration } from './types/builtins.ts';

/** Certificates are valid for a time: OPA does not count these among the built-ins that answer differently. */
const CLOCKED: ReadonlySet<string> = new Set([
  'crypto.x509.parse_and_verify_certificates',
  'crypto.x509.parse_and_verify_certificates_with_options',
]);

/** True if equal inputs always get equal answers: no clock, no random values, no network, no environment. */
export const isDeterministic = ({ builtins }: Pick<Program, 'builtins'>): boolean =>
  !builtins.some((name) => declaration(name)?.nondeterministic === true || CLOCKED.has(name));
