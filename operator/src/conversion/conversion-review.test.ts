import { expect, test } from '@jest/globals';
import { convertReview } from './conversion-review.ts';

const object = (version: string, spec: unknown, name = 'shop') => ({
  apiVersion: `iamlite.manetu.io/${version}`,
  kind: 'PolicyDomain',
  metadata: { name, namespace: 'team', uid: 'u-1', resourceVersion: '7' },
  spec,
  status: { observedGeneration: 3 },
});
const review = (objects: readonly unknown[], to: string, uid = 'r-1') =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: { uid, desiredAPIVersion: to, objects },
  });
interface Answer {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: {
    readonly uid: string;
    readonly convertedObjects: readonly unknown[];
    readonly result: { readonly status: string; readonly message?: string };
  };
}
const answer = (body: string): Answer['response'] => {
  const conversion = convertReview(body);
  if (!conversion.ok) throw new Error(conversion.message);
  const { apiVersion, kind, response } = JSON.parse(conversion.body) as Answer;
  expect([apiVersion, kind]).toEqual(['apiextensions.k8s.io/v1', 'ConversionReview']);
  return response;
};

test('objects of several versions come back in order in the one that is asked for, with all that is not theirs to change', () => {
  const spec = { roles: [{ mrn: 'r', annotations: [{ name: 'level', value: 42 }] }] };
  const objects = [object('v1alpha3', spec, 'a'), object('v1beta1', spec, 'b'), object('v1alpha4', spec, 'c')];
  const { uid, convertedObjects, result } = answer(review(objects, 'iamlite.manetu.io/v1beta1'));
  expect([uid, result]).toEqual(['r-1', { status: 'Success' }]);
  expect(convertedObjects).toMatchObject([
    { metadata: { name: 'a' }, spec: { roles: [{ annotations: [{ value: '42' }] }] } },
    { metadata: { name: 'b' }, spec },
    { metadata: { name: 'c', uid: 'u-1', resourceVersion: '7' }, status: { observedGeneration: 3 } },
  ]);
  for (const converted of convertedObjects)
    expect(converted).toMatchObject({ apiVersion: 'iamlite.manetu.io/v1beta1' });
});

test('no digit of a number is lost on the way', () => {
  const text = '{"roles":[{"mrn":"r","annotations":[{"name":"n","value":9007199254740993}]}]}';
  const body = review([object('v1beta1', 0)], 'iamlite.manetu.io/v1alpha4').replace('"spec":0', `"spec":${text}`);
  const there = convertReview(body);
  if (!there.ok) throw new Error(there.message);
  expect(there.body).toContain('"value":"9007199254740993"');
  const [converted] = (JSON.parse(there.body) as Answer).response.convertedObjects;
  const back = convertReview(review([converted], 'iamlite.manetu.io/v1beta1'));
  expect(back.ok && back.body).toContain(text);
});

test.each([
  ['no JSON', '{', /not JSON/],
  ['another kind', '{"apiVersion":"v1","kind":"Pod"}', /not a ConversionReview/],
  ['no request', '{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview"}', /no request/],
  [
    'no objects',
    '{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"x"}}',
    /no request/,
  ],
])('%s is no call', (_name, body, message) => {
  const conversion = convertReview(body);
  expect(conversion.ok).toBe(false);
  expect(conversion.ok ? '' : conversion.message).toMatch(message);
});

test.each<[string, unknown, string, RegExp]>([
  ['an unknown version', object('v1beta1', {}), 'iamlite.manetu.io/v2', /iamlite\.manetu\.io\/v2/],
  ['another group', object('v1beta1', {}), 'edict.dev/v1beta1', /edict\.dev\/v1beta1/],
  [
    'an object of an unknown version',
    object('v1', {}),
    'iamlite.manetu.io/v1beta1',
    /team\/shop.*iamlite.manetu.io\/v1/,
  ],
  ['an object of another kind', { ...object('v1beta1', {}), kind: 'Pod' }, 'iamlite.manetu.io/v1alpha3', /Pod/],
  ['what is no object', 7, 'iamlite.manetu.io/v1beta1', /not an object/],
  [
    'more than can be kept',
    object('v1beta1', { resources: [{ name: 'x'.repeat(200_000) }] }),
    'iamlite.manetu.io/v1alpha3',
    /team\/shop: .* bytes/,
  ],
])('%s: none is converted, and the answer says which and why', (_name, wrong, to, message) => {
  const { convertedObjects, result } = answer(review([object('v1alpha4', {}, 'good'), wrong], to));
  expect([convertedObjects, result.status]).toEqual([[], 'Failed']);
  expect(result.message).toMatch(message);
});

test('values that nest without end are refused by name', () => {
  const annotations = [{ name: 'd', value: 'DEEP' }];
  const body = review([object('v1beta1', { roles: [{ annotations }] })], 'iamlite.manetu.io/v1alpha3');
  const { result } = answer(body.replace('"DEEP"', `${'['.repeat(20_000)}${']'.repeat(20_000)}`));
  expect(result.message).toMatch(/team\/shop: .*nest too deeply/);
});
