import { getIndex, keysOf, RegoSet, type ObjectValue, type Value } from '../value.ts';
import type { BuiltinContext } from './builtin.ts';
import { objectOperand, operandError } from './operands.ts';
import { regoText } from './text.ts';

/** Parameters of `http.send`. */
const ALLOWED = new RegoSet([
  'method',
  'url',
  'body',
  'enable_redirect',
  'force_json_decode',
  'force_yaml_decode',
  'headers',
  'raw_body',
  'tls_use_system_certs',
  'tls_ca_cert',
  'tls_ca_cert_file',
  'tls_ca_cert_env_variable',
  'tls_client_cert',
  'tls_client_cert_file',
  'tls_client_cert_env_variable',
  'tls_client_key',
  'tls_client_key_file',
  'tls_client_key_env_variable',
  'tls_insecure_skip_verify',
  'tls_server_name',
  'timeout',
  'cache',
  'force_cache',
  'force_cache_duration_seconds',
  'raise_error',
  'caching_mode',
  'max_retry_attempts',
  'cache_ignored_headers',
]);

/** The operand as the description of an HTTP request with nothing unknown in it, or undefined after failing. */
export function requestOperand(ctx: BuiltinContext, value: Value): ObjectValue | undefined {
  const object = objectOperand(ctx, value, 1);
  if (object === undefined) return undefined;
  const unknown = new RegoSet(keysOf(object).filter((key) => !ALLOWED.has(key)));
  if (unknown.size > 0) return operandError(ctx, 1, `invalid request parameters(s): ${regoText(unknown)}`);
  const missing = new RegoSet(['method', 'url'].filter((key) => getIndex(object, key) === undefined));
  if (missing.size > 0) return operandError(ctx, 1, `missing required request parameters(s): ${regoText(missing)}`);
  return object;
}
