/**
 * Compares what our compiler says of Rego modules with recorded verdicts of OPA.
 *
 *   node test/conformance/rego-verdicts.ts [--cases FILE] [--list N] [--level 1|2|3] [--grep TEXT]
 *
 * FILE is a JSON array of `{id, rule, version, module, verdict: {stage, codes, errors}}`. Agreement is counted at three
 * levels: accepted or rejected, and by which stage; the set of codes; the row of the first error. `--list` prints the
 * first disagreements of a level and those below it. The last line counts the levels at which enough agree: 99.5, 98 and
 * 95 %; exits with 1 if one does not.
 */
import { readFileSync } from 'node:fs';
import { readArguments } from '../support/read-arguments.ts';
import { diagnose } from '../../pdp/rego/src/passes/index.ts';

interface Verdict {
  readonly id: string;
  readonly origin: string;
  readonly rule: string;
  readonly version: 'v0' | 'v1';
  readonly module: string;
  readonly verdict: {
    readonly stage: 'ok' | 'parse' | 'compile';
    readonly codes: readonly string[];
    readonly errors: readonly { code: string; row: number; col: number; message: string }[];
  };
}

interface Outcome {
  readonly verdict: Verdict;
  readonly stage: string;
  readonly codes: readonly string[];
  readonly row: number;
  readonly messages: readonly string[];
  /** The first level that disagrees; 4 where all agree. */
  readonly level: number;
}

const values = readArguments(import.meta.filename, {
  cases: { type: 'string', default: '../shared/conformance/rego/verdicts.json' },
  list: { type: 'string', default: '0' },
  level: { type: 'string', default: '3' },
  grep: { type: 'string' },
});

const judge = (verdict: Verdict): Outcome => {
  const { stage, diagnostics } = diagnose([{ name: 'test.rego', source: verdict.module }], verdict.version);
  const codes = [...new Set(diagnostics.map(({ code }) => code as string))].sort();
  const row = Math.min(...diagnostics.map(({ location }) => location.row));
  const messages = diagnostics.map(
    ({ code, message, location }) => `${location.row}:${location.col} ${code}: ${message}`,
  );
  const { verdict: expected } = verdict;
  const [first] = expected.errors;
  let level = 4;
  if (stage !== expected.stage) level = 1;
  else if (codes.join() !== expected.codes.join()) level = 2;
  else if (first !== undefined && first.row !== 0 && row !== first.row) level = 3;
  return { verdict, stage, codes, row, messages, level };
};

const percent = (part: number, whole: number): string =>
  `${part}/${whole} (${whole === 0 ? '-' : ((100 * part) / whole).toFixed(2)} %)`;

const cases = JSON.parse(readFileSync(values.cases, 'utf8')) as readonly Verdict[];
const started = performance.now();
const outcomes = cases.map(judge);
const elapsed = performance.now() - started;

const count = (test: (outcome: Outcome) => boolean): number => outcomes.filter(test).length;
const report = (label: string, agree: (o: Outcome) => boolean, among: (o: Outcome) => boolean): void => {
  process.stdout.write(
    `${label.padEnd(44)}${percent(
      count((o) => among(o) && agree(o)),
      count(among),
    )}\n`,
  );
};
const accepted = (o: Outcome): boolean => o.verdict.verdict.stage === 'ok';
const rejected = (o: Outcome): boolean => !accepted(o);

report('accepted modules accepted', (o) => o.stage === 'ok', accepted);
report('rejected modules rejected', (o) => o.stage !== 'ok', rejected);
report(
  'parse stage: decided as OPA does',
  (o) => (o.stage === 'parse') === (o.verdict.verdict.stage === 'parse'),
  () => true,
);
report(
  'level 1: stage',
  (o) => o.level > 1,
  () => true,
);
report('level 2: codes (of the rejected)', (o) => o.level > 2, rejected);
report('level 3: row (of the rejected)', (o) => o.level > 3, rejected);
report(
  'all three levels',
  (o) => o.level > 3,
  () => true,
);
const byRule = Map.groupBy(
  outcomes.filter((o) => o.verdict.origin === 'own'),
  (o) => o.verdict.rule,
);
const rightRules = [...byRule.values()].filter((group) => group.every((o) => o.level > 1)).length;
process.stdout.write(`${'named rules wholly right at level 1'.padEnd(44)}${percent(rightRules, byRule.size)}\n`);
process.stdout.write(`${cases.length} modules in ${elapsed.toFixed(0)} ms\n`);

let left = Number(values.list);
for (const { verdict, stage, messages, level } of outcomes) {
  if (left <= 0) break;
  if (level > Number(values.level)) continue;
  const expected = verdict.verdict.errors.map((e) => `${e.row}:${e.col} ${e.code}: ${e.message}`);
  const text = [
    `--- ${verdict.id} ${verdict.rule} ${verdict.version} level ${level}`,
    verdict.module.trimEnd(),
    `OPA:  ${verdict.verdict.stage} ${expected.slice(0, 3).join(' | ')}`,
    `here: ${stage} ${messages.slice(0, 3).join(' | ')}`,
    '',
  ].join('\n');
  if (values.grep !== undefined && !text.includes(values.grep)) continue;
  process.stdout.write(text);
  left--;
}

/** What share must agree at each level: stage, set of codes, row of the first error. */
const REQUIRED = [
  { level: 1, share: 0.995, among: () => true },
  { level: 2, share: 0.98, among: rejected },
  { level: 3, share: 0.95, among: rejected },
] as const;
const met = REQUIRED.filter(({ level, share, among }) => {
  return count((o) => among(o) && o.level > level) >= share * count(among);
}).length;
process.stdout.write(`${met} passed, ${REQUIRED.length - met} failed\n`);
process.exitCode = met === REQUIRED.length ? 0 : 1;
