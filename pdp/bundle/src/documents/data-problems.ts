import { dataPlace } from '../read/decode-data.ts';
import { isJsonObject, memberAt, type JsonObject } from './json-object.ts';
import type { Value } from '@edict/rego';
import type { Position, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';
import type { DataClash } from './merge-data.ts';
import type { RulePlace } from './rule-places.ts';

/**
 * Where base documents stand in the way of rules: a value where a rule defines one, or a value that is no object where a
 * package is. Objects beside the rules of a package are fine: both are shown together. Each place is reported once.
 */
export function clashesWithRules(
  sourced: SourcedDomain,
  tree: JsonObject,
  places: readonly RulePlace[],
): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const place of places) {
    const found = obstacle(tree, place);
    const key = found === undefined ? '' : JSON.stringify(found);
    if (found === undefined || problems.has(key)) continue;
    const where = `${place.module} ${String(place.row)}:${String(place.col)}`;
    const isRule = found.length === place.path.length && place.kind === 'rule';
    const message = isRule
      ? `the data gives data.${found.join('.')}, which a rule defines too (${where}): rename one of them`
      : `data.${found.join('.')} is a package (${where}), so that the data can only have an object there`;
    problems.set(key, dataProblem(sourced, found, message));
  }
  return [...problems.values()];
}

/** Two domains that give one document, reported at the second. */
export function clashProblem(sourced: SourcedDomain, { path, first }: DataClash): Problem {
  const message = `the data gives data.${path.join('.')}, which domain '${first}' gives too: only objects are merged`;
  return dataProblem(sourced, path, message);
}

/** The path at which the data stands in the way of a place, if it does. */
function obstacle(tree: JsonObject, { path, kind }: RulePlace): readonly string[] | undefined {
  let at: Value | undefined = tree;
  for (let length = 0; length < path.length; length++) {
    if (!isJsonObject(at)) return path.slice(0, length);
    at = memberAt(at, path[length] ?? '');
    if (at === undefined) return undefined;
  }
  return kind === 'rule' || !isJsonObject(at) ? path : undefined;
}

function dataProblem(sourced: SourcedDomain, path: readonly string[], message: string): Problem {
  return {
    source: 'data',
    severity: 'error',
    class: 'data-clash',
    file: sourced.file,
    domain: sourced.domain.name,
    field: 'data',
    ...positionOf(sourced, path),
    message,
  };
}

/** Where the document stands in the file; if that is not known, the nearest one around it. */
function positionOf({ places }: SourcedDomain, path: readonly string[]): Position | undefined {
  for (let length = path.length; length >= 0; length--) {
    const position = places.get(dataPlace(path.slice(0, length)));
    if (position !== undefined) return position;
  }
  return undefined;
}
