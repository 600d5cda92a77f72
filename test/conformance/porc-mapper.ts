import { isDeepStrictEqual } from 'node:util';
import { decide, jsonText, mapRequest, renderAccessRecord, systemClock, toPorc } from '@edict/engine';
import { differences } from './porc-compare.ts';
import type { MapperCase } from './porc-cases.ts';
import type { PrintedRecord } from './porc-compare.ts';
import type { CaseEngine, CaseEngines } from './porc-engine.ts';

/** How ours differs from the reference in one mapper case: the mapping, and the decision about what was mapped. */
export function mapperDifferences(engines: CaseEngines, one: MapperCase, records: boolean): readonly string[] {
  const engine = engines.engineFor(one);
  const domain = one.args[one.args.indexOf('-n') + 1];
  const attributes: unknown = JSON.parse(one.inputText);
  const mapped = mapRequest(engine.snapshot, attributes, one.args.includes('-n') ? { domain } : {});
  const { mapper, envoy } = one.expect;
  if (mapped.ok !== (mapper.exit === 0)) {
    return [mapped.ok ? 'mapper gave a value, not an error' : `mapper failed: ${mapped.message}`];
  }
  if (!mapped.ok) return [];
  if (!isDeepStrictEqual(jsonOf(mapped.value), mapper.porc)) {
    return [`mapped to ${jsonText(mapped.value)}, not ${JSON.stringify(mapper.porc)}`];
  }
  const porc = toPorc(mapped.value);
  // Where the reference crashes or ends, ours refuses the request; there is nothing more to compare.
  if (envoy.exit !== 0) return porc.ok ? ['the mapped value was taken for a PORC'] : [];
  if (!porc.ok) return [`PORC refused: ${porc.message}`];
  // Of an id that several domains define, the reference takes any: what it consulted says nothing then.
  const comparable = records && one.domains.length === 1;
  return differences(envoy, decideAndPrint(engine, porc.porc), comparable);
}

/** A Rego value as the plain JSON that it prints to. */
function jsonOf(value: unknown): unknown {
  return JSON.parse(jsonText(value));
}

/**
 * The access record of a decision as it is printed.
 * @throws Error if there is none, or if it, the answer and a probe do not agree
 */
export function decideAndPrint(engine: CaseEngine, porc: unknown): PrintedRecord {
  const { snapshot, includeAll, env } = engine;
  const context = { clock: systemClock, newId: () => 'case', includeAll, env };
  const { allow, record } = decide(snapshot, porc, context);
  if (record === undefined) throw new Error('no access record');
  const printed = JSON.parse(renderAccessRecord(record)) as PrintedRecord;
  if ((printed.decision === 'GRANT') !== allow) throw new Error('record and answer disagree');
  const probe = decide(snapshot, porc, { ...context, probe: true });
  if (probe.allow !== allow) throw new Error('probing gives another answer');
  return printed;
}
