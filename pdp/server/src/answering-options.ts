import { join } from 'node:path';
import { collectorOf } from '@edict/crds';
import type { Logger } from 'winston';
import type { AnsweringOptions } from './answering.ts';
import { auditSettingsOf } from './audit/settings/audit-variables.ts';
import { settingsOfWorker } from './audit/settings/worker-settings.ts';
import type { WriteBytes } from './audit/line-writer.ts';
import { MODES_WITH_BEARER } from './authentication/settings.ts';
import type { Config } from './config.ts';
import { parseGrpcAddress } from './grpc/grpc-address.ts';

/** What is not configured, but the process's own. */
export interface AnsweringProcess {
  readonly writeRecords: WriteBytes;
  readonly logger: Logger;
  /** Which of several workers it is, from 1 on. */
  readonly worker: number | undefined;
  /** Where policies' certificates and keys may be. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a process answers, as the environment says. */
export function answeringOptions(
  config: Config,
  { writeRecords, logger, worker, env }: AnsweringProcess,
): AnsweringOptions {
  const folder = join(config.EDICT_PDP_DATA_DIR, 'audit');
  return {
    transport: transportOf(config),
    authentication: authenticationOf(config),
    host: config.EDICT_PDP_LISTEN_HOST,
    port: config.EDICT_PDP_LISTEN_PORT,
    grpc: grpcOf(config),
    tracing: tracingOf(config),
    authZen: authZenOf(config),
    maxBodyBytes: config.EDICT_PDP_MAX_BODY_BYTES,
    maxSteps: config.EDICT_PDP_MAX_STEPS,
    setLimits: {
      maxConcurrent: config.EDICT_PDP_SET_MAX_CONCURRENT,
      maxBodyBytes: config.EDICT_PDP_SET_MAX_BODY_BYTES,
    },
    maxBatch: config.EDICT_PDP_MAX_BATCH,
    maxWaitMs: config.EDICT_PDP_MAX_WAIT_MS,
    maxWaiters: config.EDICT_PDP_MAX_WAITERS,
    maxLoadWaitMs: config.EDICT_PDP_MAX_LOAD_WAIT_MS,
    maxLoadWaiters: config.EDICT_PDP_MAX_LOAD_WAITERS,
    maxSetLabels: config.EDICT_PDP_MAX_SET_LABELS,
    includeAll: config.EDICT_PDP_INCLUDE_ALL === 'true',
    requestTimeoutMs: config.EDICT_PDP_REQUEST_TIMEOUT_MS,
    audit:
      worker === undefined
        ? { settings: auditSettingsOf(config), folder }
        : { settings: settingsOfWorker(auditSettingsOf(config), worker), folder: join(folder, `worker-${worker}`) },
    network: {
      allowedBuiltins: config.EDICT_PDP_ALLOWED_BUILTINS,
      allowedHosts: config.EDICT_PDP_ALLOWED_HOSTS,
      limits: {
        maxRequests: config.EDICT_PDP_NETWORK_MAX_REQUESTS,
        timeoutMs: config.EDICT_PDP_NETWORK_TIMEOUT_MS,
        maxWaitMs: config.EDICT_PDP_NETWORK_MAX_WAIT_MS,
        maxRequestBytes: config.EDICT_PDP_NETWORK_MAX_REQUEST_BYTES,
        maxResponseBytes: config.EDICT_PDP_NETWORK_MAX_RESPONSE_BYTES,
      },
      cache: { maxBytes: config.EDICT_PDP_NETWORK_CACHE_BYTES },
      tlsSources: {
        ...(config.EDICT_PDP_NETWORK_TLS_FOLDER === '' ? {} : { folder: config.EDICT_PDP_NETWORK_TLS_FOLDER }),
        variables: config.EDICT_PDP_NETWORK_TLS_VARIABLES,
        env,
      },
    },
    writeRecords,
    logger: config.EDICT_PDP_NODE_ID === '' ? logger : logger.child({ pdpInstance: config.EDICT_PDP_NODE_ID }),
  };
}

function transportOf(config: Config): AnsweringOptions['transport'] {
  const { EDICT_PDP_TLS_CERT_FILE: certFile, EDICT_PDP_TLS_KEY_FILE: keyFile } = config;
  const { EDICT_PDP_TLS_CLIENT_CA_FILE: clientCaFile, EDICT_PDP_UNIX_SOCKET: path } = config;
  return {
    ...(certFile === ''
      ? {}
      : {
          tls: {
            certFile,
            keyFile,
            clientCaFile: clientCaFile === '' ? undefined : clientCaFile,
            clientCertificates: clientCertificatesOf(config),
            reloadMs: config.EDICT_PDP_TLS_RELOAD_MS,
          },
        }),
    ...(path === '' ? {} : { socket: { path, mode: config.EDICT_PDP_UNIX_SOCKET_MODE } }),
    maxConnections: config.EDICT_PDP_MAX_CONNECTIONS,
    maxRequests: config.EDICT_PDP_MAX_REQUESTS,
    maxStreams: config.EDICT_PDP_MAX_STREAMS,
    maxRequestsPerConnection: config.EDICT_PDP_CONNECTION_MAX_REQUESTS,
    keepAliveMs: config.EDICT_PDP_KEEP_ALIVE_MS,
    writeTimeoutMs: config.EDICT_PDP_WRITE_TIMEOUT_MS,
  };
}

/** Where only certificates count, a client without one is not even heard. */
function clientCertificatesOf(config: Config): 'None' | 'Optional' | 'Required' {
  if (config.EDICT_PDP_TLS_CLIENT_CA_FILE === '') return 'None';
  return config.EDICT_PDP_AUTHENTICATION === 'Certificate' ? 'Required' : 'Optional';
}

function authenticationOf(config: Config): AnsweringOptions['authentication'] {
  const mode = config.EDICT_PDP_AUTHENTICATION;
  if (mode === 'None') return undefined;
  const keysCaFile = config.EDICT_PDP_JWKS_CA_FILE;
  return {
    mode,
    callers: config.EDICT_PDP_CALLERS,
    ...(MODES_WITH_BEARER.has(mode)
      ? {
          bearer: {
            keys: config.EDICT_PDP_JWKS,
            keysCaFile: keysCaFile === '' ? undefined : keysCaFile,
            issuer: config.EDICT_PDP_TOKEN_ISSUER,
            audiences: config.EDICT_PDP_TOKEN_AUDIENCES,
            toleranceMs: config.EDICT_PDP_TOKEN_TOLERANCE_MS,
          },
        }
      : {}),
  };
}

function grpcOf({
  EDICT_PDP_GRPC_LISTEN: address,
  EDICT_PDP_GRPC_MAX_MESSAGE_BYTES: maxMessageBytes,
}: Config): AnsweringOptions['grpc'] {
  const listen = parseGrpcAddress(address);
  return listen === undefined ? undefined : { listen, maxMessageBytes };
}

function authZenOf(config: Config): AnsweringOptions['authZen'] {
  const { EDICT_PDP_PUBLIC_URL: publicUrl, EDICT_PDP_PAGE_TOKEN_KEY_FILE: pageTokenKeyFile } = config;
  const { EDICT_PDP_METADATA_KEY_FILE: metadataKeyFile } = config;
  return {
    publicUrl: publicUrl === '' ? undefined : publicUrl,
    pageTokenKeyFile: pageTokenKeyFile === '' ? undefined : pageTokenKeyFile,
    metadataKeyFile: metadataKeyFile === '' ? undefined : metadataKeyFile,
  };
}

function tracingOf(config: Config): AnsweringOptions['tracing'] {
  const collector = collectorOf(config.EDICT_PDP_TRACES_URL, config);
  return (
    collector && {
      ...collector,
      sampler: config.OTEL_TRACES_SAMPLER,
      samplerArg: config.OTEL_TRACES_SAMPLER_ARG,
    }
  );
}
