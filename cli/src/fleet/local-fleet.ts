import type { PolicyRevision, PolicySet } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import { CommandError } from '../io.ts';
import type { Fleet } from './fleet.ts';

/** The all-in-one, over its local API. */
export function createLocalFleet(server: string, namespace: string): Fleet {
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(new URL(path, server), init).catch((error: unknown) => {
      throw new CommandError(
        `cannot reach ${server} (${String(error)}): start the all-in-one with "edict up", or name a cluster with --kubeconfig`,
      );
    });
    const text = await response.text();
    if (!response.ok) throw new CommandError(`${server} answered ${response.status}: ${text.trim()}`);
    return JSON.parse(text);
  };
  const inNamespace = <T extends PolicySet | PolicyRevision>(objects: unknown): readonly T[] =>
    (objects as readonly T[]).filter(({ metadata }) => metadata.namespace === namespace);
  return {
    namespace,
    sets: async () => inNamespace<PolicySet>(await call('/v1/policysets')),
    revisions: async () =>
      inNamespace<PolicyRevision>(await call('/v1/policyrevisions')).toSorted((a, b) => b.spec.n - a.spec.n),
    pdps: async () => (await call('/v1/pdps')) as readonly PdpListing[],
    rollBack: async (set, rollbackTo) => {
      await call(`/v1/policysets/${namespace}/${set}`, { method: 'PATCH', body: JSON.stringify({ rollbackTo }) });
    },
    close: () => Promise.resolve(),
  };
}
