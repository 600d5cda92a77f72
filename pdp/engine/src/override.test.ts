import { expect, test } from '@jest/globals';
import { operationResult } from './override.ts';

test.each<[bigint, string, string]>([
  [0n, 'leaves it open', ''],
  [1n, 'grants', 'PUBLIC'],
  [2n, 'grants', 'VISITOR'],
  [3n, 'grants', 'ANTI_LOCKOUT'],
  [4n, 'grants', 'NOT_GRANTED'],
  [2147483648n, 'grants', 'NOT_GRANTED'],
  [4294967297n, 'grants', 'PUBLIC'],
  [-1n, 'denies', 'JWT_REQUIRED'],
  [-2n, 'denies', 'OPERATOR_REQUIRED'],
  [-3n, 'denies', 'NOT_DENIED'],
  [-4294967298n, 'denies', 'OPERATOR_REQUIRED'],
  [-9223372036854775808n, 'denies', 'NOT_DENIED'],
])('%s %s %s', (integer, verdict, reason) => {
  const { final, granted, override, grantReason, denyReason } = operationResult(integer);
  expect(final ? (granted ? 'grants' : 'denies') : 'leaves it open').toBe(verdict);
  expect(override).toBe(integer !== 0n);
  expect(grantReason ?? denyReason ?? '').toBe(reason);
});

test('the greatest integer grants without an override', () => {
  const finding = operationResult(9223372036854775807n);
  expect(finding).toMatchObject({ final: true, granted: true, override: false, grantReason: undefined });
});
