/**
 * An operator over a folder for PDPs in processes of their own: `folder-operator.ts FOLDER TLS-FOLDER`. The all-in-one has
 * both in one process, where each would be measured with the other. TLS-FOLDER holds `tls.crt` and `tls.key`; what PDPs trust
 * is written there as `keys.json`. Prints one line, `ready STREAM-PORT ARTIFACTS-PORT`, and runs until it is ended.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatTrustedKeys, generateSigningKey } from '@edict/bundle';
import { createOperator, fixedSigner, openFolderStore, systemClock } from '@edict/operator';
import { serveArtifacts, serveGrpc, watchCertificate, type PeerIdentity } from '@edict/protocol';
import { Registry } from 'prom-client';

const [folder = '', tls = ''] = process.argv.slice(2);
const NAMESPACE = 'default';
const PEER: PeerIdentity = {
  nodeId: 'pdp',
  podName: 'pdp',
  namespace: NAMESPACE,
  serviceAccount: 'pdp',
  sets: [],
};
const note = (message: string, fields?: object): void => console.error(message, fields ?? '');
const log = { debug: () => undefined, info: () => undefined, warn: note, error: note };

const ticketKey = randomBytes(32);
const signingKey = generateSigningKey();
writeFileSync(join(tls, 'keys.json'), formatTrustedKeys([signingKey.publicKey]));
const store = await openFolderStore({
  folder,
  stateDirectory: join(tls, 'state'),
  namespace: NAMESPACE,
  clock: systemClock,
  onProblems: (problems) => {
    if (problems.length > 0) note('the folder has problems', { problems });
  },
});
const operator = createOperator({
  store,
  signer: fixedSigner(signingKey),
  identity: 'bench',
  ticketKey,
  log,
  events: { emit: ({ type, reason, message }) => type === 'Warning' && note(`${reason}: ${message}`) },
  registry: new Registry(),
  members: { membersOf: () => new Map([[PEER.nodeId, PEER.podName]]), onChange: () => () => undefined },
});
await operator.start();

const certificate = watchCertificate(
  () => ({ cert: readFileSync(join(tls, 'tls.crt'), 'utf8'), key: readFileSync(join(tls, 'tls.key'), 'utf8') }),
  systemClock,
);
const listening = { host: '127.0.0.1', port: 0, certificate, log };
const artifacts = await serveArtifacts({
  ...listening,
  store: {
    getManifest: async (digest, signal) => await operator.backend().getManifest(digest, signal),
    getBundle: async (digest, signal) => await operator.backend().getBundle(digest, signal),
  },
  ticketKey: () => ticketKey,
  clock: systemClock,
  onRequest: () => undefined,
});
const streams = await serveGrpc({
  ...listening,
  authenticate: () => Promise.resolve(PEER),
  acceptor: () => (peer, stream) => operator.distributor().accept(peer, stream),
  notLeaderRetryMs: () => 100,
});
console.log(`ready ${streams.port} ${artifacts.port}`);
