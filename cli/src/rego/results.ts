import type { Value } from '@edict/rego';
import { stringify } from '@edict/rego/values';
import { boxTable } from './box-table.ts';
import type { Row } from './evaluate.ts';
import { Embedded, printReport, type Report } from './report-json.ts';
import { printProblems, type ToolProblem } from './problems.ts';

/** Forms in which the result of a query is printed; those of OPA. */
export const RESULT_FORMATS = ['json', 'values', 'bindings', 'pretty', 'raw', 'discard'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** Everything that one evaluation gave. */
export interface EvaluationReport {
  readonly rows: readonly Row[];
  readonly problems: readonly ToolProblem[];
  readonly metrics?: Readonly<Record<string, number>>;
  /** Members that are printed as JSON beside the result: coverage, profile, explanation. */
  readonly more?: Readonly<Record<string, Report>>;
}

/** What goes to standard output and to standard error. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

const INDENTED = { indentation: { prefix: '', indent: '  ' }, escapeHtml: false } as const;

/** A value as indented JSON; sets are arrays. */
export function indentedJson(value: Value): string {
  return stringify(value, INDENTED);
}

/** Problems as OPA's JSON has them. */
export function problemsJson(problems: readonly ToolProblem[]): Report {
  return problems.map(problemJson);
}

/** One problem as OPA's JSON has it. */
export function problemJson({ message, code, location, details }: ToolProblem): Report {
  return { message, code, location: location && { ...location }, details: details && { ...details } };
}

/** Prints what an evaluation gave, as OPA does. `longest` is where cells of `pretty` tables are cut. */
export function printResults(format: ResultFormat, report: EvaluationReport, longest = 80): Printed {
  if (format === 'json' || format === 'discard') {
    return { stdout: `${printReport(jsonOf(report, format))}\n`, stderr: '' };
  }
  const { rows, problems } = report;
  if (problems.length > 0) return { stdout: '', stderr: printProblems(problems) };
  const all = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
  switch (format) {
    case 'values':
      return {
        stdout: all(rows.map(({ expressions }) => indentedJson(expressions.map(({ value }) => value)))),
        stderr: '',
      };
    case 'bindings':
      return { stdout: all(rows.map(({ bindings }) => indentedJson(Object.fromEntries(bindings)))), stderr: '' };
    case 'raw':
      return {
        stdout: all(
          rows.map(({ expressions }) =>
            expressions.map(({ value }) => (typeof value === 'string' ? value : stringify(value))).join(' '),
          ),
        ),
        stderr: '',
      };
    case 'pretty':
      return { stdout: prettyRows(rows, longest) + prettyMetrics(report.metrics), stderr: '' };
    default:
      return format satisfies never;
  }
}

function jsonOf({ rows, problems, metrics, more }: EvaluationReport, format: 'json' | 'discard'): Report {
  const result = rows.map(({ expressions, bindings }): Report => ({
    expressions: expressions.map(({ value, text, row, col }) => ({
      value: new Embedded(value),
      text,
      location: { row, col },
    })),
    bindings: bindings.size === 0 ? undefined : new Embedded(Object.fromEntries(bindings)),
  }));
  const shown = format === 'discard' ? 'discarded' : result;
  return {
    errors: problems.length === 0 ? undefined : problemsJson(problems),
    result: rows.length === 0 ? undefined : shown,
    metrics: metrics && { ...metrics },
    ...more,
  };
}

/** One value alone is shown as it is, everything else as a table: of what is more than true or false, and of variables. */
function prettyRows(rows: readonly Row[], longest: number): string {
  const [first] = rows;
  if (first === undefined) return 'undefined\n';
  const [only] = first.expressions;
  if (rows.length === 1 && first.expressions.length === 1 && first.bindings.size === 0 && only !== undefined) {
    return `${indentedJson(only.value)}\n`;
  }
  const shown = first.expressions.flatMap(({ value }, index) =>
    typeof value !== 'boolean' || first.bindings.size === 0 ? [index] : [],
  );
  const names = [...first.bindings.keys()].sort();
  const header = [...shown.map((index) => first.expressions[index]?.text ?? ''), ...names];
  const cell = (value: Value): string => cut(stringify(value), longest);
  return boxTable(
    header.map((title) => cut(title.replaceAll(/\s+/g, ' '), longest)),
    rows.map(({ expressions, bindings }) => [
      ...shown.map((index) => cell(expressions[index]?.value)),
      ...names.map((name) => cell(bindings.get(name))),
    ]),
  );
}

/** Metrics as a table; nothing where there are none. */
export function prettyMetrics(metrics: Readonly<Record<string, number>> | undefined): string {
  if (metrics === undefined) return '';
  return boxTable(
    ['Metric', 'Value'],
    Object.entries(metrics).map(([name, value]) => [name, String(value)]),
  );
}

function cut(text: string, longest: number): string {
  const characters = Array.from(text);
  return characters.length > longest ? `${characters.slice(0, longest).join('')}...` : text;
}
