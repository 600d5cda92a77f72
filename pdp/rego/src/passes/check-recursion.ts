import type { Diagnostic } from '../diagnostics.ts';
import { MAX_LISTED } from '../limits.ts';
import { printTerm } from '../print.ts';
import type { DependencyGraph } from './dependencies.ts';
import type { ResolvedRule } from './unit.ts';

/** Rules that use themselves, directly or through others. Each rule of a cycle is reported, with one way around it: some of them, where there are many. */
export const checkRecursion = (graph: DependencyGraph): Diagnostic[] => {
  const cyclic = new Set(components(graph).flat());
  return [...cyclic].slice(0, MAX_LISTED).map((rule) => {
    const certain = shortestCycle(graph, rule, true);
    const cycle = certain ?? shortestCycle(graph, rule, false) ?? [rule, rule];
    const verb = certain === undefined ? 'may be' : 'is';
    const shown = cycle.slice(0, MAX_LISTED).map((one) => printTerm(one.head.ref));
    const way = [...shown, ...(cycle.length > MAX_LISTED ? ['…'] : [])].join(' -> ');
    const message = `rule ${printTerm(rule.head.ref)} ${verb} recursive: ${way}`;
    return { code: 'rego_recursion_error', message, location: rule.location };
  });
};

/** Sets of rules that use each other (Kosaraju); rules outside of cycles are in none. No recursion: chains of rules may be long. */
const components = (graph: DependencyGraph): ResolvedRule[][] => {
  const order = dependencyOrder(graph);
  const users = new Map<ResolvedRule, ResolvedRule[]>();
  for (const [rule, used] of graph) {
    for (const one of used.keys()) {
      const known = users.get(one);
      if (known === undefined) users.set(one, [rule]);
      else known.push(rule);
    }
  }
  const seen = new Set<ResolvedRule>();
  const found: ResolvedRule[][] = [];
  for (const root of order.toReversed()) {
    if (seen.has(root)) continue;
    const component: ResolvedRule[] = [];
    const open = [root];
    seen.add(root);
    for (let rule = open.pop(); rule !== undefined; rule = open.pop()) {
      component.push(rule);
      for (const next of users.get(rule) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    const [only] = component;
    if (component.length > 1 || (only !== undefined && graph.get(only)?.has(only) === true)) found.push(component);
  }
  return found;
};

/** Rules so that each stands behind those it uses; within cycles any order. */
export const dependencyOrder = (graph: DependencyGraph): ResolvedRule[] => {
  const order: ResolvedRule[] = [];
  const seen = new Set<ResolvedRule>();
  for (const root of graph.keys()) {
    if (seen.has(root)) continue;
    seen.add(root);
    const stack = [{ rule: root, next: usedBy(graph, root) }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const dependency = top.next.pop();
      if (dependency === undefined) {
        order.push(top.rule);
        stack.pop();
      } else if (!seen.has(dependency)) {
        seen.add(dependency);
        stack.push({ rule: dependency, next: usedBy(graph, dependency) });
      }
    }
  }
  return order;
};

/** What a rule uses, the first in the text last, so that `pop` gives it first. */
const usedBy = (graph: DependencyGraph, rule: ResolvedRule): ResolvedRule[] =>
  [...(graph.get(rule)?.keys() ?? [])].sort((a, b) => b.id - a.id);

const shortestCycle = (
  graph: DependencyGraph,
  rule: ResolvedRule,
  certainOnly: boolean,
): ResolvedRule[] | undefined => {
  const from = new Map<ResolvedRule, ResolvedRule>();
  const queue = [rule];
  for (const current of queue) {
    for (const [next, certain] of graph.get(current) ?? []) {
      if (certainOnly && !certain) continue;
      if (next === rule) {
        const way = [rule];
        for (let step = current; step !== rule; step = from.get(step) ?? rule) way.unshift(step);
        return [rule, ...way];
      }
      if (from.has(next)) continue;
      from.set(next, current);
      queue.push(next);
    }
  }
  return undefined;
};
