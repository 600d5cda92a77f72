import { expect, test } from '@jest/globals';
import { domainYaml } from '../testing/domains.ts';
import { temporaryFolder } from '../testing/run-edict.ts';
import { placesOf } from './domain-places.ts';

const unsafe = 'allow := 1 if input.x == y';

test('a problem is where its author wrote it, whatever is wrong elsewhere', async () => {
  await using folder = await temporaryFolder({
    'shop.yaml': domainYaml(unsafe),
    'more/other.yaml': domainYaml('allow := := 1', 'other'),
    'broken.yaml': 'a: [',
    '.hidden/third.yaml': domainYaml(unsafe, 'third'),
  });
  const root = folder.path('.');
  expect(await placesOf(root, 'shop')).toEqual([
    expect.stringMatching(/^shop\.yaml:13:\d+: \[policy mrn:iam:policy:gate\] /),
  ]);
  const other = await placesOf(root, 'other');
  expect(other).not.toEqual([]);
  for (const line of other) expect(line).toMatch(/^more\/other\.yaml:13:\d+: /);
  expect(await placesOf(root, 'third')).toEqual([]);
});

test('a domain without problems has no places', async () => {
  await using folder = await temporaryFolder({ 'shop.yaml': domainYaml() });
  expect(await placesOf(folder.path('.'), 'shop')).toEqual([]);
});
