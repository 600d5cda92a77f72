import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createTransportMetrics } from '../http/transport/transport-metrics.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createWorkerMetrics } from '../workers/worker-metrics.ts';
import { PROBLEMS } from '../http/reply.ts';

const root = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** First cells, in backquotes, of the tables below a heading, up to the next heading of the same level. */
function listed(page: string, heading: string): readonly string[] {
  const start = page.indexOf(`\n## ${heading}\n`);
  if (start === -1) throw new Error(`the page has no section '${heading}'`);
  const end = page.indexOf('\n## ', start + 1);
  const section = page.slice(start, end === -1 ? undefined : end);
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, code = '']) => code);
}

/** The words of a union or list of words in a source text: everything in quotes from `begin` to the end of the statement. */
function wordsOf(path: string, begin: string): readonly string[] {
  const source = read(path).replace(/\/\*\*.*?\*\//gs, '');
  const start = source.indexOf(begin);
  if (start === -1) throw new Error(`${path} has no '${begin}'`);
  const statement = source.slice(start + begin.length, source.indexOf(';', start));
  const words = [...statement.matchAll(/'([\w-]+)'/g)].map(([, word = '']) => word);
  if (words.length === 0) throw new Error(`${path}: no words after '${begin}'`);
  return words;
}

const errors = read('docs/errors.md');
const unions: readonly (readonly [heading: string, path: string, ...begins: string[]])[] = [
  ['Signatures', 'pdp/bundle/src/signature.ts', 'type SignatureErrorCode ='],
  ['Manifests', 'pdp/bundle/src/parse-manifest.ts', 'type ManifestErrorCode ='],
  ['Bundles', 'pdp/bundle/src/render/bundle-error.ts', 'type BundleErrorCode ='],
  ['What is wrong with a domain', 'pdp/bundle/src/problem.ts', 'type ProblemClass ='],
  ['Inside a decision', 'pdp/engine/src/access-record.ts', 'type ReasonCode ='],
  ['The embedded engine', 'pdp/engine/src/errors.ts', 'type PolicyEngineErrorCode ='],
  ['Mappers', 'pdp/engine/src/mapper.ts', 'type MapErrorCode ='],
  ['Conversion', 'pdp/bundle/src/convert/convert-error.ts', 'readonly code:'],
  ['Stores', 'operator/src/store/errors.ts', 'type StoreErrorCode ='],
  ['Checks in the operator', 'operator/src/compile/domain-checker.ts', 'readonly code:'],
  ['Admission of PDPs', 'pdp/protocol/src/transport/peer-error.ts', 'type PeerErrorCode ='],
  ['Streams', 'pdp/protocol/src/transport/stream.ts', 'type CloseCode ='],
  ['Tickets', 'pdp/protocol/src/transport/ticket.ts', 'type TicketProblem ='],
  ['Messages on the wire', 'pdp/protocol/src/wire/checks.ts', 'readonly code:'],
];

test.each(unions)('docs/errors.md lists exactly the codes of %s', (heading, path, begin = '') => {
  expect([...listed(errors, heading)].sort()).toStrictEqual([...wordsOf(path, begin)].sort());
});

test('docs/errors.md lists exactly the codes of Rego, for loading and for evaluating', () => {
  const words = [
    ...wordsOf('pdp/rego/src/diagnostics.ts', 'type DiagnosticCode ='),
    ...wordsOf('pdp/rego/src/api.ts', 'type EvaluationErrorCode ='),
  ];
  expect([...listed(errors, 'Rego diagnostics')].sort()).toStrictEqual(words.sort());
});

test('docs/errors.md lists exactly the problems of the HTTP API, with their status', () => {
  const rows = [...errors.matchAll(/^\| `([\w-]+)` *\| (\d{3}) *\|/gm)].map(([, name, status]) => [
    name,
    Number(status),
  ]);
  expect(rows).toStrictEqual(Object.entries(PROBLEMS).map(([name, { status }]) => [name, status]));
});

/** Every code that the sources give a NACK themselves. */
function nackCodes(): ReadonlySet<string> {
  const folders = ['pdp/protocol/src/pdp', 'pdp/server/src/sync'];
  const paths = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  const transport = ['artifact-client', 'fetch-failure', 'get-over-stream'].map(
    (name) => `pdp/protocol/src/transport/${name}.ts`,
  );
  const sources = [...paths, ...transport]
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => read(path).replaceAll(/code: '(Closed|Unavailable)'/g, ''));
  const patterns = [
    /\bcode: '([A-Z]\w+)'/g,
    /new RefusalError\(\s*'\w+',\s*'(\w+)'/g,
    /\bfailure\('\w+', '(\w+)'/g,
    /new FetchFailure\(\s*'(\w+)'/g,
    /codeOf\((?:error|cause)\) \?\? '(\w+)'/g,
  ];
  return new Set(
    sources.flatMap((text) => patterns.flatMap((one) => [...text.matchAll(one)].map(([, code = '']) => code))),
  );
}

test('docs/errors.md lists exactly the phases and codes of NACKs', () => {
  const phases = wordsOf('pdp/protocol/src/messages.ts', 'NACK_PHASES =');
  const found = listed(errors, 'Why a PDP refuses a revision (NACK)');
  expect(found.slice(0, phases.length)).toStrictEqual([...phases]);
  expect(found.slice(phases.length).sort()).toStrictEqual([...nackCodes()].sort());
});

const metricsPage = read('docs/metrics.md');

test('docs/metrics.md lists exactly the metrics of a PDP, with type and labels', () => {
  const { registry } = createMetrics();
  createTransportMetrics(registry);
  createWorkerMetrics(registry);
  const registered = registry.getMetricsAsArray().map((metric) => {
    const labels = 'labelNames' in metric ? (metric.labelNames as readonly string[]) : [];
    return `${metric.name} ${metric.type} ${labels.join(', ')}`.trim();
  });
  expect(rowsOf(metricsPage, 'PDP')).toStrictEqual(registered.sort());
});

/** Metrics that sources of the operator's package make. */
function declaredIn(files: readonly string[]): readonly string[] {
  return files
    .map((file) => `operator/src/${file}`)
    .flatMap((path) =>
      [...read(path).matchAll(/new (Counter|Gauge|Histogram)\(\{(.*?)\}\)/gs)].map(([, type = '', body = '']) => {
        const name = /name: '(\w+)'/.exec(body)?.[1] ?? '';
        const labels = [...(/labelNames: \[(.*?)\]/s.exec(body)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
          ([, label]) => label,
        );
        return `${name} ${type.toLowerCase()} ${labels.join(', ')}`.trim();
      }),
    )
    .toSorted();
}

test('docs/metrics.md lists exactly the metrics of the operator, with type and labels', () => {
  const declared = declaredIn([
    'observability/metrics.ts',
    'observability/tracing.ts',
    'distribution/metrics.ts',
    'distribution/tunnel-metrics.ts',
    'bundle-endpoint/bundle-metrics.ts',
    'certificates/certificate-metrics.ts',
    'keys/key-metrics.ts',
    'kube/manetu-group.ts',
    'relay/relay-metrics.ts',
  ]);
  expect(declared.length).toBeGreaterThan(20);
  expect(rowsOf(metricsPage, 'Operator')).toStrictEqual(declared);
});

test('docs/metrics.md lists exactly the metrics of the conversion webhook, with type and labels', () => {
  const declared = declaredIn(['conversion/conversion-metrics.ts']);
  expect(declared.length).toBe(4);
  expect(rowsOf(metricsPage, 'Conversion webhook')).toStrictEqual(declared);
});

/** `name type labels` of each row, sorted. */
function rowsOf(page: string, heading: string): readonly string[] {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`)).split('\n## ')[1] ?? '';
  return [...section.matchAll(/^\| `(\w+)` *\| (\w+) *\|([^|]*)\|/gm)]
    .map(([, name = '', type = '', labels = '']) => `${name} ${type} ${labels.replaceAll('`', '').trim()}`.trim())
    .sort();
}
