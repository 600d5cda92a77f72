import type { PolicyBundle, PolicyDomain, PolicyRevision, PolicySet } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import { CommandError, messageOf } from '../io.ts';
import type { Fleet } from './fleet.ts';

/** The all-in-one, over its local API. */
export function createLocalFleet(server: string, namespace: string): Fleet {
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const { response, text } = await ask(server, path, init);
    if (!response.ok) throw new CommandError(`${server} answered ${response.status}: ${text.trim()}`);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new CommandError(`${server} is no "edict up": it did not answer JSON`);
    }
  };
  /** Objects of one kind: what the API lists there, as the store validated it. */
  const list = async (path: string): Promise<readonly { readonly metadata: { readonly namespace?: string } }[]> =>
    ((await call(path)) as readonly { readonly metadata: { readonly namespace?: string } }[]).filter(
      ({ metadata }) => metadata.namespace === namespace,
    );
  return {
    namespace,
    sets: async () => (await list('/v1/policysets')) as readonly PolicySet[],
    domains: async () => (await list('/v1/policydomains')) as readonly PolicyDomain[],
    revisions: async () => (await list('/v1/policyrevisions')) as readonly PolicyRevision[],
    bundle: async (digest) => {
      const bundles = (await call(
        `/v1/policybundles/${namespace}/${digest.replace(':', '-')}`,
      )) as readonly PolicyBundle[];
      const data = bundles[0]?.spec.data;
      return data === undefined ? undefined : Buffer.from(data, 'base64');
    },
    pdps: async () => (await call('/v1/pdps')) as readonly PdpListing[],
    problems: async () => (await call('/v1/problems')) as readonly string[],
    rollBack: async (set, rollbackTo) => {
      await call(`/v1/policysets/${namespace}/${set}`, { method: 'PATCH', body: JSON.stringify({ rollbackTo }) });
    },
    close: () => Promise.resolve(),
  };
}

async function ask(
  server: string,
  path: string,
  init: RequestInit,
): Promise<{ readonly response: Response; readonly text: string }> {
  try {
    const response = await fetch(new URL(path, server), init);
    return { response, text: await response.text() };
  } catch (error) {
    const cause = error !== null && typeof error === 'object' && 'cause' in error ? error.cause : undefined;
    throw new CommandError(
      `cannot reach ${server} (${messageOf(cause ?? error)}): start the all-in-one with "edict up", or name a cluster with --kubeconfig`,
    );
  }
}
