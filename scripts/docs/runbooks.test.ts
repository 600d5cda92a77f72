import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';

interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly annotations: Readonly<Record<string, string>> }[];
  }[];
}

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const alerts = (load(read('helm/alerts/edict.yaml')) as Alerts).groups.flatMap(({ rules }) => rules);
const sections = read('docs/runbooks.md').split(/^## /m).slice(1);

test.each(alerts.map(({ alert, annotations }) => [alert, annotations] as const))(
  '%s has a section of its own in docs/runbooks.md, and links to it',
  (alert, annotations) => {
    const section = sections.find((text) => text.startsWith(`${alert}\n`));
    expect(section).toMatch(/\*\*Means\.\*\* \S[^]*\*\*Look\.\*\* \S[^]*\*\*Do\.\*\* \S/);
    expect(annotations['runbook_url']).toBe(`docs/runbooks.md#${alert.toLowerCase()}`);
  },
);

test('no section is of an alert that there is not', () => {
  const names = sections.map((text) => text.split('\n')[0]);
  expect(names.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});
