import { percentCovered, type Coverage, type CoveredRange, type FileCoverage } from '@edict/rego/tools';
import type { Sources } from './sources.ts';
import { boxTable } from './box-table.ts';
import type { Report } from './report-json.ts';

/** What was covered, in OPA's form. */
export interface CoverageReport {
  readonly files: Readonly<Record<string, CoverageOfFile>>;
  readonly covered_lines: number;
  readonly not_covered_lines: number;
  /** Percent of the lines. */
  readonly coverage: number;
}

interface CoverageOfFile {
  readonly covered?: readonly CoveredRange[];
  readonly not_covered?: readonly CoveredRange[];
  readonly covered_lines?: number;
  readonly not_covered_lines?: number;
  readonly coverage: number;
}

/** The coverage of all policies that were loaded. */
export function coverageReport(coverage: Coverage, { modules }: Sources): CoverageReport {
  const files = coverage.report(new Map(modules.map(({ name, source }) => [name, source])));
  const all = [...files.values()];
  const sum = (lines: (file: FileCoverage) => number): number => all.reduce((total, file) => total + lines(file), 0);
  return {
    files: Object.fromEntries(
      [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, one]) => [file, ofFile(one)]),
    ),
    covered_lines: sum(({ coveredLines }) => coveredLines),
    not_covered_lines: sum(({ notCoveredLines }) => notCoveredLines),
    coverage: percentCovered(all),
  };
}

function ofFile(file: FileCoverage): CoverageOfFile {
  return {
    ...(file.covered.length === 0 ? {} : { covered: file.covered }),
    ...(file.notCovered.length === 0 ? {} : { not_covered: file.notCovered }),
    ...(file.coveredLines === 0 ? {} : { covered_lines: file.coveredLines }),
    ...(file.notCoveredLines === 0 ? {} : { not_covered_lines: file.notCoveredLines }),
    coverage: percentCovered([file]),
  };
}

/** The report as JSON, with OPA's names. */
export function coverageJson({ files, ...sums }: CoverageReport): Report {
  const rangeJson = ({ start, end }: CoveredRange): Report => ({ start: { ...start }, end: { ...end } });
  const fileJson = ({ covered, not_covered: others, ...rest }: CoverageOfFile): Report => ({
    covered: covered?.map(rangeJson),
    not_covered: others?.map(rangeJson),
    ...rest,
  });
  return { files: Object.fromEntries(Object.entries(files).map(([name, file]) => [name, fileJson(file)])), ...sums };
}

/** Percentages by file, and the first lines that nothing evaluated. */
export function prettyCoverage({ files, coverage }: CoverageReport): string {
  const rows = Object.entries(files).map(([file, one]) => [file, one.coverage.toFixed(2), missing(one)]);
  return boxTable(['File', 'Coverage', 'Lines not covered'], [...rows, ['Overall', coverage.toFixed(2), '']]);
}

/** How many stretches of lines a table names. */
const MAX_STRETCHES = 8;

function missing({ not_covered: ranges = [], covered = [] }: CoverageOfFile): string {
  const done = new Set(covered.map(({ start }) => start.row));
  const rows = [...new Set(ranges.map(({ start }) => start.row).filter((row) => !done.has(row)))].sort((a, b) => a - b);
  const stretches: [first: number, last: number][] = [];
  for (const row of rows) {
    const last = stretches.at(-1);
    if (last !== undefined && last[1] === row - 1) last[1] = row;
    else stretches.push([row, row]);
  }
  const shown = stretches.slice(0, MAX_STRETCHES).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  return shown.join(', ') + (stretches.length > MAX_STRETCHES ? ', …' : '');
}
