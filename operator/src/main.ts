import { randomBytes } from 'node:crypto';
import { collectorOf } from '@edict/crds';
import { messageOf, OPERATOR_TUNING } from '@edict/protocol';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createLogger, format, transports, type Logger } from 'winston';
import { unsafeBuiltinsBut } from '@edict/bundle';
import { judge } from './admission/judge.ts';
import { startWebhookServer, type Judge } from './admission/webhook-server.ts';
import { createCertificateManager, type ServingCertificates } from './certificates/certificate-manager.ts';
import { systemClock } from './clock.ts';
import type { FleetDefaults } from './controllers/policy-decision-point/fleet-defaults.ts';
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
import { fileReader, relayOfCertificate } from './distribution/relay-certificates.ts';
import { createElector } from './election/elector.ts';
import { sourceOf, type ConsoleSource } from './console/source.ts';
import type { ConsoleServer } from './console/server.ts';
import { startKubeConsole } from './kube/console.ts';
import { addressAt, createLeaderFinder } from './kube/leader-address.ts';
import { ApiClock } from './kube/api-clock.ts';
import { createBundleReader } from './kube/bundle-reader.ts';
import { startManetuGroup } from './kube/manetu-group.ts';
import { createKubeEventSink } from './kube/event-sink.ts';
import { askerOf, judgePod, type NamespaceFacts } from './injection/judge-pod.ts';
import { createKubeFollowers } from './kube/followers.ts';
import { lead, type Leadership } from './kube/leadership.ts';
import { startPodDirectory } from './kube/pod-directory.ts';
import { createTokenReviewer } from './kube/token-reviewer.ts';
import { createTrustPublisher, type Trust } from './kube/trust-publisher.ts';
import { createWebhookTrust, type WebhookConfigurationName } from './kube/webhook-trust.ts';
import { createKeyManager, type KeyManager } from './keys/key-manager.ts';
import { createKeyMetrics } from './keys/key-metrics.ts';
import { createKeyStore } from './keys/key-store.ts';
import { keyUseOf } from './keys/key-use.ts';
import { createCertificateMetrics } from './certificates/certificate-metrics.ts';
import { createMetrics } from './observability/metrics.ts';
import { openTracing } from './observability/tracing.ts';
import { startStatusServer } from './observability/status-server.ts';
import { OPERATOR_LIMITS } from './operator-types.ts';
import { runRelay } from './relay/relay-program.ts';
import { keyOf, keyText } from './store/object-key.ts';
import { createKubeClient, createKubeObjects, createKubeStore, loadKubeConfig, RESOURCES } from './store/kube/index.ts';

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
  const tracing = await openTracing(collectorOf(config.EDICT_OPERATOR_TRACES_URL, config), {
    registry,
    now: clock.now,
    onError: (error) => logger.warn('spans cannot be sent', { error: messageOf(error) }),
  });
  const apiClock = new ApiClock({ now: clock.now, log: logger, offset: metrics.clockOffset });
  const client = createKubeClient({
    config: loadKubeConfig(),
    requests: metrics.apiRequests,
    onDate: apiClock.heard,
  });
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
  const secret = config.EDICT_OPERATOR_SIGNING_KEY_SECRET;
  const keyStore = createKeyStore(objects, namespace, secret, apiClock.now);
  const { opa } = await keyStore.read();
  const ticketKey = randomBytes(32);
  let leadership: Leadership | undefined;
  /** Until the election has begun nobody is known to lead. */
  let leader = (): string | undefined => undefined;
  let keys: KeyManager | undefined;
  createKeyMetrics(registry, () => keys?.figures(), apiClock.now);
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
    nowMs: apiClock.now,
    times: {
      authorityMs: config.EDICT_OPERATOR_AUTHORITY_LIFETIME_MS,
      servingMs: config.EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS,
      overlapMs: config.EDICT_OPERATOR_CERTIFICATE_OVERLAP_MS,
    },
    logger,
    onChange: (next) => rotation.tell?.(next),
  });
  createCertificateMetrics(registry, certificates.expiry);
  let current = await certificates.start();
  /** Only a leader publishes, which has read the keys before. */
  const publishTrust = (): void => {
    if (leadership === undefined || keys === undefined) return;
    const trust: Trust = { ca: current.trustBundle, keys: keys.trusted(), opaKey: opa.publicKey };
    leadership.trust.publish(trust);
  };
  const manetu = await startManetuGroup({ config, objects, registry, clock, logger });
  const domains = store.watch('PolicyDomain', {}, () => undefined);
  const sets = store.watch('PolicySet', {}, () => undefined);
  const suites = store.watch('PolicyTestSuite', {}, () => undefined);
  const fleets = store.watch('PolicyDecisionPoint', {}, () => undefined);
  const defaults: FleetDefaults = {
    image: config.EDICT_OPERATOR_PDP_IMAGE,
    imagePullPolicy: config.EDICT_OPERATOR_PDP_IMAGE_PULL_POLICY,
    operatorAddress: `${config.EDICT_OPERATOR_DISTRIBUTION_SERVICE}.${namespace}.svc:9444`,
    bundlesUrl: `https://${config.EDICT_OPERATOR_DISTRIBUTION_SERVICE}.${namespace}.svc:9445`,
    trustConfigMap: config.EDICT_OPERATOR_TRUST_CONFIGMAP,
    operatorNamespace: namespace,
    allowedBuiltins: config.EDICT_OPERATOR_ALLOWED_BUILTINS,
  };
  const judgeObject: Judge = async (request) =>
    await judge(request, {
      checker,
      domainsOf: (of) => domains.list(of),
      setsOf: (of) => sets.list(of),
      suitesOf: (of) => suites.list(of),
      operatorUser: `system:serviceaccount:${namespace}:${config.EDICT_OPERATOR_SERVICE_ACCOUNT}`,
      maxDomainBytes: OPERATOR_LIMITS.maxDomainBytes,
      keepsMirrors: manetu?.mode === 'Serve',
    });
  const factsOf = {
    defaults,
    known: (of: string): NamespaceFacts => ({ fleets: fleets.list(of), sets: sets.list(of) }),
    read: async (of: string): Promise<NamespaceFacts> => ({
      fleets: await store.list('PolicyDecisionPoint', { namespace: of }),
      sets: await store.list('PolicySet', { namespace: of }),
    }),
  };
  const webhook = await startWebhookServer({
    host,
    port: config.EDICT_OPERATOR_WEBHOOK_PORT,
    certificate: current.certificate,
    privateKey: current.privateKey,
    logger,
    metrics,
    judges: (path) => {
      if (path === '/validate') return judgeObject;
      const asker = askerOf(path);
      return asker && ((request) => judgePod(request, asker, factsOf));
    },
  });
  const injectionName = config.EDICT_OPERATOR_INJECTION_CONFIGURATION;
  const selectorConfiguration = injectionName === '' ? '' : `${injectionName}-selectors`;
  const webhookTrust = webhookConfigurations(config.EDICT_OPERATOR_WEBHOOK_CONFIGURATION, [
    injectionName,
    selectorConfiguration,
  ]).map((configuration) => createWebhookTrust({ objects, configuration, clock, log: logger }));
  const keepTrust = ({ trustBundle }: ServingCertificates): void => {
    for (const trust of webhookTrust) trust.keep(trustBundle);
  };
  rotation.tell = (next) => {
    current = next;
    webhook.setCertificate(next.certificate, next.privateKey);
    consoleServer?.setCertificate(next.certificate, next.privateKey);
    keepTrust(next);
    publishTrust();
  };
  keepTrust(current);

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
    key: opa,
    review: createBundleReader(client),
    unmanaged: () => leadership && unmanaged,
    clock,
    log: logger,
    metrics: createBundleMetrics(registry),
  });
  const relayCaFile = config.EDICT_OPERATOR_RELAY_CA_FILE;
  const relayCa = relayCaFile === '' ? undefined : fileReader(relayCaFile, logger);
  const leaderFinder = createLeaderFinder({
    objects,
    namespace,
    leader: () => leader(),
    identity: config.EDICT_OPERATOR_POD_NAME,
    clock,
    log: logger,
  });
  const followers = createKubeFollowers({
    config,
    client,
    store,
    pods,
    bytes: storedBundles,
    certificates: () => current,
    leader: () => leader(),
    findLeader: leaderFinder.find,
    registry,
    clock,
  });
  const distribution = await createDistributionServer({
    host,
    streamPort: config.EDICT_OPERATOR_DISTRIBUTION_PORT,
    artifactsPort: config.EDICT_OPERATOR_BUNDLES_PORT,
    tls: () => ({
      cert: current.certificate,
      key: current.privateKey,
      ...(relayCa === undefined ? {} : { clientCa: relayCa() }),
    }),
    ...(relayCa === undefined ? {} : { identify: relayOfCertificate(config.EDICT_OPERATOR_RELAY_CERTIFICATES) }),
    reviewToken: createTokenReviewer(client, pods, config.EDICT_OPERATOR_RELAYS),
    ticketKey,
    leading: () =>
      leadership && { accept: leadership.operator.distributor().accept, artifacts: leadership.operator.backend() },
    leaderAddress: () => {
      const leaderHost = leaderFinder.known();
      // All replicas listen where this one does.
      return leaderHost && addressAt(leaderHost, config.EDICT_OPERATOR_DISTRIBUTION_PORT);
    },
    bundles,
    ...(followers === undefined ? {} : { tunnel: followers.tunnel }),
    clock,
    random: Math.random,
    log: logger,
    metrics: distributionMetrics,
  });
  const status = await startStatusServer({
    host,
    port: config.EDICT_OPERATOR_HTTP_PORT,
    registry,
    isReady: () => [domains, sets, suites, fleets].every((watcher) => watcher.hasSynced()),
    pdps: () => leadership?.operator.distributor().pdps(),
  });

  // What the leader runs.
  const startLeading = async (): Promise<void> => {
    const rotateDays = config.EDICT_OPERATOR_SIGNING_KEY_ROTATE_DAYS;
    keys = createKeyManager({
      store: keyStore,
      objects,
      namespace,
      statusName: config.EDICT_OPERATOR_SIGNING_KEY_STATUS,
      settings: {
        overlapMs: config.EDICT_OPERATOR_SIGNING_KEY_OVERLAP_MS,
        ...(rotateDays === undefined ? {} : { rotateAfterMs: rotateDays * 86_400_000 }),
      },
      surroundings: () => {
        if (leadership === undefined) return undefined;
        const { operator, trust } = leadership;
        const world = operator.world();
        return {
          use: (nextId, retiringIds) => keyUseOf(world, operator.distributor().pdps(), nextId, retiringIds),
          isSettled: () => world.sets.list().every((set) => operator.distributor().isSettled(keyText(keyOf(set)))),
          isPublished: trust.isPublished,
        };
      },
      onChange: () => {
        publishTrust();
        leadership?.operator.reviewSets();
      },
      clock: { ...clock, now: apiClock.now },
      log: logger,
    });
    await keys.start();
    leadership = await lead({
      store,
      client,
      objects,
      pods,
      checker,
      signer: keys.signer,
      identity: config.EDICT_OPERATOR_POD_NAME,
      artifactsUrl: `https://${addressAt(config.EDICT_OPERATOR_POD_IP, distribution.artifactsPort)}`,
      helloRate: config.EDICT_OPERATOR_HELLO_RATE ?? OPERATOR_TUNING.helloRate,
      fallbackSources: config.EDICT_OPERATOR_FALLBACK_SOURCES,
      ticketKey,
      defaults,
      injection: {
        selectorConfiguration,
        service: { namespace, name: config.EDICT_OPERATOR_WEBHOOK_SERVICE },
        trustBundle: () => current.trustBundle,
      },
      events,
      metrics,
      distributionMetrics,
      registry,
      observer: tracing?.observer,
      log: logger,
      clock,
      unmanaged: (set) => unmanaged.count(set),
      ...(manetu === undefined ? {} : { manetu }),
      createTrust: (namespaces) =>
        createTrustPublisher({ objects, name: config.EDICT_OPERATOR_TRUST_CONFIGMAP, namespaces, clock, logger }),
    });
    publishTrust();
    // The leader has watches of its own.
    await followers?.stop();
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
  leader = elector.leader;
  const consolePort = config.EDICT_OPERATOR_CONSOLE_PORT;
  if (consolePort !== undefined) {
    let source: { readonly of: Leadership; readonly source: ConsoleSource } | undefined;
    consoleServer = await startKubeConsole({
      config,
      port: consolePort,
      client,
      certificates: () => current,
      source: () => {
        if (leadership !== undefined && source?.of !== leadership) {
          source = { of: leadership, source: sourceOf(leadership.operator, { store, events }) };
        }
        return source?.source;
      },
      leader: elector.leader,
      leaderFinder,
      clock,
      log: logger,
    });
  }
  elector.start();
  logger.info('operator started', { namespace, pod: config.EDICT_OPERATOR_POD_NAME });

  const stop = async (): Promise<void> => {
    webhook.dismissClients();
    const forgotten = new Promise((resolve) => setTimeout(resolve, config.EDICT_OPERATOR_WEBHOOK_DRAIN_MS));
    status.close().catch(() => undefined);
    await consoleServer?.close();
    const drainMs = config.EDICT_OPERATOR_DRAIN_MS;
    await Promise.all([
      distribution.drain(SHUTTING_DOWN, drainMs),
      leadership?.operator.distributor().drain(SHUTTING_DOWN, drainMs),
    ]);
    keys?.stop();
    await leadership?.stop();
    await elector.stop();
    certificates.stop();
    for (const trust of webhookTrust) trust.stop();
    manetu?.stop();
    unmanaged.close();
    await bundles.close();
    await followers?.stop();
    // Nodes send the apiserver's questions here until they have heard that this replica leaves.
    await forgotten;
    await Promise.all([distribution.close(), webhook.close(), pods.stop(), checker.close()]);
    await store.close();
    await tracing?.close();
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

/** Told to PDPs that are sent elsewhere. */
const SHUTTING_DOWN = 'the operator is shutting down';

/** Ends the process once its last line is written. */
function exit(logger: Logger, code: number, message: string, cause: unknown): void {
  logger.log(code === 0 ? 'info' : 'error', message, { cause: String(cause) });
  logger.once('finish', () => process.exit(code));
  logger.end();
}

/** The configurations of webhooks that exist, by their names. */
function webhookConfigurations(validating: string, mutating: readonly string[]): readonly WebhookConfigurationName[] {
  return [
    { resource: RESOURCES.ValidatingWebhookConfiguration, name: validating },
    ...mutating.map((name) => ({ resource: RESOURCES.MutatingWebhookConfiguration, name })),
  ].filter(({ name }) => name !== '');
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
