import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf, PeerError, type PeerIdentity, type SetKey } from '@edict/protocol';
import { z } from 'zod';
import type { ReviewToken } from '../distribution/authenticator.ts';

/** PDPs that one file may name. */
export const SITE_TOKENS_MAX = 20_000;

const Name = z.string().min(1).max(253);

const TokenFile = z.strictObject({
  pdps: z
    .array(
      z.strictObject({
        name: Name,
        namespace: Name,
        tokenSha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token in 64 hexadecimal digits'),
      }),
    )
    .max(SITE_TOKENS_MAX),
});

/**
 * Who sends a token where no Kubernetes says it: a file names the PDPs of the site, each with the SHA-256 of its token. Read
 * again for every token that is not known yet; a PDP has the sets of its namespace. @throws PeerError
 */
export function createTokenFileReviewer(path: string, sets: readonly SetKey[]): ReviewToken {
  return async (token) => {
    const digest = createHash('sha256').update(token).digest('hex');
    const pdp = (await readTokenFile(path)).pdps.find(({ tokenSha256 }) => tokenSha256 === digest);
    if (pdp === undefined) throw new PeerError('InvalidToken', 'the token is none of this site');
    const { name, namespace } = pdp;
    return {
      nodeId: `${namespace}/${name}`,
      podName: name,
      namespace,
      serviceAccount: '',
      sets: setsOfNamespace(sets, namespace),
    };
  };
}

/** Reads and checks the file. @throws PeerError `Unavailable` naming the file, and what in it is wrong */
export async function readTokenFile(path: string): Promise<z.output<typeof TokenFile>> {
  try {
    return TokenFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new PeerError('Unavailable', `${path}: ${problem}`, { cause: error });
  }
}

/** A reviewer by whom every PDP has the sets of its own namespace. */
export function inItsNamespace(review: ReviewToken, sets: readonly SetKey[]): ReviewToken {
  return async (token, signal): Promise<PeerIdentity> => {
    const identity = await review(token, signal);
    return { ...identity, sets: setsOfNamespace(sets, identity.namespace) };
  };
}

function setsOfNamespace(sets: readonly SetKey[], namespace: string): readonly SetKey[] {
  return sets.filter((set) => set.startsWith(`${namespace}/`));
}
