import { expect, test } from '@jest/globals';
import { Debounce } from './debounce.ts';

const LIMITS = { quietMs: 100, maxMs: 2000 };

test('a wish that stays as it is becomes a revision after the quiet time', () => {
  const debounce = new Debounce(LIMITS);
  expect(debounce.remainingMs('s', 'a', false, 0)).toBe(100);
  expect(debounce.remainingMs('s', 'a', false, 60)).toBe(40);
  expect(debounce.remainingMs('s', 'a', false, 100)).toBe(0);
});

test('each edit starts the quiet time anew, but never beyond the bound', () => {
  const debounce = new Debounce(LIMITS);
  for (let now = 0; now <= 1960; now += 40) {
    expect(debounce.remainingMs('s', `wish ${String(now)}`, false, now)).toBe(Math.min(100, 2000 - now));
  }
  expect(debounce.remainingMs('s', 'still another', false, 2000)).toBe(0);
});

test('a set with a domain that has not been looked at waits for it, up to the bound', () => {
  const debounce = new Debounce(LIMITS);
  expect(debounce.remainingMs('s', 'a', true, 0)).toBe(2000);
  expect(debounce.remainingMs('s', 'a', false, 500)).toBe(0);
  expect(debounce.remainingMs('s', 'b', true, 500)).toBe(1500);
});

test('a set that has what it wants starts afresh with its next wish', () => {
  const debounce = new Debounce(LIMITS);
  debounce.remainingMs('s', 'a', false, 0);
  debounce.settle('s');
  expect(debounce.remainingMs('s', 'b', false, 5000)).toBe(100);
});
