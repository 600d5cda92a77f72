import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FLEET_DEFAULTS } from '../testing/fleet-fixtures.ts';
import { injectSidecar } from './inject.ts';
import { fleetOfMember } from './member-pod.ts';
import { PodShape } from './pod-shape.ts';
import { renderSidecar } from './sidecar.ts';
import { applyPatch } from './testing/apply-patch.ts';
import { aPod, someSidecars } from './testing/injection-fixtures.ts';

const SIDECAR = renderSidecar(someSidecars('main', { ports: { grpc: 9191 } }), FLEET_DEFAULTS);
const URL_ENTRY = { name: 'PDP_URL', value: 'http://127.0.0.1:8181' };

/** The pod after its injection. */
function injected(pod: PodShape, sidecar = SIDECAR): PodShape {
  const injection = injectSidecar(pod, sidecar, 'main');
  if (!injection.ok) throw new Error(injection.problems.join());
  return PodShape.parse(applyPatch(pod, injection.patch));
}
const problemsOf = (pod: PodShape): readonly string[] => {
  const injection = injectSidecar(pod, SIDECAR, 'main');
  return injection.ok ? [] : injection.problems;
};

test('a bare pod gets the sidecar, its volumes, its label, and the way to it', () => {
  const { metadata, spec } = injected(aPod());
  expect(metadata).toMatchObject({
    labels: { 'edict.dev/pdp': 'main' },
    annotations: { 'edict.dev/injected': SIDECAR.hash },
  });
  expect(spec.initContainers).toStrictEqual([SIDECAR.container]);
  expect(spec.volumes).toStrictEqual(SIDECAR.volumes);
  expect(spec.containers).toStrictEqual([{ name: 'web', image: 'web:1', env: [URL_ENTRY] }]);
});

test('it comes first, and every other container learns where it is, before its own variables', () => {
  const pod = aPod(
    { labels: { app: 'web' }, annotations: { note: 'x' } },
    {
      initContainers: [
        { name: 'mesh', restartPolicy: 'Always' },
        { name: 'migrate', env: [{ name: 'URL', value: '$(PDP_URL)/decision' }] },
      ],
      containers: [{ name: 'web' }, { name: 'worker', env: [{ name: 'A', value: '1' }] }],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  );
  const { metadata, spec } = injected(pod);
  expect(spec.initContainers?.map(({ name, env }) => [name, env?.map((entry) => entry.name)])).toStrictEqual([
    ['edict-pdp', expect.any(Array)],
    ['mesh', ['PDP_URL']],
    ['migrate', ['PDP_URL', 'URL']],
  ]);
  expect(spec.containers.map(({ env }) => env?.map((entry) => entry.name))).toStrictEqual([
    ['PDP_URL'],
    ['PDP_URL', 'A'],
  ]);
  expect(spec.volumes?.[0]).toStrictEqual({ name: 'data', emptyDir: {} });
  expect(metadata.labels).toStrictEqual({ app: 'web', 'edict.dev/pdp': 'main' });
  expect(metadata.annotations).toMatchObject({ note: 'x' });
});

test('a PDP_URL of its own is left alone, and said', () => {
  const env = [{ name: 'PDP_URL', value: 'http://pdp.example' }];
  const pod = aPod({}, { containers: [{ name: 'web', env }, { name: 'worker' }] });
  const injection = injectSidecar(pod, SIDECAR, 'main');
  expect(injection).toMatchObject({
    warnings: ['container web has a PDP_URL of its own, which was left alone: its PDP is at http://127.0.0.1:8181'],
  });
  const { metadata, spec } = injected(pod);
  expect(spec.containers[0]?.env).toStrictEqual(env);
  expect(spec.containers[1]?.env).toStrictEqual([URL_ENTRY]);
  expect(metadata.annotations).toMatchObject({ 'edict.dev/own-pdp-url': 'web' });
});

test('pull secrets are added once', () => {
  const sidecar = renderSidecar(
    someSidecars('main', { imagePullSecrets: [{ name: 'a' }, { name: 'b' }] }),
    FLEET_DEFAULTS,
  );
  const pod = aPod({}, { imagePullSecrets: [{ name: 'b' }] });
  expect(injected(pod, sidecar).spec.imagePullSecrets).toStrictEqual([{ name: 'b' }, { name: 'a' }]);
  expect(injected(aPod(), sidecar).spec.imagePullSecrets).toStrictEqual([{ name: 'a' }, { name: 'b' }]);
});

test('a pod that has one by hand stays as it is, to the last byte', () => {
  const pod = aPod({}, { initContainers: [{ name: 'edict-pdp', restartPolicy: 'Always', image: 'mine' }] });
  expect(injectSidecar(pod, SIDECAR, 'main')).toStrictEqual({ ok: true, patch: [], warnings: [] });
});

test('asked again it adds what containers that came since lack, and nothing else', () => {
  const once = injected(aPod());
  expect(injectSidecar(once, SIDECAR, 'main')).toMatchObject({ patch: [] });
  const more = { ...once, spec: { ...once.spec, containers: [...once.spec.containers, { name: 'mesh' }] } };
  expect(injectSidecar(more, SIDECAR, 'main')).toMatchObject({
    patch: [{ op: 'add', path: '/spec/containers/1/env', value: [URL_ENTRY] }],
  });
});

const userIn = (pod: PodShape): unknown => pod.spec.initContainers?.[0]?.securityContext?.runAsUser;

test.each<[string, object, number | undefined]>([
  ['names none, and the image or the platform says who it is', {}, undefined],
  ['says who, and it is that one', { securityContext: { runAsUser: 1_000_670_000 } }, undefined],
  ['has a group for its files', { securityContext: { fsGroup: 1_000_670_000 } }, undefined],
  [
    'names users of its containers only, as OpenShift does before it asks',
    { containers: [{ name: 'web', securityContext: { runAsUser: 1_000_670_000 } }] },
    undefined,
  ],
  ['has a container of root', { containers: [{ name: 'web', securityContext: { runAsUser: 0 } }] }, undefined],
  ['says root, which the sidecar never is', { securityContext: { runAsUser: 0, runAsNonRoot: false } }, 65_532],
])('in a pod that %s, it is told nothing else than needed', (_name, spec, user) => {
  const { spec: after } = injected(aPod({}, spec));
  const context = after.initContainers?.[0]?.securityContext;
  expect([context?.runAsUser, context?.['runAsGroup']]).toStrictEqual([user, user]);
  expect(context).toMatchObject({ runAsNonRoot: true });
});

test('asked again after another webhook made the pod one of root, it gets a user; one that it has stays', () => {
  const once = injected(aPod());
  const root = { ...once, spec: { ...once.spec, securityContext: { runAsUser: 0 } } };
  const twice = injected(root);
  expect(userIn(twice)).toBe(65_532);
  expect(injectSidecar(twice, SIDECAR, 'main')).toMatchObject({ patch: [] });
  const nobody = { ...twice, spec: { ...twice.spec, securityContext: { runAsUser: 1000 } } };
  expect(injectSidecar(nobody, SIDECAR, 'main')).toMatchObject({ patch: [] });
  const [sidecar, ...others] = once.spec.initContainers ?? [];
  const given = { ...sidecar, securityContext: { ...sidecar?.securityContext, runAsUser: 1_000_670_000 } };
  const platform = PodShape.parse({ ...root, spec: { ...root.spec, initContainers: [given, ...others] } });
  expect(injectSidecar(platform, SIDECAR, 'main')).toMatchObject({ patch: [] });
});

test.each<[string, object, string]>([
  [
    'a container on the port of HTTP',
    { containers: [{ name: 'web', ports: [{ containerPort: 8181 }] }] },
    'container web listens on port 8181, and so would the PDP: set spec.ports.http of PolicyDecisionPoint main to a free port',
  ],
  [
    'a sidecar on the port of gRPC',
    { initContainers: [{ name: 'mesh', restartPolicy: 'Always', ports: [{ containerPort: 9191, protocol: 'TCP' }] }] },
    'container mesh listens on port 9191, and so would the PDP: set spec.ports.grpc',
  ],
  [
    'a container on the port of health',
    { containers: [{ name: 'web', ports: [{ containerPort: 80 }, { containerPort: 8282 }] }] },
    'set spec.ports.health',
  ],
  ['the network of its node', { hostNetwork: true }, 'the pod is in the network of its node'],
  ['Windows', { os: { name: 'windows' } }, 'PDPs run on Linux'],
  ['a container of its name', { containers: [{ name: 'edict-pdp' }] }, 'has the name of the sidecar and is none'],
  [
    'an init container of its name that ends',
    { initContainers: [{ name: 'edict-pdp' }] },
    'has the name of the sidecar and is none',
  ],
  [
    'a volume of its name',
    { volumes: [{ name: 'edict-token', emptyDir: {} }] },
    'volume edict-token has the name of a volume of the PDP: give it another name',
  ],
])('a pod is refused for %s', (_name, spec, problem) => {
  expect(problemsOf(aPod({}, spec)).join('; ')).toContain(problem);
});

test('every problem is said at once, and UDP disturbs nobody', () => {
  const ports = [{ containerPort: 8181 }, { containerPort: 8282, protocol: 'UDP' }];
  expect(problemsOf(aPod({}, { hostNetwork: true, containers: [{ name: 'web', ports }] }))).toHaveLength(2);
});

test('a conflict that comes with a container of a later webhook is found as well', () => {
  const once = injected(aPod());
  const mesh = { name: 'mesh', ports: [{ containerPort: 8181 }] };
  const more = { ...once, spec: { ...once.spec, containers: [...once.spec.containers, mesh] } };
  expect(problemsOf(more)).toStrictEqual([expect.stringContaining('container mesh listens on port 8181')]);
});

const name = fc.stringMatching(/^[a-z]{1,8}$/);
const container = fc.record(
  {
    name,
    env: fc.array(fc.record({ name: fc.constantFrom('A', 'B', 'PDP_URL'), value: fc.string() }), { maxLength: 3 }),
    restartPolicy: fc.constant('Always'),
  },
  { requiredKeys: ['name'] },
);
test('whatever the pod, one injection makes it a member, a second changes nothing, and all else stays in its order', () => {
  fc.assert(
    fc.property(
      fc.array(container, { minLength: 1, maxLength: 4 }),
      fc.option(fc.array(container, { maxLength: 3 }), { nil: undefined }),
      fc.option(fc.dictionary(fc.stringMatching(/^[a-z]+[~/]?[a-z]+$/), fc.string()), { nil: undefined }),
      fc.option(fc.constantFrom(0, 1000), { nil: undefined }),
      (containers, initContainers, labels, runAsUser) => {
        const pod = aPod(labels === undefined ? {} : { labels }, {
          containers,
          ...(initContainers === undefined ? {} : { initContainers }),
          ...(runAsUser === undefined ? {} : { securityContext: { runAsUser } }),
        });
        const once = injected(pod);
        expect(fleetOfMember(once)).toBe('main');
        expect(injectSidecar(once, SIDECAR, 'main')).toMatchObject({ ok: true, patch: [] });
        expect(once.spec.containers.map((each) => each.name)).toStrictEqual(containers.map((each) => each.name));
        expect(once.spec.initContainers?.slice(1).map((each) => each.name)).toStrictEqual(
          (initContainers ?? []).map((each) => each.name),
        );
        for (const { env } of [...once.spec.containers, ...(once.spec.initContainers ?? []).slice(1)]) {
          expect(env?.some((entry) => entry.name === 'PDP_URL')).toBe(true);
        }
      },
    ),
  );
});
