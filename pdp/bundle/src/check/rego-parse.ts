import { parseModule } from '@edict/rego/syntax';
import { problemOf } from './subject.ts';
import { regoProblem, regoSubjects } from './rego.ts';
import type { RegoVersion } from '@edict/rego';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';
import type { RegoSubject } from './rego.ts';

/** A library, policy or mapper whose text has been parsed. */
export interface ParsedSubject extends RegoSubject {
  /** `undefined` for blank texts and for those with problems. */
  readonly tree: ReturnType<typeof parseModule>['module'];
  readonly problems: readonly Problem[];
}

/**
 * Parses every library, policy and mapper, referred to or not. Blank texts pass here; compiling refuses them. Template
 * strings are refused, as the reference engine's validator does: a domain that uses them would not load there.
 */
export function parseSubjects(sourced: SourcedDomain, version: RegoVersion): readonly ParsedSubject[] {
  return regoSubjects(sourced).map((regoSubject) => {
    const { subject, module } = regoSubject;
    if (module.source.trim() === '') return { ...regoSubject, tree: undefined, problems: [] };
    const { module: parsed, diagnostics } = parseModule(module.source, module.name, version);
    const problems = diagnostics.map((diagnostic) => regoProblem(subject, 'rego', diagnostic));
    if (parsed !== undefined && usesTemplateString(parsed)) {
      const message = 'template strings ($"…") cannot be used in a PolicyDomain';
      const base = problemOf(subject, { source: 'rego', class: 'rego-parse', field: 'rego', message });
      problems.push({ ...base, regoCode: 'rego_parse_error' });
    }
    return { ...regoSubject, tree: problems.length === 0 ? parsed : undefined, problems };
  });
}

/** The syntax errors of all Rego in `domains`. */
export function regoParseProblems(domains: readonly SourcedDomain[], version: RegoVersion): readonly Problem[] {
  return domains.flatMap((sourced) => parseSubjects(sourced, version).flatMap(({ problems }) => problems));
}

function usesTemplateString(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if (Array.isArray(node)) return node.some(usesTemplateString);
  if ('kind' in node && node.kind === 'template-string') return true;
  return Object.values(node).some(usesTemplateString);
}
