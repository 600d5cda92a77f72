import { expect, test } from '@jest/globals';
import { StoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { eventually } from '../testing/fixtures.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import {
  createCertificateManager,
  type CertificateManager,
  type CertificateManagerOptions,
  type ServingCertificates,
} from './certificate-manager.ts';
import { isSignedBy, readCertificate } from './authority.ts';
import { CERTIFICATE_TIMES } from './plan.ts';

const DAY_MS = 86_400_000;

/** One Secret as an apiserver keeps it, and a log. */
function aCluster() {
  let secret: KubeObject | undefined;
  let version = 0;
  let isReadOnly = false;
  const lines: string[] = [];
  const put = (object: object): KubeObject => {
    if (isReadOnly) throw new StoreError('Forbidden', 'secrets is forbidden');
    const { metadata, ...rest } = object as KubeObject;
    secret = { ...rest, metadata: { ...metadata, resourceVersion: String(++version) } };
    return secret;
  };
  const objects: Partial<KubeObjects> = {
    get: <T extends KubeObject>() => Promise.resolve(secret as T | undefined),
    create: async <T extends KubeObject>(_resource: unknown, object: object) => {
      if (secret !== undefined) throw new StoreError('AlreadyExists', 'it is there');
      return Promise.resolve(put(object) as T);
    },
    replace: async <T extends KubeObject>(_resource: unknown, object: T) => {
      if (secret?.metadata.resourceVersion !== object.metadata.resourceVersion)
        throw new StoreError('Conflict', 'stale');
      return Promise.resolve(put(object) as T);
    },
  };
  const note = (message: string): void => void lines.push(message);
  const logger = { info: note, warn: note } as unknown as Parameters<typeof createCertificateManager>[0]['logger'];
  return {
    lines,
    forbid: () => {
      isReadOnly = true;
    },
    manager: (
      clock: ManualClock,
      onChange: (next: ServingCertificates) => void,
      times: Partial<Pick<CertificateManagerOptions, 'intervalMs' | 'times'>> = { intervalMs: DAY_MS },
    ): CertificateManager =>
      createCertificateManager({
        objects: objects as KubeObjects,
        namespace: 'edict-system',
        secretName: 'edict-certificates',
        dnsNames: ['edict.test'],
        clock,
        logger,
        onChange,
        ...times,
      }),
  };
}

test('replicas share one authority, and each tells when what it serves ends', async () => {
  const cluster = aCluster();
  const clock = new ManualClock();
  const [one, two] = [cluster.manager(clock, () => undefined), cluster.manager(clock, () => undefined)];
  const served = await Promise.all([one.start(), two.start()]);
  expect(served[0]).toEqual(served[1]);
  expect(one.expiry()?.servingMs).toBe(readCertificate(served[0].certificate)?.notAfterMs);
  expect(one.expiry()?.authorityMs).toBeCloseTo(clock.now() + CERTIFICATE_TIMES.authorityMs, -4);
  one.stop();
  two.stop();
});

test('an operator that was away until its authority had ended makes another one, and says so', async () => {
  const cluster = aCluster();
  const clock = new ManualClock();
  const before = cluster.manager(clock, () => undefined);
  const old = await before.start();
  before.stop();
  await clock.advance(CERTIFICATE_TIMES.authorityMs + DAY_MS);
  const after = cluster.manager(clock, () => undefined);
  const anew = await after.start();
  expect(anew.trustBundle).not.toContain(old.trustBundle);
  expect(readCertificate(anew.certificate)?.notAfterMs).toBeGreaterThan(clock.now());
  expect(cluster.lines).toContainEqual(expect.stringContaining('the authority had ended'));
  after.stop();
});

test('certificates of shorter lives than those that are set now are replaced in time all the same', async () => {
  const cluster = aCluster();
  const clock = new ManualClock();
  const short = { authorityMs: 120_000, servingMs: 40_000, overlapMs: 20_000 };
  const before = cluster.manager(clock, () => undefined, { times: short });
  const old = await before.start();
  before.stop();
  const told: ServingCertificates[] = [];
  const manager = cluster.manager(clock, (next) => told.push(next), {});
  const kept = await manager.start();
  expect(kept.trustBundle).toBe(old.trustBundle);
  const ends = manager.expiry()?.authorityMs ?? 0;
  while (clock.now() < ends) {
    await clock.advance(1_000);
    // Keys are made beside the event loop: no time passes until they are, and the next look has its time.
    await eventually('the look to be over', () => (clock.waiting().length > 0 ? true : undefined));
  }
  expect(manager.expiry()?.authorityMs).toBeGreaterThan(ends);
  expect(cluster.lines).not.toContainEqual(expect.stringContaining('the authority had ended'));
  // Who trusts what was announced trusts what serves, at every change.
  const served = [kept, ...told];
  for (const [i, next] of served.entries()) {
    const trusted = served[Math.max(0, i - 1)]?.trustBundle ?? '';
    const signers = trusted.split(/(?<=-----END CERTIFICATE-----\n)/);
    const isTrusted = await Promise.all(signers.map((signer) => isSignedBy(next.certificate, signer)));
    expect(isTrusted).toContain(true);
  }
  manager.stop();
});

test('an operator that may not write its Secret serves on with what it has, and says that it was not looked after', async () => {
  const cluster = aCluster();
  const clock = new ManualClock();
  const told: ServingCertificates[] = [];
  const manager = cluster.manager(clock, (next) => told.push(next));
  const first = await manager.start();
  cluster.forbid();
  // Into the last third of the life of what is served. Keys are made beside the event loop, which the clock does not wait for.
  await eventually('it says so', async () => {
    await clock.advance(DAY_MS);
    return cluster.lines.includes('certificates were not looked after') ? true : undefined;
  });
  expect(told).toEqual([first]);
  expect(manager.expiry()?.servingMs).toBe(readCertificate(first.certificate)?.notAfterMs);
  manager.stop();
});
