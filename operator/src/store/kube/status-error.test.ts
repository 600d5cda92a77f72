import { expect, test } from '@jest/globals';
import { selectorText } from './label-selector.ts';
import { collectionPath, objectPath, RESOURCES, resourceOf } from './resources.ts';
import { errorOfStatus, errorOfWatchEvent } from './status-error.ts';

test.each([
  ['an object that is not there', 404, '{"reason":"NotFound"}', 'NotFound', false],
  ['a name that is taken', 409, '{"reason":"AlreadyExists"}', 'AlreadyExists', false],
  ['a version that is old', 409, '{"reason":"Conflict"}', 'Conflict', true],
  ['a spec that breaks the schema', 422, '{"reason":"Invalid","message":"spec.x: no"}', 'Invalid', false],
  ['a body that is too large', 413, '', 'Invalid', false],
  ['rights that do not suffice', 403, '{"reason":"Forbidden"}', 'Forbidden', false],
  ['a token that is not good any more', 401, '', 'Forbidden', false],
  ['an overloaded apiserver', 429, 'Too many requests', 'Unavailable', true],
  ['a failing apiserver', 503, '<html>', 'Unavailable', true],
  ['a version that is gone', 410, '{"reason":"Expired"}', 'Unavailable', true],
])('%s', (_name, status, body, code, retryable) => {
  const error = errorOfStatus(status, body, 'GET /x');
  expect(error).toMatchObject({ code, retryable, httpStatus: status });
  expect(error.message).toMatch(/^GET \/x: /);
});

test('an ERROR event of a watch carries its own status', () => {
  expect(errorOfWatchEvent({ code: 410, message: 'too old' }, '/x')).toMatchObject({
    httpStatus: 410,
    message: '/x: too old',
  });
});

test('selectors read in the API as they are meant', () => {
  const selector = {
    matchLabels: { a: '1' },
    matchExpressions: [
      { key: 'b', operator: 'In' as const, values: ['x', 'y'] },
      { key: 'c', operator: 'NotIn' as const, values: ['z'] },
      { key: 'd', operator: 'Exists' as const },
      { key: 'e', operator: 'DoesNotExist' as const },
    ],
  };
  expect(selectorText(selector)).toBe('a=1,b in (x,y),c notin (z),d,!e');
});

test('paths name group, version, namespace and name', () => {
  expect(objectPath(resourceOf('PolicySet'), 'a/b', 'ns')).toBe(
    '/apis/edict.dev/v1beta1/namespaces/ns/policysets/a%2Fb',
  );
  expect(collectionPath(RESOURCES.Pod)).toBe('/api/v1/pods');
  expect(objectPath(RESOURCES.ValidatingWebhookConfiguration, 'x', 'ignored')).toBe(
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x',
  );
});
