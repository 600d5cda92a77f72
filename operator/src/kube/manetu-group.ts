import { Gauge, type Registry } from 'prom-client';
import type { Logger } from 'winston';
import { createCertificateManager, type CertificateManager } from '../certificates/certificate-manager.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { ManetuMode } from '../controllers/manetu-domain/observed.ts';
import { probeConversion } from '../conversion/conversion-probe.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import { watchManetuCrd, type GroupState } from './manetu-crd.ts';

export interface ManetuGroupOptions {
  readonly config: Config;
  readonly objects: KubeObjects;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What every replica does for Manetu's group: the CRD's authority, the certificate of its webhook, and a look at both. */
export interface ManetuGroup {
  readonly mode: ManetuMode;
  /** Calls back now and whenever it changes with whether the group is ours; returns what ends that. */
  readonly follow: (onActive: (isActive: boolean) => void) => () => void;
  readonly stop: () => void;
}

const STATES: readonly GroupState[] = ['Unknown', 'Missing', 'Foreign', 'Owned'];

/**
 * Begins to look after Manetu's group, if the configuration says so. The certificate of the conversion webhook and its authority
 * are a Secret of their own: the pods of the webhook mount the certificate, and need no rights.
 */
export async function startManetuGroup(options: ManetuGroupOptions): Promise<ManetuGroup | undefined> {
  const { config, objects, registry, clock, logger } = options;
  const mode = config.EDICT_OPERATOR_MANETU_GROUP;
  if (mode === 'Off') return undefined;
  const metrics = createManetuMetrics(registry);
  const namespace = config.EDICT_OPERATOR_NAMESPACE;
  const service = config.EDICT_OPERATOR_CONVERSION_SERVICE;
  const followers = new Set<(isActive: boolean) => void>();
  let isActive = false;
  const onState = (state: GroupState): void => {
    for (const one of STATES) metrics.state.set({ state: one.toLowerCase() }, one === state ? 1 : 0);
    isActive = state === 'Owned';
    for (const follower of followers) follower(isActive);
  };
  onState('Unknown');
  const crd = watchManetuCrd({ objects, owner: `${namespace}/${service}`, clock, log: logger, onState });
  let certificates: CertificateManager | undefined;
  let stopProbe: (() => void) | undefined;
  if (mode === 'Serve') {
    const host = `${service}.${namespace}.svc`;
    let trustBundle = '';
    certificates = createCertificateManager({
      objects,
      namespace,
      secretName: config.EDICT_OPERATOR_CONVERSION_SECRET,
      dnsNames: [host, `${host}.cluster.local`],
      clock,
      logger,
      onChange: (next) => {
        trustBundle = next.trustBundle;
        crd.keep(trustBundle);
      },
    });
    await certificates.start();
    stopProbe = probeConversion({
      host,
      port: 443,
      trustBundle: () => trustBundle,
      clock,
      log: logger,
      onResult: (isUp) => metrics.conversionUp.set(isUp ? 1 : 0),
    });
  }
  return {
    mode,
    follow: (onActive) => {
      followers.add(onActive);
      onActive(isActive);
      return () => {
        followers.delete(onActive);
      };
    },
    stop: () => {
      crd.stop();
      certificates?.stop();
      stopProbe?.();
    },
  };
}

/** What is measured of the group; names are API (docs/metrics.md). Made only where the group is looked after. */
export function createManetuMetrics(registry: Registry): {
  readonly state: Gauge<'state'>;
  readonly conversionUp: Gauge;
} {
  const registers = [registry];
  return {
    state: new Gauge({
      name: 'operator_manetu_group_state',
      help: 'Whose the CRD of iamlite.manetu.io is: 1 for the state that it is in.',
      labelNames: ['state'],
      registers,
    }),
    conversionUp: new Gauge({
      name: 'operator_conversion_up',
      help: '1 while the conversion webhook converts.',
      registers,
    }),
  };
}
