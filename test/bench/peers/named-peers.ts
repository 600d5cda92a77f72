import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BenchPolicy } from '../policies.ts';
import { opaWasmPeers } from './opa-wasm.ts';
import { opaPeers } from './opa.ts';
import { inProcess, PeerUnavailable, type Peer } from './peer.ts';
import { regorusPeers } from './regorus.ts';

const makers: Readonly<Record<string, () => Promise<readonly Peer[]>>> = {
  opa: opaPeers,
  'opa-wasm': opaWasmPeers,
  regorus: regorusPeers,
};

/**
 * Builds the peers of a list such as `opa,regorus`, or `all`. One that this machine cannot build is left out, which
 * standard error says. Throws on an unknown name.
 */
export async function preparePeers(list: string): Promise<readonly Peer[]> {
  const names = list === 'all' ? Object.keys(makers) : list.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !Object.hasOwn(makers, name));
  if (unknown !== undefined) {
    throw new Error(`no peer is called ${unknown}: there are ${Object.keys(makers).join(', ')}, and all`);
  }
  const peers: Peer[] = [];
  for (const name of names) {
    try {
      peers.push(...((await makers[name]?.()) ?? []));
    } catch (error) {
      if (!(error instanceof PeerUnavailable)) throw error;
      console.error(`peer ${name} is left out: ${error.message}`);
    }
  }
  return peers;
}

/** A module that exports `name` and `load(policy) => (input) => answer`. */
interface PeerModule {
  readonly name: string;
  readonly load: (policy: BenchPolicy) => Promise<(input: unknown) => unknown>;
}

/** Imports a peer that runs in this process. */
export async function importPeer(file: string): Promise<Peer> {
  const { name, load } = (await import(pathToFileURL(resolve(file)).href)) as PeerModule;
  return { name, load: async (policy) => inProcess(policy.inputs, await load(policy)) };
}
