import { randomBytes } from 'node:crypto';
import { OPERATOR_TUNING } from '@edict/protocol';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createLogger, format, transports, type Logger } from 'winston';
import { unsafeBuiltinsBut } from '@edict/bundle';
import { judge } from './admission/judge.ts';
import { startWebhookServer } from './admission/webhook-server.ts';
import { createCertificateManager, type ServingCertificates } from './certificates/certificate-manager.ts';
import { systemClock } from './clock.ts';
import { createWorkerChecker } from './compile/worker-checker.ts';
import { describeConfig, loadConfig, unknownSettings, type Config } from './config.ts';
import { createDistributionMetrics, createDistributionServer } from './distribution/index.ts';
import {
  createBundleEndpoint,
  createBundleMetrics,
  BUNDLE_LIMITS,
  UnmanagedPdps,
  watchCommittedSets,
} from './bundle-endpoint/index.ts';
import { BundleBytes } from './backend/bundle-bytes.ts';
import { createElector } from './election/elector.ts';
import { sourceOf, type ConsoleSource } from './console/source.ts';
import type { ConsoleServer } from './console/server.ts';
import { startKubeConsole } from './kube/console.ts';
import { createBundleReader } from './kube/bundle-reader.ts';
import { createKubeEventSink } from './kube/event-sink.ts';
import { lead, type Leadership } from './kube/leadership.ts';
import { startPodDirectory } from './kube/pod-directory.ts';
import { loadSigningKeys } from './kube/signing-key.ts';
import { createTokenReviewer } from './kube/token-reviewer.ts';
import { createTrustPublisher, type Trust } from './kube/trust-publisher.ts';
import { createWebhookTrust } from './kube/webhook-trust.ts';
import { createMetrics } from './observability/metrics.ts';
import { startStatusServer } from './observability/status-server.ts';
import { OPERATOR_LIMITS } from './operator-types.ts';
import { runRelay } from './relay/relay-program.ts';
import { createKubeClient, createKubeObjects, createKubeStore, loadKubeConfig } from './store/kube/index.ts';

/** Composition root of the operator in Kubernetes: the only file that reads configuration, wires and handles signals. */
if (process.argv[2] === 'relay') {
  try {
    await runRelay(process.argv.slice(3));
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
} else if (process.argv.includes('--help')) {
  console.log(
    `Edict operator. Configured by environment variables:\n${describeConfig()}\n\nedict-operator relay --help tells of relays.`,
  );
} else {
  try {
    await run(loadConfig(process.env));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

async function run(config: Config): Promise<void> {
  const logger = createLogger({
    level: config.EDICT_OPERATOR_LOG_LEVEL,
    format: format.combine(format.timestamp(), format.json()),
    transports: [new transports.Console()],
  });
  for (const name of unknownSettings(process.env)) {
    logger.warn('a variable that is not known has no effect: --help lists those that have', { name });
  }
  const clock = systemClock;
  const host = config.EDICT_OPERATOR_LISTEN_HOST;
  const namespace = config.EDICT_OPERATOR_NAMESPACE;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'operator_' });
  const metrics = createMetrics(registry);
  const distributionMetrics = createDistributionMetrics(registry);
  const client = createKubeClient({ config: loadKubeConfig(), requests: metrics.apiRequests });
  const objects = createKubeObjects(client);
  const onRestart = (kind: string, cause: string, error: unknown, retryInMs: number): void => {
    metrics.watchRestarts.inc({ kind, cause });
    logger.debug('watch restarted', { kind, cause, error: String(error), retryInMs });
  };
  const store = createKubeStore({ client, clock, random: Math.random, onRestart });
  const checker = createWorkerChecker({
    clock,
    unsafeBuiltins: unsafeBuiltinsBut(config.EDICT_OPERATOR_ALLOWED_BUILTINS),
  });
  const signing = await loadSigningKeys(objects, namespace, config.EDICT_OPERATOR_SIGNING_KEY_SECRET);
  const ticketKey = randomBytes(32);
  let leadership: Leadership | undefined;
  let consoleServer: ConsoleServer | undefined;
  const events = createKubeEventSink({
    objects,
    identity: config.EDICT_OPERATOR_POD_NAME,
    clock,
    logger,
    events: metrics.events,
  });

  /** Filled once there is somebody to tell: the first certificates are what everything starts with. */
  const rotation: { tell?: (next: ServingCertificates) => void } = {};

  // What every replica runs: certificates, the webhook, and doors that open when it leads.
  const certificates = createCertificateManager({
    objects,
    namespace,
    secretName: config.EDICT_OPERATOR_CERTIFICATE_SECRET,
    dnsNames: dnsNames(config),
    clock,
    logger,
    onChange: (next) => rotation.tell?.(next),
  });
  let current = await certificates.start();
  const trustOf = ({ trustBundle }: ServingCertificates): Trust => ({
    ca: trustBundle,
    keys: signing.trusted,
    opaKey: signing.opa.publicKey,
  });
  const domains = store.watch('PolicyDomain', {}, () => undefined);
  const sets = store.watch('PolicySet', {}, () => undefined);
  const suites = store.watch('PolicyTestSuite', {}, () => undefined);
  const webhook = await startWebhookServer({
    host,
    port: config.EDICT_OPERATOR_WEBHOOK_PORT,
    certificate: current.certificate,
    privateKey: current.privateKey,
    logger,
    metrics,
    judge: async (request) =>
      await judge(request, {
        checker,
        domainsOf: (of) => domains.list(of),
        setsOf: (of) => sets.list(of),
        suitesOf: (of) => suites.list(of),
        operatorUser: `system:serviceaccount:${namespace}:${config.EDICT_OPERATOR_SERVICE_ACCOUNT}`,
        maxDomainBytes: OPERATOR_LIMITS.maxDomainBytes,
      }),
  });
  const webhookName = config.EDICT_OPERATOR_WEBHOOK_CONFIGURATION;
  const webhookTrust =
    webhookName === '' ? undefined : createWebhookTrust({ objects, name: webhookName, clock, log: logger });
  rotation.tell = (next) => {
    current = next;
    webhook.setCertificate(next.certificate, next.privateKey);
    consoleServer?.setCertificate(next.certificate, next.privateKey);
    webhookTrust?.keep(next.trustBundle);
    leadership?.trust.publish(trustOf(next));
  };
  webhookTrust?.keep(current.trustBundle);

  const pods = startPodDirectory({
    client,
    labelSelector: config.EDICT_OPERATOR_POD_SELECTOR,
    clock,
    random: Math.random,
    onRestart: (cause, error, retryInMs) => onRestart('Pod', cause, error, retryInMs),
  });
  const unmanaged = new UnmanagedPdps(clock, BUNDLE_LIMITS, (set) => {
    leadership?.operator.distributor().recount(set);
  });
  const storedBundles = new BundleBytes(store, BUNDLE_LIMITS.storedMaxBytes);
  const bundles = createBundleEndpoint({
    committed: () => watchCommittedSets(store),
    readBundle: (inNamespace, digest) => storedBundles.get(inNamespace, digest),
    key: signing.opa,
    review: createBundleReader(client),
    unmanaged: () => leadership && unmanaged,
    clock,
    log: logger,
    metrics: createBundleMetrics(registry),
  });
  const distribution = await createDistributionServer({
    host,
    streamPort: config.EDICT_OPERATOR_DISTRIBUTION_PORT,
    artifactsPort: config.EDICT_OPERATOR_BUNDLES_PORT,
    tls: () => ({ cert: current.certificate, key: current.privateKey }),
    reviewToken: createTokenReviewer(client, pods, config.EDICT_OPERATOR_RELAYS),
    ticketKey,
    leading: () =>
      leadership && { accept: leadership.operator.distributor().accept, artifacts: leadership.operator.backend() },
    bundles,
    clock,
    random: Math.random,
    log: logger,
    metrics: distributionMetrics,
  });
  const status = await startStatusServer({
    host,
    port: config.EDICT_OPERATOR_HTTP_PORT,
    registry,
    isReady: () => [domains, sets, suites].every((watcher) => watcher.hasSynced()),
    pdps: () => leadership?.operator.distributor().pdps(),
  });

  // What the leader runs.
  const startLeading = async (): Promise<void> => {
    leadership = await lead({
      store,
      client,
      objects,
      pods,
      checker,
      signingKey: signing.current,
      identity: config.EDICT_OPERATOR_POD_NAME,
      artifactsUrl: `https://${bracketed(config.EDICT_OPERATOR_POD_IP)}:${distribution.artifactsPort}`,
      helloRate: config.EDICT_OPERATOR_HELLO_RATE ?? OPERATOR_TUNING.helloRate,
      fallbackSources: config.EDICT_OPERATOR_FALLBACK_SOURCES,
      ticketKey,
      defaults: {
        image: config.EDICT_OPERATOR_PDP_IMAGE,
        imagePullPolicy: config.EDICT_OPERATOR_PDP_IMAGE_PULL_POLICY,
        operatorAddress: `${config.EDICT_OPERATOR_DISTRIBUTION_SERVICE}.${namespace}.svc:9444`,
        bundlesUrl: `https://${config.EDICT_OPERATOR_DISTRIBUTION_SERVICE}.${namespace}.svc:9445`,
        trustConfigMap: config.EDICT_OPERATOR_TRUST_CONFIGMAP,
        operatorNamespace: namespace,
        allowedBuiltins: config.EDICT_OPERATOR_ALLOWED_BUILTINS,
      },
      events,
      metrics,
      distributionMetrics,
      registry,
      log: logger,
      clock,
      unmanaged: (set) => unmanaged.count(set),
      createTrust: (namespaces) =>
        createTrustPublisher({ objects, name: config.EDICT_OPERATOR_TRUST_CONFIGMAP, namespaces, clock, logger }),
    });
    leadership.trust.publish(trustOf(current));
  };
  const elector = createElector({
    objects,
    namespace,
    name: config.EDICT_OPERATOR_LEASE,
    identity: config.EDICT_OPERATOR_POD_NAME,
    logger,
    monotonicMs: () => performance.now(),
    nowMs: () => Date.now(),
    onElected: () => {
      metrics.isLeader.set(1);
      startLeading().catch((error: unknown) => exit(logger, 1, 'leading failed', error));
    },
    // Another replica may lead already: nothing of ours may go on.
    onLost: (reason) => exit(logger, 1, 'leadership lost', reason),
  });
  const consolePort = config.EDICT_OPERATOR_CONSOLE_PORT;
  if (consolePort !== undefined) {
    let source: { readonly of: Leadership; readonly source: ConsoleSource } | undefined;
    consoleServer = await startKubeConsole({
      config,
      port: consolePort,
      client,
      objects,
      certificates: () => current,
      source: () => {
        if (leadership !== undefined && source?.of !== leadership) {
          source = { of: leadership, source: sourceOf(leadership.operator, { store, events }) };
        }
        return source?.source;
      },
      leader: elector.leader,
      clock,
      log: logger,
    });
  }
  elector.start();
  logger.info('operator started', { namespace, pod: config.EDICT_OPERATOR_POD_NAME });

  const stop = async (): Promise<void> => {
    status.close().catch(() => undefined);
    await consoleServer?.close();
    await leadership?.operator.distributor().drain('the operator is shutting down', config.EDICT_OPERATOR_DRAIN_MS);
    await leadership?.stop();
    await elector.stop();
    certificates.stop();
    webhookTrust?.stop();
    unmanaged.close();
    await bundles.close();
    await Promise.all([distribution.close(), webhook.close(), pods.stop(), checker.close()]);
    await store.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info('stopping', { signal });
      stop().then(
        () => exit(logger, 0, 'stopped', signal),
        (error: unknown) => exit(logger, 1, 'stopping failed', error),
      );
    });
  }
}

/** Ends the process once its last line is written. */
function exit(logger: Logger, code: number, message: string, cause: unknown): void {
  logger.log(code === 0 ? 'info' : 'error', message, { cause: String(cause) });
  logger.once('finish', () => process.exit(code));
  logger.end();
}

/** Every name that the apiserver and PDPs reach us by. */
function dnsNames(config: Config): readonly string[] {
  const { EDICT_OPERATOR_NAMESPACE: namespace } = config;
  const services = [
    config.EDICT_OPERATOR_WEBHOOK_SERVICE,
    config.EDICT_OPERATOR_DISTRIBUTION_SERVICE,
    ...(config.EDICT_OPERATOR_CONSOLE_PORT === undefined ? [] : [config.EDICT_OPERATOR_CONSOLE_SERVICE]),
  ];
  return services.flatMap((service) => [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
    `${service}.${namespace}`,
  ]);
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
