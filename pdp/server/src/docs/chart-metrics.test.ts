import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { load } from 'js-yaml';

const root = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Labels that the scraping adds. */
const TARGET_LABELS = ['namespace', 'pod'];

interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** Every metric by docs/metrics.md, which another test compares with the code. */
const page = read('docs/metrics.md');
const metrics: ReadonlyMap<string, Metric> = new Map(
  [...page.matchAll(/^\| `(\w+)` *\| (\w+) *\|([^|]*)\|/gm)].map(([, name = '', type = '', labels = '']) => [
    name,
    { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) },
  ]),
);
const words = new Set([...`${page}${read('docs/errors.md')}`.matchAll(/`([\w.-]+)`/g)].map(([, word = '']) => word));

/** Series by what they are called in queries: those of a histogram have suffixes and one of them a bound. */
function metricOf(series: string): Metric | undefined {
  const [, base = '', suffix] = /^(.*?)(_bucket|_sum|_count)?$/.exec(series) ?? [];
  if (suffix === undefined) return metrics.get(series)?.type === 'histogram' ? undefined : metrics.get(series);
  const histogram = metrics.get(base);
  if (histogram?.type !== 'histogram') return undefined;
  return suffix === '_bucket' ? { ...histogram, labels: [...histogram.labels, 'le'] } : histogram;
}

/** What is wrong with a query: syntax, metrics and labels that do not exist, label values that no page knows. */
function problemsOf(query: string): readonly string[] {
  const text = query.replaceAll('$__rate_interval', '5m');
  const problems: string[] = [];
  const known = new Set(TARGET_LABELS);
  const asked: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to, node }) => {
      const part = text.slice(from, to);
      if (type.isError) problems.push(`syntax at ${from}`);
      if (type.name === 'VectorSelector') {
        const name = part.replace(/\{.*/s, '').trim();
        const metric = metricOf(name);
        if (metric === undefined) problems.push(`no metric ${name}`);
        for (const label of metric?.labels ?? []) known.add(label);
      }
      if (type.name === 'LabelName') asked.push(part);
      if (type.name === 'StringLiteral' && node.parent?.type.name.endsWith('LabelMatcher') === true) {
        const values = part.slice(1, -1).split('|');
        problems.push(
          ...values.filter((value) => !value.startsWith('$') && !words.has(value)).map((v) => `value ${v}`),
        );
      }
    },
  });
  return [...problems, ...asked.filter((label) => !known.has(label)).map((label) => `no label ${label}`)];
}

test.each([
  ['a metric that is none', 'rate(pdp_decision_total[5m])', ['no metric pdp_decision_total']],
  ['a histogram without suffix', 'pdp_swap_seconds > 1', ['no metric pdp_swap_seconds']],
  ['a label that the metric has not', 'sum by (path) (pdp_decisions_total)', ['no label path']],
  ['a value that no label has', 'pdp_decisions_total{outcome="allowed"}', ['value allowed']],
  ['half a query', 'sum(', ['syntax at 4']],
])('%s is found', (_what, query, problems) => {
  expect(problemsOf(query)).toStrictEqual(problems);
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = load(read('helm/alerts/edict.yaml')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

test.each(rules.map((rule) => [rule.alert, rule] as const))('the query of alert %s is right', (_name, rule) => {
  expect(problemsOf(rule.expr)).toStrictEqual([]);
  expect(['warning', 'critical']).toContain(rule.labels['severity']);
  expect(Object.keys(rule.annotations)).toStrictEqual(['runbook_url', 'summary', 'description']);
  const used = [
    ...Object.values(rule.annotations)
      .join(' ')
      .matchAll(/\$labels\.(\w+)/g),
  ].map(([, label = '']) => label);
  // A label that aggregation takes away would be shown as nothing.
  const by = /by \(([^)]*)\)/.exec(rule.expr)?.[1]?.split(', ');
  if (by !== undefined) for (const label of used) expect(by).toContain(label);
});

test('alerts have names of their own', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  expect(rules.length).toBeGreaterThan(10);
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

const { panels } = JSON.parse(read('helm/dashboards/edict.json')) as { readonly panels: readonly Panel[] };

test.each(panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)))(
  'the query of panel %s is right',
  (_title, expr) => {
    expect(problemsOf(expr)).toStrictEqual([]);
  },
);

test('panels have ids of their own and do not overlap', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});
