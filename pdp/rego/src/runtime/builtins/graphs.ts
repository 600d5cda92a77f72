import {
  getIndex,
  entriesOf,
  isObject,
  isPlainObject,
  keyOf,
  objectKeys,
  RegoSet,
  type ObjectValue,
  type Value,
} from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { builtinError, elementsOf, objectOperand, typeError } from './operands.ts';

/** Most paths that `graph.reachable_paths` gives; their number may grow exponentially with the graph. */
export const MAX_GRAPH_PATHS = 1_000_000;

/** Walking documents and graphs. */
export const graphs: BuiltinFamily = {
  walk: (ctx, value) => {
    const found: Value[] = [];
    walk(ctx, value, [], found);
    return found;
  },
  'graph.reachable': (ctx, value, initial) => {
    const graph = objectOperand(ctx, value, 1);
    if (graph === undefined) return undefined;
    const start = unordered(initial);
    if (start === undefined) return typeError(ctx, 2, initial, '{array, set}');
    const reached = new RegoSet();
    const queue: Value[] = [];
    // The keys of all that was ever put into the queue.
    const queued = new Set<unknown>();
    const enqueue = (nodes: readonly Value[]): void => {
      for (const node of nodes) {
        const { size } = queued;
        if (queued.add(keyOf(node)).size !== size) queue.push(node);
      }
    };
    enqueue(start);
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      ctx.spend?.(1);
      const edges = getIndex(graph, node);
      if (edges === undefined) continue;
      reached.addNew(node);
      enqueue(unordered(edges) ?? []);
    }
    return reached;
  },
  'graph.reachable_paths': (ctx, value, initial) => {
    const graph = objectOperand(ctx, value, 1);
    if (graph === undefined) return undefined;
    const start = elementsOf(initial);
    if (start === undefined) return typeError(ctx, 2, initial, '{array, set}');
    return findPaths(ctx, graph, start);
  },
};

/** {@link elementsOf} without sorting a set. */
function unordered(value: Value): readonly Value[] | undefined {
  return value instanceof RegoSet ? value.members() : elementsOf(value);
}

/** Appends a [path, value] pair for the value itself and everything below, parents first, in Rego order. */
function walk(ctx: BuiltinContext, value: Value, path: readonly Value[], found: Value[]): void {
  // Every path is a copy of the one before.
  ctx.spend?.(1 + path.length);
  found.push([path, value]);
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) walk(ctx, value[index], below(path, index), found);
  } else if (isPlainObject(value)) {
    for (const key of objectKeys(value)) walk(ctx, value[key], below(path, key), found);
  } else if (value instanceof RegoSet) {
    for (const member of value.values()) walk(ctx, member, [...path, member], found);
  } else if (isObject(value)) {
    for (const [key, member] of entriesOf(value)) walk(ctx, member, [...path, key], found);
  }
}

function below(path: readonly Value[], key: Value): readonly Value[] {
  const longer = path.slice();
  longer.push(key);
  return longer;
}

function findPaths(ctx: BuiltinContext, graph: ObjectValue, start: readonly Value[]): Value | undefined {
  const paths = new RegoSet();
  const visited = new RegoSet();
  const extend = (node: Value, path: readonly Value[], onPath: RegoSet): boolean => {
    ctx.spend?.(1 + path.length);
    const edges = getIndex(graph, node);
    if (edges === undefined) {
      // A neighbour that is no node of the graph ends the path before itself.
      paths.add(path);
      return paths.size <= MAX_GRAPH_PATHS;
    }
    const longer = [...path, node];
    const neighbors = elementsOf(edges) ?? [];
    if (neighbors.length === 0) paths.add(longer);
    const onLonger = new RegoSet(onPath).add(node);
    for (const neighbor of neighbors) {
      if (onLonger.has(neighbor)) paths.add(longer);
      else if (!extend(neighbor, longer, onLonger)) return false;
    }
    return paths.size <= MAX_GRAPH_PATHS;
  };
  for (const node of start) {
    const edges = getIndex(graph, node);
    if (edges === undefined || visited.has(node)) continue;
    visited.add(node);
    const neighbors = elementsOf(edges) ?? [];
    if (neighbors.length === 0) paths.add([node]);
    for (const neighbor of neighbors) {
      if (!extend(neighbor, [node], new RegoSet([node]))) {
        return builtinError(ctx, `more than ${String(MAX_GRAPH_PATHS)} paths`);
      }
    }
  }
  return paths;
}
