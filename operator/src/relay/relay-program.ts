import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { parseTrustedKeys } from '@edict/bundle';
import {
  createArtifactClient,
  dialGrpc,
  messageOf,
  StreamConnection,
  systemClock,
  type Certificate,
  type GrpcDialOptions,
} from '@edict/protocol';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createLogger, format, transports, type Logger } from 'winston';
import { createDistributionMetrics, createDistributionServer } from '../distribution/index.ts';
import type { ReviewToken } from '../distribution/authenticator.ts';
import { createElector } from '../election/elector.ts';
import { startPodDirectory } from '../kube/pod-directory.ts';
import { createTokenReviewer } from '../kube/token-reviewer.ts';
import { startStatusServer } from '../observability/status-server.ts';
import { parseKey } from '../store/object-key.ts';
import { createKubeClient, createKubeObjects, loadKubeConfig } from '../store/kube/index.ts';
import { openRelayFiles } from './relay-files.ts';
import { createRelayMetrics } from './relay-metrics.ts';
import { describeRelay, parseRelayOptions, type RelayProgramOptions } from './relay-options.ts';
import { createRelay, type Relay } from './relay.ts';
import { SiteLead } from './site-lead.ts';
import { createTokenFileReviewer, inItsNamespace, readTokenFile } from './site-tokens.ts';

/** How often a replica looks whether another is the relay. */
const LOOK_MS = 1_000;
/** How long a relay that stops lets its PDPs leave in order. */
const DRAIN_MS = 3_000;
/** What the hub sees as the engine of a relay: it compiles nothing. */
const ENGINE = { name: 'edict-relay', version: '1.0.0', features: [] } as const;

/** `edict-operator relay`: runs until a signal ends it. Rejects with what is wrong with its options or files. */
export async function runRelay(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(describeRelay());
    return;
  }
  await run(parseRelayOptions(args));
}

interface Reviewer {
  readonly review: ReviewToken;
  readonly stop: () => Promise<void>;
}

async function run(options: RelayProgramOptions): Promise<void> {
  const logger = createLogger({
    level: options['log-level'],
    format: format.combine(format.timestamp(), format.json()),
    transports: [new transports.Console()],
  });
  const clock = systemClock;
  const random = Math.random;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'operator_' });
  const distributionMetrics = createDistributionMetrics(registry);
  const { site, set: sets, host } = options;
  const trustedKeys = async (): Promise<ReadonlyMap<string, string>> =>
    parseTrustedKeys(await readFile(options.keys, 'utf8'));
  const tls = certificateReader(options, logger);
  const reviewer = await reviewerOf(options, logger);
  // Behind the hub's address are replicas that do not lead, and have no artifacts: the one of the stream does.
  const connection = new StreamConnection();
  const artifacts = createArtifactClient({
    url: options['upstream-bundles'],
    caFile: options['upstream-ca'],
    serverName: options['upstream-server-name'] ?? new URL(options['upstream-bundles']).hostname,
    connection,
    clock,
    random,
  });
  const ticketKey = randomBytes(32);
  let relay: Relay | undefined;
  let siteLead: SiteLead | undefined;
  const dialHub = dialGrpc({
    connection,
    address: options.upstream,
    caFile: options['upstream-ca'],
    ...upstreamIdentity(options),
    ...(options['upstream-server-name'] === undefined ? {} : { serverName: options['upstream-server-name'] }),
    clock,
  });
  const relayMetrics = createRelayMetrics(registry);
  const lead = async (): Promise<void> => {
    const files = await openRelayFiles(options['state-dir']);
    const { records, problems } = await files.load(await trustedKeys());
    for (const problem of problems) logger.warn('what was on disk is not taken', { ...problem });
    for (const { record } of records) {
      logger.info('last known good', {
        set: record.set,
        revision: record.committed?.n,
        canary: record.canary?.revision.n,
      });
    }
    relay = createRelay({
      replica: `${site}/${hostname()}`,
      engine: ENGINE,
      sets,
      dialHub: (handlers) =>
        dialHub({
          ...handlers,
          onClose: (close) => {
            handlers.onClose(close);
            siteLead?.hubClosed(close);
          },
        }),
      fetch: artifacts.fetch,
      trustedKeys,
      files,
      records,
      artifactsUrl: '',
      ticketKey,
      clock,
      random,
      log: logger,
      metrics: relayMetrics,
      distributionMetrics,
    });
  };
  if (options.lease === undefined) await lead();
  const distribution = await createDistributionServer({
    host,
    streamPort: options.port,
    artifactsPort: options['bundles-port'],
    tls,
    reviewToken: reviewer.review,
    ticketKey,
    // A replica that waits tells PDPs to come back: they find the one that does not.
    leading: () => (relay === undefined ? undefined : { accept: relay.accept, artifacts: relay.artifacts }),
    clock,
    random,
    log: logger,
    metrics: distributionMetrics,
  });
  const status = await startStatusServer({
    host,
    port: options['http-port'],
    registry,
    // A site that has policy, or a hub to get it from, has something to say to PDPs. One that waits is as it should be.
    isReady: () => relay === undefined || relay.isHubConnected() || relay.committed().size > 0,
    pdps: () => relay?.pdps(),
  });
  const { streamPort, artifactsPort } = distribution;
  logger.info('relay started', { site, sets, streamPort, artifactsPort, httpPort: status.port });
  const stop = async (): Promise<void> => {
    await relay?.drain('the relay is shutting down', DRAIN_MS);
    await relay?.close();
    // Only now: the next one is to find the hub without us.
    await siteLead?.stop();
    artifacts.close();
    await Promise.all([distribution.close(), reviewer.stop(), status.close()]);
  };
  // Timers and sockets of Node's own need not keep a process alive that waits for its hub.
  const alive = setInterval(() => siteLead?.look(), LOOK_MS);
  await new Promise<void>((resolve, reject) => {
    siteLead = siteLeadOf(options, logger, { lead, failed: reject });
    siteLead?.start();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        logger.info('stopping', { signal });
        stop().then(resolve, reject);
      });
    }
  }).finally(() => clearInterval(alive));
}

/** Where there are several replicas: which of them is the relay. One that is no more ends with an error, and begins anew. */
function siteLeadOf(
  { lease }: RelayProgramOptions,
  logger: Logger,
  on: { readonly lead: () => Promise<void>; readonly failed: (error: unknown) => void },
): SiteLead | undefined {
  if (lease === undefined) return undefined;
  const { namespace, name } = parseKey(lease);
  const identity = hostname();
  const objects = createKubeObjects(createKubeClient({ config: loadKubeConfig() }));
  const timing = { monotonicMs: () => performance.now(), nowMs: () => Date.now() };
  return new SiteLead({
    identity,
    elect: (callbacks) => createElector({ objects, namespace, name, identity, logger, ...timing, ...callbacks }),
    lead: () => {
      logger.info('this replica is the relay of the site', { identity });
      on.lead().catch(on.failed);
    },
    yield: (reason) => {
      on.failed(new Error(`this replica is the relay of the site no more: ${reason}`));
    },
  });
}

/** What the hub knows this site by. */
function upstreamIdentity(options: RelayProgramOptions): Pick<GrpcDialOptions, 'tokenFile' | 'certificate'> {
  const { 'upstream-token': tokenFile, 'upstream-cert': certFile, 'upstream-key': keyFile } = options;
  return {
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(certFile === undefined || keyFile === undefined ? {} : { certificate: { certFile, keyFile } }),
  };
}

/** Reads the certificate when it is asked for; while the new files do not fit, or cannot be read, the last ones serve. */
function certificateReader(options: RelayProgramOptions, logger: Logger): () => Certificate {
  const read = (): Certificate => ({
    cert: readFileSync(options['tls-cert'], 'utf8'),
    key: readFileSync(options['tls-key'], 'utf8'),
  });
  let last = read();
  return () => {
    try {
      last = read();
    } catch (error) {
      logger.warn('the certificate could not be read again', { error: messageOf(error) });
    }
    return last;
  };
}

async function reviewerOf(options: RelayProgramOptions, logger: Logger): Promise<Reviewer> {
  const { set: sets, 'pdp-tokens': tokens, 'pod-selector': labelSelector = '' } = options;
  if (tokens !== undefined) {
    await readTokenFile(tokens);
    return { review: createTokenFileReviewer(tokens, sets), stop: () => Promise.resolve() };
  }
  const client = createKubeClient({ config: loadKubeConfig() });
  const onRestart = (cause: string, error: unknown, retryInMs: number): void => {
    logger.debug('watch restarted', { kind: 'Pod', cause, error: String(error), retryInMs });
  };
  const pods = startPodDirectory({ client, labelSelector, clock: systemClock, random: Math.random, onRestart });
  return { review: inItsNamespace(createTokenReviewer(client, pods), sets), stop: () => pods.stop() };
}
