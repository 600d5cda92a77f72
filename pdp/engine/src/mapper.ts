import { toJson } from '@edict/rego/values';
import { mapperEntrypoint } from './evaluation.ts';
import { defaultDecisionLimits } from './limits.ts';
import type { DecisionLimits } from './limits.ts';
import type { LoadedMapper, Snapshot } from './snapshot.ts';
import type { EvaluateOptions } from '@edict/rego';
import type { NetworkSession } from '@edict/rego/network';

/** How a mapper is chosen and run. */
export interface MapRequestOptions {
  /** The domain whose mapper to use; it must have exactly one. Without it, all domains together must have exactly one. */
  readonly domain?: string | undefined;
  /** Wall time for `time.now_ns`, in milliseconds since the epoch. Default: the machine's clock. */
  readonly nowMs?: number | undefined;
  /** Bounds on the evaluation. Default `defaultDecisionLimits`. */
  readonly limits?: DecisionLimits | undefined;
  /** For mappers that ask the network; then call through `withNetwork`. Default: such calls fail. */
  readonly network?: NetworkSession | undefined;
}

/**
 * Why there is no PORC. `UnknownDomain`, `NoMapper` and `AmbiguousMapper` are about the choice; `MapperUndefined` is a
 * mapper without a value for these attributes, `MapperFailed` one that failed.
 */
export type MapErrorCode = 'UnknownDomain' | 'NoMapper' | 'AmbiguousMapper' | 'MapperUndefined' | 'MapperFailed';

/** What the mapper answered, as plain JSON data: hand it to `toPorc`, which refuses what is no object. */
export type MapResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: MapErrorCode; readonly message: string };

/**
 * Turns a caller's attributes (JSON data) into a PORC by the mapper of the snapshot: the value of `data.mapper.porc`.
 * Mapper selectors have no effect. Never throws for anything that a mapper or attributes can cause.
 */
export function mapRequest(snapshot: Snapshot, attributes: unknown, options: MapRequestOptions = {}): MapResult {
  const choice = chooseMapper(snapshot, options.domain);
  if (!choice.ok) return choice;
  const { name, program } = choice.mapper;
  const { maxSteps } = options.limits ?? defaultDecisionLimits;
  const nowNs = BigInt(Math.trunc(options.nowMs ?? Date.now())) * 1_000_000n;
  const { network } = options;
  const bounds: EvaluateOptions = { maxSteps, nowNs };
  const how = network === undefined ? bounds : { ...bounds, network };
  const outcome = program.instance.evaluate(mapperEntrypoint, attributes, how);
  switch (outcome.kind) {
    case 'value':
      return { ok: true, value: toJson(outcome.value) };
    case 'undefined':
      return failed('MapperUndefined', `mapper '${name}': data.mapper.porc is undefined`);
    case 'error':
      return failed('MapperFailed', `mapper '${name}': ${outcome.code}: ${outcome.message}`);
    default:
      return outcome satisfies never;
  }
}

type Choice = { readonly ok: true; readonly mapper: LoadedMapper } | (MapResult & { readonly ok: false });

function chooseMapper(snapshot: Snapshot, domain: string | undefined): Choice {
  if (domain !== undefined && !snapshot.compiled.domains.some(({ name }) => name === domain)) {
    return failed('UnknownDomain', `no domain is named '${domain}'`);
  }
  const mappers = domain === undefined ? snapshot.mappers : snapshot.mappers.filter((one) => one.domain === domain);
  const [mapper, second] = mappers;
  const where = domain === undefined ? 'the loaded domains' : `domain '${domain}'`;
  if (mapper === undefined) return failed('NoMapper', `no mapper in ${where}`);
  if (second === undefined) return { ok: true, mapper };
  const hint = domain === undefined ? '; name the domain to use' : '';
  return failed('AmbiguousMapper', `more than one mapper in ${where}${hint}`);
}

function failed(code: MapErrorCode, message: string): MapResult & { readonly ok: false } {
  return { ok: false, code, message };
}
