import { readFile } from 'node:fs/promises';
import { loadPageFiles } from '../../console/page-files.ts';
import type { ServingCertificates } from '../certificates/certificate-manager.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { FindLeader } from '../console/http/forward.ts';
import { startConsoleServer, type ConsoleServer } from '../console/server.ts';
import type { ConsoleSource } from '../console/source.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import { VERSION } from '../version.ts';
import { createKubeAccess } from './console-access.ts';
import type { LeaderFinder } from './leader-address.ts';

export interface KubeConsoleOptions {
  readonly config: Config;
  /** What is configured: {@link startKubeConsole} is not called without. */
  readonly port: number;
  readonly client: KubeClient;
  /** The current ones. */
  readonly certificates: () => ServingCertificates;
  /** Undefined while this replica does not lead. */
  readonly source: () => ConsoleSource | undefined;
  readonly leader: () => string | undefined;
  readonly leaderFinder: Pick<LeaderFinder, 'find'>;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

/** The console of one replica in a cluster. Rejects if the page or the proxies' authority cannot be read. */
export async function startKubeConsole(options: KubeConsoleOptions): Promise<ConsoleServer> {
  const { config, port, client, certificates, source, leader, clock, log } = options;
  const proxyCaFile = config.EDICT_OPERATOR_CONSOLE_PROXY_CA;
  const proxyCa = proxyCaFile === '' ? undefined : await readFile(proxyCaFile, 'utf8');
  const proxy =
    proxyCa === undefined
      ? undefined
      : {
          names: config.EDICT_OPERATOR_CONSOLE_PROXY_NAMES,
          userHeader: config.EDICT_OPERATOR_CONSOLE_USER_HEADER,
          groupHeader: config.EDICT_OPERATOR_CONSOLE_GROUP_HEADER,
        };
  const { certificate, privateKey } = certificates();
  const namespace = config.EDICT_OPERATOR_NAMESPACE;
  const serverName = `${config.EDICT_OPERATOR_CONSOLE_SERVICE}.${namespace}.svc`;
  const findLeader: FindLeader = async () => {
    const host = await options.leaderFinder.find();
    return host === undefined ? undefined : { host, port, ca: certificates().trustBundle, serverName };
  };
  return await startConsoleServer({
    host: config.EDICT_OPERATOR_LISTEN_HOST,
    port,
    tls: { certificate, privateKey, ...(proxyCa === undefined ? {} : { proxyCa }) },
    page: await loadPageFiles(),
    access: createKubeAccess({ client, clock, ...(proxy === undefined ? {} : { proxy }) }),
    source,
    leader,
    findLeader,
    replica: config.EDICT_OPERATOR_POD_NAME,
    version: VERSION,
    clock,
    log,
  });
}
