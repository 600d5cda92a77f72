import type { EngineInfo } from '@edict/protocol';

/** What this PDP can run; told in every Hello. A revision that needs anything else is refused. */
export const ENGINE: EngineInfo = {
  name: 'edict',
  version: '0.1.0',
  features: ['rego-v0', 'rego-v1', 'porc', 'documents', 'opa', 'authzen', 'envoy', 'instance', 'rego-tests'],
};
