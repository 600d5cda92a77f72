import { expect, test } from '@jest/globals';
import { CONTEST_REPAIRS, CONTEST_REST_MS, CONTEST_WINDOW_MS, Contests } from './contests.ts';

const at = (generation: number | undefined) => ({ generation });

test('an object that is the same each time is not contested, however often it is applied', () => {
  const contests = new Contests();
  for (let now = 0; now < 100; now += 1) expect(contests.applied('Deployment/ns/f', 'a', at(3), now)).toBe(0);
});

test('an object that somebody changes back each time is, from the fifth time on', () => {
  const contests = new Contests();
  const counts = Array.from({ length: 8 }, (_, n) =>
    contests.applied('Deployment/ns/f', 'a', at(2 * n + 1), n * 1_000),
  );
  expect(counts).toStrictEqual([0, 1, 2, 3, 4, CONTEST_REPAIRS, CONTEST_REPAIRS, CONTEST_REPAIRS]);
});

test('who else wrote an object is looked up from the first repair on, and forgotten when something else is wanted', () => {
  const contests = new Contests();
  contests.sawOthers('Deployment/ns/f', ['early']);
  contests.applied('Deployment/ns/f', 'a', at(1), 1);
  expect(contests.isRepaired('Deployment/ns/f')).toBe(false);
  contests.applied('Deployment/ns/f', 'a', at(3), 2);
  expect(contests.isRepaired('Deployment/ns/f')).toBe(true);
  contests.sawOthers('Deployment/ns/f', ['kubectl', 'gitops']);
  contests.sawOthers('Deployment/ns/f', ['gitops']);
  contests.applied('Deployment/ns/f', 'a', at(5), 3);
  expect(contests.othersOf('Deployment/ns/f')).toStrictEqual(['gitops', 'kubectl']);
  contests.applied('Deployment/ns/f', 'b', at(6), 4);
  expect(contests.othersOf('Deployment/ns/f')).toStrictEqual([]);
});

test('a change of what is wanted is no repair, and begins anew', () => {
  const contests = new Contests();
  for (let n = 1; n < 5; n += 1) contests.applied('Deployment/ns/f', 'a', at(2 * n), n);
  expect(contests.applied('Deployment/ns/f', 'b', at(100), 6)).toBe(0);
  expect(contests.applied('Deployment/ns/f', 'b', at(102), 7)).toBe(1);
});

test('repairs of long ago do not count, and each object counts for itself', () => {
  const contests = new Contests();
  for (let n = 0; n < 6; n += 1) contests.applied('Deployment/ns/f', 'a', at(n), n);
  expect(contests.applied('Service/ns/f', 'a', at(9), 6)).toBe(0);
  expect(contests.applied('Deployment/ns/f', 'a', at(50), CONTEST_WINDOW_MS + 4.5)).toBe(2);
});

test('kinds without a generation are not judged, and a fleet that is gone is forgotten', () => {
  const contests = new Contests();
  for (let n = 0; n < 9; n += 1) expect(contests.applied('ConfigMap/ns/f', 'a', at(undefined), n)).toBe(0);
  for (let n = 0; n < 9; n += 1) contests.applied('ns/f/Deployment', 'a', at(n), n);
  contests.rest('ns/f', 'Deployment f', 9);
  contests.forget('ns/f');
  expect(contests.resting('ns/f', 9)).toBeUndefined();
  expect(contests.applied('ns/f/Deployment', 'a', at(99), 9)).toBe(0);
});

test('a contested fleet is left alone for a while, and then looked at again', () => {
  const contests = new Contests();
  expect(contests.resting('ns/f', 0)).toBeUndefined();
  contests.rest('ns/f', 'Deployment f', 0);
  expect(contests.resting('ns/f', CONTEST_REST_MS - 1)).toBe('Deployment f');
  expect(contests.resting('ns/f', CONTEST_REST_MS)).toBeUndefined();
});
