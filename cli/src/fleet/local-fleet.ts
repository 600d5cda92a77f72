import type { PolicyBundle, PolicyDomain, PolicyRevision, PolicySet } from '@edict/crds';
import type { ActionResult } from '@edict/operator/views';
import type { PdpListing } from '@edict/protocol';
import { CommandError, messageOf } from '../io.ts';
import type { Fleet } from './fleet.ts';

/** The all-in-one, over its local API. */
export function createLocalFleet(server: string, namespace: string): Fleet {
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const { response, text } = await ask(server, path, init);
    if (!response.ok) throw new CommandError(refusalOf(server, response, text));
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
    pdps: async () => (await call('/v1/pdps')) as readonly PdpListing[],
    problems: async () => (await call('/v1/problems')) as readonly string[],
    act: async (action, { set }, body) =>
      (await call(`/v1/policysets/${namespace}/${set.metadata.name}/actions/${action}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })) as ActionResult,
    readBundle: async (of, digest) => {
      const bundle = (await call(`/v1/policybundles/${of}/${digest.replace(':', '-')}`)) as PolicyBundle | null;
      return bundle === null ? undefined : Buffer.from(bundle.spec.data, 'base64');
    },
    close: () => Promise.resolve(),
  };
}

/** What the API says is wrong, for people; a problem says it all by itself. */
function refusalOf(server: string, { status, headers }: Response, text: string): string {
  if (headers.get('content-type') !== 'application/problem+json') return `${server} answered ${status}: ${text.trim()}`;
  return (JSON.parse(text) as { readonly detail: string }).detail;
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
