import { expect, test } from '@jest/globals';
import type { SignedRevision } from '@edict/bundle';
import type { PdpPorts } from '@edict/protocol';
import type { RolloutTracer } from '../observability/rollout-tracer.ts';
import { tracedPorts } from './traced-ports.ts';

const SET = 'harbour/cranes';
const revision = { setUid: 'uid', n: 7, digest: 'sha256:7' } as unknown as SignedRevision;
const signal = new AbortController().signal;

function portsOf(): { readonly ports: PdpPorts; readonly done: unknown[][] } {
  const done: unknown[][] = [];
  const noted =
    <T>(name: string, result: T) =>
    (...args: unknown[]): T => {
      done.push([name, ...args]);
      return result;
    };
  const ports = {
    fetchManifest: noted('fetchManifest', Promise.resolve('manifest')),
    fetchBundles: noted('fetchBundles', Promise.resolve()),
    compile: noted('compile', Promise.resolve({ compileMs: 1, heapDeltaBytes: 2 })),
    runTests: noted('runTests', Promise.resolve('tests')),
    persist: noted('persist', Promise.resolve()),
    swap: noted('swap', undefined),
    split: noted('split', undefined),
    retain: noted('retain', undefined),
    assigned: noted('assigned', undefined),
  } as unknown as PdpPorts;
  return { ports, done };
}

test('work for a revision is told by its name, and done as it would have been', async () => {
  const { ports, done } = portsOf();
  const told: string[] = [];
  const tracer: RolloutTracer = {
    measure: (name, set, about, work) => {
      told.push(`${name} ${set} ${about.n}`);
      return work();
    },
  };
  const traced = tracedPorts(ports, tracer);
  const request = { set: SET, revision, ticket: 'ticket', artifactsUrl: '' };
  expect(await traced.fetchManifest(request, signal)).toBe('manifest');
  await traced.fetchBundles(request, ['sha256:1'], signal);
  expect(await traced.compile(SET, revision, signal)).toEqual({ compileMs: 1, heapDeltaBytes: 2 });
  expect(await traced.runTests(SET, revision, signal)).toBe('tests');
  await traced.split?.(SET, revision, { salt: 'salt', upTo: 100 });
  await traced.swap(SET, revision);
  traced.retain(SET, [], []);
  expect(told).toEqual(
    ['fetch manifest', 'fetch bundles', 'compile', 'run tests', 'split', 'swap'].map((name) => `${name} ${SET} 7`),
  );
  expect(done).toEqual([
    ['fetchManifest', request, signal],
    ['fetchBundles', request, ['sha256:1'], signal],
    ['compile', SET, revision, signal],
    ['runTests', SET, revision, signal],
    ['split', SET, revision, { salt: 'salt', upTo: 100 }],
    ['swap', SET, revision],
    ['retain', SET, [], []],
  ]);
});

test('where nothing is traced, the ports are what they were', () => {
  const { ports } = portsOf();
  expect(tracedPorts(ports, undefined)).toBe(ports);
});
