import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Sites, SiteTable, type Site } from './sites.ts';

const siteOf = (message: string, row: number): Site => ({
  message,
  location: { file: 'app.rego', row, col: 2, start: row * 10, end: row * 10 + 5 },
});

/** What generated code does with the table's arguments. */
const readBack = (table: SiteTable): Sites => {
  const [texts, numbers] = JSON.parse(`[${table.arguments}]`) as [string[], number[]];
  return new Sites(texts, numbers);
};

test('sites are found by the numbers that they were given', () => {
  const place = fc.record({ message: fc.string(), row: fc.nat() });
  fc.assert(
    fc.property(fc.array(place), (places) => {
      const table = new SiteTable();
      const sites = places.map(({ message, row }) => siteOf(message, row));
      const numbers = sites.map((site) => table.add(site));
      const read = readBack(table);
      expect(numbers.map((number) => read.at(number))).toEqual(sites);
    }),
  );
});

test('equal sites share a number, and others do not', () => {
  const table = new SiteTable();
  const first = table.add(siteOf('plus', 1));
  expect(table.add(siteOf('plus', 1))).toBe(first);
  expect(table.add(siteOf('plus', 2))).not.toBe(first);
  expect(table.add(siteOf('minus', 1))).not.toBe(first);
});

test('a number without a site has none', () => {
  const table = new SiteTable();
  table.add(siteOf('plus', 1));
  expect(readBack(table).at(1)).toBeUndefined();
});
