import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SigningKey } from '@edict/bundle';
import { selectorMatches } from '@edict/crds';
import type { MemberSource, Operator } from '@edict/operator';
import { dialInMemory, type PeerIdentity } from '@edict/protocol';
import { startPdp, type createLogger, type Pdp, type WriteBytes } from '@edict/server';
import { codeOf, CommandError } from '../io.ts';

const MAX_BODY_BYTES = 8_388_608;
const MAX_STEPS = 10_000_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** What the PDPs of one process share. */
export interface LocalPdpOptions {
  readonly host: string;
  /** Where each keeps its last-known-good policy, in a folder of its own. */
  readonly state: string;
  readonly namespace: string;
  readonly operator: Operator;
  readonly signingKey: SigningKey;
  readonly logger: ReturnType<typeof createLogger>;
  readonly write: WriteBytes;
}

/** The name of a PDP; the first is `pdp-1`. */
export function localPdpName(index: number): string {
  return `pdp-${index + 1}`;
}

/** The PDPs of this process, as if they were pods of `namespace` with the labels of a fleet. */
export function localMembers(namespace: string, count: number): MemberSource {
  const names = Array.from({ length: count }, (_, i) => localPdpName(i));
  return {
    membersOf: ({ metadata, spec }) => {
      if (metadata.namespace !== namespace) return new Map();
      const selected = names.filter((name) =>
        selectorMatches(spec.pdps.selector, { 'app.kubernetes.io/component': 'pdp', 'edict.dev/pdp': name }),
      );
      return new Map(selected.map((name) => [name, `${namespace}/${name}`]));
    },
    onChange: () => () => undefined,
  };
}

/** Starts one PDP over an in-memory stream to the operator. Port 0 picks a free one; a port in use is a `CommandError`. */
export async function startLocalPdp(index: number, port: number, options: LocalPdpOptions): Promise<Pdp> {
  const name = localPdpName(index);
  const { operator, signingKey } = options;
  const identity: PeerIdentity = {
    nodeId: name,
    podName: name,
    namespace: options.namespace,
    serviceAccount: 'edict-up',
    sets: [],
  };
  const dataDir = join(options.state, name);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    return await startPdp({
      host: options.host,
      port,
      dataDir,
      maxBodyBytes: MAX_BODY_BYTES,
      maxSteps: MAX_STEPS,
      includeAll: true,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      writeRecords: options.write,
      logger: options.logger.child({ pdp: name }),
      dial: dialInMemory(identity, (peer, stream) => operator.distributor().accept(peer, stream)),
      fetchArtifact: async (_source, digest, signal) => {
        const backend = operator.backend();
        const bytes = (await backend.getManifest(digest, signal)) ?? (await backend.getBundle(digest, signal));
        if (bytes === undefined) throw new Error(`no artifact ${digest}`);
        return bytes;
      },
      trustedKeys: () => Promise.resolve(new Map([[signingKey.keyId, signingKey.publicKey]])),
    });
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw new CommandError(`port ${port} is in use: choose another with --port, or --port 0 for free ones`);
  }
}
