import { indexDomains } from '../domain-index.ts';
import { problemOf, subjectAt } from './subject.ts';
import type { LocatedPolicy } from '../domain-index.ts';
import type { Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/**
 * Libraries that depend on themselves, directly or through others, across domains. Each cycle is reported once, at the
 * member that comes first in load order.
 */
export function cycleProblems(domains: readonly SourcedDomain[]): readonly Problem[] {
  const index = indexDomains(domains.map(({ domain }) => domain));
  const problems: Problem[] = [];
  const done = new Set<string>();
  const key = ({ domain, entity }: LocatedPolicy): string => JSON.stringify([domain.name, entity.mrn]);

  const visit = (start: LocatedPolicy, report: (cycle: readonly string[]) => void): void => {
    // An explicit stack: chains of libraries may be longer than the call stack is deep.
    const path: { readonly node: LocatedPolicy; next: number }[] = [{ node: start, next: 0 }];
    const open = new Map([[key(start), 0]]);
    for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
      const { node } = frame;
      const reference = node.entity.dependencies[frame.next];
      frame.next += 1;
      if (reference === undefined) {
        done.add(key(node));
        open.delete(key(node));
        path.pop();
        continue;
      }
      const target = index.library(reference, node.domain.name);
      if (target === undefined) continue;
      const position = open.get(key(target));
      if (position !== undefined)
        report([...path.slice(position).map((step) => step.node.entity.mrn), target.entity.mrn]);
      else if (!done.has(key(target))) {
        open.set(key(target), path.length);
        path.push({ node: target, next: 0 });
      }
    }
  };

  for (const sourced of domains) {
    for (const [position, entity] of sourced.domain.libraries.entries()) {
      const start = { domain: sourced.domain, entity };
      if (done.has(key(start))) continue;
      visit(start, (cycle) => {
        const subject = subjectAt(sourced, 'library', 'libraries', position, entity);
        const message = `libraries depend on each other in a circle: ${cycle.join(' -> ')}`;
        problems.push(problemOf(subject, { source: 'cycle', class: 'cycle', field: 'dependencies', message }));
      });
    }
  }
  return problems;
}
