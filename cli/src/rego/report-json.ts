import type { Value } from '@edict/rego';
import { stringify } from '@edict/rego/values';

/** A value of a policy within a report: numbers keep their text, members are sorted, sets are arrays. */
export class Embedded {
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

/** What reports are made of. Members come in the order in which they were put there; undefined ones are left out. */
export type Report =
  Embedded | string | number | boolean | null | undefined | readonly Report[] | { readonly [name: string]: Report };

/** Prints a report as indented JSON. */
export function printReport(report: Report, prefix = ''): string {
  if (report instanceof Embedded) return stringify(report.value, { indentation: { prefix, indent: '  ' } });
  if (isList(report)) {
    const items = report.map((item) => printReport(item ?? null, `${prefix}  `));
    return enclosed('[', items, ']', prefix);
  }
  if (typeof report === 'object' && report !== null) {
    const members = Object.entries(report).flatMap(([name, member]) =>
      member === undefined ? [] : [`${JSON.stringify(name)}: ${printReport(member, `${prefix}  `)}`],
    );
    return enclosed('{', members, '}', prefix);
  }
  return JSON.stringify(report ?? null);
}

function isList(report: Report): report is readonly Report[] {
  return Array.isArray(report);
}

function enclosed(open: string, parts: readonly string[], close: string, prefix: string): string {
  if (parts.length === 0) return open + close;
  return `${open}\n${parts.map((part) => `${prefix}  ${part}`).join(',\n')}\n${prefix}${close}`;
}
